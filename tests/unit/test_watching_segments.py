"""Series of segments: what they find, what they leave alone, and what they stand."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Invalid, Poisoned
from guardian.watching.asked import Asked
from guardian.watching.segments.detector import Found, SegmentDetector

ASKED = Asked(dimensions=("acquirer", "merchant_id", "card_bin"))
START = 1_783_209_600_000
"""A Sunday noon, so that a working day is learnt from the thirteenth hour on."""
RATE, LEARNT = 100.0, 1_800
SHARES = (0.34, 0.22, 0.15, 0.11, 0.08, 0.05, 0.03, 0.02)
Columns = dict[str, list[str | None]]
Disturb = Callable[[Columns, int], Columns]


def minute_of(number: int) -> Columns:
    """A minute of traffic, the same whenever it is asked for."""
    rng = np.random.default_rng(number)
    count = int(rng.poisson(RATE))
    pick = rng.random((4, count))
    return {
        "status": np.where(pick[0] < 0.9, "approved", "denied").tolist(),
        "acquirer": [f"acq_{place}" for place in np.searchsorted(np.cumsum(SHARES[:-1]), pick[1])],
        "merchant_id": [f"m{int(one * 40)}" for one in pick[2]],
        "card_bin": [f"4000{int(one * 60):02d}" for one in pick[3]],
    }


def run(
    detector: SegmentDetector, minutes: range, disturb: Disturb = lambda rows, _: rows
) -> tuple[list[Found], list[Found]]:
    """What opened and what ended."""
    opened: list[Found] = []
    ended: list[Found] = []
    for number in minutes:
        columns = disturb(minute_of(number), number)
        judged = detector.judge(START + number * MINUTE_MS, columns, RATE)
        opened.extend(judged.found)
        ended.extend(judged.over)
    return opened, ended


@pytest.fixture(scope="module")
def learnt() -> bytes:
    detector = SegmentDetector("live", ASKED)
    assert run(detector, range(LEARNT)) == ([], []), "nothing is wrong with the traffic"
    return detector.to_bytes()


def after(learnt: bytes) -> SegmentDetector:
    return SegmentDetector.from_bytes(learnt, ASKED)


def changed(name: str, value: str, rows: Columns, **new: str) -> Columns:
    """The rows with that value, with other values."""
    hit = [one == value for one in rows[name]]
    return rows | {
        column: [said if mark else one for one, mark in zip(rows[column], hit, strict=True)]
        for column, said in new.items()
    }


def without(name: str, value: str, rows: Columns) -> Columns:
    keep = [one != value for one in rows[name]]
    return {column: [one for one, mark in zip(of, keep, strict=True) if mark] for column, of in rows.items()}


def more(count: int, rows: Columns, **values: str) -> Columns:
    """So many rows more; what is not given is that of the first row."""
    return {name: [*of, *[values.get(name, of[0])] * count] for name, of in rows.items()}


def test_an_acquirer_of_eight_per_cent_that_denies_is_named_within_five_minutes(learnt: bytes) -> None:
    opened, _ = run(
        after(learnt),
        range(LEARNT, LEARNT + 5),
        lambda rows, _: changed("acquirer", "acq_4", rows, status="denied"),
    )
    first = opened[0]
    assert (first.where, first.status, first.rising) == ({"acquirer": "acq_4"}, "denied", True)
    assert first.series == "acquirer=acq_4,status=denied"
    assert first.observed > 3 * first.expected


def test_an_alarm_has_the_hour_before_it_and_every_minute_of_it_as_points(learnt: bytes) -> None:
    detector, points = after(learnt), []
    for number in range(LEARNT, LEARNT + 8):
        rows = without("acquirer", "acq_4", minute_of(number))
        points.append(detector.judge(START + number * MINUTE_MS, rows, RATE).points)
    opened = next(place for place, some in enumerate(points) if some)
    series = [one for some in points for one in some if one.series == "acquirer=acq_4"]
    assert len(series) == 64 + 7 - opened
    assert [one.minute_ms for one in series] == sorted({one.minute_ms for one in series})
    assert series[-1].observed == 0
    assert series[-1].low > 0
    usual = series[:55]
    assert 0.7 < sum(one.observed for one in usual) / sum(one.expected for one in usual) < 1.3
    assert np.mean([one.low <= one.observed <= one.high for one in usual]) > 0.9


def test_an_acquirer_that_vanishes_is_named_and_over_when_it_is_back(learnt: bytes) -> None:
    detector = after(learnt)
    opened, _ = run(detector, range(LEARNT, LEARNT + 5), lambda rows, _: without("acquirer", "acq_4", rows))
    (found,) = opened
    assert (found.series, found.rising, found.observed) == ("acquirer=acq_4", False, 0.0)
    _, ended = run(detector, range(LEARNT + 5, LEARNT + 20))
    assert ended == [found]


def test_thirty_card_tests_on_a_bin_are_named_within_five_minutes(learnt: bytes) -> None:
    opened, _ = run(
        after(learnt),
        range(LEARNT, LEARNT + 5),
        lambda rows, _: more(6, rows, card_bin="400007", status="denied", merchant_id="m3"),
    )
    assert {"card_bin": "400007"} in [one.where for one in opened]


def test_what_is_everywhere_is_not_said_of_every_segment(learnt: bytes) -> None:
    def spike(rows: Columns, number: int) -> Columns:
        rng = np.random.default_rng(number)
        marks = rng.random(len(rows["status"])) < 0.5
        return rows | {"status": np.where(marks, "denied", rows["status"]).tolist()}

    def half(rows: Columns, number: int) -> Columns:
        marks = np.random.default_rng(number).random(len(rows["status"])) < 0.5
        return {name: [one for one, mark in zip(of, marks, strict=True) if mark] for name, of in rows.items()}

    assert run(after(learnt), range(LEARNT, LEARNT + 30), spike)[0] == []
    assert run(after(learnt), range(LEARNT, LEARNT + 30), half)[0] == []


def test_a_surge_of_one_segment_is_no_fall_of_the_others(learnt: bytes) -> None:
    opened, _ = run(
        after(learnt), range(LEARNT, LEARNT + 20), lambda rows, _: more(200, rows, merchant_id="m1")
    )
    assert {"merchant_id": "m1"} in [one.where for one in opened]
    assert all(one.rising for one in opened)


def test_nothing_is_said_on_the_first_day() -> None:
    detector = SegmentDetector("live", ASKED)
    opened, _ = run(
        detector, range(400), lambda rows, at: without("acquirer", "acq_0", rows) if at > 300 else rows
    )
    assert opened == []


def test_a_segment_first_seen_today_is_still_being_learnt(learnt: bytes) -> None:
    opened, _ = run(
        after(learnt),
        range(LEARNT, LEARNT + 60),
        lambda rows, _: more(5, rows, merchant_id="new", acquirer="acq_0", card_bin="400000"),
    )
    assert not [one for one in opened if "new" in one.where.values()]


def test_a_restart_in_the_middle_changes_nothing(learnt: bytes) -> None:
    def down(rows: Columns, number: int) -> Columns:
        return without("acquirer", "acq_4", rows) if LEARNT + 3 <= number < LEARNT + 12 else rows

    whole = run(after(learnt), range(LEARNT, LEARNT + 40), down)
    for cut in (2, 5, 11, 20):
        first = after(learnt)
        opened, ended = run(first, range(LEARNT, LEARNT + cut), down)
        second = after(first.to_bytes())
        more_opened, more_ended = run(second, range(LEARNT + cut, LEARNT + 40), down)
        assert (opened + more_opened, ended + more_ended) == whole
    assert whole[0]
    assert whole[1]


def test_the_order_of_arrival_within_a_minute_changes_nothing(learnt: bytes) -> None:
    def shuffled(rows: Columns, number: int) -> Columns:
        every = tested(rows, number)
        order = np.random.default_rng(number + 1).permutation(len(every["status"])).tolist()
        return {name: [of[at] for at in order] for name, of in every.items()}

    def tested(rows: Columns, _: int) -> Columns:
        return more(6, rows, card_bin="400007", status="denied")

    span = range(LEARNT, LEARNT + 20)
    assert run(after(learnt), span, tested) == run(after(learnt), span, shuffled)


def test_ten_thousand_new_merchants_in_an_hour_stay_within_bounds() -> None:
    asked = Asked(dimensions=ASKED.dimensions, most_series=500)
    detector = SegmentDetector("live", asked)
    opened, _ = run(
        detector,
        range(60),
        lambda rows, at: rows | {"merchant_id": [f"new{at}_{n}" for n in range(len(rows["status"]))]},
    )
    assert opened == []
    assert detector.series <= 502, "the total and what was expected of it beside the 500 asked for"
    assert detector.turned_away > 1_000
    assert len(detector.to_bytes()) < 1_000_000


def test_a_segment_long_unseen_makes_room() -> None:
    asked = Asked(dimensions=("merchant_id",), most_series=60)
    detector = SegmentDetector("live", asked)
    for number in range(9 * 1_440):
        name = "old" if number < 50 else "new"
        rows: Columns = {"status": ["approved"], "merchant_id": [f"{name}{number % 50}"]}
        detector.judge(START + number * MINUTE_MS, rows, 1.0)
    assert detector.series == 52, "those of the first hour are gone after eight days"


def test_no_count_is_too_absurd(learnt: bytes) -> None:
    detector = after(learnt)
    huge = more(50_000, minute_of(LEARNT), merchant_id="m1", status="denied", acquirer="acq_1")
    judged = detector.judge(START + LEARNT * MINUTE_MS, huge, 1e12)
    assert all(np.isfinite([one.score, one.expected, one.variance]).all() for one in judged.found)
    assert all(np.isfinite([one.expected, one.low, one.high]).all() for one in judged.points)
    opened, _ = run(detector, range(LEARNT + 1, LEARNT + 200))
    assert len(opened) < 20


def test_pairs_of_columns_are_segments_too() -> None:
    asked = Asked(dimensions=("acquirer+card_bin",))
    detector = SegmentDetector("live", asked)
    run(detector, range(1_500))
    opened, _ = run(
        detector,
        range(1_500, 1_510),
        lambda rows, _: more(10, rows, acquirer="acq_1", card_bin="400005", status="denied"),
    )
    assert [one.series for one in opened][:1] in (
        ["acquirer=acq_1,card_bin=400005"],
        ["acquirer=acq_1,card_bin=400005,status=denied"],
    )


def test_minutes_out_of_order_are_refused(learnt: bytes) -> None:
    for minute_ms in (START + 1, START + 5 * MINUTE_MS):
        with pytest.raises(Invalid):
            after(learnt).judge(minute_ms, minute_of(0), RATE)


@pytest.mark.parametrize("data", [b"", b"torn", b"\x80"])
def test_damaged_bytes_are_poisoned(data: bytes) -> None:
    with pytest.raises(Poisoned):
        SegmentDetector.from_bytes(data, ASKED)


def test_a_checkpoint_of_other_dimensions_is_not_taken_up(learnt: bytes) -> None:
    with pytest.raises(Poisoned):
        SegmentDetector.from_bytes(learnt, Asked(dimensions=("acquirer",)))


def test_a_change_that_lasts_six_hours_becomes_the_usual(learnt: bytes) -> None:
    def moved(rows: Columns, _: int) -> Columns:
        return changed("acquirer", "acq_4", rows, acquirer="acq_5")

    detector = after(learnt)
    opened, ended = run(detector, range(LEARNT, LEARNT + 1_000), moved)
    falls: Sequence[Found] = [one for one in opened if one.series == "acquirer=acq_4"]
    assert len(falls) == 1
    assert falls[0] in ended
