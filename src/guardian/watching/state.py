"""Everything one stream's detector remembers: arrays of fixed size, about 330 kB."""

from typing import Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from guardian.watching.calibration import calibration
from guardian.watching.parameters import (
    CODE_SLOTS,
    DAY,
    KEYS,
    RING,
    SLOTS,
    STATUS_SLOTS,
    TEST_COUNT,
)

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

# places in `clock`
NOW: Final = 0
HAS_CURVE: Final = 1
NEXT_SHARE: Final = 2
CURVE_SINCE: Final = 3
MINUTE_OF_DAY: Final = 4
# places in `level`; on the first day SLOW is the log level and FAST its growth a minute
SLOW: Final = 0
FAST: Final = 1
P_SLOW: Final = 2
P_CROSS: Final = 3
P_FAST: Final = 4
Q_FAST: Final = 5
Q_SLOW: Final = 6
# places in `minute`
TOTAL: Final = 0
CURVE: Final = 1
MEAN: Final = 2
FROZEN: Final = 3
LEVEL: Final = 4
UNUSUAL: Final = 5
# places in a row of `memory`
COUNTED: Final = 0
CLEAN: Final = 1
DAY_FACTOR: Final = 2
# places in a row of `share`
PORTION: Final = 0
COUNTS_BEHIND: Final = 1
DAYS_BEHIND: Final = 2
WANDER: Final = 3
P_WANDER: Final = 4
Q_WANDER: Final = 5
# places in a row of `key`
OPEN: Final = 0
SINCE: Final = 1
WIDTH: Final = 2
QUIET: Final = 3
SENT: Final = 4
RESET: Final = 5
CLOSED: Final = 6
SHORT: Final = 7
SENT_AT: Final = 8
NOTICED: Final = 9
# places in a row of `score`
CALIBRATED: Final = 0
RAW: Final = 1
TEST: Final = 2
SENDS: Final = 3
SEEN: Final = 4
PREDICTED: Final = 5
VARIANCE: Final = 6
# what SENDS may be
PAGE: Final = 1
REPEAT: Final = 2
NOTICE: Final = 3
LONG_AGO: Final = -(10**6)


class State(Protocol):
    """One stream in one block of memory. Counts are per minute, states are logs, variances are relative.

    A numpy record of `LAYOUT`, so that the compiled functions are handed one pointer instead of 20 arrays.
    """

    clock: Integers
    """(5,) minutes fed, whether a day curve is in use, next minute of shares to commit, …"""
    level: Floats
    """(7,) filter of the total: two states, their covariance, their innovation variances."""
    minute: Floats
    """(6,) the minute being judged."""
    sums: Floats
    """(RING, 2) cumulated totals and day curve."""
    origin: Floats
    """(RING, 5) the level filter as it stood after each minute."""
    memory: Floats
    """(RING, 3) what the curve may learn of each minute: count, clean or not, day factor."""
    share_sums: Floats
    """(RING, SLOTS, 2) cumulated counts and exposures of each share."""
    share_origin: Floats
    """(RING, SLOTS, 2) wander and its variance after each minute."""
    share_memory: Floats
    """(RING, SLOTS) counts to learn, -1 in an alarm."""
    curve: Floats
    """(2, DAY) counts and day factors per minute of the day."""
    curve_sums: Floats
    """(2, 3 DAY + 1) prefix sums of `curve`, three days side by side."""
    quiet_hours: Integers
    """(24,) 1 where the curve is lowest."""
    hourly: Floats
    """(3, SLOTS, 24) counts, totals and days behind each hourly share."""
    anchor: Floats
    """(SLOTS, 2) counts and totals of the last days."""
    share: Floats
    """(SLOTS, 6) portion of the total at this minute, what is behind it, its wander."""
    clumping: Floats
    """(SLOTS, 2) squared residuals of each share's minutes and the variance that they should have."""
    restless: Floats
    """(SLOTS + 1, 2) what is known of how much each share wanders, and that times the factor; total last."""
    window: Floats
    """(2, TEST_COUNT) predicted total and shape of each window of this minute."""
    self_check: Floats
    """(SLOTS + 1, TEST_COUNT) mean of squared standardised residuals, the total last."""
    key: Floats
    """(KEYS, 10) alarms."""
    score: Floats
    """(KEYS, 7) scores of this minute and the test that won."""
    calibration: Floats
    """(KEYS, 2) offset and slope."""
    used: Integers
    """(SLOTS,) 1 where a name has been given the slot."""
    expected: Floats
    """(SLOTS + 2, 3) mean, low and high of total, approved and each share, before the minute."""

    def tobytes(self) -> bytes:
        """The whole block."""
        ...


LAYOUT: Final = np.dtype(
    (
        np.record,
        [
            ("clock", np.int64, (5,)),
            ("level", np.float64, (7,)),
            ("minute", np.float64, (6,)),
            ("sums", np.float64, (RING, 2)),
            ("origin", np.float64, (RING, 5)),
            ("memory", np.float64, (RING, 3)),
            ("share_sums", np.float64, (RING, SLOTS, 2)),
            ("share_origin", np.float64, (RING, SLOTS, 2)),
            ("share_memory", np.float64, (RING, SLOTS)),
            ("curve", np.float64, (2, DAY)),
            ("curve_sums", np.float64, (2, 3 * DAY + 1)),
            ("quiet_hours", np.int64, (24,)),
            ("hourly", np.float64, (3, SLOTS, 24)),
            ("anchor", np.float64, (SLOTS, 2)),
            ("share", np.float64, (SLOTS, 6)),
            ("clumping", np.float64, (SLOTS, 2)),
            ("restless", np.float64, (SLOTS + 1, 2)),
            ("window", np.float64, (2, TEST_COUNT)),
            ("self_check", np.float64, (SLOTS + 1, TEST_COUNT)),
            ("key", np.float64, (KEYS, 10)),
            ("score", np.float64, (KEYS, 7)),
            ("calibration", np.float64, (KEYS, 2)),
            ("used", np.int64, (SLOTS,)),
            ("expected", np.float64, (SLOTS + 2, 3)),
        ],
    )
)


def new_state() -> State:
    """Nothing seen yet. Priors of a share: half a count in 100, denied 2 in 15, codes half in 25."""
    state = cast("State", np.zeros(1, LAYOUT)[0])
    state.anchor[:] = 0.5, 100.0
    state.anchor[0] = 2.0, 15.0
    state.anchor[STATUS_SLOTS : STATUS_SLOTS + CODE_SLOTS, 1] = 25.0
    state.self_check[:] = 1.0
    state.key[:, [RESET, CLOSED, NOTICED]] = LONG_AGO
    state.calibration[:] = calibration()
    state.used[:STATUS_SLOTS] = 1
    return state


def state_of(data: bytes) -> State:
    """The state that was kept as these bytes (`LAYOUT.itemsize` of them)."""
    return cast("State", np.frombuffer(data, LAYOUT).copy()[0])
