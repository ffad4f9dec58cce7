"""End to end at a steady 5 000 POST /transaction a second: until the 202, and until the verdict is stored."""

from collections.abc import Iterator

import msgspec
import numpy as np

from benchmarks.bench import Bench, middle, sound
from benchmarks.load import Order, driven
from benchmarks.systems import Guardian, Storing
from benchmarks.table import Figure, Target

RATE = 5_000.0
RIVAL = "FastAPI"


class Round(msgspec.Struct):
    """Milliseconds from when each request was due, sorted."""

    answered: list[float]
    stored: list[float]


def pace_guardian(guardian: Guardian, order: Order) -> Round:
    """The log keeps the order of arrival: the n-th that was due is stored when n are."""
    with Storing(guardian) as storing:
        outcome = sound(driven(order))
        storing.wait_for(outcome.accepted)
    due = np.sort(outcome.due)
    stored = storing.when(np.arange(1, len(due) + 1)) - due
    return Round(_sorted_ms(outcome.seconds), _sorted_ms(stored))


def pace_rival(order: Order) -> Round:
    """The rival stores nothing."""
    return Round(_sorted_ms(sound(driven(order)).seconds), [])


def _sorted_ms(seconds: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> list[float]:
    return [float(one) for one in np.sort(seconds * 1_000)]


def paced(bench: Bench) -> Iterator[Figure]:
    """The targets are those of the issue: p99 of the answer, p95 of the verdict."""
    guardian, rival = bench.guardian, bench.rival
    wanted = {"rate": RATE, "seconds": 3.0 if bench.quick else 8.0}
    ours, theirs = bench.in_turn(
        lambda: pace_guardian(guardian, bench.order(guardian, **wanted)),
        lambda: pace_rival(bench.order(rival, **wanted)),
    )
    for percent, target in ((50, None), (99, Target(10.0))):
        ours_ms, theirs_ms = (
            middle(rounds, lambda one: float(np.percentile(one.answered, percent)))  # noqa: B023
            for rounds in (ours, theirs)
        )
        yield Figure(f"5 000 POST/s, until 202, p{percent}", "ms", ours_ms, theirs_ms, RIVAL, target=target)
    for percent, target in ((50, None), (95, Target(20.0))):
        stored_ms = middle(ours, lambda one: float(np.percentile(one.stored, percent)))  # noqa: B023
        yield Figure(f"5 000 POST/s, until stored, p{percent}", "ms", stored_ms, target=target)
