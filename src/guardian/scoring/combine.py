"""One verdict out of all: rarity, z-score, rules and, once frauds were labelled, their chance."""

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.verdict import Method

RARE_DECADES = 3.0
"""One row in 1 000: the forest alone warns."""
VERY_RARE_DECADES = 4.0
AGREEING_Z = 4.0
LONE_Z = 7.0
"""Without a model a z beyond this warns by itself: rare even for heavy-tailed amounts."""
RULE_DECADES = (2.0, 3.5)
"""What a fired rule adds to the rarity, in decades: warning, critical."""
LIKELY, SURE = 0.5, 0.9
"""From these chances of fraud on, a row is at least WARNING, CRITICAL."""
SHOWN_DECADES = 0.5
_METHODS = tuple(Method)
_NONE, _ML, _Z, _RULES, _FRAUD = (
    _METHODS.index(one) for one in (Method.NONE, Method.ML, Method.ZSCORE, Method.RULES, Method.FRAUD)
)

RECOMMENDATIONS = {
    Method.NONE: {"en": "Nothing to do.", "pt": "Nada a fazer."},
    Method.ML: {
        "en": "Unusual combination; look at the reasons and the card's latest events.",
        "pt": "Combinação incomum; veja os motivos e os últimos eventos do cartão.",
    },
    Method.ZSCORE: {
        "en": "Amount far from the usual; confirm it with the merchant or cardholder.",
        "pt": "Valor distante do usual; confirme com o lojista ou o portador.",
    },
    Method.FRAUD: {
        "en": "Resembles confirmed frauds; hold it and contact the cardholder.",
        "pt": "Parece fraudes confirmadas; segure-a e contate o portador.",
    },
}


class Evidence(msgspec.Struct, frozen=True):
    """Columns of one batch: rarity (NaN without a model), z, which rules fired, and the chance of fraud
    (None before frauds were learnt)."""

    decades: NDArray[np.float64]
    z: NDArray[np.float32]
    warned: NDArray[np.bool_]
    critical: NDArray[np.bool_]
    chance: NDArray[np.float64] | None = None


class Combined(msgspec.Struct, frozen=True):
    """Columns of the combined verdict, as in `storage.base.Judged`."""

    score: NDArray[np.float32]
    level: NDArray[np.uint8]
    method: NDArray[np.uint8]


def combine(evidence: Evidence) -> Combined:
    """Rarities add up in decades; the level needs a rule, a very rare row, or two that agree.

    Once frauds are learnt, their chance is the score: it weighs what rarity can only guess.
    """
    known = ~np.isnan(evidence.decades)
    rarity = np.where(known, evidence.decades, 0.0)
    far = np.abs(evidence.z)
    ruled = evidence.warned | evidence.critical
    lone = ~known & (far >= LONE_Z)
    rare = rarity >= RARE_DECADES
    sure = (rarity >= VERY_RARE_DECADES) & ((far >= AGREEING_Z) | evidence.warned)
    level = np.where(evidence.critical | sure, 2, np.where(evidence.warned | rare | lone, 1, 0))
    by_z = np.minimum(far / AGREEING_Z, 3.0)
    by_rule = np.where(evidence.critical, RULE_DECADES[1], np.where(evidence.warned, RULE_DECADES[0], 0.0))
    method = np.where(ruled, _RULES, np.where(rare, _ML, np.where(lone, _Z, _leaning(rarity, by_z))))
    total = np.minimum(np.where(known, rarity, by_z) + by_rule, 7.0)
    score = 1.0 - 10.0**-total
    if evidence.chance is not None:
        learnt = (evidence.chance >= LIKELY).astype(np.int64) + (evidence.chance >= SURE)
        method = np.where(learnt > level, _FRAUD, method)
        score, level = evidence.chance, np.maximum(level, learnt)
    return Combined(score.astype(np.float32), level.astype(np.uint8), method.astype(np.uint8))


def _leaning(rarity: NDArray[np.float64], by_z: NDArray[np.float64]) -> NDArray[np.int64]:
    """What a row that is not flagged leans on most, if on anything."""
    stronger = np.where(rarity >= by_z, _ML, _Z)
    return np.where(np.maximum(rarity, by_z) < SHOWN_DECADES, _NONE, stronger)
