"""How sure a share is that was counted."""

import math
from typing import Final

_Z: Final = 1.96


def wilson(found: int, n: int) -> tuple[float, float]:
    """Wilson's central 95 % of the share found ÷ n (Wilson 1927); n > 0."""
    share = found / n
    middle = share + _Z * _Z / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + _Z * _Z / (4 * n * n))
    scale = 1 + _Z * _Z / n
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)
