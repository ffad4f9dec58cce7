"""Tokens, users, sessions: who is let in, and who is not."""

import stat
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from argon2 import PasswordHasher
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from starlette.requests import Request
from starlette.responses import Response

from guardian.domain.clock import SetClock
from guardian.domain.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Misconfigured,
    NotFound,
    TooMany,
    Unauthenticated,
)
from guardian.security.identity import ROLES, SCOPES, Principal
from guardian.security.sessions import COOKIE, Sessions
from guardian.security.tokens import API, CONSOLE, ISSUER, Tokens, load_or_create_key
from guardian.security.users import Users
from guardian.storage.sqlite.store import SqliteStore

NOW = 1_763_985_600_000
ANA = Principal("ana", ROLES["analyst"])
PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> SetClock:
    return SetClock(NOW)


@pytest.fixture
def tokens(clock: SetClock) -> Tokens:
    return Tokens(Ed25519PrivateKey.generate(), API, clock)


@pytest.fixture
def users(tmp_path: Path, clock: SetClock) -> Iterator[Users]:
    store = SqliteStore(tmp_path)
    yield Users(store.records, clock, PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    store.close()


def test_the_key_is_made_once_and_only_ours_to_read(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "signing.pem"
    first = load_or_create_key(path)
    again = load_or_create_key(path)
    assert first.private_bytes_raw() == again.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_key_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "k").write_text("not a key")
    with pytest.raises(Misconfigured):
        load_or_create_key(tmp_path / "k")


def test_a_key_of_another_kind_stops_the_start(tmp_path: Path) -> None:
    other = X25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "k").write_bytes(other)
    with pytest.raises(Misconfigured, match="Ed25519"):
        load_or_create_key(tmp_path / "k")


def test_a_token_proves_who_asks_until_it_expires(tokens: Tokens, clock: SetClock) -> None:
    token = tokens.issue(ANA, 60)
    assert tokens.verify(token) == ANA
    clock.advance(61_000)
    with pytest.raises(Unauthenticated):
        tokens.verify(token)


def test_a_machine_stays_a_machine(tokens: Tokens) -> None:
    machine = Principal("m", ROLES["machine"], "machine")
    assert tokens.verify(tokens.issue(machine, 60)) == machine


def forged(**changes: object) -> dict[str, object]:
    now = NOW // 1000
    claims: dict[str, object] = {"iss": ISSUER, "aud": API, "sub": "eve", "scope": "admin"}
    return claims | {"iat": now, "nbf": now, "exp": now + 60} | changes


def key_id_of(tokens: Tokens) -> dict[str, str]:
    return {"kid": jwt.get_unverified_header(tokens.issue(ANA, 60))["kid"]}


def test_forged_tokens_are_refused(clock: SetClock) -> None:
    key = Ed25519PrivateKey.generate()
    tokens = Tokens(key, API, clock)
    ours = key_id_of(tokens)
    assert tokens.verify(jwt.encode(forged(), key, algorithm="EdDSA", headers=ours)).subject == "eve"
    attempts = [
        jwt.encode(forged(), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=ours),
        jwt.encode(forged(), "s" * 40, algorithm="HS256", headers=ours),
        jwt.encode(forged(), None, algorithm="none", headers=ours),
        jwt.encode(forged(aud="other"), key, algorithm="EdDSA", headers=ours),
        jwt.encode(forged(iss="other"), key, algorithm="EdDSA", headers=ours),
        jwt.encode(forged(exp=1), key, algorithm="EdDSA", headers=ours),
        jwt.encode(forged(nbf=NOW), key, algorithm="EdDSA", headers=ours),
        jwt.encode(forged(), key, algorithm="EdDSA"),
        jwt.encode(forged(), key, algorithm="EdDSA", headers={"kid": "other"}),
        Tokens(key, CONSOLE, clock).issue(ANA, 60),
        "",
        "a.b.c",
        "x" * 5_000,
        "é" * 10,
    ]
    for token in attempts:
        with pytest.raises(Unauthenticated):
            tokens.verify(token)


def test_scopes_nobody_defined_are_dropped(clock: SetClock) -> None:
    key = Ed25519PrivateKey.generate()
    tokens = Tokens(key, API, clock)
    token = jwt.encode(forged(scope="read root"), key, algorithm="EdDSA", headers=key_id_of(tokens))
    assert tokens.verify(token).scopes == {"read"}


