"""Verdicts as columns, from features, a model and rules alone: for live traffic and to check what is kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import Transaction
from guardian.models.artefact import ModelArtefact
from guardian.scoring.base import VerdictColumns
from guardian.scoring.boosted import chance
from guardian.scoring.combine import Evidence, combine
from guardian.scoring.rarity import rarity
from guardian.scoring.rules.ruleset import RuleSet
from guardian.scoring.zscore import zscores

NO_MODEL = ""


def verdicts(
    model: ModelArtefact | None,
    rules: RuleSet,
    transactions: Sequence[Transaction],
    features: NDArray[np.float32],
) -> VerdictColumns:
    """Without a model, z-score and rules decide alone. Each verdict hangs on its own row."""
    rare = np.full(len(features), np.nan) if model is None else rarity(model, features)
    z = zscores(features)
    decided = rules.decide(transactions, features)
    trees = None if model is None else model.boosted
    fraud = None if trees is None else chance(trees, features)
    combined = combine(Evidence(rare, z, decided.warned, decided.critical, fraud))
    return VerdictColumns(
        ml_score=(1.0 - 10.0**-rare).astype(np.float32),
        zscore=z,
        score=combined.score,
        level=combined.level,
        method=combined.method,
        rules=decided.fired,
        features=features,
        model_version=NO_MODEL if model is None else model.version,
        rules_version=rules.version,
        rule_versions=rules.versions,
    )
