"""What holds of every stream."""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardian.domain.clock import MINUTE_MS
from guardian.domain.forecast import Forecast
from guardian.watching.detector import Judgement, StreamDetector
from guardian.watching.parameters import FIRST_DAY

START = 1_760_000_040_000 // MINUTE_MS * MINUTE_MS
counts = st.one_of(st.integers(0, 5), st.integers(0, 500), st.sampled_from([0, 10**9]))
names = st.sampled_from(
    ["approved", "denied", "failed", "reversed", "odd", "stranger", "new", "newer", "newest"]
)
blocks = st.lists(
    st.tuples(
        st.integers(1, 90),
        st.dictionaries(names, counts, max_size=5),
        st.dictionaries(names, counts, max_size=3),
    ),
    min_size=1,
    max_size=8,
)
Blocks = list[tuple[int, dict[str, int], dict[str, int]]]
quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def judged(stream: Blocks, minutes: int | None = None) -> list[Judgement]:
    detector = StreamDetector("any")
    flat = [(statuses, codes) for length, statuses, codes in stream for _ in range(length)][:minutes]
    return [detector.judge(START + i * MINUTE_MS, *minute) for i, minute in enumerate(flat)]


@quick
@given(stream=blocks, part=st.floats(0, 1))
def test_the_output_of_a_prefix_is_the_prefix_of_the_output(stream: Blocks, part: float) -> None:
    minutes = int(part * sum(length for length, _, _ in stream))
    assert judged(stream, minutes) == judged(stream)[:minutes]


@quick
@given(stream=blocks)
def test_no_count_however_large_or_absent_gives_a_number_that_is_none(stream: Blocks) -> None:
    for judgement in judged(stream):
        for point in judgement.points:
            assert all(map(math.isfinite, (point.expected, point.low, point.high)))
            assert 0 <= point.low <= point.high
            assert point.expected >= 0
        for anomaly in judgement.anomalies:
            assert all(map(math.isfinite, (anomaly.score, anomaly.expected, anomaly.low, anomaly.high)))
            assert anomaly.start_ms <= anomaly.minute_ms


def test_days_of_extremes_stay_finite() -> None:
    flat: Blocks = [
        (1_500, {"approved": 10**9, "denied": 10**8}, {"59": 10**8}),
        (2_000, {}, {}),
        (300, {"approved": 3}, {}),
    ]
    last = judged(flat)[-1]
    assert all(math.isfinite(point.expected) and math.isfinite(point.high) for point in last.points)


@quick
@given(stream=blocks, at=st.integers(1, 400))
def test_a_restore_at_any_minute_changes_nothing(stream: Blocks, at: int) -> None:
    flat = [(statuses, codes) for length, statuses, codes in stream for _ in range(length)]
    detector, through = StreamDetector("any"), []
    for i, minute in enumerate(flat):
        if i == at:
            detector = StreamDetector.from_bytes(detector.to_bytes())
        through.append(detector.judge(START + i * MINUTE_MS, *minute))
    assert through == judged(stream)


def learnt() -> tuple[bytes, int]:
    """A detector that knows a day, and how many minutes it was fed."""
    detector, rng = StreamDetector("any"), np.random.default_rng(1)
    for i in range(FIRST_DAY + 1):
        detector.judge(START + i * MINUTE_MS, {"approved": int(rng.poisson(60)), "denied": 3}, {}, False)
    return detector.to_bytes(), FIRST_DAY + 1


LEARNT, FED = learnt()


def forecasts(stream: Blocks, minutes: int | None = None) -> list[Forecast]:
    """What is forecast half an hour ahead, after each minute of a stream that follows a learnt day."""
    detector = StreamDetector.from_bytes(LEARNT)
    flat = [(statuses, codes) for length, statuses, codes in stream for _ in range(length)][:minutes]
    made = []
    for i, (statuses, codes) in enumerate(flat):
        detector.judge(START + (FED + i) * MINUTE_MS, statuses, codes, False)
        made.append(detector.forecast(30, 2))
    return made


@quick
@given(stream=blocks, part=st.floats(0, 1))
def test_a_forecast_knows_nothing_of_what_comes_after_it(stream: Blocks, part: float) -> None:
    minutes = int(part * sum(length for length, _, _ in stream))
    assert forecasts(stream, minutes) == forecasts(stream)[:minutes]


@quick
@given(stream=blocks)
def test_no_count_however_large_or_absent_makes_a_forecast_that_is_no_range(stream: Blocks) -> None:
    for forecast in forecasts(stream):
        for one in (one for ranges in forecast.series.values() for one in ranges):
            assert all(map(math.isfinite, (one.expected, one.low, one.high)))
            assert 0 <= one.low <= one.high
            assert one.expected >= 0
