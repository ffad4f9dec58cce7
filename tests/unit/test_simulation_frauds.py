"""Simulated frauds: of known kind, hidden among everybody's transactions, the same for a seed."""

import csv
from datetime import UTC
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.entrypoints.cli import app
from guardian.ingestion.labels import read_labels
from guardian.simulation.frauds import KINDS, KNOWN_AFTER_MS, Frauds
from guardian.simulation.profile import population
from guardian.simulation.traffic import Traffic

START_MS = 20_000 * DAY_MS
SPAN = (START_MS, START_MS + 3 * DAY_MS)


@pytest.fixture(scope="module")
def frauds() -> Frauds:
    return Frauds(40.0, 5, SPAN)


def test_the_same_seed_gives_the_same_frauds_and_another_gives_others(frauds: Frauds) -> None:
    assert Frauds(40.0, 5, SPAN).events == frauds.events
    assert Frauds(40.0, 6, SPAN).events != frauds.events
    assert Frauds(0.0, 5, SPAN).events == []


def test_every_kind_comes_in_its_own_way(frauds: Frauds) -> None:
    of = {kind: [one.transaction for one in frauds.events if one.kind == kind] for kind in KINDS}
    assert all(len(rows) > 20 for rows in of.values())
    assert {one.status for one in of["refund_abuse"]} == {"refunded"}
    denied = [one.status == "denied" for one in of["card_testing"]]
    assert np.mean(denied) > 0.75
    assert len({one.card_token for one in of["card_testing"]}) == len(of["card_testing"])
    assert max(one.amount_minor for one in of["card_testing"]) < 1_500
    known = set(population(5).card_tokens)
    assert all(one.card_token in known for one in of["spree"] + of["takeover"])


def test_they_come_in_order_within_the_span_and_with_ids_of_their_own(frauds: Frauds) -> None:
    times = [one.transaction.event_ms for one in frauds.events]
    assert times == sorted(times)
    assert SPAN[0] <= times[0]
    assert times[-1] < SPAN[1]
    assert len({one.transaction.transaction_id for one in frauds.events}) == len(times)


def test_the_minutes_hold_everybodys_rows_and_each_fraud_once(frauds: Frauds) -> None:
    traffic = Traffic(2.0, 5)
    seen: list[str] = []
    for minute_ms in range(SPAN[0], SPAN[0] + DAY_MS, MINUTE_MS):
        rows = frauds.among(traffic.minute(minute_ms), minute_ms)
        assert [one.received_ms for one in rows] == sorted(one.received_ms for one in rows)
        seen += [one.transaction_id for one in rows]
    first_day = [one.transaction for one in frauds.events if one.transaction.event_ms < SPAN[0] + DAY_MS]
    assert len(seen) == len(set(seen))
    assert {one.transaction_id for one in first_day} <= set(seen)


def simulated(*words: str) -> int:
    return CliRunner().invoke(app, ["simulate", *words]).exit_code


def test_a_file_of_them_comes_with_labels_that_can_be_read(tmp_path: Path) -> None:
    out, labels = tmp_path / "t.csv", tmp_path / "l.csv"
    day = ["--minutes", "1440", "--start", "2026-01-05T00:00:00Z", "--rate", "2", "--seed", "5"]
    given = ["--out", str(out), "--frauds", "30", "--fraud-labels", str(labels), *day]
    assert simulated(*given) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    known = read_labels(labels, UTC)
    assert known.rejected == 0
    assert known.by_id.keys() == {row["transaction_id"] for row in rows}
    stolen = [one for one in known.by_id.values() if one.fraud]
    assert len(stolen) > 60
    assert min(one.known_ms for one in stolen) >= KNOWN_AFTER_MS


def test_words_that_do_not_go_together_are_usage_errors(tmp_path: Path) -> None:
    assert simulated("--frauds", "3") == 2
    assert simulated("--out", str(tmp_path / "t.csv"), "--fraud-labels", str(tmp_path / "l.csv")) == 2
