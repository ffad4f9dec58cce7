"""An audit log that was changed, cut or reordered shows where."""

from pathlib import Path

import msgspec
import pytest

from guardian.security.chain import verify
from guardian.storage.base import AuditEntry
from guardian.storage.sqlite.store import SqliteStore


@pytest.fixture
def entries(tmp_path: Path) -> list[AuditEntry]:
    store = SqliteStore(tmp_path)
    for number in range(5):
        store.audit.append(1_000 + number, "ana", "reset", "caches", {"n": str(number), "ç": "é"})
    found = list(store.audit.read())
    store.close()
    return found


def test_what_was_written_is_whole(entries: list[AuditEntry]) -> None:
    assert verify(entries) is None
    assert verify([]) is None
    assert verify(entries[3:], after=entries[2]) is None


@pytest.mark.parametrize(
    "change",
    [
        {"sequence": 9},
        {"actor": "eve"},
        {"at_ms": 1},
        {"action": "x"},
        {"target": "x"},
        {"detail": {}},
        {"digest": "0"},
    ],
)
def test_a_changed_entry_is_found(entries: list[AuditEntry], change: dict[str, object]) -> None:
    entries[2] = msgspec.structs.replace(entries[2], **change)
    assert verify(entries) == 3


def test_a_missing_or_swapped_entry_is_found(entries: list[AuditEntry]) -> None:
    assert verify(entries[:2] + entries[3:]) == 3
    assert verify(entries[1:]) == 1
    entries[1], entries[2] = entries[2], entries[1]
    assert verify(entries) == 2
    assert verify([entries[4]], after=entries[3]) is None
