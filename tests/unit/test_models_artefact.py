"""The file of a model and the folder it lies in."""

import io
from pathlib import Path

import msgspec
import numpy as np
import pytest

from guardian.domain.errors import Poisoned, Unavailable
from guardian.models import artefact as module
from guardian.models.artefact import Heaps, ModelArtefact, from_bytes, to_bytes
from guardian.models.folder import FolderRegistry

FEATURES = ("one", "two")
KEY = b"key"


def heaps(**changes: np.ndarray) -> Heaps:
    arrays = {
        "thresholds": np.zeros((3, 3), np.float32),
        "columns": np.ones((3, 3), np.uint8),
        "leaves": np.ones((3, 4)),
    }
    return Heaps(**(arrays | changes))


def model(**changes: object) -> ModelArtefact:
    arrays = {
        "forest": heaps(),
        "tail_scores": np.array([0.0, 1.0]),
        "tail_decades": np.array([0.0, 1.0]),
        "low": np.zeros(2, np.float32),
        "median": np.zeros(2, np.float32),
        "high": np.zeros(2, np.float32),
        "hours": np.zeros(24),
        "bulk": np.array([0.0, 1.0]),
    }
    return ModelArtefact(
        **({"features": FEATURES, "created_ms": 1, "rows": 1, "scale": 1.0} | arrays | changes)
    )


def changed(content: bytes, **arrays: np.ndarray) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        kept = {name: file[name] for name in file.files} | arrays
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    return buffer.getvalue()


@pytest.mark.parametrize("damage", [b"", b"nonsense", to_bytes(model(), KEY)[:300]])
def test_a_damaged_file_is_poisoned(damage: bytes) -> None:
    with pytest.raises(Poisoned, match="cannot be read"):
        from_bytes(damage, FEATURES, KEY)


def test_a_flipped_bit_anywhere_is_poisoned_or_changes_nothing() -> None:
    """A file has bytes that say nothing, such as the time of an entry."""
    whole = to_bytes(model(), KEY)
    refused = 0
    for place in range(0, len(whole), 5):
        content = bytearray(whole)
        content[place] ^= 1
        try:
            assert to_bytes(from_bytes(bytes(content), FEATURES, KEY), KEY) == whole
        except Poisoned:
            refused += 1
    assert refused > len(whole) / 5 / 2


def test_arrays_or_facts_that_were_changed_after_signing_are_poisoned() -> None:
    content = to_bytes(model(), KEY)
    with np.load(io.BytesIO(content)) as file:
        facts = msgspec.json.decode(file["facts"].tobytes())
    younger = np.frombuffer(msgspec.json.encode(facts | {"created_ms": 2}), np.uint8)
    for other in (changed(content, **{"forest.leaves": np.zeros((3, 4))}), changed(content, facts=younger)):
        with pytest.raises(Poisoned, match="not signed"):
            from_bytes(other, FEATURES, KEY)


def test_a_model_without_signature_or_of_another_key_is_poisoned() -> None:
    content = to_bytes(model(), KEY)
    with np.load(io.BytesIO(content)) as file:
        facts = msgspec.json.decode(file["facts"].tobytes())
    unsigned = np.frombuffer(msgspec.json.encode(facts | {"signature": ""}), np.uint8)
    with pytest.raises(Poisoned, match="not signed"):
        from_bytes(changed(content, facts=unsigned), FEATURES, KEY)
    with pytest.raises(Poisoned, match="not signed"):
        from_bytes(content, FEATURES, b"another")


def test_boosted_trees_come_back_and_are_checked_as_the_forest_is() -> None:
    found = from_bytes(to_bytes(model(boosted=heaps(leaves=np.full((3, 4), 2.0))), KEY), FEATURES, KEY)
    assert found.boosted is not None
    assert found.boosted.leaves.tolist() == [[2.0] * 4] * 3
    assert from_bytes(to_bytes(model(), KEY), FEATURES, KEY).boosted is None
    with pytest.raises(Poisoned, match="contradicts"):
        from_bytes(to_bytes(model(boosted=heaps(leaves=np.ones((3, 3)))), KEY), FEATURES, KEY)


def test_another_format_is_poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FORMAT", 1)
    content = to_bytes(model(), KEY)
    monkeypatch.undo()
    with pytest.raises(Poisoned, match="format"):
        from_bytes(content, FEATURES, KEY)


@pytest.mark.parametrize(
    "changes",
    [
        {"forest": heaps(columns=np.full((3, 3), 2, np.uint8))},
        {"forest": heaps(leaves=np.ones((3, 3)))},
        {"forest": heaps(thresholds=np.zeros((3, 4), np.float32))},
        {
            "forest": heaps(
                thresholds=np.zeros((3, 2), np.float32),
                columns=np.ones((3, 2), np.uint8),
                leaves=np.ones((3, 3)),
            )
        },
        {"median": np.zeros(3, np.float32)},
        {"tail_scores": np.array([0.0])},
        {"hours": np.zeros(23)},
        {"bulk": np.array([0.0])},
    ],
)
def test_arrays_that_point_outside_are_poisoned(changes: dict[str, object]) -> None:
    with pytest.raises(Poisoned, match="contradicts"):
        from_bytes(to_bytes(model(**changes), KEY), FEATURES, KEY)


def test_a_pickle_is_never_opened() -> None:
    content = changed(to_bytes(model(), KEY), **{"forest.leaves": np.array([{}], dtype=object)})
    with pytest.raises(Poisoned):
        from_bytes(content, FEATURES, KEY)


def test_a_champion_that_is_gone_is_none(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path, FEATURES, KEY)
    version = registry.save(model())
    registry.promote(version)
    (tmp_path / f"{version}.npz").unlink()
    assert registry.champion() is None


def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path, FEATURES, KEY)
    version = registry.save(model())
    (tmp_path / "champion").mkdir()
    with pytest.raises(Unavailable):
        registry.promote(version)
    (tmp_path / "000002.npz").mkdir()
    with pytest.raises(Unavailable):
        registry.load("000002")


def test_nothing_but_whole_models_is_left_in_the_folder(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path, FEATURES, KEY)
    registry.promote(registry.save(msgspec.structs.replace(model(), rows=3)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["000001.npz", "champion"]
