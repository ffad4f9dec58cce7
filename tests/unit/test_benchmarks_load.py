"""The load generator against a real server of a few lines."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import takewhile

import pytest

from benchmarks.load import Order, Pace, drive, status_of

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}"
Answer = Callable[[socket.socket], None]


def at_once(connection: socket.socket) -> None:
    connection.sendall(ACCEPTED)


@contextmanager
def server(answer: Answer = at_once) -> Iterator[tuple[int, list[bytes]]]:
    """(its port, the bodies it was sent); every connection is answered in a thread of its own."""
    bodies: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        with closing(connection), connection.makefile("rb") as reader:
            while head := list(takewhile(lambda line: line not in (b"", b"\r\n"), reader)):
                length = next(line for line in head if line.lower().startswith(b"content-length"))
                bodies.append(reader.read(int(length.partition(b":")[2])))
                answer(connection)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listener.getsockname()[1], bodies
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def order(port: int, **wanted: float) -> Order:
    return Order(port=port, token="token", **wanted)  # type: ignore[arg-type]


def test_every_transaction_ordered_is_sent_once_and_answered() -> None:
    with server() as (port, bodies):
        outcome = drive(order(port, first=7, requests=100, connections=5))
    assert sorted(json.loads(body)["transaction_id"] for body in bodies) == [
        f"order-{number:012d}" for number in range(7, 107)
    ]
    assert (outcome.accepted, outcome.statuses, len(outcome.due)) == (100, {202: 100}, 100)


def test_a_batch_holds_as_many_transactions_as_ordered_and_no_id_twice() -> None:
    with server() as (port, bodies):
        outcome = drive(order(port, requests=4, rows=50, connections=2))
    ids = [row["transaction_id"] for body in bodies for row in json.loads(body)["transactions"]]
    assert (len(ids), len(set(ids)), outcome.accepted) == (200, 200, 200)


def test_what_the_server_refuses_is_not_counted_as_accepted() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n")

    with server(refuse) as (port, _):
        outcome = drive(order(port, requests=3, connections=1))
    assert (outcome.accepted, outcome.statuses) == (0, {503: 3})


def test_a_paced_load_keeps_its_rate_and_counts_the_waiting_for_a_free_connection() -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(0.02)
        connection.sendall(ACCEPTED)

    with server(slowly) as (port, _):
        outcome = drive(order(port, requests=10, connections=1, rate=1_000.0))
    assert outcome.due[1] - outcome.due[0] == pytest.approx(0.001)
    assert outcome.seconds[0] >= 0.02
    assert outcome.seconds[9] >= 10 * 0.02 - 9 * 0.001


def test_a_pace_is_even_makes_up_for_lateness_and_ends_after_its_seconds() -> None:
    pace = Pace(Order(port=0, token="token", rate=2.0, seconds=2.0), now=100.0)
    assert (pace.due(100.0), pace.due(100.0), pace.wait(100.25)) == (100.0, None, 0.25)
    assert (pace.due(101.25), pace.due(101.25), pace.due(101.25)) == (100.5, 101.0, None)
    assert (pace.over(101.9), pace.over(102.0), pace.due(102.0)) == (False, True, None)


def test_a_pace_without_a_rate_is_always_due_until_all_are_sent() -> None:
    pace = Pace(Order(port=0, token="token", requests=2), now=100.0)
    assert [pace.due(100.1), pace.due(100.2), pace.due(100.3)] == [100.1, 100.2, None]
    assert pace.over(100.3)


def test_a_server_that_hangs_up_ends_the_load_with_an_error() -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    with server(hang_up) as (port, _), pytest.raises(ConnectionError):
        drive(order(port, requests=1, connections=1))


@pytest.mark.parametrize("cut", range(len(ACCEPTED)))
def test_an_answer_has_a_status_only_when_it_is_whole(cut: int) -> None:
    assert status_of(ACCEPTED[:cut]) is None
    assert status_of(ACCEPTED) == 202
