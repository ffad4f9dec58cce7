"""Cases as documents: found by state, level and group, in the order of their newest transaction."""

from typing import Final

from guardian.domain.case import Case
from guardian.storage.base import Record, Records
from guardian.storage.collection import Collection

REVIEW_KIND: Final = "review"


def case_collection(records: Records) -> Collection[Case]:
    """The cases of flagged transactions."""
    return Collection(records, REVIEW_KIND, Case, _describe)


def _describe(case: Case) -> Record:
    return Record(
        kind=REVIEW_KIND,
        record_id=case.case_id,
        at_ms=case.last_ms,
        doc=b"",
        source=case.source,
        state=str(case.state),
        level=str(case.level),
        label=case.group.key,
    )
