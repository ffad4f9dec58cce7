"""Where people work on rules, through the API, the console and the command line alike."""

from collections.abc import Callable, Sequence

import msgspec

from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict, Forbidden, Invalid, NotFound, Unparsable
from guardian.scoring.rules.book import ALL, RuleBook
from guardian.scoring.rules.definition import Rule, understood
from guardian.scoring.rules.lifecycle import (
    CLOSED,
    MACHINE,
    Asked,
    Move,
    RuleLife,
    Version,
    drafted,
    moved,
    needs_second_person,
    version_of,
)
from guardian.scoring.rules.lists import NamedList, Snooze, refuse_bad_list, refuse_bad_snooze
from guardian.security.identity import Principal
from guardian.storage.base import AuditLog

WRITE, REVIEW = "rules:write", "rules:review"
MOST_SHARE = 0.5
"""A rule that fires on more than half of the traffic describes the traffic, not what is wrong in it."""
Kept = tuple[RuleLife, int]
Share = Callable[[Rule], float | None]
"""The part of stored rows on which a rule would have fired; None when there are too few to say."""


class RuleDesk:
    """Acts for a person: keeps the change, writes it into the audit log, publishes what decides."""

    def __init__(self, book: RuleBook, audit: AuditLog, clock: Clock, share: Share) -> None:
        self.book = book
        self._audit = audit
        self._clock = clock
        self._share = share

    def get(self, rule_id: str) -> Kept:
        """A rule, and the revision to change it with. Raises NotFound."""
        kept = self.book.rules.get(rule_id)
        if kept is None:
            raise NotFound("There is no such rule.")
        return kept

    def check(self, rule: Rule) -> None:
        """Raises Unparsable with line and column."""
        understood(rule, self.book.list_fields())

    def create(self, rule: Rule, who: Principal) -> Kept:
        """A new rule as a draft. Raises Unparsable, Conflict when the id is taken."""
        self._allow(who, WRITE)
        self.check(rule)
        now_ms = self._clock.now_ms()
        if not self.book.rules.insert(drafted(None, rule, who.subject, now_ms)):
            raise Conflict("There is a rule of this id already.")
        self._audit.append(now_ms, who.subject, "rule drafted", rule.id, {"version": "1"})
        return self.get(rule.id)

    def edit(self, rule: Rule, revision: int, who: Principal) -> Kept:
        """A draft with this wording. Raises Unparsable, NotFound, Conflict when it has changed meanwhile."""
        self._allow(who, WRITE)
        self.check(rule)
        life, _ = self.get(rule.id)
        now_ms = self._clock.now_ms()
        following = drafted(life, rule, who.subject, now_ms)
        self.book.rules.update(following, revision)
        self._audit.append(
            now_ms, who.subject, "rule edited", rule.id, {"version": str(following.newest.number)}
        )
        return self.get(rule.id)

    def move(self, rule_id: str, asked: Asked, who: Principal, revision: int | None = None) -> Kept:
        """Make a move. Raises NotFound, Conflict, Forbidden, Invalid, Unparsable."""
        life, kept = self.get(rule_id)
        version = version_of(life, asked)
        second = needs_second_person(version.state, asked.move)
        self._allow(who, REVIEW if second else WRITE)
        if asked.move in (Move.SUBMIT, Move.SHADOW, Move.PART, Move.LIVE):
            self.check(version.rule)
        if asked.move in (Move.PART, Move.LIVE):
            asked = msgspec.structs.replace(asked, expected_share=self._expected(version.rule))
        return self._moved(life, asked, kept if revision is None else revision)

    def limit(self, rule_id: str, version: int, reason: str) -> None:
        """Into shadow by the machine, which only ever lowers what a rule does. Raises as `move`."""
        life, kept = self.get(rule_id)
        alone = life.trial is None or life.trial.number == version
        move = Move.SHADOW if alone else Move.PAUSE  # what is on trial stays there
        self._moved(life, Asked(move, MACHINE, reason, version=version), kept)

    def put_list(self, one: NamedList, who: Principal) -> NamedList:
        """Make or replace a list. Raises Invalid, Conflict when rules use it for another field."""
        self._allow(who, WRITE)
        refuse_bad_list(one)
        self._refuse_broken(self.book.list_fields() | {one.name: one.field})
        for _ in range(3):
            if self.book.lists.insert(one):
                break
            kept = self.book.lists.get(one.name)
            if kept is not None:
                self.book.lists.update(one, kept[1])
                break
        self._tell(who, "rule list set", one.name, {"field": one.field, "entries": str(len(one.entries))})
        return one

    def drop_list(self, name: str, who: Principal) -> None:
        """Remove a list. Raises NotFound, Conflict while a rule uses it."""
        self._allow(who, WRITE)
        fields = self.book.list_fields()
        if fields.pop(name, None) is None:
            raise NotFound("There is no such list.")
        self._refuse_broken(fields)
        self.book.lists.delete(name)
        self._tell(who, "rule list removed", name, {})

    def new_snooze_id(self) -> str:
        """A name that no snooze had before."""
        return snooze_id_of(self.book.next_number())

    def snooze(self, one: Snooze, who: Principal) -> Snooze:
        """Keep a rule from counting for a value until a time. Raises Invalid, NotFound."""
        self._allow(who, WRITE)
        refuse_bad_snooze(one)
        self.get(one.rule_id)
        if one.until_ms <= self._clock.now_ms():
            raise Invalid("A snooze ends in the future.")
        self.book.snoozes.insert(one)
        self._tell(who, "rule snoozed", one.rule_id, {"snooze": one.snooze_id, "reason": one.reason})
        return one

    def wake(self, snooze_id: str, who: Principal) -> None:
        """End a snooze now. Raises NotFound."""
        self._allow(who, WRITE)
        kept = self.book.snoozes.get(snooze_id)
        if kept is None:
            raise NotFound("There is no such snooze.")
        self.book.snoozes.delete(snooze_id)
        self._tell(who, "rule woken", kept[0].rule_id, {"snooze": snooze_id})

    def every(self) -> Sequence[RuleLife]:
        """All rules, by id."""
        return sorted(self.book.rules.every(ALL), key=lambda one: one.rule_id)

    def _moved(self, life: RuleLife, asked: Asked, revision: int) -> Kept:
        now_ms = self._clock.now_ms()
        following = moved(life, asked, now_ms)
        self.book.rules.update(following, revision)
        entry = following.history[-1]
        detail = {
            "version": str(entry.version),
            "from": entry.before,
            "to": entry.after,
            "reason": entry.reason,
        }
        self._audit.append(now_ms, asked.actor, f"rule {asked.move}", life.rule_id, detail)
        self.book.publish()
        return self.get(life.rule_id)

    def _tell(self, who: Principal, action: str, target: str, detail: dict[str, str]) -> None:
        self._audit.append(self._clock.now_ms(), who.subject, action, target, detail)
        self.book.publish()

    def _expected(self, rule: Rule) -> float | None:
        share = self._share(rule)
        if share is not None and share > MOST_SHARE:
            raise Invalid(f"This rule matches nearly everything: {share:.0%} of the stored rows.")
        return share

    def _refuse_broken(self, fields: dict[str, str]) -> None:
        """Raises Conflict when a rule would no longer be understood."""
        for life in self.every():
            for version in filter(_open, life.versions):
                try:
                    understood(version.rule, fields)
                except Unparsable as error:
                    raise Conflict(f"Rule {life.rule_id} uses this list; change the rule first.") from error

    def _allow(self, who: Principal, scope: str) -> None:
        if not who.allows(scope):
            raise Forbidden(f"This needs the scope {scope}.")


def _open(version: Version) -> bool:
    return version.state not in CLOSED or version.live_since_ms > 0


def snooze_id_of(sequence: int) -> str:
    """What a snooze is called."""
    return f"SN-{sequence:04d}"
