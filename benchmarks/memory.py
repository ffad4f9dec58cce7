"""Memory of all processes together over a million transactions of 100 000 merchants and cards."""

from collections.abc import Iterator

import numpy as np

from benchmarks.bench import Bench, sound
from benchmarks.load import driven
from benchmarks.systems import Guardian, Peak, Storing
from benchmarks.table import Figure, Target
from benchmarks.traffic import CYCLE

ROWS = 500
LARGEST_MB = 800.0
FLAT_MB = 40.0
"""What a million transactions may add: 5 % of the bound."""


def million(bench: Bench) -> Iterator[Figure]:
    """Every merchant and card is met once before the million begins: from there on it must be flat."""
    guardian = bench.guardian
    total = 200_000 if bench.quick else 1_000_000
    with Peak(guardian) as peak:
        _send(bench, guardian, CYCLE)
        sizes = [guardian.rss_mb()]
        for _ in range(10):
            _send(bench, guardian, total // 10)
            sizes.append(guardian.rss_mb())
    slope = float(np.polyfit(np.linspace(0.0, total / 1e6, len(sizes)), sizes, 1)[0])
    yield Figure("memory of all processes, largest", "MB", peak.mb, target=Target(LARGEST_MB), rounds=sizes)
    yield Figure("memory, slope", "MB/million tx", slope, target=Target(FLAT_MB))


def _send(bench: Bench, guardian: Guardian, rows: int) -> None:
    with Storing(guardian) as storing:
        order = bench.order(guardian, rows=ROWS, requests=rows // ROWS, connections=8)
        storing.wait_for(sound(driven(order)).accepted)
