"""Raw scores (-log10 of a tail) turned into decades of rarity: 0 happens once a week over all keys."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardian.watching.parameters import CODE_SLOTS, SPARE_SLOTS, STATUS_SLOTS

# Maximum likelihood fit of an exponential tail above 3.5 to raw-score excursions on clean generated
# streams of four volumes: calibrated = offset + slope * raw, with the key's part of the budget in it.
DOWN: Final = (-4.379, 0.861)
UP: Final = (-4.809, 0.888)
DENIED: Final = (-4.717, 0.901)
RARE: Final = (-4.671, 0.917)
CODE: Final = (-5.288, 0.916)
NOTHING_SEEN: Final = -9.0


def calibration() -> NDArray[np.float64]:
    """Shape (KEYS, 2): offset and slope of each alarm key."""
    rows = [DOWN, UP, DENIED, *[RARE] * (STATUS_SLOTS - 1), *[CODE] * CODE_SLOTS, *[RARE] * SPARE_SLOTS]
    return np.array(rows)
