"""The memory as a file."""

from pathlib import Path

import numpy as np
import pytest

from guardian.domain.errors import Poisoned, Unavailable
from guardian.domain.transaction import Transaction
from guardian.features import snapshot
from guardian.features.memory import Memory


def batch(start: int, count: int) -> list[Transaction]:
    return [
        Transaction(
            transaction_id=str(place),
            merchant_id=f"m{place % 7}",
            status="denied" if place % 5 == 0 else "approved",
            amount_minor=100 + place,
            event_ms=1_700_000_000_000 + place * 30_000,
            received_ms=0,
            card_token=f"c{place % 31}" if place % 3 else None,
        )
        for place in range(start, start + count)
    ]


def test_a_restored_memory_goes_on_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = str(tmp_path / "memory.bin")
    one, other = Memory(), Memory()
    one.take_in(batch(0, 500))
    snapshot.save(one, path)
    other.take_in(batch(900, 5))
    snapshot.load(other, path)
    np.testing.assert_array_equal(one.take_in(batch(500, 300)), other.take_in(batch(500, 300)))
    assert [path.name for path in tmp_path.iterdir()] == ["memory.bin"]


def test_a_restored_memory_recycles_like_the_one_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "memory.bin")
    one, other = Memory(keys=12), Memory(keys=12)
    one.take_in(batch(0, 100))
    snapshot.save(one, path)
    snapshot.load(other, path)
    np.testing.assert_array_equal(one.take_in(batch(100, 300)), other.take_in(batch(100, 300)))


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_or_missing_file_is_poisoned(tmp_path: Path, damage: bytes | None) -> None:
    path = tmp_path / "memory.bin"
    if damage is not None:
        path.write_bytes(damage)
    with pytest.raises(Poisoned):
        snapshot.load(Memory(), str(path))


def test_a_cut_off_file_is_poisoned(tmp_path: Path) -> None:
    path = tmp_path / "memory.bin"
    memory = Memory()
    memory.take_in(batch(0, 50))
    snapshot.save(memory, str(path))
    path.write_bytes(path.read_bytes()[:-2_000])
    with pytest.raises(Poisoned):
        snapshot.load(memory, str(path))


def test_another_version_is_poisoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "memory.bin")
    monkeypatch.setattr(snapshot, "VERSION", 99)
    snapshot.save(Memory(), path)
    monkeypatch.undo()
    with pytest.raises(Poisoned, match="another version"):
        snapshot.load(Memory(), path)


def test_more_keys_than_the_table_may_hold_are_poisoned(tmp_path: Path) -> None:
    path = str(tmp_path / "memory.bin")
    memory = Memory()
    memory.take_in(batch(0, 100))
    snapshot.save(memory, path)
    with pytest.raises(Poisoned, match="contradicts"):
        snapshot.load(Memory(keys=3), path)


def test_a_disk_that_refuses_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        snapshot.save(Memory(), str(tmp_path / "no folder" / "memory.bin"))
