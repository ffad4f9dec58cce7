"""Replaying counts, and the parts the detector is made of."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Invalid
from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.watching.detector import StreamDetector
from guardian.watching.origins import rolled_forward
from guardian.watching.reasons import number, rarity
from guardian.watching.replay import replay_counts, replay_judgements
from guardian.watching.tail import central_range, tail


def row(minute: int, counts: dict[str, int], by: str = BY_STATUS) -> MinuteCounts:
    return MinuteCounts("file", minute * MINUTE_MS, by, counts, 0)


def test_missing_minutes_are_judged_as_empty_ones() -> None:
    judged = list(
        replay_judgements(StreamDetector("file"), [row(0, {"approved": 5}), row(3, {"approved": 4})])
    )
    assert [judgement.points[0].minute_ms // MINUTE_MS for judgement in judged] == [0, 1, 2, 3]
    assert [judgement.points[0].observed for judgement in judged] == [5, 0, 0, 4]


def test_two_views_of_one_minute_are_read_together() -> None:
    rows = [row(0, {"approved": 5}), row(0, {"denied": 2}), row(0, {"00": 5, "51": 2}, BY_CODE)]
    (judgement,) = replay_judgements(StreamDetector("file"), rows)
    observed = {point.series: point.observed for point in judgement.points}
    assert (observed["*"], observed["denied"], observed["auth_51"]) == (7, 2, 2)
    assert "auth_00" not in observed


def test_counts_that_are_not_sorted_are_refused() -> None:
    with pytest.raises(Invalid, match="sorted"):
        list(replay_counts([row(3, {}), row(1, {})], "file"))


def test_a_lower_budget_speaks_sooner() -> None:
    rng = np.random.default_rng(4)
    rows = [row(i, {"approved": int(rng.poisson(100)) if i < 90 else 72}) for i in range(95)]
    bold = list(replay_counts(rows, "file", budget_decades=-3.0))
    shy = list(replay_counts(rows, "file", budget_decades=8.0))
    assert bold
    assert not shy


def negative_binomial(M: float, v: float, most: int) -> list[float]:
    r = 1 / v
    q = M / (M + r)
    return [
        math.exp(
            math.lgamma(k + r) - math.lgamma(r) - math.lgamma(k + 1) + r * math.log1p(-q) + k * math.log(q)
        )
        for k in range(most)
    ]


@settings(max_examples=30)
@given(M=st.floats(0.01, 100), v=st.floats(0.001, 0.5), x=st.integers(0, 399))
def test_the_tail_is_that_of_the_negative_binomial(M: float, v: float, x: int) -> None:
    pmf = negative_binomial(M, v, 3_000)
    for up, exact in ((True, sum(pmf[x:])), (False, sum(pmf[: x + 1]))):
        score = tail(float(x), M, v, up)
        if score > 0 and exact > 1e-9:
            assert score == pytest.approx(-math.log10(exact), abs=0.03)


@settings(max_examples=30)
@given(M=st.floats(0.01, 190), v=st.floats(0.001, 0.5))
def test_the_central_range_holds_99_percent(M: float, v: float) -> None:
    cumulated = np.cumsum(negative_binomial(M, v, 6_000))
    low, high = central_range(M, v)
    assert low == np.searchsorted(cumulated, 0.005)
    assert high == pytest.approx(np.searchsorted(cumulated, 0.995 - 1e-9), abs=1)


def test_large_means_are_joined_to_small_ones_without_a_jump() -> None:
    for v in (0.0005, 0.01, 0.1):
        assert central_range(200.01, v) == pytest.approx(central_range(199.99, v), rel=0.03)
    assert tail(400.0, 300.0, 0.002, True) == pytest.approx(tail(401.0, 300.75, 0.002, True), rel=0.02)


def test_a_random_walk_gathers_the_noise_of_its_average() -> None:
    weights, noise = rolled_forward(np.diag([1.0, 0.5]), np.ones(2), 2, 2)
    assert weights == pytest.approx([1.0, 0.375])
    assert noise[0, 0] == pytest.approx(1.0**2 + 0.5**2)


def test_numbers_are_short_and_rarity_is_in_weeks() -> None:
    assert [number(x) for x in (0, 0.123, 4.04, 41, 1234.5)] == ["0", "0.12", "4", "41", "1,234"]
    assert rarity(5.0) == "Normal traffic does this less than once in 1,000 weeks."
    assert rarity(1.0) == "Normal traffic does this about once in 10 weeks."
    assert rarity(0.0) == "Normal traffic does this about 1 × a week."
