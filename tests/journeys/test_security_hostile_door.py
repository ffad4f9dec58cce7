"""The door under attack: each answer is a problem document that repeats nothing."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from guardian.bootstrap import entrance
from guardian.bus.base import COUNTS, TRANSACTIONS
from guardian.domain.clock import DAY_MS, floor_minute, iso
from guardian.observability.logs import configure
from guardian.security.identity import ROLES, Principal
from guardian.security.tokens import API, Tokens, load_or_create_key
from installation import Installation
from journeys.test_door_journey import GOOD

PAN = "4111111111111111"
FIELDS = (
    "status", "amount", "merchant_id", "currency", "timestamp", "transaction_id", "auth_code", "card_bin",
    "card_token", "user_id", "acquirer", "issuer", "mcc", "merchant_type", "country", "original_id", "source",
)  # fmt: skip
DRESSES = (
    PAN, "4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111", "4111_1111_1111_1111",
    "4111:1111:1111:1111", "4111  1111 / 1111, 1111", "4111\t1111\n1111|1111", f"card {PAN}, please",
    "4111\u22121111\u22121111\u22121111", "4111\u200b1111\u200b1111\u200b1111", " ".join(PAN),
    "\u0664" + "\u0661" * 15, "\uff14" + "\uff11" * 15,
)  # fmt: skip
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    found = Installation(tmp_path_factory.mktemp("hostile"))
    yield found
    found.close()


@pytest.fixture
def door(installation: Installation) -> Iterator[Installation]:
    """A door at which nothing of what is sent may be kept."""
    bus = installation.parts.bus
    readers = [bus.subscribe(topic, "", from_start=False) for topic in (TRANSACTIONS, COUNTS)]
    yield installation
    kept = [reader.take(10, 0.0) for reader in readers]
    for reader in readers:
        reader.close()
    assert kept == [None, None]


def refused(answer: httpx2.Response, status: int, *sent: str) -> dict[str, Any]:
    """The problem document, which says none of what was sent."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.text + repr(answer.headers)
    assert not [one for one in sent if one in told]
    problem: dict[str, Any] = answer.json()
    return problem


def post(door: Installation, path: str, body: bytes | str, **headers: str) -> httpx2.Response:
    return door.ask("POST", path, content=body, headers=JSON | headers)


def row(**changes: Any) -> str:
    return json.dumps(GOOD | changes)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("dress", DRESSES, ids=ascii)
def test_a_card_number_is_refused_in_every_field_and_dress(
    door: Installation, field: str, dress: str
) -> None:
    refused(post(door, "/transaction", row(**{field: dress})), 422, dress)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", [True, [], {}, ["x"], {"x": 1}], ids=repr)
def test_a_value_of_another_type_is_refused_in_every_field(
    door: Installation, field: str, value: object
) -> None:
    problem = refused(post(door, "/transaction", row(**{field: value})), 422)
    assert problem["errors"][0]["pointer"] == f"/{field}"


TEXTS = [one for one in FIELDS if one not in {"amount", "timestamp"}]


@pytest.mark.parametrize("field", TEXTS)
@pytest.mark.parametrize("sign", ["\x00", "\n", "\x1b", "\x7f", "\u202e", "\ufeff"], ids=ascii)
def test_signs_that_cannot_be_printed_are_refused_in_every_text(
    door: Installation, field: str, sign: str
) -> None:
    length = {"currency": 3, "card_bin": 6, "mcc": 4, "country": 2}.get(field, 5)
    changed = GOOD | {field: "5" * (length - 1) + sign}
    for body in (json.dumps(changed), json.dumps(changed, ensure_ascii=False)):
        refused(post(door, "/transaction", body), 422)