def test_roles_hold_only_scopes_that_exist() -> None:
    assert all(scopes <= set(SCOPES) for scopes in ROLES.values())
    assert not ANA.allows("admin")
    assert all(Principal("root", frozenset({"admin"})).allows(scope) for scope in SCOPES)


def test_no_more_than_a_bounded_number_of_tokens_is_remembered(
    tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardian.security.tokens.CACHED", 2)
    for number in range(4):
        assert tokens.verify(tokens.issue(Principal(f"p{number}", frozenset()), 60))
    assert len(tokens._verified) == 2


def test_a_user_is_let_in_by_the_right_password_alone(users: Users) -> None:
    users.create("ana", "analyst", PASSWORD)
    assert users.authenticate("ana", PASSWORD) == ANA
    for name, password in (("ana", "wrong password"), ("bob", PASSWORD), ("", "")):
        with pytest.raises(Unauthenticated):
            users.authenticate(name, password)


def test_five_failures_lock_the_account_for_a_while(users: Users, clock: SetClock) -> None:
    users.create("ana", "analyst", PASSWORD)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            users.authenticate("ana", "wrong password")
    with pytest.raises(TooMany, match="in 15 minutes") as refusal:
        users.authenticate("ana", PASSWORD)
    assert refusal.value.retry_after_s > 800
    clock.advance(15 * 60_000)
    assert users.authenticate("ana", PASSWORD) == ANA


def test_a_success_forgives_earlier_failures(users: Users) -> None:
    users.create("ana", "analyst", PASSWORD)
    for _ in range(3):
        for _ in range(4):
            with pytest.raises(Unauthenticated):
                users.authenticate("ana", "wrong password")
        assert users.authenticate("ana", PASSWORD)


def test_users_are_checked_when_made_and_changed(users: Users) -> None:
    users.create("ana", "machine", PASSWORD)
    assert users.authenticate("ana", PASSWORD).kind == "machine"
    with pytest.raises(Conflict):
        users.create("ana", "viewer", PASSWORD)
    for name, role, password in (
        ("x", "king", PASSWORD),
        (" ", "viewer", PASSWORD),
        ("x", "viewer", "short"),
    ):
        with pytest.raises(Invalid):
            users.create(name, role, password)
    users.set_password("ana", PASSWORD[::-1])
    assert users.authenticate("ana", PASSWORD[::-1])
    with pytest.raises(NotFound):
        users.set_password("nobody", PASSWORD)
    users.disable("ana")
    with pytest.raises(Unauthenticated):
        users.authenticate("ana", PASSWORD[::-1])
    assert [user.name for user in users.all()] == ["ana"]


def test_a_login_link_works_once_and_not_for_long(users: Users, clock: SetClock) -> None:
    code = users.once("admin", "admin")
    assert users.redeem(code).allows("admin")
    late = users.once("admin", "admin")
    clock.advance(15 * 60_000)
    for used in (code, late, "guess"):
        with pytest.raises(Unauthenticated):
            users.redeem(used)
    with pytest.raises(Invalid):
        users.once("admin", "king")


def browser(cookie: str | None) -> Request:
    headers = [] if cookie is None else [(b"cookie", f"{COOKIE}={cookie}".encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers})


def test_a_session_is_a_cookie_that_scripts_cannot_read(clock: SetClock) -> None:
    sessions = Sessions(Tokens(Ed25519PrivateKey.generate(), CONSOLE, clock), b"key")
    response = Response()
    sessions.begin(response, ANA, secure=True)
    cookie = response.headers["set-cookie"]
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Secure"))
    token = cookie.split(";")[0].partition("=")[2]
    request = browser(token)
    assert sessions.principal(request) == ANA
    sessions.check_csrf(request, sessions.csrf_token(request))
    for wrong in ("", "x", sessions.csrf_token(browser("other"))):
        with pytest.raises(Forbidden):
            sessions.check_csrf(request, wrong)
    with pytest.raises(Forbidden):
        sessions.check_csrf(browser(None), sessions.csrf_token(browser(None)))
    assert sessions.principal(browser(None)) is None
    assert sessions.principal(browser("forged")) is None
    gone = Response()
    sessions.end(gone)
    assert "Max-Age=0" in gone.headers["set-cookie"]
