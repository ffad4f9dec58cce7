"""Rules from a YAML file, checked when they are read and compiled to masks over columns."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from guardian.domain.errors import Misconfigured
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel, FiredRule
from guardian.features.definition import INDEX

Mask = NDArray[np.bool_]
NUMBER_OPS: dict[str, Callable[..., Mask]] = {
    ">": np.greater,
    ">=": np.greater_equal,
    "<": np.less,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
TEXT_OPS = ("==", "!=", "in", "not_in")
TEXT_FIELDS = (
    "status",
    "currency",
    "merchant_id",
    "merchant_type",
    "mcc",
    "auth_code",
    "card_bin",
    "acquirer",
    "issuer",
    "country",
    "source",
)
AMOUNT = "amount"


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages."""

    pt: str
    en: str

    def of(self, language: str) -> str:
        """The text in that language; English unless it is Portuguese."""
        return self.pt if language.startswith("pt") else self.en


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A field against a value."""

    field: str
    op: str
    value: float | str | tuple[str, ...]

    @property
    def numeric(self) -> bool:
        """Whether it compares numbers: a feature or the amount."""
        return self.field == AMOUNT or self.field in INDEX


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fires when all its conditions hold."""

    id: str
    name: Words
    severity: Literal["WARNING", "CRITICAL"]
    recommendation: Words
    condition: tuple[Condition, ...]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: Literal[1]
    rules: tuple[dict[str, Any], ...]


class RuleSet:
    """Rules in the order of their file. Raises Misconfigured, naming the rule that is wrong."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self._by_id = {rule.id: rule for rule in rules}
        for rule in rules:
            _check(rule)
        if len(self._by_id) != len(self.rules):
            raise Misconfigured("Two rules have the same id.")
        self.critical = np.array([rule.severity == "CRITICAL" for rule in rules], dtype=bool)

    def fired(self, transactions: Sequence[Transaction], features: NDArray[np.float32]) -> Mask:
        """(rules, n): which rule fires on which row."""
        masks = np.empty((len(self.rules), len(transactions)), dtype=bool)
        batch = _Batch(transactions, np.ascontiguousarray(features.T))
        for place, rule in enumerate(self.rules):
            masks[place] = _holds(rule, batch)
        return masks

    def describe(self, ids: Sequence[str], language: str) -> tuple[FiredRule, ...]:
        """Fired rules with their words; one that has been removed since keeps its id."""
        return tuple(self._describe(one, language) for one in ids)

    def get(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return self._by_id.get(rule_id)

    def _describe(self, rule_id: str, language: str) -> FiredRule:
        rule = self._by_id.get(rule_id)
        if rule is None:
            return FiredRule(rule_id, AlertLevel.WARNING, "")
        return FiredRule(rule_id, AlertLevel(rule.severity), rule.recommendation.of(language))


def load_rules(path: Path | None = None) -> RuleSet:
    """The rules of a file, or those that Guardian starts with. Raises Misconfigured."""
    if path is None:
        text = files("guardian.scoring").joinpath("default_rules.yaml").read_text("utf-8")
    else:
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured("The file of rules cannot be read.") from error
    return parse_rules(text)


def parse_rules(text: str) -> RuleSet:
    """The rules of a YAML text. Raises Misconfigured, naming the rule that is wrong."""
    try:
        file = msgspec.convert(yaml.safe_load(text), _File)
    except yaml.YAMLError as error:
        raise Misconfigured("The file of rules is not YAML.") from error
    except msgspec.ValidationError as error:
        raise Misconfigured(f"The file of rules is not as expected: {error}") from error
    return RuleSet([_rule(place, entry) for place, entry in enumerate(file.rules, 1)])


def _rule(place: int, entry: dict[str, Any]) -> Rule:
    try:
        return msgspec.convert(entry, Rule)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"Rule {entry.get('id', place)}: {error}") from error


def _check(rule: Rule) -> None:
    if not rule.id or "," in rule.id:
        raise Misconfigured("A rule needs an id without commas.")
    if not rule.condition:
        raise Misconfigured(f"Rule {rule.id} has no condition.")
    for condition in rule.condition:
        trouble = _trouble(condition)
        if trouble:
            raise Misconfigured(f"Rule {rule.id}: {trouble}")


def _trouble(condition: Condition) -> str | None:
    if condition.numeric:
        if condition.op not in NUMBER_OPS:
            return f"{condition.field} is a number; use one of {' '.join(NUMBER_OPS)}."
        if not isinstance(condition.value, float):
            return f"{condition.field} must be compared with a number."
        return None
    if condition.field not in TEXT_FIELDS:
        return f"there is no field {condition.field}."
    if condition.op not in TEXT_OPS:
        return f"{condition.field} is text; use one of {' '.join(TEXT_OPS)}."
    if isinstance(condition.value, tuple) != (condition.op in {"in", "not_in"}):
        return f"{condition.field} needs a list for in and not_in, else a single text."
    if isinstance(condition.value, float):
        return f"{condition.field} must be compared with text (put it in quotes)."
    return None


class _Batch(msgspec.Struct, frozen=True):
    """Transactions and their features, one row of `columns` per feature."""

    transactions: Sequence[Transaction]
    columns: NDArray[np.float32]


def _holds(rule: Rule, batch: _Batch) -> Mask:
    """Numbers first: they are cheap, and text is only looked at where they hold."""
    mask: Mask = np.ones(len(batch.transactions), dtype=bool)
    for condition in rule.condition:
        if condition.numeric:
            mask &= _compare(condition, batch)
    for condition in rule.condition:
        if not condition.numeric:
            _match(condition, batch.transactions, mask)
    return mask


def _compare(condition: Condition, batch: _Batch) -> Mask:
    if condition.field == AMOUNT:
        # float32 of the log amount would blur the bound by a cent or two: good enough for a rule
        column = np.expm1(batch.columns[INDEX["log_amount"]].astype(np.float64)) + 1e-9
        return NUMBER_OPS[condition.op](np.round(column, 2), condition.value)
    return NUMBER_OPS[condition.op](batch.columns[INDEX[condition.field]], np.float32(condition.value))  # type: ignore[arg-type]


def _match(condition: Condition, transactions: Sequence[Transaction], mask: Mask) -> None:
    wanted = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    negated = condition.op in {"!=", "not_in"}
    for row in np.flatnonzero(mask).tolist():
        mask[row] = (getattr(transactions[row], condition.field) in wanted) != negated
