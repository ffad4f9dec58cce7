"""What goes with a transaction from the door to its verdict, and what happens when things go wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from guardian.bus.base import COUNTS, TRANSACTIONS, VERDICTS, Headers, dead_letters_of
from guardian.domain.clock import floor_minute, iso
from guardian.observability.traces import trace_id_of
from installation import Installation

ROW = {"status": "approved", "amount": "10.50", "merchant_id": "m1"}
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def guardian(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path)
    yield installation
    installation.close()


def carried(guardian: Installation, topic: str) -> list[Headers]:
    """The headers of everything a topic holds."""
    batch = guardian.parts.bus.subscribe(topic, "").take(1_000, 0.05)
    return [] if batch is None else [batch.headers.get(at, {}) for at in range(len(batch.values))]


@contextmanager
def working(guardian: Installation) -> Iterator[None]:
    """The stages at work in a thread, as beside a real door."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.01):
            guardian.work()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_the_trace_of_a_request_is_carried_to_the_verdict(guardian: Installation) -> None:
    rows = [ROW | {"card_token": "the-same-card"} for _ in range(12)]  # enough for the rule of velocity
    for row in rows[:-1]:
        assert guardian.ask("POST", "/transaction", "machine", json=row).status_code == 202
    guardian.work()
    before = len(carried(guardian, VERDICTS))
    guardian.ask("POST", "/transaction", "machine", json=rows[-1], headers=TRACED)
    guardian.work()
    assert carried(guardian, TRANSACTIONS)[0] == {}
    for topic in (TRANSACTIONS, VERDICTS):
        traceparent = carried(guardian, topic)[-1]["traceparent"]
        assert trace_id_of(traceparent.encode()) == TRACE
        assert traceparent != TRACED["traceparent"]
    assert len(carried(guardian, VERDICTS)) == before + 1


def test_the_trace_of_counts_is_carried_too(guardian: Installation) -> None:
    minute = iso(floor_minute(guardian.parts.clock.now_ms()))
    counts = {"minute": minute, "by": "status", "counts": {"approved": 3}, "source": "counter"}
    guardian.ask("POST", "/counts", "machine", json=counts, headers=TRACED)
    assert [trace_id_of(one["traceparent"].encode()) for one in carried(guardian, COUNTS)] == [TRACE]


def test_who_prefers_to_wait_gets_the_verdict_of_his_own_transaction(guardian: Installation) -> None:
    wait = {"prefer": "wait=10"}
    row = ROW | {"transaction_id": "shared"}
    with working(guardian):
        first = guardian.ask("POST", "/transaction", "machine", json=row, headers=wait)
        other = guardian.ask(
            "POST", "/transaction", "machine", json=row | {"merchant_id": "m2"}, headers=wait
        )
    assert (first.status_code, other.status_code) == (200, 200)
    assert (first.json()["merchant_id"], other.json()["merchant_id"]) == ("m1", "m2")
    assert first.json()["alert_level"] == "NORMAL"


def test_who_waits_in_vain_is_told_that_it_is_queued(guardian: Installation) -> None:
    answer = guardian.ask("POST", "/transaction", "machine", json=ROW, headers={"prefer": "wait=0.1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")


def test_an_id_sent_again_after_a_restart_counts_once_without_a_time_too(tmp_path: Path) -> None:
    row = ROW | {"transaction_id": "twice"}
    for _ in range(2):
        guardian = Installation(tmp_path)
        assert guardian.ask("POST", "/transaction", "machine", json=row).status_code == 202
        guardian.work()
        total = guardian.ask("GET", "/stats").json()["total_transactions"]
        found = guardian.items("/transactions")
        guardian.close()
    assert (total, [one["transaction_id"] for one in found]) == (1, ["twice"])


@pytest.mark.parametrize(("first", "topic"), [("counts", TRANSACTIONS), ("transactions", COUNTS)])
def test_both_kinds_of_one_source_at_once_park_the_later_one_and_stop_nothing(
    guardian: Installation, first: str, topic: str
) -> None:
    def send(kind: str) -> None:
        minute = iso(floor_minute(guardian.parts.clock.now_ms()))
        body: dict[str, Any] = ROW | {"source": "both"}
        if kind == "counts":
            body = {"minute": minute, "by": "status", "counts": {"approved": 3}, "source": "both"}
        path = "/counts" if kind == "counts" else "/transaction"
        assert guardian.ask("POST", path, "machine", json=body).status_code == 202

    later = "transactions" if first == "counts" else "counts"
    send(first)
    guardian.work()
    send(later)  # the door looks once a second and does not know yet
    send(later)
    guardian.ask("POST", "/transaction", "machine", json=ROW | {"transaction_id": "after"})
    guardian.work()
    assert guardian.ask("GET", "/transaction/after").status_code == 200
    assert [one["reason"] for one in carried(guardian, dead_letters_of(topic))] == [
        f"its source sends {first}"
    ] * 2
    guardian.door.tower.look()
    assert guardian.door.tower.lag == 0


def test_a_nearly_full_disk_refuses_what_is_new_and_goes_on_reading(tmp_path: Path) -> None:
    guardian = Installation(tmp_path)
    guardian.ask("POST", "/transaction", "machine", json=ROW | {"transaction_id": "kept"})
    guardian.work()
    guardian.close()
    full = Installation(tmp_path, ingestion={"free_disk_mb": 1 << 40})
    full.door.tower.look()
    minute = iso(floor_minute(full.parts.clock.now_ms()))
    bodies = {
        "/transaction": ROW,
        "/transactions/batch": {"transactions": [ROW]},
        "/counts": {"minute": minute, "by": "status", "counts": {}, "source": "counter"},
    }
    for path, body in bodies.items():
        refused = full.ask("POST", path, "machine", json=body)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.headers["content-type"] == "application/problem+json"
    assert full.ask("GET", "/transaction/kept").status_code == 200
    assert full.ask("GET", "/ready", None).status_code == 503
    full.close()
