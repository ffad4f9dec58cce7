"""What carries a change: the segment is named, nothing is named without reason, and money is honest."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pytest
from msgspec.structs import replace

from alerting_samples import NOW, anomaly
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.cause import DIMENSIONS, Cause, Money, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.storage.base import Sample
from guardian.watching.causes import BEFORE_MS, LEAST_BEFORE, ROWS, CauseFinder, cause
from guardian.watching.reasons import at_risk, estimate, explained, told
from guardian.watching.scan import score

Rows = list[dict[str, str | None]]
TICKET = 3_500


def traffic(count: int, seed: int, denied: float = 0.1) -> Rows:
    """Rows of four acquirers, thirty BINs, forty merchants and three codes, without any relation."""
    rng = np.random.default_rng(seed)
    return [
        {
            "status": "denied" if refused else "approved",
            "auth_code": ("51", "59", "05")[code] if refused else "00",
            "acquirer": f"acq_{'abcd'[acquirer]}",
            "merchant_id": f"m{merchant}",
            "card_bin": f"4{card_bin:05d}",
        }
        for refused, code, acquirer, merchant, card_bin in zip(
            rng.random(count) < denied,
            rng.integers(3, size=count),
            rng.integers(4, size=count),
            rng.integers(40, size=count),
            rng.integers(30, size=count),
            strict=True,
        )
    ]


def sample(rows: Rows, rate: float = 1.0, currencies: Sequence[str] | None = None) -> Sample:
    return Sample(
        columns={name: [row[name] for row in rows] for name in DIMENSIONS},
        amounts_minor=[TICKET] * len(rows),
        currencies=currencies or ["BRL"] * len(rows),
        rate=rate,
    )


def of(series: str, rows: Rows, expected: float, **changes: object) -> Anomaly:
    """What the detector would have said of ten minutes of those rows."""
    seen = len(rows) if series == WHOLE_SYSTEM else sum(row["status"] == series for row in rows)
    facts = {"observed": seen / 10, "expected": expected, "low": expected * 0.9, "high": expected * 1.1}
    direction = "up" if seen / 10 > expected else "down"
    odd = anomaly("a", series=series, status=series, window_minutes=10, direction=direction)
    return replace(odd, **facts | changes)  # type: ignore[arg-type]


def where(found: Cause, number: int = 0) -> Mapping[str, str]:
    return {step.dimension: step.value for step in found.segments[number]}


BEFORE = sample(traffic(6_000, seed=1))
USUAL = traffic(1_000, seed=2)
REFUSED: dict[str, str | None] = {
    "status": "denied",
    "auth_code": "59",
    "acquirer": "acq_b",
    "card_bin": "400007",
}


def refused(count: int, **changes: str) -> Rows:
    """As many refusals of one acquirer, BIN and code, at any merchant."""
    return [row | REFUSED | changes for row in traffic(count, seed=3)]


def test_the_acquirer_bin_and_code_of_a_spike_are_named_and_no_merchant_is() -> None:
    rows = USUAL + refused(120)
    found = cause(of("denied", rows, 10.0), sample(rows), BEFORE)
    assert where(found) == {"acquirer": "acq_b", "card_bin": "400007", "auth_code": "59"}
    narrowest = found.segments[0][-1]
    assert 0.85 < narrowest.share <= 1.0
    assert narrowest.usual < 0.02
    assert narrowest.extra == pytest.approx(12, abs=2)


def test_no_step_of_the_way_there_has_more_of_the_change_than_the_one_before() -> None:
    rows = USUAL + refused(80) + refused(40, card_bin="400009", acquirer="acq_c")
    found = cause(of("denied", rows, 10.0), sample(rows), BEFORE)
    for steps in found.segments:
        extras = [step.extra for step in steps]
        assert all(narrower < wider * 1.05 for wider, narrower in pairwise(extras))
        assert len({step.dimension for step in steps}) == len(steps)


def test_two_causes_at_once_are_both_named_and_share_the_change() -> None:
    rows = USUAL + refused(150, auth_code="91") + refused(90, acquirer="acq_d", card_bin="400021")
    found = cause(of("denied", rows, 10.0), sample(rows), BEFORE)
    assert [where(found, number)["acquirer"] for number in range(2)] == ["acq_b", "acq_d"]
    assert sum(steps[-1].share for steps in found.segments) <= 1.1


def test_what_rises_everywhere_alike_has_no_segment() -> None:
    rows = traffic(1_000, seed=4, denied=0.2)
    found = cause(of("denied", rows, 10.0), sample(rows), BEFORE)
    assert found.segments == ()
    assert found.change == pytest.approx(10, abs=4)


@pytest.mark.parametrize("seed", range(10, 30))
def test_quiet_traffic_names_nothing(seed: int) -> None:
    rows = traffic(1_000, seed=seed)
    assert cause(of("denied", rows, 10.0), sample(rows), BEFORE).segments == ()


def test_what_is_missing_is_found_like_what_is_too_much() -> None:
    rows = [row for row in USUAL if row["acquirer"] != "acq_c"]
    found = cause(of(WHOLE_SYSTEM, rows, 100.0), sample(rows), BEFORE)
    assert where(found) == {"acquirer": "acq_c"}
    assert found.segments[0][0].extra < 0
    assert found.segments[0][0].share > 0.9


def test_a_status_that_was_never_seen_before_is_explained_by_all_traffic() -> None:
    rows = USUAL + [row | {"status": "processing", "acquirer": "acq_a"} for row in traffic(60, seed=5)]
    found = cause(of("processing", rows, 0.0), sample(rows), BEFORE)
    assert where(found) == {"acquirer": "acq_a"}


def test_rows_without_a_value_take_no_part_in_its_dimension() -> None:
    bare = [row | {"acquirer": None, "card_bin": None} for row in USUAL + refused(120, merchant_id="m7")]
    before = sample([row | {"acquirer": None, "card_bin": None} for row in traffic(6_000, seed=1)])
    found = cause(of("denied", bare, 10.0), sample(bare), before)
    assert where(found) == {"merchant_id": "m7", "auth_code": "59"}


def test_a_sample_gives_the_same_rates_as_everything() -> None:
    rows = USUAL + refused(120)
    whole = cause(of("denied", rows, 10.0), sample(rows), BEFORE)
    half = cause(of("denied", rows, 10.0), sample(rows[::2], rate=0.5), BEFORE)
    assert where(half) == where(whole)
    assert half.segments[0][-1].extra == pytest.approx(whole.segments[0][-1].extra, rel=0.25)


def test_money_is_the_lost_approvals_times_their_ticket_within_an_interval() -> None:
    rows = USUAL + refused(120)
    odd = of("denied", rows, 10.0)
    money = cause(odd, sample(rows), BEFORE).money
    assert money is not None
    assert money.per_hour_minor == pytest.approx((odd.observed - 10.0) * 60 * TICKET, rel=0.01)
    assert 0 <= money.low_minor < money.per_hour_minor < money.high_minor
    assert money.currency == "BRL"


def test_missing_traffic_costs_what_of_it_used_to_be_approved() -> None:
    rows = USUAL[:500]
    money = cause(of(WHOLE_SYSTEM, rows, 100.0), sample(rows), BEFORE).money
    assert money is not None
    assert money.per_hour_minor == pytest.approx(50 * 0.9 * 60 * TICKET, rel=0.05)


@pytest.mark.parametrize("series", ["reversed", "approved", WHOLE_SYSTEM])
def test_more_of_what_loses_no_approval_costs_nothing(series: str) -> None:
    rows = [row | {"status": "reversed"} if series == "reversed" else row for row in traffic(2_000, seed=6)]
    assert cause(of(series, rows, 10.0), sample(rows), BEFORE).money is None


def test_money_of_several_currencies_is_that_of_the_most_common_one_alone() -> None:
    rows = USUAL + refused(120)
    mixed = ["USD" if number % 4 == 0 else "BRL" for number in range(len(rows))]
    all_of_it = cause(of("denied", rows, 10.0), sample(rows), BEFORE).money
    part = cause(of("denied", rows, 10.0), sample(rows, currencies=mixed), BEFORE).money
    assert all_of_it is not None
    assert part is not None
    assert part.currency == "BRL"
    assert part.per_hour_minor == pytest.approx(0.75 * all_of_it.per_hour_minor, rel=0.05)


class Kept:
    """A store that notes what it was asked for."""

    def __init__(self, now: Rows, before: Rows) -> None:
        self.asked: list[tuple[str, int, int, int]] = []
        self._answers = [sample(before), sample(now)]

    def sample(self, source: str, since_ms: int, until_ms: int, rows: int) -> Sample:
        self.asked.append((source, since_ms, until_ms, rows))
        return self._answers[len(self.asked) - 1]


def test_the_window_is_compared_with_the_hour_before_the_beginning() -> None:
    kept = Kept(USUAL + refused(120), traffic(6_000, seed=1))
    odd = of("denied", USUAL + refused(120), 10.0, start_ms=NOW, minute_ms=NOW + 19 * MINUTE_MS)
    assert CauseFinder(kept).cause_of(odd) is not None
    until = NOW + 20 * MINUTE_MS
    assert kept.asked == [
        (odd.source, NOW - HOUR_MS, NOW, ROWS),
        (odd.source, until - 10 * MINUTE_MS, until, ROWS),
    ]
    assert BEFORE_MS == HOUR_MS


def test_with_hardly_any_transactions_before_nothing_is_said() -> None:
    kept = Kept(USUAL, traffic(LEAST_BEFORE - 1, seed=1))
    assert CauseFinder(kept).cause_of(of("denied", USUAL, 1.0)) is None


def test_the_score_is_nought_where_everything_is_as_expected_and_grows_both_ways() -> None:
    assert score(7, 7.0) == pytest.approx(0)
    assert score(0, 7.0) == 7.0
    assert score(14, 7.0) > score(10, 7.0) > 0 < score(4, 7.0) < score(1, 7.0)


STEPS = (
    Step("auth_code", "59", 18.2, 0.934, 0.07),
    Step("card_bin", "516220", 17.9, 0.912, 0.001),
)


def test_a_cause_is_told_in_a_sentence_for_each_segment_and_one_for_the_money() -> None:
    found = Cause(19.5, (STEPS,), Money("BRL", 4_123_456, 3_504_000, 4_691_000))
    assert list(told(found)) == [
        "91 % of the change: code 59, BIN 516220.",
        "At risk an hour: BRL 41,000 (35,000 to 47,000).",
    ]
    odd = explained(anomaly("a", reasons=("first",)), found)
    assert odd.reasons == ("first", *told(found))
    assert odd.line()["cause"] == found.form()
    assert explained(odd, None) is odd


def test_a_change_that_lies_everywhere_is_said_to() -> None:
    assert list(told(Cause(19.5, ()))) == ["No acquirer, merchant, BIN or code stands out."]


@pytest.mark.parametrize(
    ("value", "rounded"), [(0.2, 0), (7.4, 7), (41_234, 41_000), (99_500, 100_000), (-312, -310)]
)
def test_an_estimate_has_two_significant_digits(value: float, rounded: int) -> None:
    assert estimate(value) == rounded


def test_money_without_minor_units_is_not_divided() -> None:
    assert at_risk(Money("JPY", 41_234, 35_040, 46_910)) == "At risk an hour: JPY 41,000 (35,000 to 47,000)."
