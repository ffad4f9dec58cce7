"""Rules, lists and snoozes as they are kept, and the rulesets that have been published from them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict, NotFound, Poisoned, Unparsable
from guardian.observability.logs import get_logger
from guardian.scoring.rules.definition import Rule
from guardian.scoring.rules.lifecycle import MACHINE, RuleLife, State, Version, seeded
from guardian.scoring.rules.lists import NamedList, Snooze
from guardian.scoring.rules.ruleset import Contents, Deployed, RuleSet, live
from guardian.storage.base import AuditLog, Record, RecordQuery, Records
from guardian.storage.collection import Collection

RULE_KIND, LIST_KIND, SNOOZE_KIND = "rule", "rule_list", "rule_snooze"
RULESET_KIND, CURRENT_KIND = "ruleset", "ruleset_current"
_log = get_logger(__name__)
_CURRENT: Final = "current"
_MODES: Final = {State.LIVE: "live", State.PART: "part", State.SHADOW: "shadow"}
_TRIES: Final = 5
ALL: Final = RecordQuery("", limit=500)


class _Published(msgspec.Struct, frozen=True):
    """What a ruleset is made of; lists are kept apart, as they are large and change seldom."""

    deployed: tuple[Deployed, ...]
    lists: tuple[str, ...]
    snoozes: tuple[Snooze, ...]


class _Current(msgspec.Struct, frozen=True):
    version: str
    at_ms: int


class RuleBook:
    """The collections, and what decides. `seeds` are the rules of the first start."""

    def __init__(
        self, records: Records, audit: AuditLog, clock: Clock, seeds: Callable[[], Sequence[Rule]]
    ) -> None:
        self.rules = Collection(records, RULE_KIND, RuleLife, _of_rule)
        self.lists = Collection(records, LIST_KIND, NamedList, _of_list)
        self.snoozes = Collection(records, SNOOZE_KIND, Snooze, _of_snooze)
        self._records = records
        self._audit = audit
        self._clock = clock
        self._seeds = seeds

    def current_version(self) -> str | None:
        """The ruleset that was published last."""
        kept = self._records.get(CURRENT_KIND, _CURRENT)
        return None if kept is None else msgspec.json.decode(kept.doc, type=_Current).version

    def current(self) -> RuleSet:
        """The ruleset that was published last; on the first start that of the seeds.

        One that cannot be read is made again from the records, else from the seeds: judging goes on.
        """
        version = self.begin()
        try:
            return self.load(version)
        except (NotFound, Poisoned) as failure:
            _log.error("ruleset_refused", version=version, reason=str(failure))
        try:
            return RuleSet(self.contents())
        except Unparsable as failure:
            _log.error("rules_not_understood", reason=str(failure))
            return live(self._seeds())

    def begin(self) -> str:
        """See that the seeds are there; the ruleset that decides."""
        return self.current_version() or self.publish()

    def load(self, version: str) -> RuleSet:
        """A ruleset of any time. Raises NotFound, and Poisoned when it cannot be read."""
        kept = self._records.get(RULESET_KIND, version)
        if kept is None:
            raise NotFound("There is no ruleset of this version.")
        try:
            found = msgspec.json.decode(kept.doc, type=_Published)
            contents = Contents(found.deployed, tuple(map(self._list_of, found.lists)), found.snoozes)
            ruleset = RuleSet(contents)
        except (msgspec.DecodeError, Unparsable) as error:
            raise Poisoned("The ruleset cannot be read by this version of Guardian.") from error
        if ruleset.version != version:
            raise Poisoned("The ruleset is not what was published under this version.")
        return ruleset

    def contents(self) -> Contents:
        """What decides by the records as they stand."""
        rules = sorted(self.rules.every(ALL), key=lambda one: one.rule_id)
        return Contents(
            tuple(deployed for life in rules for deployed in at_work(life)),
            tuple(sorted(self.lists.every(ALL), key=lambda one: one.name)),
            tuple(sorted(self.snoozes.every(ALL), key=lambda one: one.snooze_id)),
        )

    def publish(self) -> str:
        """Make what the records say the ruleset that decides; the same content changes nothing.

        Raises Unparsable when the records do not fit together, and Conflict when others publish all the time.
        """
        for _ in range(_TRIES):
            before = self._records.get(CURRENT_KIND, _CURRENT)
            if before is None:
                self._seed()
            contents = self.contents()
            version = RuleSet(contents).version
            if before is not None and msgspec.json.decode(before.doc, type=_Current).version == version:
                return version
            self._keep(contents, version)
            if self._point(before, version):
                return version
        raise Conflict("Others publish rules at this moment; try again.")

    def list_fields(self) -> dict[str, str]:
        """The field of each list."""
        return {one.name: one.field for one in self.lists.every(ALL)}

    def forget_ended(self, before_ms: int) -> int:
        """Remove snoozes that ended before; how many. Rulesets of their time keep them."""
        ended = list(self.snoozes.every(msgspec.structs.replace(ALL, until_ms=before_ms)))
        return sum(self.snoozes.delete(one.snooze_id) for one in ended)

    def next_number(self) -> int:
        """1, 2, 3 … for snoozes."""
        return self._records.next_number(SNOOZE_KIND)

    def _seed(self) -> None:
        now_ms = self._clock.now_ms()
        for rule in self._seeds():
            if self.rules.insert(seeded(rule, "From the file of rules", now_ms)):
                self._audit.append(now_ms, MACHINE, "rule seeded", rule.id, {"version": "1"})

    def _keep(self, contents: Contents, version: str) -> None:
        digests = [_digest_of(one) for one in contents.lists]
        now_ms = self._clock.now_ms()
        for one, digest in zip(contents.lists, digests, strict=True):
            self._records.insert(Record(_PIECE, digest, now_ms, msgspec.json.encode(one)))
        published = _Published(contents.deployed, tuple(digests), contents.snoozes)
        self._records.insert(Record(RULESET_KIND, version, now_ms, msgspec.json.encode(published)))

    def _point(self, before: Record | None, version: str) -> bool:
        doc = msgspec.json.encode(_Current(version, self._clock.now_ms()))
        if before is None:
            return self._records.insert(Record(CURRENT_KIND, _CURRENT, self._clock.now_ms(), doc))
        try:
            self._records.update(msgspec.structs.replace(before, doc=doc))
        except Conflict:
            return False
        return True

    def _list_of(self, digest: str) -> NamedList:
        kept = self._records.get(_PIECE, digest)
        if kept is None:
            raise Poisoned("A list of the ruleset is gone.")
        return msgspec.json.decode(kept.doc, type=NamedList)


_PIECE: Final = "ruleset_list"


def at_work(life: RuleLife) -> Iterator[Deployed]:
    """The versions of a rule that decide or run along: the live one, then the one on trial."""
    for version in filter(None, (life.live, life.trial)):
        yield deployed_of(version)


def deployed_of(version: Version) -> Deployed:
    """A version as a ruleset has it."""
    return Deployed(version.rule, version.number, _MODES[version.state], version.percent)  # type: ignore[arg-type]


def _digest_of(one: NamedList) -> str:
    return Contents(lists=(one,)).digest


def _of_rule(life: RuleLife) -> Record:
    shown = life.shown
    at_ms = life.history[0].at_ms
    return Record(RULE_KIND, life.rule_id, at_ms, b"", state=shown.state, level=shown.rule.severity)


def _of_list(one: NamedList) -> Record:
    return Record(LIST_KIND, one.name, 0, b"", label=one.field)


def _of_snooze(one: Snooze) -> Record:
    return Record(SNOOZE_KIND, one.snooze_id, one.until_ms, b"", label=one.rule_id)
