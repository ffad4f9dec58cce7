"""The page of a transaction computes its verdict again when asked to, and says what came out."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import asdict

from console_samples import NOW_MS, World
from guardian.domain.transaction import Transaction
from guardian.features.memory import Memory
from guardian.scoring.verdicts import verdicts
from guardian.storage.base import Judged

PAGE = "/console/transactions/t0?verify=1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def kept(world: World, **changes: object) -> None:
    """One transaction, judged by the rules in force, then changed."""
    rows = [Transaction("t0", "m", "approved", 900, NOW_MS, NOW_MS)]
    columns = asdict(verdicts(None, world.book.current(), rows, Memory().take_in(rows)))
    world.store.transactions.keep(0, Judged(rows, [0], processing_ms=1.0, **{**columns, **changes}))


def test_it_is_computed_only_when_asked(world: World) -> None:
    kept(world)
    page = world.client().get("/console/transactions/t0").text
    assert 'href="?verify=1&source=live&merchant=m#verification"' in page
    assert "identical" not in page


def test_what_is_as_it_was_is_identical(world: World) -> None:
    kept(world)
    page = world.client().get(PAGE).text
    assert "Recomputed from stored features, model and rules: identical" in page
    assert world.book.current_version() in page
    portuguese = world.client(lang="pt-BR").get(PAGE).text
    assert "idêntico" in portuguese


def test_what_was_changed_is_named(world: World) -> None:
    kept(world, level=np.array([2], np.uint8))
    page = world.client().get(PAGE).text
    assert "not identical" in page
    assert "level: kept CRITICAL, computed NORMAL" in page


def test_what_cannot_be_computed_again_is_said(world: World) -> None:
    kept(world, rules_version="<b>gone</b>")
    page = world.client().get(PAGE).text
    assert "Cannot be computed again: There is no ruleset of this version." in page
    assert "<b>gone" not in page
