"""The promises of the count of firings: exactly once per event, by rule, version, mode and hour."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from guardian.domain.clock import HOUR_MS
from guardian.storage.base import ASIDE, COUNTED, Firings, Judged
from guardian.storage.sqlite.store import SqliteStore
from rule_samples import AT, transaction
from storing import unscored

HOUR = AT - AT % HOUR_MS


@pytest.fixture(params=["sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore]:
    back_end = SqliteStore(tmp_path)
    yield back_end
    back_end.close()


def judged(rules: list[str], start: int = 0, event_ms: int = HOUR, source: str = "live") -> Judged:
    of = [
        transaction(event_ms=event_ms, transaction_id=f"{source}{start + n}", source=source)
        for n in range(len(rules))
    ]
    versions = {"one": 2, "~one": 3}
    return msgspec.structs.replace(unscored(of, start), rules=rules, rule_versions=versions)


def firings(store: SqliteStore, source: str = "live") -> list[Firings]:
    return list(store.transactions.firings(source, HOUR, HOUR + 2 * HOUR_MS))


def test_firings_are_counted_with_the_rows_and_only_once(store: SqliteStore) -> None:
    batch = judged(["one", "one,~two", "", "~one"])
    for _ in range(2):
        store.transactions.keep(0, batch)
    store.transactions.keep(0, judged(["one"], 4, HOUR + HOUR_MS))
    store.transactions.keep(0, judged(["one"], 5, HOUR - 1))
    assert firings(store) == [
        Firings("one", 2, COUNTED, HOUR, 2),
        Firings("one", 3, ASIDE, HOUR, 1),
        Firings("two", 0, ASIDE, HOUR, 1),
        Firings("one", 2, COUNTED, HOUR + HOUR_MS, 1),
    ]


def test_they_belong_to_their_source_and_go_with_it(store: SqliteStore) -> None:
    store.transactions.keep(0, judged(["one"]))
    store.transactions.keep(0, judged(["one", "one"], 1, source="import"))
    assert [one.n for one in firings(store, "import")] == [2]
    store.transactions.purge("import", HOUR + HOUR_MS)
    assert firings(store, "import") == []
    assert [one.n for one in firings(store)] == [1]


def test_the_ruleset_is_kept_with_each_verdict(store: SqliteStore) -> None:
    store.transactions.keep(0, msgspec.structs.replace(judged(["one,~two"]), rules_version="abc"))
    found = store.transactions.get("live0")
    assert found is not None
    assert (found.verdict.rules, found.verdict.rules_version) == (("one", "~two"), "abc")


def test_what_did_not_count_is_told_from_what_did(store: SqliteStore) -> None:
    store.transactions.keep(0, judged(["one,~two"]))
    found = store.transactions.get("live0")
    assert found is not None
    assert found.verdict.counted == ("one",)