HUGE = "9" * 400
BODIES: dict[str, tuple[bytes | str, int]] = {
    "nothing": (b"", 400),
    "blanks": (b"  \n", 400),
    "null": (b"null", 422),
    "a list": (b"[]", 422),
    "half": (b'{"status":', 400),
    "two documents": (row() * 2, 400),
    "a byte order mark": (b"\xef\xbb\xbf" + row().encode(), 400),
    "UTF-16": (row().encode("utf-16"), 400),
    "invalid UTF-8": (b'{"status":"approved","amount":"1","merchant_id":"\xff"}', 400),
    "an overlong sign": (b'{"status":"approved","amount":"1","merchant_id":"\xc0\x80"}', 400),
    "half a surrogate": (b'{"status":"approved","amount":"1","merchant_id":"\\ud800"}', 400),
    "NUL before": (b"\x00" + row().encode(), 400),
    "deep nesting": (b"[" * 30_000, 422),
    "deep nesting in a field": (b'{"status":' + b"[" * 30_000, 422),
    "deep nesting in an unknown field": (b'{"x":' * 9_000, 422),
    "NaN": (b'{"status":"approved","merchant_id":"m","amount":NaN}', 400),
    "infinity": (b'{"status":"approved","merchant_id":"m","amount":-Infinity}', 400),
    "an exponent": (b'{"status":"approved","merchant_id":"m","amount":1e999}', 422),
    "a huge whole number": (f'{{"status":"approved","merchant_id":"m","amount":{HUGE}}}', 422),
    "a huge text of digits": (row(amount=HUGE), 422),
    "digits of another alphabet": (row(amount="١٠"), 422),
    "wide digits": (row(card_bin="４１１１１１"), 422),
    "superscript": (row(auth_code="5²"), 422),
    "a card number as a name": (json.dumps(GOOD | {PAN: 1}), 422),
    "an unknown field": (row(hunter2="x"), 422),
    "a leap second": (row(timestamp="2016-12-31T23:59:60Z"), 422),
    "a day that is none": (row(timestamp="2026-02-30T00:00:00Z"), 422),
    "a time without a zone": (row(timestamp="2026-11-25T03:50:00"), 422),
    "an impossible zone": (row(timestamp="2026-11-25T03:50:00+25:00"), 422),
    "a time as a number": (row(timestamp=1_763_985_600), 422),
    "a time before all": (row(timestamp="0001-01-01T00:00:00+14:00", source="file"), 422),
    "a time after all": (row(timestamp="9999-12-31T23:59:59-14:00", source="file"), 422),
    "blanks for a merchant": (row(merchant_id="  "), 422),
    "blanks for a source": (row(source=" "), 422),
    "64 KB and more": (row(merchant_id="m" * 70_000), 413),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_broken_transaction_is_refused_and_not_repeated(door: Installation, name: str) -> None:
    body, status = BODIES[name]
    refused(post(door, "/transaction", body), status, PAN, "hunter2", HUGE, "9999-12-31")


@pytest.mark.parametrize("name", [name for name, (_, status) in BODIES.items() if status != 413])
def test_a_broken_row_costs_a_batch_of_lines_only_itself(installation: Installation, name: str) -> None:
    body = BODIES[name][0]
    broken = (body.encode() if isinstance(body, str) else body).replace(b"\n", b"").replace(b"\r", b"")
    lines = b"\n".join([row().encode(), broken, row().encode()])
    answer = post(installation, "/transactions/batch", lines, **{"content-type": "application/x-ndjson"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)
    assert [one["index"] for one in answer.json()["rejected"]] == [1] * bool(broken.strip())
    assert PAN not in answer.text


def test_a_number_ten_thousand_digits_long_does_not_stop_a_batch(door: Installation) -> None:
    rows = f'{{"transactions":[{{"status":"approved","merchant_id":"m","amount":{"9" * 10_000}}}]}}'
    answer = post(door, "/transactions/batch", rows)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)


NOW = "2026-11-25T03:50:00Z"
COUNT = {"minute": NOW, "by": "status", "counts": {"approved": 1}, "source": "file"}
COUNTS_BODIES: dict[str, tuple[object, int]] = {
    "a card number as a status": ({"counts": {PAN: 1}}, 422),
    "a dressed card number as a status": ({"counts": {"4111 1111 1111 1111": 1}}, 422),
    "a card number with a wrong count": ({"counts": {PAN: "x"}}, 422),
    "a long name with a card number": ({"counts": {f"{PAN}{'a' * 30}": 1}}, 422),
    "a secret as a name with a wrong count": ({"counts": {"hunter2": "x"}}, 422),
    "a card number as a source": ({"source": PAN}, 422),
    "a card number as a count": ({"counts": {"approved": int(PAN)}}, 422),
    "a card number as a minute": ({"minute": PAN}, 422),
    "a card number as a view": ({"by": PAN}, 422),
    "an unknown field": ({"hunter2": 1}, 422),
    "a control character in a status": ({"counts": {"a\nb": 1}}, 422),
    "other digits in a code": ({"by": "auth_code", "counts": {"５９": 1}}, 422),
    "a blank status": ({"counts": {" ": 1}}, 422),
    "a NUL source": ({"source": "\x00"}, 422),
    "a blank source": ({"source": " "}, 422),
    "a negative count": ({"counts": {"approved": -1}}, 422),
    "half a count": ({"counts": {"approved": 1.5}}, 422),
    "a huge count": ({"counts": {"approved": 10**400}}, 422),
    "a count as text": ({"counts": {"approved": "1"}}, 422),
    "a minute as a number": ({"minute": 1_763_985_600}, 422),
    "a minute as digits": ({"minute": "1763985600"}, 422),
    "a minute of other digits": ({"minute": NOW.replace("2", "２")}, 422),
    "half a minute": ({"minute": "2026-11-25T03:50:30Z"}, 422),
    "a minute after all": ({"minute": "9999-12-31T23:59:00-14:00"}, 422),
    "a minute before all": ({"minute": "0001-01-01T00:00:00+14:00"}, 422),
    "a thousand and one names": ({"counts": {f"s{one}": 1 for one in range(1_001)}}, 422),
    "infinity": (b'{"minute":"2026-11-25T03:50:00Z","by":"status","counts":{"a":1e999}}', 422),
    "nothing": (b"", 422),
    "half": (b"{", 400),
    "deep nesting": (b"[" * 100_000, 400),
    "invalid UTF-8": (b'{"source":"\xff"}', 400),
    "half a surrogate": (b'{"minute":"2026-11-25T03:50:00Z","by":"status","counts":{"\\ud800":1}}', 422),
}


@pytest.mark.parametrize("name", COUNTS_BODIES)
def test_broken_counts_are_refused_and_not_repeated(door: Installation, name: str) -> None:
    given, status = COUNTS_BODIES[name]
    body = given if isinstance(given, bytes) else json.dumps(COUNT | given)  # type: ignore[operator]
    problem = refused(post(door, "/counts", body), status, PAN, "hunter2", "4111 1111")
    assert "CountsIn" not in json.dumps(problem)


def test_one_bad_minute_of_a_list_keeps_all_of_it_out(door: Installation) -> None:
    refused(post(door, "/counts", json.dumps([COUNT, COUNT | {"source": PAN}])), 422, PAN)


QUERIES = (
    f"since={PAN}", f"level={PAN}", f"limit={PAN}", "limit=0", "limit=-1", "limit=1e3", "limit=５",
    f"cursor={PAN}", "cursor=%00", f"cursor={'a' * 300}", f"card_bin={PAN}", "card_bin=４１１１１１",
    f"{PAN}=1", "since=NaN", "since=1763985600", "since=2026-11-25T03:50:00",
)  # fmt: skip


@pytest.mark.parametrize(
    "address",
    [
        *(
            f"/transaction/{PAN}",
            f"/alerts/{PAN}",
            f"/incidents/{PAN}",
            f"/nowhere/{PAN}",
            f"/login?error={PAN}",
        ),
        *(f"/console/transactions?id={PAN}", "/console/transactions?merchant=4111+1111+1111+1111"),
        *(f"/console/transactions/{PAN}", f"/login/once/{PAN}", f"/console/preferences?next=/x%3F{PAN}"),
        *("/transactions?merchant=4111%2D1111%2D1111%2D1111", f"/stream?{PAN}", f"/health?x={PAN}"),
    ],
)
def test_an_address_with_a_card_number_is_not_answered_and_not_repeated(
    door: Installation, address: str
) -> None:
    refused(door.ask("GET", address), 422, PAN, "4111+1111", "4111 1111")


def test_two_short_numbers_side_by_side_are_no_card_number(door: Installation) -> None:
    assert door.ask("GET", "/transactions?card_bin=41111111&limit=11&source=111111").status_code == 200


@pytest.mark.parametrize("query", QUERIES, ids=ascii)
def test_a_wrong_query_is_refused_and_not_repeated(door: Installation, query: str) -> None:
    refused(door.ask("GET", f"/transactions?{query}"), 422, PAN)


@pytest.mark.parametrize(
    "path",
    [
        *("/anomalies", "/series", "/alerts", "/incidents", "/transactions"),
        *("/transaction/%00", "/transaction/%ff", "/transaction/%ED%A0%80", "/alerts/%00", "/incidents/%00"),
    ],
)
@pytest.mark.parametrize("query", ["source=%00", "source=%ff", "source=%ED%A0%80", "since=1e999", "%ff=1"])
def test_no_query_makes_the_system_fail(door: Installation, path: str, query: str) -> None:
    assert door.ask("GET", f"{path}?{query}").status_code in (200, 404, 422)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/health/",
            "/HEALTH",
            "/%2e/health",
            "/nowhere/x",
        ),
        *("/console/static/..%2f..%2fsettings.py", "/console/static/%00", "/docs"),
    ],
)
def test_a_path_that_is_none_is_not_found_and_leads_nowhere(door: Installation, path: str) -> None:
    answer = door.ask("GET", path, headers={"host": "evil.example"})
    refused(answer, 404)
    assert "location" not in answer.headers


