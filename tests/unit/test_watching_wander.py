"""How much an installation wanders is learnt from it, so that its page budget holds."""

import pytest

from guardian.domain.clock import MINUTE_MS
from guardian.simulation.counts import CODES, DENIED_SD, LEVEL_SD, RARE_SD, Wander, clean_counts
from guardian.simulation.profile import STATUSES, day_curve
from guardian.watching.detector import StreamDetector
from guardian.watching.parameters import SLOTS
from guardian.watching.scores import restless

PEAK, DAYS = 313.0, 25
DENIED, REVERSED = 0, 2


def learnt(wander: Wander) -> StreamDetector:
    """A detector that has seen some weeks of such traffic."""
    counts = clean_counts(day_curve() * PEAK, DAYS, seed=3, wander=wander)
    detector = StreamDetector("live")
    rows = zip(counts.by_status.tolist(), counts.by_code.tolist(), strict=True)
    for minute, (row, codes) in enumerate(rows):
        by_status, by_code = dict(zip(STATUSES, row, strict=True)), dict(zip(CODES, codes, strict=True))
        detector.judge(minute * MINUTE_MS, by_status, by_code, with_points=False)
    return detector


def factor(detector: StreamDetector, row: int) -> float:
    """The learnt variance over the assumed one."""
    return float(restless(detector._state, row))


@pytest.fixture(scope="module")
def calm() -> StreamDetector:
    return learnt(Wander())


def test_traffic_that_wanders_as_assumed_changes_nothing(calm: StreamDetector) -> None:
    assert factor(calm, SLOTS) < 1.2
    assert factor(calm, DENIED) < 1.3


def test_a_level_that_wanders_twice_as_much_is_learnt(calm: StreamDetector) -> None:
    restless_one = learnt(Wander(level=2 * LEVEL_SD))
    assert 2.0 < factor(restless_one, SLOTS) < 5.0
    assert factor(restless_one, DENIED) < 1.4, "its shares do not"


def test_shares_that_wander_twice_as_much_are_learnt_each_for_itself(calm: StreamDetector) -> None:
    restless_one = learnt(Wander(denied=2 * DENIED_SD, rare=2 * RARE_SD))
    assert factor(restless_one, DENIED) > 1.7
    assert factor(restless_one, REVERSED) > 1.7
    assert factor(restless_one, SLOTS) < 1.2
