"""Connections that only cost: real sockets against the server that the door runs on."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from guardian.domain.errors import GuardianError
from guardian.entrypoints.protocol import BoundedProtocol, sweep
from guardian.ingestion.bodies import Bodies
from guardian.security.problems import render

BODY_LIMIT, ALL_BODIES = 1 << 20, 3 << 20


class Impatient(BoundedProtocol):
    patience_s = 0.5
    crowd = 8


class App:
    """Reads a body within its limits and says how long it was."""

    def __init__(self) -> None:
        self.bodies = Bodies(ALL_BODIES)
        self.lengths: list[int] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self.bodies.read(dict(scope["headers"]), receive, BODY_LIMIT)
        except GuardianError as error:
            status, headers, answer = render(error, None)
        else:
            self.lengths.append(len(body))
            status, headers, answer = 200, {}, b"%d" % len(body)
        headers = headers | {"content-length": str(len(answer))}
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})


class Running:
    """The server on a free port of this machine, in a thread."""

    def __init__(self) -> None:
        self.app = App()
        self._listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(self.app, http=Impatient, ws="none", lifespan="off", log_config=None)
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()

    async def _serve(self) -> None:
        sweeping = asyncio.create_task(sweep(self._server.server_state.connections))
        await self._server.serve([self._listening])
        sweeping.cancel()

    def connect(self) -> socket.socket:
        return socket.create_connection(self._listening.getsockname(), timeout=10)

    def ask(self, *pieces: bytes) -> bytes:
        """What came back until the connection was closed."""
        with self.connect() as client:
            for piece in pieces:
                try:
                    client.sendall(piece)
                except OSError:
                    break  # refused before all was sent
            return read_all(client)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)


def read_all(client: socket.socket) -> bytes:
    answer = b""
    try:
        while piece := client.recv(65_536):
            answer += piece
    except ConnectionResetError:
        pass
    return answer


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    running = Running()
    yield running
    running.close()


def problem_of(answer: bytes) -> tuple[int, dict[str, str]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head.lower()
    return int(head.split()[1]), json.loads(body)


LATE = {
    "a connection that says nothing": (),
    "a line that never ends": (b"GET /",),
    "a head that never ends": (b"GET / HTTP/1.1\r\nhost: x\r\nx: ",),
    "blank lines": (b"\r\n\r\n\r\n",),
    "a body that never comes": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n",),
    "a body that stops": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n", b"12"),
    "a chunk that stops": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"5\r\n12"),
}


@pytest.mark.parametrize("name", LATE)
def test_who_only_keeps_a_connection_loses_it(server: Running, name: str) -> None:
    started = time.monotonic()
    before = len(server.app.lengths)
    status, problem = problem_of(server.ask(*LATE[name]))
    assert (status, problem["title"]) == (408, "Request timeout")
    assert time.monotonic() - started < 5
    assert len(server.app.lengths) == before


BROKEN = {
    "no HTTP": b"hello\r\n\r\n",
    "a made-up method": b"4111111111111111 / HTTP/1.1\r\nhost: x\r\n\r\n",
    "a negative length": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
    "a length of letters": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4111111111111111x\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
    "a length and chunks": (
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a broken chunk": b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    "a NUL in a name": b"GET / HTTP/1.1\r\nx\x00y: 1\r\n\r\n",
    "a blank in the path": b"GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
    "a hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 50,
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_request_is_a_problem_document_that_repeats_nothing(server: Running, name: str) -> None:
    answer = server.ask(BROKEN[name])
    assert problem_of(answer)[0] == 400
    assert b"4111" not in answer


HEADS = {
    "one long line": [b"x: " + b"a" * (4 << 20) + b"\r\n"],
    "many lines": [b"a: b\r\n" * 10_000] * 100,
}


@pytest.mark.parametrize("name", HEADS)
def test_a_head_without_measure_is_refused(server: Running, name: str) -> None:
    answer = server.ask(b"GET / HTTP/1.1\r\nhost: x\r\n", *HEADS[name])
    assert not answer or problem_of(answer)[0] == 431  # reset when it still sends


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "in chunks"])
def test_a_body_beyond_its_limit_is_refused_early(server: Running, announced: bool) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
    if announced:
        answer = server.ask(head + b"content-length: 104857600\r\n\r\n")
    else:
        chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        answer = server.ask(head + b"transfer-encoding: chunked\r\n\r\n", *[chunk] * 20)
    assert problem_of(answer)[0] == 413


def test_all_bodies_on_their_way_have_a_bound_together_and_it_is_given_back(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\n"
    clients = [server.connect() for _ in range(4)]
    for client in clients:
        client.sendall(head + b"x" * 999_999)
    answers = [read_all(client) for client in clients]
    for client in clients:
        client.close()
    refused = [one for one in answers if b"503" in one.split(b"\r\n")[0]]
    assert refused
    assert all(b"retry-after: 2" in one.lower() for one in refused)
    assert server.ask(head + b"x" * 1_000_000).endswith(b"1000000")


def test_one_connection_too_many_is_told_when_to_come_back(server: Running) -> None:
    others = [server.connect() for _ in range(Impatient.crowd)]
    answer = server.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    for other in others:
        other.close()
    assert problem_of(answer)[0] == 503
    assert b"retry-after: 2" in answer.lower()


def test_old_and_pipelined_requests_are_still_answered_in_order(server: Running) -> None:
    assert server.ask(b"GET / HTTP/1.0\r\n\r\n").endswith(b"0")
    one = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n%s\r\n%s"
    answer = server.ask(
        one % (1, b"", b"x") + one % (2, b"", b"xx") + one % (3, b"connection: close\r\n", b"xxx")
    )
    bodies = [part.split(b"HTTP")[0] for part in answer.split(b"\r\n\r\n")[1:]]
    assert bodies == [b"1", b"2", b"3"]
