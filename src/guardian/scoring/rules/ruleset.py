"""Everything that decides by rules at one time: it is compiled once and named by its content."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from hashlib import blake2b, sha256
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Misconfigured, Unparsable
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel, FiredRule
from guardian.scoring.rules.columns import Batch
from guardian.scoring.rules.definition import Rule, understood
from guardian.scoring.rules.lists import ALLOW, BLOCK, NamedList, Snooze
from guardian.scoring.rules.plan import Kleene, Mask, Plan, Run
from guardian.scoring.rules.syntax import Listed
from guardian.scoring.rules.written import read_rules
from guardian.storage.base import ASIDE_MARK

WHOLE: Final = 100
_ON_LIST: Final = {
    BLOCK: {"en": "On the block list: {why}", "pt": "Na lista de bloqueio: {why}"},
    ALLOW: {
        "en": "On the allow list, rules do not count: {why}",
        "pt": "Na lista de permissão, regras não contam: {why}",
    },
}
_SEVERITY: Final = {BLOCK: AlertLevel.CRITICAL, ALLOW: AlertLevel.NORMAL}


class Deployed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version of a rule at work: on `percent` of the transactions it counts, on the rest it is aside.

    A version on trial (in shadow, or on a part) may stand beside the live one, which counts on the rest.
    """

    rule: Rule
    version: int
    mode: Literal["live", "part", "shadow"]
    percent: int = WHOLE


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a ruleset is made of, in the order in which it decides."""

    deployed: tuple[Deployed, ...] = ()
    lists: tuple[NamedList, ...] = ()
    snoozes: tuple[Snooze, ...] = ()

    @property
    def rules(self) -> list[Rule]:
        """The rules at work, without how they are."""
        return [one.rule for one in self.deployed]

    @property
    def digest(self) -> str:
        """Twelve hex digits that only the same content has."""
        return sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()[:12]


class Decided(msgspec.Struct, frozen=True):
    """What rules say of each row of a batch: whether they warn, and the ids as they are kept."""

    warned: Mask
    critical: Mask
    fired: list[str]


class _Compiled(msgspec.Struct, frozen=True):
    of: Deployed
    when: int
    unless: int | None
    part: tuple[int, int]
    """It counts where the transaction's place from 0 to 99 is at least the first and below the second."""


