"""Fixed parameters of the series of segments: set once, on generated clean traffic."""

import math
from typing import Final

import numpy as np

from guardian.watching.parameters import DAY

# --- what a row is
FREE: Final = 0
TOTAL: Final = 1
STATUS: Final = 2
"""A status in all traffic: what the rest of the traffic does is measured against it, it raises nothing."""
VOLUME: Final = 3
"""All of a segment, as a share of all traffic."""
WITHIN: Final = 4
"""A status within a segment, as a share of the segment."""

# --- time, in minutes
WINDOWS: Final = np.array([1, 2, 3, 5, 8, 15, 30, 60])
RING: Final = 64
"""Minutes of counts kept: more than the longest window and the delay."""
DELAY: Final = 60
"""Learnt so late, what is known is free of every window, and an alarm can keep its own minutes out."""
LEARNING: Final = DAY + 15
MAX_OPEN: Final = 360
CLOSE_AFTER: Final = 3
IDLE: Final = 8 * DAY
IDLE_WHEN_FULL: Final = DAY
"""A segment unseen for so long is retired: in a week those of its week-days come back."""
SHORT: Final = 5
"""The window, in minutes, that says whether an alarm still stands."""

# --- wander and noise, relative (standard deviations of logs)
PHI: Final = math.exp(-1 / 360.0)
SIGMA: Final = np.array([0.0, 0.0, 0.12, 0.10, 0.12])
ALPHA: Final = np.array([0.0, 0.0, 0.02, 0.005, 0.02])
PRIOR_WEIGHT: Final = np.array([1.0, 1.0, 500.0, 500.0, 50.0])
"""Transactions that stand for what is known of a row beforehand: its peer, or next to nothing."""
PRIOR_SHARE: Final = 0.001
PEER_WEIGHT: Final = 2.0
"""Counts as expected that a status in the rest of the traffic must outvote."""

# --- memory: half-lives of 20 days (hours) and 5 (anchor), the self-check's of 10
KEEP_HOUR: Final = 0.5 ** (1 / 20.0)
KEEP_ANCHOR: Final = 0.5 ** (1 / (5.0 * DAY))
SELF_CHECK_MINUTES: Final = 5.0 * DAY
PSEUDO_COUNTS: Final = 20.0

# --- from score to page
MATERIAL: Final = 8.0
"""Transactions too many or too few, at least; where fewer could be, nothing is tested."""
SLOPE: Final = 0.9
ONSET: Final = 3.5
PEAKS_A_WEEK: Final = 1.5
"""Excursions of a series' raw score over `ONSET` in a week of clean traffic."""
PART: Final = 0.012
"""Of the page budget, for each family: those of a dimension that fall, that rise, or a status in them."""
QUIET_SCORE: Final = 2.0
MOST_STATUSES: Final = 12
FALLS, RISES, OF_STATUS = 0, 1, 2
DIRECTIONS: Final = 3
