"""The doors as the outside meets them: tokens, log-in, the guard, problem documents, headers."""

import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

import httpx2
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Body, Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.requests import Request

from guardian.domain.clock import SetClock
from guardian.domain.errors import Forbidden, Poisoned, TooMany, Unauthenticated, Unavailable
from guardian.observability.logs import configure
from guardian.observability.traces import current_trace
from guardian.security.entrance import Entrance
from guardian.security.guard import Guard
from guardian.security.headers import SecurityHeaders
from guardian.security.identity import ROLES, Principal
from guardian.security.problems import install, render
from guardian.security.routes import HOME, routes
from guardian.security.sessions import COOKIE, Sessions
from guardian.security.tokens import API, CONSOLE, Tokens
from guardian.security.users import Users
from guardian.storage.sqlite.store import SqliteStore

pytestmark = pytest.mark.anyio
PASSWORD = "correct horse battery"
TRACE = "ab" * 16
JSON = {"content-type": "application/json"}
PARENT = {"traceparent": f"00-{TRACE}-{'1' * 16}-01"}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Row(BaseModel):
    model_config = ConfigDict(extra="forbid")
    amount: int


class Site:
    """The doors over a store of their own."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(1_763_985_600_000)
        key = Ed25519PrivateKey.generate()
        users = Users(self.store.records, self.clock, PasswordHasher(1, 8, 1))
        users.create("ana", "analyst", PASSWORD)
        users.create("till", "machine", PASSWORD)
        sessions = Sessions(Tokens(key, CONSOLE, self.clock), b"key")
        tokens = Tokens(key, API, self.clock)
        self.doors = Entrance(users, sessions, tokens, self.store.audit, self.clock)
        self.guard = Guard(tokens, sessions)
        self.app = FastAPI()
        install(self.app)
        self.app.include_router(routes(self.doors))
        self._routes()

    def _routes(self) -> None:
        @self.app.get("/me")
        async def me(who: Annotated[Principal, Depends(self.guard.requires("read"))]) -> str:
            return who.subject

        @self.app.post("/rows")
        async def rows(
            who: Annotated[Principal, Depends(self.guard.requires("operate"))], row: Annotated[Row, Body()]
        ) -> str:
            return f"{who.subject} {row.amount}"

        @self.app.get("/broken")
        async def broken() -> None:
            raise RuntimeError("secret 4111111111111111")

        @self.app.get("/later")
        async def later() -> None:
            raise Unavailable("The disk is full.", retry_after_s=7)

    def audited(self) -> list[tuple[str, str]]:
        return [(entry.actor, entry.action) for entry in self.store.audit.read()]

    def bearer(self, role: str, ttl_s: int = 60) -> dict[str, str]:
        token = self.doors.tokens.issue(Principal("ana", ROLES[role]), ttl_s)
        return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    found = Site(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(SecurityHeaders(site.app), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://guardian") as found:
        yield found


def problem(answer: httpx2.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert {"title", "detail", "trace_id"} <= set(body)
    return body


async def test_a_password_buys_a_token_that_opens_what_its_scopes_allow(
    site: Site, client: httpx2.AsyncClient
) -> None:
    form = {"grant_type": "password", "username": "ana", "password": PASSWORD}
    answer = await client.post("/token", data=form)
    token = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert (token["token_type"], token["scope"].split()[0]) == ("Bearer", "operate")
    mine = {"authorization": f"Bearer {token['access_token']}"}
    assert (await client.get("/me", headers=mine)).json() == "ana"
    client_form = {"grant_type": "client_credentials", "client_id": "till", "client_secret": PASSWORD}
    assert (await client.post("/token", data=client_form)).json()["scope"] == "write"
    assert site.audited() == [("ana", "token issue"), ("till", "token issue")]


async def test_a_wrong_grant_is_a_problem_of_the_oauth_codes(site: Site, client: httpx2.AsyncClient) -> None:
    wrong = await client.post("/token", data={"username": "ana", "password": "not the password"})
    assert problem(wrong, 400)["errors"] == [{"pointer": "", "code": "invalid_grant"}]
    odd = await client.post("/token", data={"grant_type": "magic"})
    assert problem(odd, 400)["errors"] == [{"pointer": "/grant_type", "code": "unsupported_grant_type"}]
    assert site.audited() == [("ana", "token issue failed")]


async def test_a_locked_name_is_told_when_to_come_back_and_fills_no_log(
    site: Site, client: httpx2.AsyncClient
) -> None:
    for name in ("ana", "nobody"):
        form = {"username": name, "password": "not the password"}
        answers = [await client.post("/token", data=form) for _ in range(7)]
        assert [answer.status_code for answer in answers] == [400] * 5 + [429] * 2
        assert "15 minutes" in str(problem(answers[-1], 429)["detail"])
        assert int(answers[-1].headers["retry-after"]) == 901
    assert len(site.audited()) == 10


async def test_a_person_logs_in_works_and_logs_out(site: Site, client: httpx2.AsyncClient) -> None:
    answer = await client.post("/login", data={"username": "ana", "password": PASSWORD, "next": "/me?x=1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/me?x=1")
    assert all(word in answer.headers["set-cookie"] for word in ("HttpOnly", "SameSite=lax", "Secure"))
    assert (await client.get("/me")).json() == "ana"
    problem(await client.post("/rows", json={"amount": 1}), 403)
    csrf = site.doors.sessions.csrf_token(browser_of(client))
    done = await client.post("/rows", json={"amount": 1}, headers={"x-csrf-token": csrf})
    assert done.json() == "ana 1"
    problem(await client.post("/logout", data={"csrf": "x"}), 403)
    assert (await client.post("/logout", data={"csrf": csrf})).headers["location"] == "/login"
    problem(await client.get("/me"), 401)
    assert site.audited() == [("ana", "login")]


def browser_of(client: httpx2.AsyncClient) -> Request:
    cookie = f"{COOKIE}={client.cookies[COOKIE]}".encode()
    return Request({"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", cookie)]})


async def test_a_failed_login_goes_back_to_the_form(site: Site, client: httpx2.AsyncClient) -> None:
    answer = await client.post("/login", data={"username": "4111111111111111", "password": "x"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?error=1")
    assert site.audited() == [("411111****1111", "login failed")]


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", "/\t/[x", "/a b", ""],
)
async def test_a_login_leads_only_to_pages_of_ours(client: httpx2.AsyncClient, target: str) -> None:
    answer = await client.post("/login", data={"username": "ana", "password": PASSWORD, "next": target})
    assert answer.headers["location"] == HOME


async def test_a_link_logs_in_once(site: Site, client: httpx2.AsyncClient) -> None:
    code = site.doors.users.once("admin", "admin")
    first = await client.get(f"/login/once/{code}")
    assert (first.status_code, first.headers["location"]) == (303, HOME)
    assert COOKIE in client.cookies
    assert (await client.get(f"/login/once/{code}")).headers["location"] == "/login?error=link"
    assert site.audited() == [("admin", "login by link")]


async def test_the_guard_asks_for_the_scope(site: Site, client: httpx2.AsyncClient) -> None:
    missing = await client.get("/me")
    assert "token" in str(problem(missing, 401)["detail"])
    assert missing.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    problem(await client.get("/me", headers={"authorization": "Bearer junk"}), 401)
    problem(await client.get("/me", headers={"authorization": "Basic YTpi"}), 401)
    problem(await client.post("/rows", json={"amount": 1}, headers=site.bearer("viewer")), 403)
    assert (await client.post("/rows", json={"amount": 1}, headers=site.bearer("analyst"))).json() == "ana 1"


async def test_the_fast_path_proves_identity_from_the_raw_header(site: Site) -> None:
    header = site.bearer("machine")["authorization"].encode()
    assert site.guard.principal_of_bearer(header).allows("write")
    for wrong in (b"", b"Basic x", b"Bearer", b"Bearer \xff"):
        with pytest.raises(Unauthenticated):
            site.guard.principal_of_bearer(wrong)


async def test_openapi_lists_the_scope_of_each_operation(site: Site) -> None:
    document = site.app.openapi()
    assert document["paths"]["/me"]["get"]["security"] == [{"bearerAuth": ["read"]}]
    assert document["paths"]["/rows"]["post"]["security"] == [{"bearerAuth": ["operate"]}]
    assert "security" not in document["paths"]["/token"]["post"]
    scheme = document["components"]["securitySchemes"]["bearerAuth"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert "`rules:review`" in scheme["description"]


async def test_bad_input_is_located_and_never_echoed(site: Site, client: httpx2.AsyncClient) -> None:
    mine = site.bearer("analyst")
    wrong = await client.post("/rows", json={"amount": "4111x"}, headers=mine)
    assert problem(wrong, 422)["errors"] == [{"pointer": "/amount", "code": "int_parsing"}]
    extra = await client.post("/rows", json={"amount": 1, "hunter2": 1}, headers=mine)
    assert problem(extra, 422)["errors"] == [{"pointer": "", "code": "extra_forbidden"}]
    torn = await client.post("/rows", content=b'{"amount": hunter2', headers=mine | JSON)
    problem(torn, 400)
    assert not any(word in answer.text for answer in (wrong, extra, torn) for word in ("hunter2", "4111x"))


async def test_unknown_paths_methods_and_outages_are_problems_too(client: httpx2.AsyncClient) -> None:
    assert problem(await client.get("/nothing", headers=PARENT), 404)["trace_id"] == TRACE
    wrong = await client.delete("/me")
    assert problem(wrong, 405)
    assert wrong.headers["allow"] == "GET"
    later = await client.get("/later")
    assert problem(later, 503)["detail"] == "The disk is full."
    assert later.headers["retry-after"] == "7"


async def test_a_failure_of_ours_is_logged_masked_under_the_answers_trace(client: httpx2.AsyncClient) -> None:
    stream = io.StringIO()
    configure("error", stream)
    answer = await client.get("/broken", headers=PARENT)
    assert problem(answer, 500)["trace_id"] == TRACE
    assert "secret" not in answer.text
    line = next(line for line in stream.getvalue().splitlines() if "request_failed" in line)
    event = json.loads(line)
    assert event["trace_id"] == TRACE
    assert "RuntimeError" in event["exception"]
    assert "4111111111111111" not in line


def test_a_failure_outside_the_framework_is_logged_too() -> None:
    stream = io.StringIO()
    configure("error", stream)
    assert render(Poisoned("the record is torn"), TRACE)[0] == 500
    event = json.loads(stream.getvalue())
    assert (event["event"], event["trace_id"]) == ("request_failed", TRACE)
    assert "the record is torn" in event["exception"]


async def test_every_answer_carries_the_headers(site: Site, client: httpx2.AsyncClient) -> None:
    headers = (await client.get("/nothing")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "unsafe" not in headers["content-security-policy"]
    assert {"referrer-policy", "permissions-policy", "strict-transport-security"} <= set(headers)
    transport = httpx2.ASGITransport(SecurityHeaders(site.app))
    async with httpx2.AsyncClient(transport=transport, base_url="http://guardian") as plain:
        assert "strict-transport-security" not in (await plain.get("/nothing")).headers


async def test_what_is_no_request_passes_the_headers_by() -> None:
    seen: list[str] = []

    async def inner(scope: dict[str, str], receive: object, send: object) -> None:
        seen.append(scope["type"])

    await SecurityHeaders(inner)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]


def test_every_error_has_its_status_and_headers() -> None:
    cases = [
        (Unauthenticated("x"), 401, {"WWW-Authenticate"}),
        (Forbidden("x", [{"code": "c"}]), 403, set()),
        (TooMany("x", 9), 429, {"Retry-After"}),
        (Unavailable("x"), 503, {"Retry-After"}),
        (Poisoned("input"), 500, set()),
    ]
    for error, status, names in cases:
        found, headers, body = render(error, TRACE)
        assert (found, set(headers)) == (status, names | {"Content-Type"})
        assert json.loads(body)["trace_id"] == TRACE
        assert b"input" not in body
    token = current_trace.set(TRACE)
    try:
        assert json.loads(render(Forbidden("x"), None)[2])["trace_id"] == TRACE
    finally:
        current_trace.reset(token)
