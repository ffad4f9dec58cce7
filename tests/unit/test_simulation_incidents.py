"""Each kind of incident does what its name says, while it lasts and no longer."""

from collections import Counter

import pytest

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, from_iso
from guardian.domain.errors import Invalid
from guardian.domain.transaction import Transaction
from guardian.simulation.incidents import KINDS, Incident, disturbed, incident, labels
from guardian.simulation.traffic import Traffic, minutes_between

START = 20_000 * DAY_MS + 15 * HOUR_MS
TRAFFIC = Traffic(400, 8)


def minutes(one: Incident, count: int) -> list[Transaction]:
    span = minutes_between(START, START + count * MINUTE_MS)
    return [row for at_ms in span for row in disturbed(TRAFFIC, [one], at_ms)]


def clean(count: int) -> list[Transaction]:
    return [
        row for at_ms in minutes_between(START, START + count * MINUTE_MS) for row in TRAFFIC.minute(at_ms)
    ]


def count_of(rows: list[Transaction], **fields: str) -> int:
    return sum(all(getattr(row, name) == value for name, value in fields.items()) for row in rows)


def growth(kind: str, severity: float, count: int = 10, **fields: str) -> float:
    one = incident(kind, START, severity, count)
    return count_of(minutes(one, count), **fields) / count_of(clean(count), **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_changes_its_minutes_and_no_others(kind: str) -> None:
    one = incident(kind, START)
    assert one.touches(START)
    assert not one.touches(one.end_ms)
    assert disturbed(TRAFFIC, [one], START - MINUTE_MS) == TRAFFIC.minute(START - MINUTE_MS)
    assert disturbed(TRAFFIC, [one], one.end_ms) == TRAFFIC.minute(one.end_ms)
    span = minutes_between(START, one.end_ms)
    assert any(disturbed(TRAFFIC, [one], at_ms) != TRAFFIC.minute(at_ms) for at_ms in span)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_had_again_keeps_ids_apart_and_arrivals_inside(kind: str) -> None:
    one = incident(kind, START)
    at_ms = max(START, one.end_ms - MINUTE_MS)
    rows = disturbed(TRAFFIC, [one], at_ms)
    assert rows == disturbed(Traffic(400, 8), [one], at_ms)
    assert len({row.transaction_id for row in rows}) == len(rows)
    assert all(at_ms <= row.received_ms < at_ms + MINUTE_MS for row in rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_bears_minutes_without_traffic(kind: str) -> None:
    silent = Traffic(1e-9, 1)
    one = incident(kind, START)
    assert disturbed(silent, [one], START) == []
    assert disturbed(silent, [one], one.end_ms - MINUTE_MS) == []


def test_an_outage_takes_all_authorisations_and_a_gap_takes_everything() -> None:
    left = Counter(row.status for row in minutes(incident("outage", START), 10))
    assert left["approved"] == left["denied"] == 0
    assert left["reversed"] > 0
    assert minutes(incident("missing_minutes", START, 4), 4) == []


def test_a_partial_outage_takes_its_share() -> None:
    assert growth("partial_outage", 0.3, status="approved") == pytest.approx(0.7, abs=0.04)


def test_a_stall_holds_everything_back_and_gives_it_all_later() -> None:
    one = incident("short_stall", START, 3)
    assert one.end_ms == START + 5 * MINUTE_MS
    by_minute = [disturbed(TRAFFIC, [one], at_ms) for at_ms in minutes_between(START, one.end_ms)]
    assert [len(rows) for rows in by_minute[:3]] == [0, 0, 0]
    assert sorted(row.transaction_id for rows in by_minute for row in rows) == sorted(
        row.transaction_id for row in clean(5)
    )
    assert len(by_minute[3]) > 2 * len(TRAFFIC.minute(START + 3 * MINUTE_MS))


def test_a_storm_of_duplicates_sends_authorisations_again() -> None:
    assert growth("duplicate_storm", 0.5, status="approved") == pytest.approx(1.5, abs=0.05)
    assert growth("duplicate_storm", 1.0, status="approved") == pytest.approx(2.0)
    assert growth("duplicate_storm", 2.5, status="denied") == pytest.approx(3.5, abs=0.12)


def test_denials_of_one_bin_double() -> None:
    assert growth("denial_spike_bin", 1.0, status="denied") == pytest.approx(2.0, abs=0.25)
    spiked = minutes(incident("denial_spike_bin", START, 1.0), 10)
    bins = Counter(row.card_bin for row in spiked if row.status == "denied")
    assert bins.most_common(1)[0][1] > 0.35 * sum(bins.values())
    assert len(spiked) == len(clean(10))


def test_code_59_comes_in_a_burst() -> None:
    assert growth("auth59_burst", 4.0, auth_code="59") == pytest.approx(5.0, rel=0.3)


def test_failures_and_reversals_surge() -> None:
    rows = minutes(incident("failed_surge", START, 0.03), 10)
    assert count_of(rows, status="failed") / len(rows) == pytest.approx(0.033, abs=0.01)
    assert growth("reversed_surge", 4.0, 20, status="reversed") == pytest.approx(5.0, rel=0.35)
    assert growth("backend_reversed_surge", 10.0, 20, status="backend_reversed") > 5
    undone = [row for row in minutes(incident("reversed_surge", START), 5) if row.original_id]
    assert {row.status for row in undone} == {"reversed"}


def test_a_drift_grows_slowly() -> None:
    one = incident("slow_drift", START, 1.0, 100)
    early = [disturbed(TRAFFIC, [one], START + m * MINUTE_MS) for m in range(10)]
    late = [disturbed(TRAFFIC, [one], START + m * MINUTE_MS) for m in range(90, 100)]
    usual = [TRAFFIC.minute(START + m * MINUTE_MS) for m in range(90, 100)]
    assert sum(map(denials, early)) < 1.15 * sum(denials(rows) for rows in map(TRAFFIC.minute, spans(10)))
    assert sum(map(denials, late)) == pytest.approx(1.95 * sum(map(denials, usual)), rel=0.12)


def denials(rows: list[Transaction]) -> int:
    return count_of(rows, status="denied")


def spans(count: int) -> range:
    return minutes_between(START, START + count * MINUTE_MS)


def test_skewed_clocks_fall_back_and_arrivals_do_not() -> None:
    rows = minutes(incident("clock_skew", START, 0.5), 9)
    behind = Counter((row.received_ms - row.event_ms) // MINUTE_MS for row in rows)
    assert set(behind) == {0, 1, 2}
    assert behind[2] == pytest.approx(len(rows) / 6, rel=0.2)


def test_a_dead_acquirer_turns_its_approvals_into_code_91() -> None:
    rows = minutes(incident("acquirer_down", START), 10)
    assert count_of(rows, acquirer="acq_b", status="approved") == 0
    assert count_of(rows, auth_code="91") > 5 * count_of(clean(10), auth_code="91")


def test_card_testing_tries_small_amounts_at_one_merchant_with_fresh_cards() -> None:
    usual = {row.transaction_id for row in clean(10)}
    tries = [row for row in minutes(incident("card_testing", START), 10) if row.transaction_id not in usual]
    assert len(tries) == pytest.approx(len(usual) / 2, rel=0.15)
    assert len({row.merchant_id for row in tries}) == 1
    assert len({row.card_bin for row in tries}) == 1
    assert len({row.card_token for row in tries}) == len(tries)
    assert 0.75 < denials(tries) / len(tries) < 0.95


def test_a_start_amid_a_minute_leaves_what_came_before() -> None:
    one = incident("missing_minutes", START + 30_000, 2)
    kept = disturbed(TRAFFIC, [one], START)
    assert kept == [row for row in TRAFFIC.minute(START) if row.event_ms < START + 30_000]
    again = disturbed(TRAFFIC, [one], START + 2 * MINUTE_MS)
    assert again == [row for row in TRAFFIC.minute(START + 2 * MINUTE_MS) if row.event_ms >= one.end_ms]


def test_a_label_names_first_and_last_minute() -> None:
    document = labels("sim", START, START + HOUR_MS, [incident("outage", START + 30_000, minutes=2)])
    (event,) = document["events"]
    assert event == {
        "id": "I000",
        "start": "2024-10-04 15:00:00",
        "end": "2024-10-04 15:02:00",
        "statuses": ["approved", "denied"],
        "kind": "outage_total",
        "severity": 1.0,
        "confidence": "high",
    }
    assert document["span"] == ["2024-10-04 15:00:00", "2024-10-04 15:59:00"]
    assert from_iso(str(event["start"])) == START


def test_unknown_kinds_and_sizes_are_refused() -> None:
    with pytest.raises(Invalid, match="expected one of"):
        incident("meteor", START)
    for size in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(Invalid, match="severity"):
            incident("outage", START, size)
    with pytest.raises(Invalid, match="duration"):
        incident("outage", START, minutes=0)
