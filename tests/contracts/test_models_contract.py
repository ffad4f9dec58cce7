"""Promises of the registry of models, on every back end."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from guardian.domain.errors import NotFound, Poisoned
from guardian.models.artefact import Heaps, ModelArtefact
from guardian.models.base import ModelRegistry
from guardian.models.folder import FolderRegistry

FEATURES = ("one", "two")
Open = Callable[[tuple[str, ...]], ModelRegistry]


@pytest.fixture(params=["folder"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    return lambda features: FolderRegistry(tmp_path / "models", features, b"key")


def artefact(created_ms: int = 1) -> ModelArtefact:
    bounds = np.array([0.0, 1.0])
    usual = np.zeros(2, np.float32)
    return ModelArtefact(
        features=FEATURES,
        created_ms=created_ms,
        rows=10,
        scale=0.5,
        forest=Heaps(
            thresholds=np.zeros((3, 3), np.float32),
            columns=np.ones((3, 3), np.uint8),
            leaves=np.arange(12, dtype=np.float64).reshape(3, 4),
        ),
        tail_scores=bounds,
        tail_decades=bounds,
        low=usual,
        median=usual,
        high=usual,
        hours=np.zeros(24),
        bulk=bounds,
    )


def test_a_saved_model_is_found_by_a_later_reader_as_it_was(opened: Open) -> None:
    version = opened(FEATURES).save(artefact(7))
    found = opened(FEATURES).load(version)
    assert found.version == version
    assert (found.created_ms, found.rows, found.scale, found.features) == (7, 10, 0.5, FEATURES)
    np.testing.assert_array_equal(found.forest.leaves, artefact().forest.leaves)
    assert found.forest.columns.dtype == np.uint8


def test_versions_sort_by_age_and_are_never_given_twice(opened: Open) -> None:
    registry, other = opened(FEATURES), opened(FEATURES)
    given = [registry.save(artefact(1)), other.save(artefact(2)), registry.save(artefact(3))]
    assert list(registry.versions()) == given == sorted(set(given))
    assert [registry.load(version).created_ms for version in given] == [1, 2, 3]


def test_nobody_is_champion_before_the_first_promotion(opened: Open) -> None:
    registry = opened(FEATURES)
    registry.save(artefact())
    assert registry.champion() is None


def test_the_promoted_version_is_champion_for_every_reader(opened: Open) -> None:
    registry = opened(FEATURES)
    first, second = registry.save(artefact()), registry.save(artefact())
    registry.promote(second)
    assert opened(FEATURES).champion() == second
    registry.promote(first)
    assert opened(FEATURES).champion() == first


@pytest.mark.parametrize("version", ["000009", "../champion", ""])
def test_an_unknown_version_is_not_found(opened: Open, version: str) -> None:
    registry = opened(FEATURES)
    with pytest.raises(NotFound):
        registry.load(version)
    with pytest.raises(NotFound):
        registry.promote(version)
    assert registry.champion() is None


def test_a_model_for_other_features_is_poisoned(opened: Open) -> None:
    version = opened(FEATURES).save(msgspec.structs.replace(artefact(), features=("two", "one")))
    with pytest.raises(Poisoned, match="other features"):
        opened(FEATURES).load(version)
