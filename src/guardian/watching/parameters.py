"""The detector's fixed parameters: set once on generated clean streams, the same for every source."""

import math
from typing import Final

import numpy as np

# --- series: shares of the total, each with one slot
STATUS_SLOTS: Final = 6
CODE_SLOTS: Final = 8
SPARE_SLOTS: Final = 4
"""For statuses nobody had listed. More new names than slots are counted in the total alone."""
SLOTS: Final = STATUS_SLOTS + CODE_SLOTS + SPARE_SLOTS
KEYS: Final = SLOTS + 2
"""Alarm keys: 0 the total falls, 1 the total rises, 2 + slot a share rises."""

# --- time, in minutes
DAY: Final = 1440
RING: Final = 256
"""Minutes of origins and sums kept; more than the longest lag."""
WINDOWS: Final = np.array([1, 2, 3, 5, 8, 12, 18, 27, 40, 60])
TESTS: Final = np.array([[w, w] for w in WINDOWS] + [[12, 60], [25, 100], [40, 160], [60, 240]])
"""(window, lag): the last `window` minutes against the state as it stood `lag` minutes ago."""
LEVEL_TESTS: Final = len(WINDOWS)
TEST_COUNT: Final = len(TESTS)
WARMUP: Final = 30
FIRST_DAY: Final = DAY + 15
CURVE_DELAY: Final = 180
SHARE_DELAY: Final = 60
MAX_OPEN: Final = 360
MAX_OPEN_FIRST_DAY: Final = 60
CLOSE_AFTER: Final = 3
REPEAT_AFTER: Final = 15
REBOUND: Final = 20
LONGEST_FIRST_DAY_WINDOW: Final = 20

# --- wander and noise, relative (standard deviations of logs)
PHI_FAST: Final = math.exp(-1 / 90.0)
PHI_SHARE: Final = math.exp(-1 / 120.0)
DAMPING: Final = 0.97
SIGMA_FAST: Final = 0.026
SIGMA_DAY: Final = 0.08
QUIET_HOURS: Final = 8
"""Of a day, in which its business ends and the next begins; where they lie is learnt, not a time zone."""
SIGMA_INTRADAY: Final = 0.01
UNUSUAL_FAST, UNUSUAL_DAY, UNUSUAL_INTRADAY = 2 * SIGMA_FAST, 0.35, 0.08
"""In place of these on holidays and pay-days, whose volume nobody knows beforehand."""
ALPHA_TOTAL: Final = 0.0001
Q_LEVEL: Final = 0.012**2
Q_GROWTH: Final = 0.0012**2
Q_RAMP: Final = 0.020**2
#                 denied failed reversed backend refunded processing | codes | spare
SIGMA_SHARE: Final = np.array([0.045] + [0.16] * 5 + [0.05] * CODE_SLOTS + [0.16] * SPARE_SLOTS)
ALPHA_SHARE: Final = np.array([0.006, 0.2, 0.02, 0.2, 0.1, 0.2] + [0.012] * CODE_SLOTS + [0.2] * SPARE_SLOTS)

# --- memory: half-lives of 20 days (curve, hourly shares), 5 (anchor), 10 (clumping); self-check 3 to 15
KEEP_DAY: Final = 0.5 ** (1 / 20.0)
KEEP_ANCHOR: Final = 0.5 ** (1 / (5.0 * DAY))
SELF_CHECK_SHORTEST: Final = 3 * DAY
SELF_CHECK_LONGEST: Final = 15 * DAY
SELF_CHECK_MARGIN: Final = 0.05
HIGHEST_SELF_CHECK: Final = 9.0
RESTLESS_TEST: Final = 9
"""The window, of an hour, whose residuals tell how much this installation wanders."""
RESTLESS_PRIOR: Final = 120.0
"""Minutes of full information that stand for the wander assumed above; about a week of a share."""
KEEP_RESTLESS: Final = 0.5 ** (1 / (20.0 * DAY))
CUT: Final = 4.0
KEPT_OF_CUT: Final = 0.9205
"""Squared residuals are cut at 2 sd, as incidents nobody saw are among them; the mean of what is left."""
RESTLESS_MARGIN: Final = 1.15
"""What is cut, and what is left out as it might be a disturbance, makes the estimate a little low."""
MOST_RESTLESS: Final = 16.0
KEEP_CLUMPING: Final = 0.5 ** (1 / (10.0 * DAY))
CLUMPING_PRIOR: Final = 30.0
"""So many events without clumps are always among what was seen."""
CLUMPING_MARGIN: Final = 0.05
SHAPE_IN_ALARM: Final = 10.0
"""While the total is in alarm, the rest of a window says more of the level than what was expected."""
PSEUDO_COUNTS: Final = 20.0
CLIP: Final = 2.5
LOG_BOUND: Final = 28.0
"""No log of a level or share goes further (1e12 a minute): absurd counts stay finite numbers."""

# --- alarms, in decades of the calibrated score
REPEAT_DECADES: Final = 6.0
REBOUND_DECADES: Final = 3.0
FIRST_DAY_DECADES: Final = 2.0
FIRST_DAY_RISE_DECADES: Final = 4.0
CRITICAL_DECADES: Final = 3.0
QUIET_SCORE: Final = 2.0
NOTICE_DECADES: Final = 1.0
"""How far below a page something is still worth a line of its own, as often as once an hour."""
NOTICE_APART: Final = 60
