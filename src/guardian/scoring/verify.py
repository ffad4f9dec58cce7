"""Stored verdicts recomputed from their stored features, model and rules, and held against what is kept."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from guardian.domain.errors import NotFound, Poisoned
from guardian.domain.verdict import LEVELS, METHODS
from guardian.features.definition import FEATURE_COUNT
from guardian.models.artefact import ModelArtefact
from guardian.scoring.base import VerdictColumns
from guardian.scoring.rules.ruleset import RuleSet
from guardian.scoring.verdicts import NO_MODEL, verdicts
from guardian.storage.base import StoredTransaction

COMPARED = ("ml_score", "zscore", "score", "level", "method", "rules")
_KEPT = 8
"""Models and rulesets that are held ready."""
_of_versions = attrgetter("verdict.model_version", "verdict.rules_version")


class Difference(msgspec.Struct, frozen=True):
    """A part of a verdict that is not what its features, model and rules give."""

    name: str
    kept: Any
    computed: Any


class Verification(msgspec.Struct, frozen=True):
    """`missing` says why a verdict could not be computed again; else it is identical or differs."""

    transaction_id: str
    merchant_id: str
    model_version: str
    rules_version: str
    differences: tuple[Difference, ...] = ()
    missing: str = ""

    @property
    def identical(self) -> bool:
        """Whether everything came out as it is kept, to the last bit."""
        return not self.differences and not self.missing

    def line(self) -> dict[str, Any]:
        """The form outside."""
        return {**msgspec.to_builtins(self), "identical": self.identical}


class Verifier:
    """`model` and `rules` give what a version names. They raise NotFound and Poisoned."""

    def __init__(self, model: Callable[[str], ModelArtefact], rules: Callable[[str], RuleSet]) -> None:
        self._model = lru_cache(_KEPT)(model)
        self._rules = lru_cache(_KEPT)(rules)

    def verify(self, stored: Sequence[StoredTransaction]) -> list[Verification]:
        """Each of them, those of the same versions one after the other."""
        by_version = sorted(stored, key=_of_versions)
        return [one for _, alike in groupby(by_version, key=_of_versions) for one in self._alike(list(alike))]

    def _alike(self, stored: Sequence[StoredTransaction]) -> Iterator[Verification]:
        sound = [one for one in stored if len(one.verdict.features) == FEATURE_COUNT]
        for other in stored:
            if len(other.verdict.features) != FEATURE_COUNT:
                yield _verification(other, missing="It was made of the features of another version.")
        model_version, rules_version = _of_versions(stored[0])
        try:
            model = None if model_version == NO_MODEL else self._model(model_version)
            rules = self._rules(rules_version)
        except (NotFound, Poisoned) as failure:
            yield from (_verification(one, missing=str(failure)) for one in sound)
            return
        features = np.array([one.verdict.features for one in sound], np.float32).reshape(-1, FEATURE_COUNT)
        computed = verdicts(model, rules, [one.transaction for one in sound], features)
        for row, one in enumerate(sound):
            yield _verification(one, tuple(_differences(one, computed, row)))


def _kept_form(columns: VerdictColumns, name: str, row: int) -> Any:
    if name == "rules":
        return tuple(filter(None, columns.rules[row].split(",")))
    value = getattr(columns, name)[row].item()
    return None if name == "ml_score" and np.isnan(value) else value


def _differences(stored: StoredTransaction, columns: VerdictColumns, row: int) -> Iterator[Difference]:
    for name in COMPARED:
        kept, computed = getattr(stored.verdict, name), _kept_form(columns, name, row)
        if kept != computed:
            yield Difference(name, _word(name, kept), _word(name, computed))


def _word(name: str, value: Any) -> Any:
    """Numbers of levels and methods as people know them."""
    if name == "level":
        return LEVELS[value].value
    return METHODS[value].value if name == "method" else value


def _verification(
    stored: StoredTransaction, differences: tuple[Difference, ...] = (), missing: str = ""
) -> Verification:
    one, verdict = stored.transaction, stored.verdict
    return Verification(
        one.transaction_id,
        one.merchant_id,
        verdict.model_version,
        verdict.rules_version,
        differences,
        missing,
    )
