"""The real processes: an outage at the door becomes a signed message and live events."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from alerting_samples import SECRET, Receiver, receiver
from guardian.domain.clock import MINUTE_MS, SystemClock, floor_minute
from installation import minute_of, verified
from running import Running, running, until

HISTORY_MIN, OUTAGE_MIN = 90, 6
pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]


@pytest.fixture
def told() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


class Listener:
    """One who listens to /stream, in a thread, until the line is closed."""

    def __init__(self, system: Running, last_event_id: str | None = None) -> None:
        self.events: list[tuple[str, str, str]] = []
        self._headers = system.headers() | ({"last-event-id": last_event_id} if last_event_id else {})
        self._url = f"{system.url}/stream"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def heard(self, kind: str) -> list[tuple[str, str]]:
        """Id and data of every event of that kind."""
        return [(event_id, data) for event_id, name, data in self.events if name == kind]

    def _listen(self) -> None:
        frame: dict[str, str] = {}
        with httpx2.stream("GET", self._url, headers=self._headers, timeout=60) as answer:
            for line in answer.iter_lines():
                if self._stop.is_set():
                    return
                if line:
                    name, _, value = line.partition(": ")
                    frame[name] = value
                elif frame:
                    self.events.append((frame.get("id", ""), frame.get("event", ""), frame.get("data", "")))
                    frame = {}


def test_an_outage_becomes_one_signed_message_and_live_events(tmp_path: Path, told: Receiver) -> None:
    now_ms = floor_minute(SystemClock().now_ms())
    until_ms = now_ms - OUTAGE_MIN * MINUTE_MS
    history = range(until_ms - HISTORY_MIN * MINUTE_MS, until_ms, MINUTE_MS)
    rows = [row for minute_ms in history for row in minute_of(minute_ms)]
    settings = {
        "GUARDIAN_ALERTING__WEBHOOK_URL": told.url,
        "GUARDIAN_ALERTING__WEBHOOK_SECRET": SECRET,
        "GUARDIAN_ALERTING__ALLOW_PRIVATE": "true",
    }
    told.will_answer(500)
    with running(tmp_path, **settings) as system:
        with Listener(system) as listener:
            until(lambda: bool(listener.events), "the stream to begin")
            assert system.ask("POST", "/transactions/batch", json={"transactions": rows}).status_code == 202
            until(lambda: bool(told.received), "the first attempt")
            told.will_answer(204)
            until(lambda: len(told.received) == 2, "the second attempt")
            for kind in ("anomaly", "alert", "incident", "stats"):
                until(lambda: bool(listener.heard(kind)), f"an event of the kind {kind}")  # noqa: B023
        first, second = map(verified, told.received)
        assert first == second
        assert first["type"] == "incident.opened"
        assert told.received[0].headers["webhook-id"] == told.received[1].headers["webhook-id"]
        (incident,) = system.ask("GET", "/incidents").json()["items"]
        assert incident["id"] == first["data"]["incident_id"]
        anomaly, alert = listener.heard("anomaly")[0], listener.heard("alert")[0]
        with Listener(system, last_event_id=anomaly[0]) as again:
            until(lambda: bool(again.heard("alert")), "what followed to be told again")
        assert again.heard("alert")[0] == alert
        assert anomaly not in again.heard("anomaly")
        row = {"transaction_id": "waited", "merchant_id": "m1", "status": "approved", "amount": "1"}
        waited = system.ask("POST", "/transaction", json=row, headers={"prefer": "wait=10"})
        assert waited.status_code == 200
        assert waited.json()["transaction_id"] == "waited"