def test_an_id_with_a_slash_can_be_read_again(installation: Installation) -> None:
    assert post(installation, "/transaction", row(transaction_id="a/b c%2F")).status_code == 202
    installation.work()
    assert installation.ask("GET", "/transaction/a%2Fb%20c%252F").json()["transaction_id"] == "a/b c%2F"


def test_an_import_may_be_old_but_not_of_another_century(installation: Installation) -> None:
    now_ms = installation.parts.clock.now_ms()
    for at_ms, status in ((now_ms - 9_000 * DAY_MS, 202), (now_ms + 367 * DAY_MS, 422)):
        body = row(source="old", timestamp=iso(at_ms))
        assert post(installation, "/transaction", body).status_code == status
        minute = COUNT | {"source": "counted", "minute": iso(floor_minute(at_ms))}
        assert post(installation, "/counts", json.dumps(minute)).status_code == status


@pytest.mark.parametrize("kind", ["text/plain", "text/csv", "multipart/form-data", f"application/{PAN}", ""])
@pytest.mark.parametrize("path", ["/transaction", "/transactions/batch"])
def test_another_content_type_is_refused(door: Installation, path: str, kind: str) -> None:
    refused(post(door, path, row(), **{"content-type": kind}), 415, PAN)


def cookie_of(door: Installation, path: str) -> str:
    return door.ask("GET", path, None).headers["set-cookie"].partition(";")[0]


