"""The client waits when asked to, says clearly what is wrong, and never tells the token."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from guardian.domain.errors import (
    Conflict,
    Forbidden,
    GuardianError,
    Invalid,
    Misconfigured,
    Refused,
    Unauthenticated,
    Unavailable,
)
from guardian.entrypoints.client import Access, GuardianClient, local_access

ROW = {"status": "approved", "amount": "1", "merchant_id": "M1"}


def client_of(answer: Callable[[httpx2.Request], httpx2.Response], waits: list[float]) -> GuardianClient:
    return GuardianClient("http://guardian.test/", "s3cret", httpx2.MockTransport(answer), waits.append)


def script(*answers: httpx2.Response | Exception) -> Callable[[httpx2.Request], httpx2.Response]:
    left: Iterator[httpx2.Response | Exception] = iter(answers)

    def answer(_: httpx2.Request) -> httpx2.Response:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    return answer


def accepted(count: int = 1) -> httpx2.Response:
    return httpx2.Response(202, json={"accepted": count, "rejected": []})


def test_rows_go_as_lines_with_their_source_and_token() -> None:
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        errors = [{"pointer": "/amount", "code": "range", "detail": "Too much."}]
        rejected = [{"index": 1, "errors": errors}, {"index": 2, "errors": []}]
        return httpx2.Response(202, json={"accepted": 1, "rejected": rejected})

    taken = client_of(answer, []).post_transactions([ROW] * 3, "shop")
    assert taken.accepted == 1
    assert taken.rejected == [(1, "amount: Too much."), (2, "Refused.")]
    assert seen[0].content.count(b'"source":"shop"') == 3
    assert seen[0].headers["content-type"] == "application/x-ndjson"
    assert seen[0].headers["authorization"] == "Bearer s3cret"
    assert str(seen[0].url) == "http://guardian.test/transactions/batch"


def test_it_waits_as_long_as_it_is_asked_to_within_bounds() -> None:
    waits: list[float] = []
    busy = [httpx2.Response(429, headers={"retry-after": one}) for one in ("3", "9999", "soon")]
    client = client_of(script(*busy, httpx2.Response(503), accepted(7)), waits)
    assert client.post_counts([]) == 7
    assert waits == [3.0, 30.0, 2.0, 4.0]


def test_it_gives_up_when_the_system_stays_busy() -> None:
    waits: list[float] = []
    client = client_of(lambda _: httpx2.Response(503, headers={"retry-after": "1"}), waits)
    with pytest.raises(Unavailable, match="too much to do"):
        client.post_counts([])
    assert len(waits) == 9


def test_a_system_that_never_answered_is_reported_at_once() -> None:
    waits: list[float] = []
    client = client_of(script(httpx2.ConnectError("refused")), waits)
    with pytest.raises(
        Unavailable, match=r"does not answer at http://guardian.test. Start it with: guardian up"
    ):
        client.post_counts([])
    assert waits == []


def test_a_system_that_restarts_is_waited_for() -> None:
    waits: list[float] = []
    client = client_of(
        script(accepted(), httpx2.ReadError("gone"), httpx2.ConnectError("no"), accepted(2)), waits
    )
    client.post_counts([])
    assert client.post_counts([]) == 2
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Unauthenticated),
        (403, Forbidden),
        (409, Conflict),
        (413, Refused),
        (422, Invalid),
        (500, Unavailable),
        (200, Unavailable),
    ],
)
def test_every_status_becomes_the_error_that_says_what_to_do(status: int, kind: type[GuardianError]) -> None:
    client = client_of(lambda _: httpx2.Response(status, content=b"<html>"), [])
    with pytest.raises(kind) as caught:
        client.post_transactions([ROW], "shop")
    assert "s3cret" not in str(caught.value)


def test_the_words_of_a_problem_document_are_passed_on() -> None:
    client = client_of(lambda _: httpx2.Response(409, json={"detail": "Sends counts."}), [])
    with pytest.raises(Conflict, match="Sends counts"):
        client.post_transactions([ROW], "shop")


@pytest.mark.parametrize(
    "url", ["http://guardian.test:port", "guardian.test", "ftp://guardian.test", "http://", ""]
)
def test_an_address_of_no_form_is_refused(url: str) -> None:
    with pytest.raises(Misconfigured, match="address"):
        GuardianClient(url, "s3cret")


@pytest.mark.parametrize("token", ["s3crét", "s3cr\net", "", "s3c ret"])
def test_a_token_of_no_form_is_refused_and_not_told(token: str) -> None:
    with pytest.raises(Misconfigured, match="token") as caught:
        GuardianClient("http://guardian.test", token)
    assert "s3c" not in str(caught.value)


def test_the_access_of_this_machine_is_read_from_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "access.json").write_text('{"url":"http://127.0.0.1:1","token":"t","demo":true,"pid":3}')
    assert local_access(tmp_path) == Access("http://127.0.0.1:1", "t", demo=True)


def test_without_a_running_system_it_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="guardian up"):
        local_access(tmp_path)
    (tmp_path / "access.json").write_text("{")
    with pytest.raises(Misconfigured, match="damaged"):
        local_access(tmp_path)
