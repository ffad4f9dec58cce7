"""The stage: flagged transactions of live traffic are put into cases."""

from collections.abc import Mapping, Sequence
from typing import Final

from guardian.cases.collection import REVIEW_KIND, case_collection
from guardian.cases.lifecycle import OPEN_STATES, grown, opened
from guardian.cases.policy import Bursts, candidates, flagged_of, group_of
from guardian.domain.case import Case, Flagged, Group
from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict
from guardian.domain.label import EventName, Seen
from guardian.domain.transaction import LIVE
from guardian.domain.verdict import Verdict
from guardian.storage.base import EventStore, Record, Records, StoredTransaction
from guardian.storage.casebook import Casebook, CaseChanges

TRIES: Final = 5


class CaseStage:
    """Puts each flagged transaction into one case.

    Promises: a verdict that is told again changes nothing; a batch is one write, however many cases it
    changes; a case that a person has closed is left alone, and the next one of its group names it.
    """

    def __init__(self, events: EventStore, records: Records, casebook: Casebook, clock: Clock) -> None:
        self._events = events
        self._records = records
        self._casebook = casebook
        self._clock = clock
        self._cases = case_collection(records)
        self._bursts = Bursts()

    def handle(self, verdicts: Sequence[Verdict]) -> None:
        """Put what was flagged where it belongs. Raises Conflict or Unavailable."""
        live = [one for one in verdicts if one.source == LIVE and one.is_anomaly]
        names = dict.fromkeys(EventName(one.source, one.merchant_id, one.transaction_id) for one in live)
        held = self._casebook.holding(list(names))
        fresh = [name for name in names if name not in held]
        stored = self._events.stored(fresh)
        self.take([stored[name] for name in fresh if name in stored])

    def take(self, stored: Sequence[StoredTransaction]) -> int:
        """How many of these had no case yet and have one now. Raises Conflict or Unavailable."""
        flagged = [flagged_of(one) for one in stored]
        for _ in range(TRIES):
            held = self._casebook.holding([one.name for one in flagged])
            fresh = [one for one in flagged if one.name not in held]
            try:
                return self._put(fresh) if fresh else 0
            except Conflict:
                continue  # a person changed one of the cases meanwhile
        raise Conflict("The cases keep changing; it is tried again later.")

    def _put(self, fresh: Sequence[Flagged]) -> int:
        keys = [group.key for group in candidates(fresh)]
        records = self._casebook.newest(REVIEW_KIND, keys, list(map(str, OPEN_STATES)))
        known = {key: self._cases.noun(record) for key, record in records.items()}
        bursting = self._bursts.see(fresh)
        groups: dict[str, tuple[Group, list[Flagged]]] = {}
        for one in fresh:
            group = group_of(one, bursting, known)
            groups.setdefault(group.key, (group, []))[1].append(one)
        self._casebook.keep(self._changes(groups, known, records))
        return len(fresh)

    def _changes(
        self,
        groups: Mapping[str, tuple[Group, list[Flagged]]],
        known: Mapping[str, Case],
        records: Mapping[str, Record],
    ) -> CaseChanges:
        new = {key for key in groups if key not in known or known[key].state not in OPEN_STATES}
        number = self._records.next_number(REVIEW_KIND, len(new)) if new else 0
        added: list[Record] = []
        changed: list[Record] = []
        members: dict[str, list[Seen]] = {}
        for key, (group, flagged) in groups.items():
            if key in new:
                follows = known[key].case_id if key in known else None
                case = opened(f"C-{number:04d}", group, flagged[0], self._clock.now_ms(), follows)
                number += 1
                added.append(self._cases.record(grown(case, flagged)))
            else:
                case = known[key]
                changed.append(self._cases.record(grown(case, flagged), records[key].version))
            members[case.case_id] = [Seen(one.name, one.event_ms) for one in flagged]
        return CaseChanges(added, changed, members)