def test_a_session_changes_nothing_without_its_token_against_forged_requests(
    installation: Installation,
) -> None:
    code = entrance(installation.parts).users.once("ana", "admin")
    cookie = {"cookie": cookie_of(installation, f"/login/once/{code}")}
    assert installation.ask("GET", "/stats", None, headers=cookie).status_code == 200
    for path in ("/reset", "/incidents/x/acknowledge", "/logout"):
        for forged in ({}, {"x-csrf-token": "x"}, {"x-csrf-token": "\u00e9"}):
            raw = {name: value.encode("latin-1") for name, value in (cookie | forged).items()}
            refused(installation.ask("POST", path, None, headers=raw), 403)
    page = installation.ask("POST", "/console/incidents/x/acknowledge", None, headers=cookie)
    assert page.status_code == 403
    api = {"authorization": "Bearer " + cookie["cookie"].partition("=")[2]}
    refused(installation.ask("GET", "/stats", None, headers=api), 401)


def forged(token: str, head: dict[str, Any], **claims: Any) -> str:
    """The token with another head and other claims under the old signature."""
    first, second, signature = token.split(".")
    parts = [
        json.loads(base64.urlsafe_b64decode(part + "==")) | change
        for part, change in ((first, head), (second, claims))
    ]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, signature])


TOKENS: dict[str, Callable[[str], str]] = {
    "none": lambda token: forged(token, {"alg": "none"}).rpartition(".")[0] + ".",
    "another algorithm": lambda token: forged(token, {"alg": "HS256"}),
    "another subject": lambda token: forged(token, {}, sub="eve"),
    "more scopes": lambda token: forged(token, {}, scope="admin"),
    "a later end": lambda token: forged(token, {}, exp=1e300),
    "an unknown key": lambda token: forged(token, {"kid": "x"}),
    "a key that is a list": lambda token: forged(token, {"kid": [1]}),
    "a critical extension": lambda token: forged(token, {"crit": ["x"]}),
    "no signature": lambda token: token.rpartition(".")[0] + ".",
    "half of it": lambda token: token[: len(token) // 2],
    "too much": lambda token: token + "a" * 5_000,
    "a card number": lambda _: PAN,
    "nothing": lambda _: "",
}


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_that_is_not_ours_opens_neither_path(door: Installation, name: str) -> None:
    header = {"authorization": f"Bearer {TOKENS[name](door.tokens['admin'])}"}
    refused(door.ask("GET", "/stats", None, headers=header), 401, PAN)
    refused(door.ask("POST", "/transaction", None, headers=header | JSON, content=row()), 401, PAN)


def test_a_token_ends_and_that_of_another_installation_opens_nothing(
    door: Installation, tmp_path: Path
) -> None:
    over = entrance(door.parts).tokens.issue(Principal("till", ROLES["admin"]), -1)
    key = load_or_create_key(tmp_path / "foreign.pem")
    foreign = Tokens(key, API, door.parts.clock).issue(Principal("till", ROLES["admin"]), 600)
    for token in (over, foreign):
        header = {"authorization": f"Bearer {token}"}
        refused(door.ask("GET", "/stats", None, headers=header), 401)
        refused(door.ask("POST", "/transaction", None, headers=header | JSON, content=row()), 401)


def test_logs_hold_no_card_number_whatever_was_sent(door: Installation) -> None:
    stream = io.StringIO()
    configure("debug", stream)
    for body in (row(merchant_id=PAN), json.dumps({PAN: 1}), PAN, f'{{"status":"{PAN}"'):
        post(door, "/transaction", body)
        post(door, "/counts", body)
    door.ask("POST", "/token", None, data={"username": PAN, "password": PAN})
    door.ask("GET", f"/transaction/{PAN}?{PAN}={PAN}")
    assert PAN not in stream.getvalue()
    assert not [one for one in door.parts.store.audit.read() if PAN in one.actor]
