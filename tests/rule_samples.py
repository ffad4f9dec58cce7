"""Rules, transactions and features to try them on."""

from collections.abc import Mapping

import msgspec
import numpy as np

from guardian.domain.transaction import Transaction
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.scoring.rules.definition import Rule, Words
from guardian.scoring.rules.lists import NamedList, Snooze
from guardian.scoring.rules.ruleset import Contents, Deployed, RuleSet

AT = 1_763_985_600_000
WORDS = Words("pare", "stop")


def rule(when: str = "amount >= 100", rule_id: str = "one", **changes: str) -> Rule:
    facts: dict[str, object] = {"severity": "WARNING", "unless": ""} | changes
    return Rule(rule_id, Words("um", "one"), recommendation=WORDS, when=when, **facts)  # type: ignore[arg-type]


def transaction(**fields: object) -> Transaction:
    defaults: dict[str, object] = {
        "transaction_id": "t",
        "merchant_id": "m",
        "status": "approved",
        "amount_minor": 10_000,
        "event_ms": AT,
        "received_ms": AT,
    }
    return Transaction(**(defaults | fields))  # type: ignore[arg-type]


def features(**values: float) -> np.ndarray:
    row = np.zeros((1, FEATURE_COUNT), np.float32)
    for name, value in values.items():
        row[0, INDEX[name]] = value
    return row


def ruleset(
    *rules: Rule | Deployed, lists: tuple[NamedList, ...] = (), snoozes: tuple[Snooze, ...] = ()
) -> RuleSet:
    deployed = [Deployed(one, 1, "live") if isinstance(one, Rule) else one for one in rules]
    return RuleSet(Contents(tuple(deployed), lists, snoozes))


def told(rules: RuleSet, one: Transaction, values: Mapping[str, float] = {}) -> str:
    """What is kept of one transaction."""
    return rules.decide([one], features(**values)).fired[0]


def fires(when: str, one: Transaction | None = None, unless: str = "", **values: float) -> bool:
    made = msgspec.structs.replace(rule(when), unless=unless)
    return told(ruleset(made), one or transaction(), values) == "one"
