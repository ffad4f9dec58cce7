"""Anomalies, alerts and a receiver that the tests of alerts and incidents share."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec

from guardian.alerting.policy import FoldedAlert, opened
from guardian.domain.anomaly import Anomaly, Answer, Finding
from guardian.domain.clock import MINUTE_MS, from_iso
from guardian.domain.errors import Refused
from guardian.domain.verdict import AlertLevel

NOW = from_iso("2026-03-01T12:00:00Z")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def anomaly(name: str, **changes: Any) -> Anomaly:
    base = Anomaly(
        anomaly_id=name,
        source="live",
        series="denied",
        status="denied",
        minute_ms=NOW,
        start_ms=NOW - 5 * MINUTE_MS,
        level=AlertLevel.WARNING,
        paged=True,
        score=1.5,
        observed=41.0,
        expected=19.0,
        low=9.0,
        high=29.0,
        direction="up",
        window_minutes=5,
        reasons=("denied: 41 a minute over 5 minutes, usual 9–29.",),
    )
    return msgspec.structs.replace(base, **changes)


def answered(at_ms: int, finding: Finding | None = Finding.FALSE, **changes: Any) -> Anomaly:
    """A page of that minute that is over, and what a person found it to be."""
    answer = None if finding is None else Answer(finding, "ana", at_ms)
    ended = {"minute_ms": at_ms, "start_ms": at_ms, "over_ms": at_ms + MINUTE_MS, "answer": answer}
    return anomaly(f"page-{at_ms}", **{**ended, **changes})


def over(ended: Anomaly) -> Anomaly:
    return msgspec.structs.replace(ended, over_ms=ended.minute_ms + 9 * MINUTE_MS)


def alert(name: str, now_ms: int = NOW, **changes: Any) -> FoldedAlert:
    return opened(anomaly(name, series=name, **changes), now_ms)


class Received(msgspec.Struct, frozen=True):
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A webhook receiver on loopback that answers with `status` and remembers what came."""

    def __init__(self, url: str, received: list[Received], answers: dict[str, int]) -> None:
        self.url = url
        self.received = received
        self.answers = answers

    def will_answer(self, status: int) -> None:
        self.answers["status"] = status


@contextmanager
def receiver() -> Iterator[Receiver]:
    received: list[Received] = []
    answers = {"status": 204}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.append(Received(self.path, headers, body))
            self.send_response(answers["status"])
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_port}/hook", received, answers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(_: object, error: Exception) -> Any:
    from fastapi.responses import JSONResponse

    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.detail}, error.status)
