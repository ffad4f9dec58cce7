"""The fire drills as kept: documents, by the time they were held."""

from typing import Final

from guardian.domain.drill import Drill
from guardian.storage.base import Record, RecordQuery, Records
from guardian.storage.collection import Collection

DRILL_KIND: Final = "drill"


def drill_collection(records: Records) -> Collection[Drill]:
    """The drills as documents."""
    return Collection(records, DRILL_KIND, Drill, _describe)


def newest(drills: Collection[Drill]) -> Drill | None:
    """The last that was held."""
    return next(iter(drills.find(RecordQuery("", limit=1)).items), None)


def _describe(drill: Drill) -> Record:
    state = "passed" if drill.passed else "failed"
    return Record(kind=DRILL_KIND, record_id=str(drill.at_ms), at_ms=drill.at_ms, doc=b"", state=state)
