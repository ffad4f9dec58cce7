"""HTTP/1.1 as uvicorn speaks it, with bounds on who only keeps a connection, and problem documents."""

import asyncio
from collections.abc import Iterable
from http import HTTPStatus

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from guardian.observability.traces import new_trace_id
from guardian.security.problems import document

SWEEP_S = 1.0


class BoundedProtocol(HttpToolsProtocol):
    """A request must be here whole within `patience_s`, its head within `head_bytes`.

    Beyond `crowd` connections each new one is told to come back; uvicorn's own limit does so without
    Retry-After, and it bounds neither the head of a request nor the time that one may take.
    """

    patience_s = 30.0
    head_bytes = 64 << 10
    crowd = 2_000

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._waiting_since: float | None = self.loop.time()
        self._head = 0
        self._in_head = False
        if len(self.connections) > self.crowd:
            self.app = crowded

    def data_received(self, data: bytes) -> None:
        if self._waiting_since is None:
            self._waiting_since = self.loop.time()
        super().data_received(data)
        if self._in_head:
            self._head += len(data)
            if self._head > self.head_bytes:
                self._refuse(
                    431, "Request too large", f"The head of a request has at most {self.head_bytes} bytes."
                )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._waiting_since = self._waiting_since or self.loop.time()
        self._in_head, self._head = True, 0

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._waiting_since = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        del msg
        self._refuse(400, "Unreadable request", "This is not a request of HTTP/1.1.")

    def leave_when_late(self, now: float) -> None:
        """Close the connection when its request has not come whole in time."""
        if self._waiting_since is None or now - self._waiting_since < self.patience_s:
            return
        if self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete:
            self.transport.close()
        else:
            self._refuse(408, "Request timeout", "The request came too slowly.")

    def _refuse(self, status: int, title: str, detail: str) -> None:
        """Answer for the application and close."""
        if self.transport.is_closing():
            return
        _, headers, body = document(status, title, detail, new_trace_id())
        lines = [f"{name}: {value}\r\n".encode() for name, value in headers.items()]
        rest = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
        self.transport.write(b"".join([first, *lines, rest, body]))
        self.transport.close()


async def crowded(scope: Scope, receive: Receive, send: Send) -> None:
    """503 for a connection that is one too many."""
    del receive
    if scope["type"] != "http":
        return
    status, headers, body = document(
        503,
        "Try again later",
        "Too many are connected already.",
        new_trace_id(),
        headers={"Retry-After": "2", "Connection": "close"},
    )
    headers = headers | {"Content-Length": str(len(body))}
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def sweep(connections: Iterable[asyncio.Protocol]) -> None:
    """Close late connections, for ever."""
    while True:
        await asyncio.sleep(SWEEP_S)
        now = asyncio.get_running_loop().time()
        for connection in list(connections):
            if isinstance(connection, BoundedProtocol):
                connection.leave_when_late(now)
