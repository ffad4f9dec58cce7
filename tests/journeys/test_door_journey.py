"""From a request at the door to what is kept: the real parts, embedded, without a network."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import RedirectResponse

from guardian.bootstrap import entrance
from guardian.domain.clock import MINUTE_MS, floor_minute, iso
from guardian.security.identity import ROLES, Principal
from installation import Installation

GOOD = {"status": "approved", "amount": "10.50", "merchant_id": "m1"}


@pytest.fixture(scope="module")
def guardian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("guardian"))
    yield installation
    installation.close()


def test_a_transaction_is_accepted_judged_kept_and_explained(guardian: Installation) -> None:
    answer = guardian.ask("POST", "/transaction", "machine", json=GOOD | {"transaction_id": "journey-1"})
    assert (answer.status_code, answer.json()) == (202, {"status": "queued", "transaction_id": "journey-1"})
    assert guardian.ask("GET", "/transaction/journey-1").status_code == 404
    guardian.work()
    found = guardian.ask("GET", "/transaction/journey-1", "viewer").json()
    assert found["processed"] is True
    assert (found["amount"], found["status"]) == ("10.50", "approved")
    assert found["verdict"]["fallback"] is True
    assert found["verdict"]["alert_level"] == "NORMAL"


@pytest.mark.parametrize(("language", "said"), [("en", "Nothing to do."), ("pt-BR", "Nada a fazer.")])
def test_the_console_explains_a_verdict_in_the_readers_language(
    guardian: Installation, language: str, said: str
) -> None:
    name = f"explained-{language}"
    guardian.ask("POST", "/transaction", "machine", json=GOOD | {"transaction_id": name})
    guardian.work()
    answer = RedirectResponse("/")
    entrance(guardian.parts).sessions.begin(answer, Principal("bia", ROLES["viewer"]), secure=False)
    session = answer.headers["set-cookie"].split(";")[0]
    path = f"/console/transactions/{name}"
    page = guardian.ask("GET", path, None, headers={"cookie": f"{session}; lang={language}"})
    assert page.status_code == 200
    assert said in page.text


def test_a_batch_keeps_its_good_rows_and_says_what_was_wrong(guardian: Installation) -> None:
    rows = [
        GOOD | {"merchant_id": "batch"},
        GOOD | {"amount": "x"},
        GOOD | {"card_token": "4111111111111111"},
    ]
    answer = guardian.ask("POST", "/transactions/batch", "machine", json={"transactions": rows})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [one["index"] for one in answer.json()["rejected"]] == [1, 2]
    assert "4111111111111111" not in answer.text
    guardian.work()
    page = guardian.ask("GET", "/transactions", params={"merchant": "batch"}).json()
    assert len(page["items"]) == 1


def test_ndjson_lines_are_a_batch_too(guardian: Installation) -> None:
    lines = "\n".join([json.dumps(GOOD), "{broken", json.dumps(GOOD)])
    headers = {"content-type": "application/x-ndjson"}
    answer = guardian.ask("POST", "/transactions/batch", "machine", content=lines, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 2)


def test_counts_of_a_file_become_anomalies_of_their_own_source(guardian: Installation) -> None:
    start = floor_minute(guardian.parts.clock.now_ms()) - 400 * MINUTE_MS
    items = [
        {"source": "file", "minute": iso(start + at * MINUTE_MS), "by": "status", "last": at == 399}
        | {"counts": {} if 350 <= at < 360 else {"approved": 120, "denied": 6}}
        for at in range(400)
    ]
    assert guardian.ask("POST", "/counts", "machine", json=items).json() == {"accepted": 400}
    guardian.work()
    found = guardian.ask("GET", "/anomalies", params={"source": "file"}).json()["items"]
    assert [one["start"] for one in found] == [iso(start + 350 * MINUTE_MS)]
    assert found[0]["paged"] is False
    assert found[0]["over"] is not None
    series = {"source": "file", "since": iso(start), "until": iso(start + 400 * MINUTE_MS)}
    points = guardian.ask("GET", "/series", params=series | {"series": "*"}).json()["items"]
    assert len(points) == 400
    guardian.door.tower.look()
    clash = guardian.ask("POST", "/transaction", "machine", json=GOOD | {"source": "file"})
    assert clash.status_code == 409


@pytest.mark.parametrize(
    ("method", "path", "role", "given", "status"),
    [
        ("POST", "/transaction", None, {"json": GOOD}, 401),
        ("POST", "/transaction", "viewer", {"json": GOOD}, 403),
        ("POST", "/transaction", "machine", {"json": {}}, 422),
        ("POST", "/transaction", "machine", {"content": b"{"}, 400),
        ("POST", "/transaction", "machine", {"content": b"x" * 70_000}, 413),
        (
            "POST",
            "/transaction",
            "machine",
            {"content": b"a=1", "headers": {"content-type": "text/plain"}},
            415,
        ),
        ("POST", "/transactions/batch", "machine", {"json": {"transactions": []}}, 422),
        ("POST", "/counts", "machine", {"json": {"minute": "now"}}, 422),
        ("POST", "/counts", "machine", {"content": b"{"}, 400),
        ("POST", "/counts", "machine", {"content": b"[" + b" " * (5 << 20) + b"]"}, 413),
        ("GET", "/transactions", "machine", {}, 403),
        ("GET", "/transactions", "viewer", {"params": {"cursor": "foreign"}}, 422),
        ("GET", "/transactions", "viewer", {"params": {"since": "yesterday"}}, 422),
        ("GET", "/anomalies", None, {}, 401),
        ("GET", "/anomalies", "viewer", {"params": {"sereis": "denied"}}, 422),
        ("GET", "/series", "viewer", {"params": {"levle": "CRITICAL"}}, 422),
        ("GET", "/alerts", "viewer", {"params": {"stat": "open"}}, 422),
        ("GET", "/incidents", "viewer", {"params": {"stat": "open"}}, 422),
        ("POST", "/reset", "operator", {}, 403),
        ("GET", "/nowhere", "admin", {}, 404),
        ("DELETE", "/health", "admin", {}, 405),
        ("POST", "/token", None, {"data": {"username": "nobody", "password": "wrong password"}}, 400),
    ],
)
def test_what_is_refused_is_told_as_a_problem_document(
    guardian: Installation, method: str, path: str, role: str | None, given: dict[str, Any], status: int
) -> None:
    headers = {"content-type": "application/json"} | given.get("headers", {}) if "content" in given else {}
    answer = guardian.ask(method, path, role, **given | {"headers": headers})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert len(problem["trace_id"]) == 32
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_the_system_tells_how_it_is(guardian: Installation) -> None:
    guardian.door.tower.look()
    assert guardian.ask("GET", "/health", None).json() == {"status": "ok"}
    assert guardian.ask("GET", "/ready", None).json()["problems"] == []
    assert guardian.ask("GET", "/version", None).json()["name"] == "transaction-guardian"
    assert "guardian_transactions_total" in guardian.ask("GET", "/metrics", None).text
    assert "guardian_transactions" in guardian.ask("GET", "/metrics/json", "viewer").json()
    assert guardian.ask("GET", "/", None).json()["name"] == "transaction-guardian"
    assert guardian.ask("POST", "/reset").json() == {"status": "reset"}
    assert guardian.parts.store.audit.read()[-1].action == "reset"


def test_the_document_describes_the_fast_path_like_the_rest(guardian: Installation) -> None:
    document = guardian.ask("GET", "/openapi.json", None).json()
    assert document["openapi"].startswith("3.1")
    assert "post" in document["paths"]["/transaction"]
    assert {"get", "post"} <= set(document["paths"]["/transactions/batch"]) | {"get"}
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"


def test_every_answer_carries_the_security_headers(guardian: Installation) -> None:
    for path in ("/health", "/transaction", "/nowhere"):
        headers = guardian.ask("GET", path, None).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "x-xss-protection" not in headers


def test_refusals_at_the_door_are_counted_by_their_kind(guardian: Installation) -> None:
    rows = {"transactions": [GOOD | {"status": "unheard"}, GOOD | {"status": "of"}, GOOD]}
    assert guardian.ask("POST", "/transactions/batch", "machine", json=rows).status_code == 202
    assert guardian.ask("POST", "/transaction", "viewer", json=GOOD).status_code == 403
    told = guardian.ask("GET", "/metrics", None).text
    assert 'guardian_ingest_rejected_total{reason="status"} 2.0' in told
    assert 'guardian_ingest_rejected_total{reason="forbidden"}' in told
