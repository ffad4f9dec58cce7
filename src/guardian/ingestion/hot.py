"""The fast path: a raw ASGI function in front of the application for the two ingest routes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from guardian.bus.base import TRANSACTIONS, Bus, Message
from guardian.domain.errors import (
    Forbidden,
    GuardianError,
    Refused,
    Unavailable,
    UnsupportedMedia,
)
from guardian.domain.transaction import Transaction
from guardian.ingestion.accept import Accepted, Acceptor
from guardian.ingestion.bodies import Bodies
from guardian.ingestion.outbox import Outbox
from guardian.observability.traces import child_of
from guardian.security.guard import Guard
from guardian.security.problems import render

Wait = Callable[[Transaction, float], Awaitable[bytes | None]]
Observe = Callable[[str, int, float], None]

SINGLE_BYTES = 64 << 10
BATCH_BYTES = 16 << 20
BACKLOG_BYTES = 64 << 20
LONGEST_WAIT_S = 10.0
_JSON = (b"content-type", b"application/json")
_encoder = msgspec.json.Encoder()


class Ingest:
    """Answers POST /transaction and POST /transactions/batch; passes everything else on."""

    def __init__(self, inner: ASGIApp, acceptor: Acceptor, bus: Bus, guard: Guard, bodies: Bodies) -> None:
        self._inner = inner
        self._bodies = bodies
        self._acceptor = acceptor
        self._bus = bus
        self._outbox = Outbox(bus, TRANSACTIONS)
        self._guard = guard
        self._wait: Wait | None = None
        self._observe: Observe = lambda _route, _status, _seconds: None
        self._admit: Callable[[], None] = lambda: None
        self._refused: Callable[[str], None] = lambda _code: None

    def hooks(
        self, wait: Wait, observe: Observe, admit: Callable[[], None], refused: Callable[[str], None]
    ) -> None:
        """`wait` finds a verdict in time, `admit` raises when overloaded; the others count."""
        self._wait, self._observe, self._admit, self._refused = wait, observe, admit, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path")
        if scope["type"] != "http" or path not in _ROUTES or scope["method"] != "POST":
            await self._inner(scope, receive, send)
            return
        started = asyncio.get_running_loop().time()
        headers: list[tuple[bytes, bytes]] = []
        try:
            status, body = await self._answer(path, dict(scope["headers"]), receive)
        except GuardianError as error:
            self._refused(_code_of(error))
            status, extra, body = render(error, None)
            headers = [(name.lower().encode(), value.encode()) for name, value in extra.items()]
        if not any(name == b"content-type" for name, _ in headers):
            headers.append(_JSON)
        headers.append((b"content-length", b"%d" % len(body)))
        self._observe(path, status, asyncio.get_running_loop().time() - started)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, path: str, headers: dict[bytes, bytes], receive: Receive) -> tuple[int, bytes]:
        if not self._guard.principal_of_bearer(headers.get(b"authorization", b"")).allows("write"):
            raise Forbidden("This needs the scope write.")
        single = path == "/transaction"
        kind = headers.get(b"content-type", b"application/json").partition(b";")[0].strip().lower()
        lines = not single and kind in _LINES
        if not lines and kind != b"application/json":
            raise UnsupportedMedia("Expected application/json" + ("." if single else " or NDJSON."))
        self._admit()
        self._refuse_backlog()
        body = await self._bodies.read(headers, receive, SINGLE_BYTES if single else BATCH_BYTES)
        self._refuse_backlog()  # many were let in before the first of them had come whole
        traced = headers.get(b"traceparent")
        if single:
            transaction = self._acceptor.one(body)
            await self._publish([transaction], traced)
            return await self._single_answer(transaction, headers.get(b"prefer"))
        accepted = self._acceptor.many(body, lines)
        for one in accepted.rejected:
            self._refused(one.errors[0]["code"])
        if accepted.transactions:
            await self._publish(accepted.transactions, traced)
        return 202, _batch_answer(accepted)

    def _refuse_backlog(self) -> None:
        """Raises Unavailable while the disk lags behind."""
        if self._bus.backlog_bytes(TRANSACTIONS) + self._outbox.pending_bytes > BACKLOG_BYTES:
            raise Unavailable("More is arriving than the disk can take.")

    async def _publish(self, transactions: Sequence[Transaction], traced: bytes | None) -> None:
        """Wait until they are durable. Raises Unavailable."""
        header = child_of(traced) if traced else None
        encode = _encoder.encode
        await self._outbox.publish([Message(one.merchant_id, encode(one), header) for one in transactions])

    async def _single_answer(self, transaction: Transaction, prefer: bytes | None) -> tuple[int, bytes]:
        seconds = preferred_wait(prefer)
        if seconds and self._wait is not None:
            verdict = None
            with suppress(GuardianError):  # it is durable, whatever becomes of the wait
                verdict = await self._wait(transaction, seconds)
            if verdict is not None:
                return 200, verdict
        return 202, _encoder.encode({"status": "queued", "transaction_id": transaction.transaction_id})


def _code_of(error: GuardianError) -> str:
    """What kind of refusal it is: the code of its first field, else the name of the error; never input."""
    if isinstance(error, Refused) and error.errors:
        return error.errors[0]["code"]
    return type(error).__name__.lower()


_ROUTES = frozenset({"/transaction", "/transactions/batch"})
_LINES = frozenset({b"application/x-ndjson", b"application/ndjson", b"application/jsonl"})


def preferred_wait(prefer: bytes | None) -> float:
    """Seconds of `Prefer: wait=…` (RFC 7240), 0 without one, at most ten."""
    for part in prefer.split(b",") if prefer else ():
        name, _, value = part.strip().partition(b"=")
        if name == b"wait":
            try:
                seconds = float(value)
            except ValueError:
                return 0.0
            return min(seconds, LONGEST_WAIT_S) if seconds > 0 else 0.0
    return 0.0


def _batch_answer(accepted: Accepted) -> bytes:
    return _encoder.encode({"accepted": len(accepted.transactions), "rejected": accepted.rejected})
