"""How right verdicts were: every share with its denominator, and recall of reports alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from alerting_samples import NOW
from guardian.cases import quality
from guardian.cases.quality import ALL, DIMENSIONS, ROWS, Observation, Share, VerdictQualityDesk, tallied
from guardian.cases.quality_routes import quality_form
from guardian.domain.anomaly import Finding
from guardian.domain.clock import DAY_MS, SetClock
from guardian.domain.label import Origin, Seen, standing
from guardian.scoring.stage import stored_form
from installation import Installation
from labelling import Desks, about, kept, said, transaction


@pytest.fixture
def desks(tmp_path: Path) -> Iterator[Desks]:
    made = Desks(tmp_path)
    yield made
    made.store.close()


def desk_of(desks: Desks) -> VerdictQualityDesk:
    transactions = desks.store.transactions
    return VerdictQualityDesk(transactions, transactions, desks.store.labels, desks.clock)


def found(desks: Desks, dimension: str, value: str = "") -> tuple[int, ...]:
    rows = {row.value: row for row in desk_of(desks).report(30).of(dimension)}
    return msgspec.structs.astuple(rows[value])[2:] if value in rows else ()


def test_a_share_of_nothing_is_no_share() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)
    assert Share(1, 4).value == 0.25
    low, high = Share(1, 4).interval or (0.0, 0.0)
    assert low < 0.25 < high


def test_flagged_labelled_and_fraud_are_counted_by_rule_detector_and_segment(desks: Desks) -> None:
    flagged = [transaction(name, merchant_type="shop", acquirer="acq_a") for name in "abcd"]
    kept(desks.store, flagged, 1, rules=["r1,~shadowed"] * 3 + ["r2"])
    kept(desks.store, [transaction("missed", merchant_type="shop", acquirer="acq_b"), transaction("calm")], 0)
    desks.store.labels.keep([about("a"), about("b", False), about("d"), about("missed"), said("unknown")])
    desks.answers.answer("c", Finding.CONFIRMED, "ana", (None, None))
    # flagged, labelled, confirmed, reported frauds, of them found
    assert found(desks, ALL) == (4, 4, 3, 3, 2)
    assert found(desks, "rule", "r1") == (3, 3, 2, 3, 1)
    assert found(desks, "rule", "r2") == (1, 1, 1, 3, 1)
    assert found(desks, "rule", "~shadowed") == ()
    assert found(desks, "detector", "none") == (4, 4, 3, 3, 2)
    assert found(desks, "acquirer", "acq_a") == (4, 4, 3, 2, 2)
    assert found(desks, "acquirer", "acq_b") == (0, 0, 0, 1, 0)
    assert desk_of(desks).report(30).pending == 1


def test_what_people_answered_says_nothing_of_recall(desks: Desks) -> None:
    kept(desks.store, [transaction("a")], 1)
    desks.answers.answer("a", Finding.CONFIRMED, "ana", (None, None))
    assert found(desks, ALL) == (1, 1, 1, 0, 0)


def test_only_live_transactions_of_the_span_count(desks: Desks) -> None:
    kept(desks.store, [transaction("old", event_ms=NOW - 31 * DAY_MS), transaction("f", source="file")], 1)
    desks.store.labels.keep([about("f", source="file")])
    assert found(desks, ALL) == (0, 0, 0, 0, 0)


def test_too_many_shorten_the_span_and_say_so(desks: Desks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "AT_MOST", 3)
    kept(desks.store, [transaction(f"t{at}", event_ms=NOW - at) for at in range(5)], 1)
    desks.store.labels.keep([about(f"t{at}", event_ms=NOW - at) for at in range(5)])
    report = desk_of(desks).report(30)
    assert (report.capped, report.since_ms) == (True, NOW - 2)
    assert report.of(ALL)[0].labelled == report.of(ALL)[0].flagged == 3
    assert quality_form(report).capped


def test_a_report_is_kept_for_some_seconds(desks: Desks) -> None:
    desk = desk_of(desks)
    first = desk.report(30)
    kept(desks.store, [transaction("a")], 1)
    assert desk.report(30) is first
    assert desk.report(7).of(ALL)[0].flagged == 1


def test_rows_are_bounded(desks: Desks) -> None:
    many = [transaction(f"t{at}", acquirer=f"acq_{at}") for at in range(ROWS + 5)]
    kept(desks.store, many, 1)
    assert len(desk_of(desks).report(30).of("acquirer")) == ROWS


EVENTS = some.lists(some.tuples(some.booleans(), some.sampled_from([None, True, False]), some.booleans()))


@given(EVENTS)
def test_no_count_is_larger_than_what_it_is_of(events: list[tuple[bool, bool | None, bool]]) -> None:
    from labelling import unscored

    observations: list[Observation] = []
    for at, (flagged, fraud, reported) in enumerate(events):
        one = transaction(str(at), acquirer=f"acq_{at % 2}")
        stored: Any = stored_form(unscored([one]), 0)
        verdict = msgspec.structs.replace(stored.verdict, level=int(flagged), rules=("r",))
        seen = Seen(quality.name_of(stored), NOW)
        origin = Origin.REPORTED if reported else Origin.ANSWER
        label = None if fraud is None else standing([about(str(at), fraud, origin=origin)], seen)
        observations.append(Observation(msgspec.structs.replace(stored, verdict=verdict), label))
    rows = tallied(observations)
    for row in rows:
        assert 0 <= row.confirmed <= row.labelled <= row.flagged
        assert 0 <= row.found <= row.frauds
    for dimension in DIMENSIONS[1:]:
        parts = [row for row in rows if row.dimension == dimension]
        assert sum(row.flagged for row in parts) == rows[0].flagged


def test_the_quality_of_verdicts_is_read_through_the_api(tmp_path: Path) -> None:
    guardian = Installation(tmp_path, SetClock(NOW))
    kept(guardian.parts.store, [transaction("a"), transaction("b")], 1)
    guardian.ask("POST", "/labels", json={"transaction_id": "a", "is_fraud": True})
    answer = guardian.ask("GET", "/quality/transactions?days=7", "viewer").json()
    row = answer["rows"][0]
    assert (row["dimension"], row["flagged"], answer["capped"]) == ("all", 2, False)
    assert (row["coverage"]["share"], row["precision"]["n"], row["recall"]["found"]) == (0.5, 1, 1)
    assert guardian.ask("GET", "/quality/transactions?days=0", "viewer").status_code == 422
    assert guardian.ask("GET", "/quality/transactions", "machine").status_code == 403
    guardian.close()
