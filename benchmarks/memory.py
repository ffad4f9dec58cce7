"""Memory of all processes together over a million transactions of 100 000 merchants and cards."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.bench import Bench, sound
from benchmarks.load import driven
from benchmarks.systems import Guardian, Resident, Storing
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
    with Resident(guardian) as resident:
        _send(bench, guardian, CYCLE)
        begun = len(resident.samples)
        _send(bench, guardian, total)
    sizes = resident.samples
    slope = rise(sizes[begun:]) / (total / 1e6)
    yield Figure(
        "memory of all processes, largest", "MB", max(sizes), target=Target(LARGEST_MB), rounds=sizes
    )
    yield Figure("memory, slope", "MB/million tx", slope, target=Target(FLAT_MB))


def rise(samples: Sequence[float]) -> float:
    """From the first sample to the last along the straight line that fits them best."""
    return float(np.polyfit(np.linspace(0.0, 1.0, len(samples)), samples, 1)[0])


def _send(bench: Bench, guardian: Guardian, rows: int) -> None:
    with Storing(guardian) as storing:
        order = bench.order(guardian, rows=ROWS, requests=rows // ROWS, connections=8)
        storing.wait_for(sound(driven(order)).accepted)
