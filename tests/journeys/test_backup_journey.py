"""A backup made while everything runs, put back elsewhere: nothing new is lost, nothing old counts twice."""

import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from guardian.domain.errors import Misconfigured, Unavailable
from guardian.entrypoints.archive import backup, restore
from guardian.features.definition import NAMES
from guardian.learning.train import train
from guardian.models.folder import FolderRegistry
from guardian.security.keys import model_key
from guardian.settings import load
from guardian.storage.base import TransactionQuery
from installation import Installation
from journeys.test_door_journey import GOOD

OLD = [f"old-{one}" for one in range(10)]


def with_a_model(folder: Path) -> Path:
    """A forest that judges from the start; a verdict is explained by the model that gave it."""
    registry = FolderRegistry(folder / "models", NAMES, model_key(folder / "keys" / "models.key"))
    rows = np.random.default_rng(1).normal(size=(2_000, len(NAMES))).astype(np.float32)
    registry.promote(registry.save(train(rows, 0, seed=0)))
    return folder


def send(guardian: Installation, *names: str) -> None:
    rows: list[dict[str, Any]] = [GOOD | {"transaction_id": name} for name in names]
    answer = guardian.ask("POST", "/transactions/batch", "machine", json={"transactions": rows})
    assert answer.json()["accepted"] == len(names)
    guardian.work()


def stored(guardian: Installation) -> list[str]:
    page = guardian.parts.store.transactions.find(TransactionQuery(limit=500))
    return sorted(one.transaction.transaction_id for one in page.items)


def verdict(guardian: Installation, name: str) -> dict[str, Any]:
    found: dict[str, Any] = guardian.ask("GET", f"/transaction/{name}").json()["verdict"]
    return found


def test_what_comes_after_a_restore_is_kept_and_what_came_before_counts_once(tmp_path: Path) -> None:
    (tmp_path / "first").mkdir()
    first = Installation(with_a_model(tmp_path / "first"))
    send(first, *OLD)
    before = verdict(first, "old-3")
    assert before["ml_score"] is not None
    backup(first.parts, tmp_path / "copy")
    send(first, "after the copy")
    first.close()

    restore(load({}, data_dir=tmp_path / "second"), tmp_path / "copy")
    second = Installation(tmp_path / "second")
    assert stored(second) == OLD
    send(second, "old-3", "new", "after the copy")
    assert stored(second) == sorted([*OLD, "new", "after the copy"])
    assert verdict(second, "old-3") == before
    assert verdict(second, "new")["model_version"] == before["model_version"]
    total = second.parts.store.minutes.progress()
    assert [one.source for one in total] == ["live"]
    second.close()


def test_a_store_that_lost_its_log_takes_nothing_new_for_kept(tmp_path: Path) -> None:
    first = Installation(tmp_path)
    send(first, *OLD)
    first.close()
    (tmp_path / "bus").rename(tmp_path / "lost")
    second = Installation(tmp_path)
    send(second, "new")
    assert stored(second) == sorted([*OLD, "new"])
    second.close()


def test_a_backup_holds_no_key_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    guardian = Installation(tmp_path / "data")
    backup(guardian.parts, tmp_path / "copy")
    names = {path.name for path in (tmp_path / "copy").rglob("*")}
    assert "transactions.db" in names
    assert "signing.pem" not in names
    assert stat.S_IMODE((tmp_path / "copy").stat().st_mode) == 0o700
    with pytest.raises(Misconfigured, match="not empty"):
        backup(guardian.parts, tmp_path / "copy")
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot be written"):
        backup(guardian.parts, tmp_path / "file")
    guardian.close()


def test_what_is_no_sound_backup_leaves_the_folder_as_empty_as_it_was(tmp_path: Path) -> None:
    settings = load({}, data_dir=tmp_path / "data")
    with pytest.raises(Misconfigured, match="no backup"):
        restore(settings, tmp_path)
    (tmp_path / "bad" / "store").mkdir(parents=True)
    for name in ("transactions.db", "guardian.db"):
        (tmp_path / "bad" / "store" / name).write_bytes(b"\0garbage" * 1_000)
    with pytest.raises(Misconfigured, match="damaged"):
        restore(settings, tmp_path / "bad")
    assert list((tmp_path / "data").iterdir()) == []
    (tmp_path / "data" / "mine").touch()
    with pytest.raises(Misconfigured, match="not empty"):
        restore(settings, tmp_path / "bad")
    assert (tmp_path / "data" / "mine").exists()
