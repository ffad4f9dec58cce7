"""Cases as people look at them: the queue, and one case with its newest transactions and their labels."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from guardian.cases.collection import case_collection
from guardian.cases.lifecycle import OPEN_STATES
from guardian.domain.case import Case, CaseState
from guardian.domain.errors import NotFound
from guardian.domain.label import EventName, Seen, Standing, standing
from guardian.storage.base import EventStore, Page, RecordQuery, Records, StoredTransaction
from guardian.storage.casebook import Casebook
from guardian.storage.labels import LabelStore

SHOWN: Final = 200
CLAIMED_AT_MOST: Final = 500


class Opened(msgspec.Struct, frozen=True):
    """A case, its newest transactions, newest first, as far as they are kept, and what stands of them."""

    case: Case
    newest: Sequence[Seen]
    stored: Mapping[EventName, StoredTransaction]
    labels: Mapping[EventName, Standing | None]


class CaseShelf:
    """Reads cases."""

    def __init__(self, records: Records, casebook: Casebook, events: EventStore, labels: LabelStore) -> None:
        self._cases = case_collection(records)
        self._casebook = casebook
        self._events = events
        self._labels = labels

    def page(self, query: RecordQuery) -> Page[Case]:
        """By their newest transaction. Raises Invalid when the cursor is not one of ours."""
        return self._cases.find(query)

    def mine(self, owner: str) -> list[Case]:
        """What a person has taken and not closed."""
        query = RecordQuery("", states=(str(CaseState.CLAIMED),), limit=CLAIMED_AT_MOST)
        return [case for case in self._cases.find(query).items if case.owner == owner]

    def waiting(self) -> int:
        """How many nobody has taken."""
        return self._cases.count(RecordQuery("", states=(str(CaseState.OPEN),)))

    def unclosed(self) -> int:
        """How many are not decided yet."""
        return self._cases.count(RecordQuery("", states=tuple(map(str, OPEN_STATES))))

    def case(self, case_id: str) -> Case:
        """Raises NotFound."""
        kept = self._cases.get(case_id)
        if kept is None:
            raise NotFound("There is no such case.")
        return kept[0]

    def open(self, case_id: str) -> Opened:
        """A case with what it holds. Raises NotFound."""
        case = self.case(case_id)
        newest = self._casebook.newest_members(case_id, SHOWN)
        names = [one.name for one in newest]
        return Opened(case, newest, self._events.stored(names), self.labels(newest))

    def labels(self, events: Sequence[Seen]) -> dict[EventName, Standing | None]:
        """What stands of each of them."""
        history = self._labels.history([one.name for one in events])
        return {one.name: standing(history.get(one.name, ()), one) for one in events}

    def case_of(self, name: EventName) -> str | None:
        """The id of the case that holds a transaction."""
        return self._casebook.holding([name]).get(name)
