"""What a broken sender does to the watching: few pages while it lasts, none after it, bounded memory."""

from collections.abc import Callable

import numpy as np
import pytest

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS
from guardian.watching.budget import pages
from guardian.watching.detector import StreamDetector

START = 1_783_209_600_000
LEARNT, DISTURBED, AFTER = 2_000, 180, 1_200
Counts = tuple[dict[str, int], dict[str, int]]
Break = Callable[[int, Counts], Counts]


def minute_of(number: int) -> Counts:
    rng = np.random.default_rng(number)
    denied = int(rng.poisson(10))
    return {"approved": int(rng.poisson(90)), "denied": denied}, {"51": denied // 2, "05": denied // 3}


def silent(_: int, __: Counts) -> Counts:
    return {}, {}


def absurd(number: int, counts: Counts) -> Counts:
    return ({"approved": 10**9, "denied": 10**9}, {"51": 10**9}) if number % 60 == 0 else counts


def a_clock_that_jumps(number: int, counts: Counts) -> Counts:
    """An hour is dated into the one after it."""
    statuses, codes = counts
    factor = (0, 2, 1)[(number - LEARNT) // 60]
    return {name: n * factor for name, n in statuses.items()}, {n: c * factor for n, c in codes.items()}


def new_codes(number: int, counts: Counts) -> Counts:
    statuses, codes = counts
    return statuses, codes | {f"n{number}-{one}": 1 for one in range(170)}


def new_statuses(number: int, counts: Counts) -> Counts:
    statuses, codes = counts
    return statuses | {f"odd{number}-{one}": 1 for one in range(5)}, codes


def run(broken: Break) -> tuple[list[Anomaly], list[Anomaly], StreamDetector]:
    """What was raised while it was broken, and in the day after."""
    detector = StreamDetector("live")
    during: list[Anomaly] = []
    after: list[Anomaly] = []
    for number in range(LEARNT + DISTURBED + AFTER):
        counts = minute_of(number)
        lasts = LEARNT <= number < LEARNT + DISTURBED
        counts = broken(number, counts) if lasts else counts
        found = detector.judge(START + number * MINUTE_MS, *counts).anomalies
        (during if number < LEARNT + DISTURBED else after).extend(found)
    return during, after, detector


@pytest.mark.parametrize(
    ("broken", "most"),
    [(silent, 2), (absurd, 8), (a_clock_that_jumps, 5), (new_codes, 3), (new_statuses, 6)],
    ids=["missing hours", "counts of 10^9", "a clock that jumps", "10,000 new codes", "new statuses"],
)
def test_a_broken_sender_causes_no_storm_of_pages(broken: Break, most: int) -> None:
    during, after, detector = run(broken)
    assert len(pages(during)) <= most
    assert len(pages(after)) <= 1, "what was broken is not learnt as the usual"
    assert len(detector.to_bytes()) < 400_000
