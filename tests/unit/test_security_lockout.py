"""Many tries at once, names nobody has, and users that change under the hand."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from guardian.domain.clock import SetClock
from guardian.domain.errors import (
    Conflict,
    GuardianError,
    Invalid,
    NotFound,
    TooMany,
    Unauthenticated,
    Unavailable,
)
from guardian.security.lockout import PAUSE_MS, STRANGERS, TRIES, Strangers
from guardian.security.passwords import LONGEST_PASSWORD, WAITING, Passwords
from guardian.security.users import ONCE, Users
from guardian.storage.base import Page, Record, RecordQuery
from guardian.storage.sqlite.store import SqliteStore

NOW = 1_763_985_600_000
PASSWORD = "correct horse battery"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path)
    yield found
    found.close()


@pytest.fixture
def users(store: SqliteStore) -> Users:
    return Users(store.records, SetClock(NOW), CHEAP)


def outcome(users: Users, name: str, password: str) -> str:
    try:
        return users.authenticate(name, password).subject
    except GuardianError as error:
        return type(error).__name__


def test_guesses_at_the_same_time_get_no_more_tries_than_one_after_the_other(users: Users) -> None:
    users.create("ana", "analyst", PASSWORD)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: outcome(users, "ana", f"wrong password {n}"), range(24)))
    assert found.count("Unauthenticated") <= TRIES
    assert found.count("TooMany") >= 24 - TRIES - found.count("Unavailable")
    assert outcome(users, "ana", PASSWORD) == "TooMany"


def test_right_passwords_at_the_same_time_do_not_get_in_each_others_way(users: Users) -> None:
    users.create("ana", "analyst", PASSWORD)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: outcome(users, "ana", PASSWORD), range(3))) == {"ana"}


def test_a_name_nobody_has_locks_like_any_other(users: Users) -> None:
    found = [outcome(users, "nobody", PASSWORD) for _ in range(TRIES + 1)]
    assert found == ["Unauthenticated"] * TRIES + ["TooMany"]


def test_a_strange_name_or_password_is_wrong_not_a_failure(users: Users) -> None:
    users.create("ana", "analyst", PASSWORD)
    for name, password in (("\ud800", PASSWORD), ("ana", "\ud800" * 10), ("a" * 65, ""), ("ana", "x" * 500)):
        with pytest.raises(Unauthenticated):
            users.authenticate(name, password)


def test_strangers_are_remembered_up_to_a_bound() -> None:
    strangers = Strangers()
    for _ in range(TRIES):
        strangers.count_try("first", NOW)
    with pytest.raises(TooMany, match="in 1 minutes"):
        strangers.count_try("first", NOW + PAUSE_MS - 1)
    for number in range(STRANGERS):
        strangers.count_try(f"n{number}", NOW)
    strangers.count_try("first", NOW)


def test_a_longer_password_is_another_password() -> None:
    passwords = Passwords(CHEAP)
    kept = passwords.hash("x" * LONGEST_PASSWORD)
    assert passwords.matches(kept, "x" * LONGEST_PASSWORD)
    assert not passwords.matches(kept, "x" * (LONGEST_PASSWORD + 1))
    assert not passwords.matches("not a hash", "x" * LONGEST_PASSWORD)
    for wrong in ("x" * (LONGEST_PASSWORD + 1), "short"):
        with pytest.raises(Invalid):
            passwords.hash(wrong)


def test_a_crowd_at_the_door_is_told_to_come_back() -> None:
    busy = Passwords(CHEAP, at_once=0, patience_s=0.01)
    with pytest.raises(Unavailable):
        busy.hash(PASSWORD)
    with pytest.raises(Unavailable):
        busy.matches("", PASSWORD)


def test_only_a_few_of_a_crowd_are_let_wait() -> None:
    busy = Passwords(CHEAP, at_once=0, patience_s=3.0)

    def waited(_: int) -> float:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            busy.matches("", PASSWORD)
        return time.monotonic() - started

    with ThreadPoolExecutor(3 * WAITING) as pool:
        waits = list(pool.map(waited, range(3 * WAITING)))
    assert sum(seconds > 2 for seconds in waits) == WAITING


class Contended:
    """Records of which somebody else always changes the version first."""

    def __init__(self, store: SqliteStore) -> None:
        records = store.records
        self.insert, self.get, self.find = records.insert, records.get, records.find
        self.count, self.delete, self.next_number = records.count, records.delete, records.next_number

    def update(self, record: Record) -> Record:
        raise Conflict("The record has changed.")


def test_a_user_that_changes_all_the_time_is_a_matter_of_trying_later(store: SqliteStore) -> None:
    users = Users(Contended(store), SetClock(NOW), CHEAP)
    users.create("ana", "analyst", PASSWORD)
    with pytest.raises(Unavailable):
        users.disable("ana")
    with pytest.raises(NotFound):
        users.disable("nobody")


def test_all_users_are_listed_however_many(store: SqliteStore) -> None:
    users = Users(store.records, SetClock(NOW), PasswordHasher(1, 8, 1))
    made = [f"u{number}" for number in range(505)]
    for name in made:
        users.create(name, "viewer", PASSWORD)
    assert sorted(user.name for user in users.all()) == sorted(made)


def test_links_that_expired_are_cleared_away(store: SqliteStore) -> None:
    clock = SetClock(NOW)
    users = Users(store.records, clock, CHEAP)
    users.once("admin", "admin")
    clock.advance(60 * 60_000)
    users.once("admin", "admin")
    kept: Page[Record] = store.records.find(RecordQuery(ONCE))
    assert len(kept.items) == 1
