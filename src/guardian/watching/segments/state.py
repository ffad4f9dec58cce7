"""What is remembered of each series: an array of records, about 850 bytes a series."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from guardian.watching.segments.parameters import RING, WINDOWS

ROW: Final = np.dtype(
    [
        ("ring", np.float32, (RING,)),  # counts of the last minutes, by minute modulo RING
        ("dirty", np.uint64),  # a bit per place of the ring: in alarm, not to be learnt
        ("sums", np.float64, (len(WINDOWS),)),  # counts within each window
        ("hours", np.float32, (2, 24, 2)),  # by kind of day and hour: counts of the series, of its parent
        ("anchor", np.float32, (2,)),  # likewise over the last days
        ("wander", np.float32, (2,)),  # log deviation from the usual share an hour ago, and its variance
        ("check", np.float32, (2,)),  # mean squared residual of short and long windows
        ("group", np.int32),  # the segment, 0 for all traffic
        ("status", np.int32),  # the status within it, 0 for all of it
        ("parent", np.int32),
        ("peer", np.int32),  # the same status in all traffic
        ("kind", np.uint8),
        ("dimension", np.uint8),
        ("open", np.uint8),  # 0, or 1 + direction of the alarm
        ("quiet", np.uint8),
        ("born", np.int64),
        ("seen", np.int64),
        ("since", np.int64),  # minute in which the alarm opened
        ("reset", np.int64),  # only windows that begin after it count
    ],
    align=True,
)
Series = NDArray[np.void]
"""Of dtype ROW."""
Row = Any
"""One of them."""

FOUND: Final = np.dtype(
    [
        ("row", np.int64),
        ("direction", np.int64),
        ("window", np.int64),
        ("score", np.float64),  # decades, 0 is what the whole family does at its part of once a week
        ("observed", np.float64),
        ("expected", np.float64),
        ("variance", np.float64),
    ]
)
"""What opened an alarm: counts over the window, `variance` relative."""
