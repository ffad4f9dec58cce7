"""Fire drills on segments: those named, those not watched, and names with odd characters."""

import numpy as np

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.segment import series_of_segment
from guardian.learning.drill_segments import Traffic, denies, largest, practised_segments, stops
from guardian.watching.asked import Asked

ASKED = Asked(dimensions=("acquirer", "merchant_id"))
START_MS = 20_003 * DAY_MS
RATE, LEARNT = 60.0, 1_500
ODD = 'acq, "=+%2C<b>é'
ACQUIRERS = ("acq_a", ODD, "acq_c")


def read(minute_ms: int) -> Traffic:
    rng = np.random.default_rng(minute_ms // MINUTE_MS)
    count = int(rng.poisson(RATE))
    status = np.where(rng.random(count) < 0.9, "approved", "denied").tolist()
    acquirer = [ACQUIRERS[one] for one in np.searchsorted([0.5, 0.8], rng.random(count))]
    merchant = [f"m{one}" for one in rng.integers(0, 30, count)]
    return Traffic({"status": status, "acquirer": acquirer, "merchant_id": merchant}, RATE)


def span(minutes: int) -> range:
    return range(START_MS, START_MS + minutes * MINUTE_MS, MINUTE_MS)


def test_a_large_segment_is_named_whatever_it_is_called_and_a_small_one_is_not() -> None:
    targets = [("acquirer", ODD), ("acquirer", "nobody"), ("merchant_id", "m3")]
    first_ms = START_MS + LEARNT * MINUTE_MS
    outcomes = list(
        practised_segments(read, span(LEARNT + 60), first_ms, targets, ASKED, lambda at: at % 120_000 == 0)
    )
    odd = series_of_segment({"acquirer": ODD})
    delays = [one.delay_minutes for one in outcomes if one.segment == odd]
    assert len(delays) == 16, "two kinds at eight starts"
    assert all(delay is not None and delay <= 5 for delay in delays)
    assert {one.delay_minutes for one in outcomes if one.segment == "acquirer=nobody"} == {None}
    small = [one for one in outcomes if one.segment == "merchant_id=m3" and one.kind == "segment_stops"]
    assert {one.delay_minutes for one in small} == {None}, "two a minute may well not come"


def test_nothing_is_drilled_where_no_minute_is_fit() -> None:
    targets = [("acquirer", "acq_a")]
    found = practised_segments(read, span(40), START_MS, targets, ASKED, lambda _: False)
    assert list(found) == []


def test_what_is_degraded_is_that_segment_alone() -> None:
    columns = read(START_MS).columns
    denied, gone = denies(columns, ("acquirer", ODD)), stops(columns, ("acquirer", ODD))
    pairs = list(zip(denied["acquirer"], denied["status"], columns["status"], strict=True))
    assert all(now == ("denied" if name == ODD else before) for name, now, before in pairs)
    assert ODD not in gone["acquirer"]
    assert len(gone["status"]) == len(gone["merchant_id"]) == len(columns["status"]) - pairs_of(pairs)


def pairs_of(pairs: list[tuple[str | None, str | None, str | None]]) -> int:
    return sum(name == ODD for name, _, _ in pairs)


def test_the_largest_of_each_watched_dimension_are_drilled() -> None:
    columns: dict[str, list[str | None]] = {
        "acquirer": ["a"] * 5 + ["b"] * 3 + [None] * 9,
        "merchant_id": [f"m{n}" for n in range(17)],
    }
    assert largest(columns, ("acquirer",)) == [("acquirer", "a"), ("acquirer", "b")]
    assert len(largest(columns, ("acquirer", "merchant_id"))) == 6
