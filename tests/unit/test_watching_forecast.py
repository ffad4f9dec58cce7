"""What the detector expects of the coming minutes."""

import numpy as np
import pytest

from guardian.domain.clock import MINUTE_MS
from guardian.domain.forecast import Forecast, Range
from guardian.watching.detector import StreamDetector
from guardian.watching.parameters import FIRST_DAY
from guardian.watching.series import SeriesTable

START = 1_760_000_040_000 // MINUTE_MS * MINUTE_MS
LEARNT = FIRST_DAY + 40


def minute(n: int, factor: float = 1.0) -> dict[str, int]:
    rng = np.random.default_rng(n)
    return {"approved": int(rng.poisson(300 * factor)), "denied": int(rng.poisson(20 * factor))}


def fed(*blocks: tuple[int, float]) -> StreamDetector:
    """So many minutes of so many times the usual traffic, one block after the other."""
    detector, n = StreamDetector("live"), 0
    for minutes, factor in blocks:
        for _ in range(minutes):
            detector.judge(START + n * MINUTE_MS, minute(n, factor), {}, with_points=False)
            n += 1
    return detector


@pytest.fixture(scope="module")
def learnt() -> bytes:
    """A detector that knows a day of steady traffic."""
    return fed((LEARNT, 1.0)).to_bytes()


def test_on_the_first_day_there_is_no_forecast() -> None:
    assert StreamDetector("new").forecast(0, 5) == Forecast("new", 0, {})
    young = fed((200, 1.0)).forecast(60, 5)
    assert young == Forecast("live", START + 260 * MINUTE_MS, {})


def test_the_next_minute_is_forecast_as_it_is_then_expected(learnt: bytes) -> None:
    detector = StreamDetector.from_bytes(learnt)
    said = detector.forecast(0, 1)
    judged = detector.judge(START + LEARNT * MINUTE_MS, minute(LEARNT), {})
    total, approved, denied = judged.points[:3]
    assert said.first_ms == total.minute_ms
    assert said.series["*"] == (Range(total.expected, total.low, total.high),)
    for point in (approved, denied):  # the share of an hour ago is learnt in between
        assert said.series[point.series][0].expected == pytest.approx(point.expected, rel=0.01)


def test_a_forecast_covers_every_series_and_changes_nothing(learnt: bytes) -> None:
    detector = StreamDetector.from_bytes(learnt)
    said = detector.forecast(0, 180)
    assert detector.to_bytes() == learnt
    assert list(said.series) == [name for _, name in SeriesTable().rows()]
    assert {len(ranges) for ranges in said.series.values()} == {180}
    assert detector.forecast(60, 5).series["denied"] == said.series["denied"][60:65]


def test_the_range_grows_with_the_distance(learnt: bytes) -> None:
    ranges = StreamDetector.from_bytes(learnt).forecast(0, 180).series["*"]
    widths = [one.high - one.low for one in ranges]
    near, middle, far = (np.mean(widths[at : at + 10]) for at in (0, 60, 170))
    assert near < middle < far


def test_a_wander_above_the_usual_fades_while_that_of_the_day_stays() -> None:
    ranges = fed((LEARNT, 1.0), (45, 1.06)).forecast(0, 180).series["*"]
    first, last = ranges[0].expected, ranges[-1].expected
    assert 325 < first < 345
    assert 320 < last < first - 2


def test_a_disturbance_is_expected_to_be_over() -> None:
    ranges = fed((LEARNT, 1.0), (10, 0.3)).forecast(0, 60).series["*"]
    assert all(290 < one.expected < 345 for one in ranges)


def test_a_forecast_is_read_by_minute_and_by_span() -> None:
    ranges = tuple(Range(float(n), 0.0, 9.0) for n in range(5))
    said = Forecast("live", START, {"*": ranges})
    span = said.of("*", START + 2 * MINUTE_MS, START + 4 * MINUTE_MS)
    assert [(at, one.expected) for at, one in span] == [
        (START + 2 * MINUTE_MS, 2.0),
        (START + 3 * MINUTE_MS, 3.0),
    ]
    assert list(said.of("odd", START, START + MINUTE_MS)) == []
    assert said.at(START + MINUTE_MS) == {"*": ranges[1]}
    assert said.at(START - MINUTE_MS) == said.at(START + 5 * MINUTE_MS) == {}