class RuleSet:
    """Rules, lists and snoozes, compiled. Raises Unparsable when an expression is not understood."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self.version = contents.digest
        self._plan = Plan({one.name: one.expiries for one in contents.lists})
        fields = {one.name: one.field for one in contents.lists}
        self._compiled = [self._compile(one, fields) for one in contents.deployed]
        acting = [one for one in contents.lists if one.acts]
        self._acting = [(one, self._plan.add(Listed(one.field, one.name))) for one in acting]
        self._by_id = {one.rule.id: one.rule for one in contents.deployed}
        self._lists = {one.name: one for one in contents.lists}

    @cached_property
    def versions(self) -> dict[str, int]:
        """The version behind each id as it is kept: that on trial is the one aside."""
        found = {one.rule.id: one.version for one in self.contents.deployed if one.mode != "shadow"}
        trials = sorted(self.contents.deployed, key=lambda one: one.mode != "live")
        return {**found, **{ASIDE_MARK + one.rule.id: one.version for one in trials}}

    def decide(self, transactions: Sequence[Transaction], features: NDArray[np.float32]) -> Decided:
        """Of each row whether it is warned of, critically, and by what."""
        batch = Batch(transactions, features)
        warned, critical = np.zeros(batch.rows, bool), np.zeros(batch.rows, bool)
        told: dict[int, list[str]] = {}
        with np.errstate(all="ignore"):
            run = self._plan.run(batch)
            blocked, allowed = self._hits(run, BLOCK, told), self._hits(run, ALLOW, {})
            for one in self._compiled:
                mask = firing(run, one.when, one.unless)
                if np.count_nonzero(mask):
                    counts = self._counting(one, mask, batch, allowed)
                    (critical if one.of.rule.severity == AlertLevel.CRITICAL else warned)[counts] = True
                    _tell(told, one.of.rule.id, np.flatnonzero(mask), counts)
            self._hits(run, ALLOW, told)
        critical |= blocked
        return Decided(warned, critical, [",".join(told.get(row, ())) for row in range(batch.rows)])

    def describe(self, ids: Iterable[str], of: Transaction, language: str) -> tuple[FiredRule, ...]:
        """Fired rules that counted, with their words; one that has been removed since keeps its id."""
        return tuple(self._describe(one, of, language) for one in ids if not one.startswith(ASIDE_MARK))

    def get(self, rule_id: str) -> Rule | None:
        """The rule of that id."""
        return self._by_id.get(rule_id)

    def _compile(self, one: Deployed, fields: dict[str, str]) -> _Compiled:
        conditions = understood(one.rule, fields)
        unless = None if conditions.unless is None else self._plan.add(conditions.unless)
        return _Compiled(one, self._plan.add(conditions.when), unless, self._part(one))

    def _part(self, one: Deployed) -> tuple[int, int]:
        """A trial has the first places; the live version of the same rule keeps the others."""
        if one.mode == "shadow":
            return 0, 0
        if one.mode == "part":
            return 0, one.percent
        beside = (other for other in self.contents.deployed if other.rule.id == one.rule.id)
        return max((other.percent for other in beside if other.mode == "part"), default=0), WHOLE

    def _hits(self, run: Run, acts: str, told: dict[int, list[str]]) -> Mask:
        """Rows on a list that blocks or allows."""
        hit: Mask = np.zeros(run.columns.rows, bool)
        for one, step in self._acting:
            if one.acts == acts:
                found: Kleene = run.value(step)
                hit |= found[0]
                _tell(told, one.name, (rows := np.flatnonzero(found[0])), rows)
        return hit

    def _counting(self, one: _Compiled, mask: Mask, batch: Batch, allowed: Mask) -> NDArray[np.intp]:
        """The rows of those that fired for which it counts."""
        rows = np.flatnonzero(mask & ~allowed)
        low, high = one.part
        if (low, high) == (0, WHOLE):
            chosen = rows.tolist()
        else:
            chosen = [row for row in rows.tolist() if low <= place_of(batch.transactions[row]) < high]
        snoozed = [snooze for snooze in self.contents.snoozes if snooze.rule_id == one.of.rule.id]
        if snoozed:
            chosen = [row for row in chosen if not _asleep(snoozed, batch.transactions[row])]
        return np.array(chosen, np.intp)

    def _describe(self, rule_id: str, of: Transaction, language: str) -> FiredRule:
        listed = self._lists.get(rule_id)
        if listed is not None and listed.acts:
            why = _ON_LIST[listed.acts][language].format(why=listed.reason_of(getattr(of, listed.field)))
            return FiredRule(rule_id, _SEVERITY[listed.acts], why)
        rule = self._by_id.get(rule_id)
        if rule is None:
            return FiredRule(rule_id, AlertLevel.WARNING, "")
        return FiredRule(rule_id, AlertLevel(rule.severity), rule.recommendation.of(language))


def firing(run: Run, when: int, unless: int | None) -> Mask:
    """Where the condition is true and the exception is not known to be."""
    found: Mask = run.value(when)[0]
    if unless is None or not np.count_nonzero(found):
        return found
    excused: Mask = run.value(unless)[0]
    return found & ~excused


def place_of(one: Transaction) -> int:
    """0 to 99, the same for a transaction wherever and whenever it is asked."""
    return int.from_bytes(blake2b(one.transaction_id.encode(), digest_size=4).digest(), "big") % WHOLE


def live(rules: Iterable[Rule]) -> RuleSet:
    """These rules alone, all live in their first version."""
    in_order = sorted(rules, key=lambda rule: rule.id)
    return RuleSet(Contents(tuple(Deployed(rule, 1, "live") for rule in in_order)))


def load_rules(path: Path | None = None) -> RuleSet:
    """The rules of a file, or those that Guardian starts with. Raises Misconfigured with line and column."""
    try:
        return live(read_rules(rules_text(path), {}))
    except Unparsable as error:
        raise Misconfigured(f"The file of rules: {error.placed()}") from error


def rules_text(path: Path | None) -> str:
    """The text of a file of rules, or of those that ship. Raises Misconfigured."""
    if path is None:
        return files("guardian.scoring").joinpath("default_rules.yaml").read_text("utf-8")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured("The file of rules cannot be read.") from error


def _asleep(snoozes: Sequence[Snooze], one: Transaction) -> bool:
    return any(
        getattr(one, snooze.field) == snooze.value and one.event_ms < snooze.until_ms for snooze in snoozes
    )


def _tell(
    told: dict[int, list[str]], rule_id: str, rows: NDArray[np.intp], counting: NDArray[np.intp]
) -> None:
    counted = set(counting.tolist())
    for row in rows.tolist():
        told.setdefault(row, []).append(rule_id if row in counted else ASIDE_MARK + rule_id)
