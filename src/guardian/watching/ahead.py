"""The coming minutes: the next one's expectation rolled on, unseen, by the steps that judge every minute."""

from numba import njit

from guardian.watching.level import predict_on_curve
from guardian.watching.minute import expect_minute
from guardian.watching.parameters import DAY, SLOTS
from guardian.watching.shares import predict_share
from guardian.watching.state import MINUTE_OF_DAY, Floats, State


@njit(cache=True, nogil=True)
def look_ahead(S: State, skipped: int, ahead: Floats) -> None:
    """Fill `ahead`, (minutes, SLOTS + 2, 3), with mean, low and high after so many skipped minutes.

    log E[T] = log curve(m + h) + slow + PHI^h fast, the covariance rolled on with qs and qf, and every
    share's wander alike. It writes over S, which has a day curve: give it a copy.
    """
    for i in range(skipped + len(ahead)):
        S.clock[MINUTE_OF_DAY] = (S.clock[MINUTE_OF_DAY] + 1) % DAY
        predict_on_curve(S)
        for k in range(SLOTS):
            predict_share(S, k)
        if i >= skipped:
            expect_minute(S)
            ahead[i - skipped] = S.expected
