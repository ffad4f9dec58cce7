"""What a test says of its window, kept for the key it belongs to."""

from numba import njit

from guardian.watching.parameters import (
    CUT,
    HIGHEST_SELF_CHECK,
    KEEP_RESTLESS,
    KEPT_OF_CUT,
    LOG_BOUND,
    MOST_RESTLESS,
    RESTLESS_MARGIN,
    RESTLESS_PRIOR,
    SELF_CHECK_LONGEST,
    SELF_CHECK_MARGIN,
    SELF_CHECK_SHORTEST,
    TESTS,
)
from guardian.watching.state import PREDICTED, RAW, SEEN, SHORT, TEST, VARIANCE, WIDTH, State


@njit(cache=True, nogil=True)
def bounded(log: float) -> float:
    """A log that `exp` turns into a finite number."""
    return max(-LOG_BOUND, min(LOG_BOUND, log))


@njit(cache=True, nogil=True)
def inflated(X: float, M: float, v: float, self_check: float) -> tuple[float, float]:
    """The variance, widened where past residuals were too large, and this squared residual.

    `self_check` is the running mean of squared residuals; its excess over 1.05 multiplies the variance.
    """
    base = 1 / M + v
    squared = (X / M - 1) ** 2 / base
    return max(v, max(1.0, self_check - SELF_CHECK_MARGIN) * base - 1 / M), squared


@njit(cache=True, nogil=True)
def rechecked(self_check: float, squared: float, minutes: int) -> float:
    """The running mean with one residual more, cut at 3 sd as they are here; its memory grows with age."""
    memory = min(max(minutes, SELF_CHECK_SHORTEST), SELF_CHECK_LONGEST)
    return self_check + (min(squared, 9 * min(self_check, HIGHEST_SELF_CHECK)) - self_check) / memory


@njit(cache=True, nogil=True)
def restless(S: State, row: int) -> float:
    """Learnt variance of a wander over the assumed one."""
    known, times_factor = S.restless[row, 0], S.restless[row, 1]
    factor = (times_factor + RESTLESS_PRIOR) / (known + RESTLESS_PRIOR)
    return float(max(1.0, min(MOST_RESTLESS, RESTLESS_MARGIN * factor)))


@njit(cache=True, nogil=True)
def learn_restless(S: State, row: int, squared: float, wander: float, rest: float) -> None:
    """A residual of which `wander` is what the wander adds to its variance by the present factor.

    E[squared] = factor wander / present + rest; weighted by what it tells, (wander / variance) squared.
    """
    whole = wander + rest
    known = (wander / whole) ** 2
    found = restless(S, row) * (min(squared, CUT * whole) / KEPT_OF_CUT - rest) / wander
    S.restless[row, 0] = S.restless[row, 0] * KEEP_RESTLESS + known
    S.restless[row, 1] = S.restless[row, 1] * KEEP_RESTLESS + known * found


@njit(cache=True, nogil=True)
def note_score(S: State, key: int, test: int, result: tuple[float, float, float, float]) -> None:
    """Keep the largest score of the key with its window; `result` is score, observed, mean, variance."""
    score, seen, predicted, variance = result
    if score > S.score[key, RAW]:
        S.score[key, RAW], S.score[key, TEST] = score, test
        S.score[key, SEEN], S.score[key, PREDICTED], S.score[key, VARIANCE] = seen, predicted, variance
    if TESTS[test, 0] <= max(5, S.key[key, WIDTH]):
        S.key[key, SHORT] = max(S.key[key, SHORT], score)
