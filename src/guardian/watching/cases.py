"""Incidents that people confirmed, kept with the minutes before them: what a detector must still catch."""

from typing import Final

import msgspec

from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS, MINUTE_MS, Clock, floor_minute
from guardian.domain.segment import segment_of
from guardian.storage.base import MinuteStore, Record, RecordQuery, Records
from guardian.storage.collection import Collection
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.stretch import taken

CASE_KIND: Final = "case"
LEARNT_FROM_MS: Final = 7 * DAY_MS
"""Kept before its start, so that a detector knows every day of the week."""
READ_AT_ONCE: Final = 100


class Case(msgspec.Struct, frozen=True):
    """A confirmed anomaly, and the minutes of its source from a week before it."""

    case_id: str
    """That of the anomaly."""
    source: str
    series: str
    status: str
    start_ms: int
    end_ms: int
    over: bool
    """Whether it was when the minutes were taken."""
    packed: bytes
    """The minutes up to its end, see `Stretch.pack`."""


class Cases:
    """Follows what people say: a case is there as long as the last answer is that it was a problem.

    What is said of a segment has no case: minute counts do not hold its traffic.
    """

    def __init__(self, minutes: MinuteStore, records: Records, clock: Clock) -> None:
        self._minutes = minutes
        self._records = records
        self._clock = clock
        self._anomalies = anomaly_collection(records)
        self._cases = Collection(records, CASE_KIND, Case, _describe)

    def follow(self, anomaly: Anomaly) -> None:
        """Keep it or let it go, as it was answered. Raises Conflict or Unavailable."""
        if anomaly.answer is None or anomaly.answer.finding != Finding.CONFIRMED:
            self._records.delete(CASE_KIND, anomaly.anomaly_id)
        elif not segment_of(anomaly.series):
            self._keep(anomaly)

    def all(self) -> list[Case]:
        """Newest first; one that was kept before it was over is first brought up to its end."""
        return [self._whole(one) for one in self._cases.every(RecordQuery("", limit=READ_AT_ONCE))]

    def _whole(self, case: Case) -> Case:
        kept = None if case.over else self._anomalies.get(case.case_id)
        return case if kept is None or kept[0].over_ms is None else self._keep(kept[0]) or case

    def _keep(self, anomaly: Anomaly) -> Case | None:
        """None where there are no minutes to keep any more."""
        first_ms = self._first_ms(anomaly)
        over_ms = anomaly.over_ms or floor_minute(self._clock.now_ms())
        end_ms = max(over_ms, anomaly.minute_ms + MINUTE_MS)
        stretch = taken(self._minutes, anomaly.source, first_ms, end_ms)
        if not stretch.by_status.any() and not stretch.by_code.any():
            return None
        case = Case(
            case_id=anomaly.anomaly_id,
            source=anomaly.source,
            series=anomaly.series,
            status=anomaly.status,
            start_ms=anomaly.start_ms,
            end_ms=end_ms,
            over=anomaly.over_ms is not None,
            packed=stretch.pack(),
        )
        if not self._cases.insert(case) and (kept := self._cases.get(case.case_id)) is not None:
            self._cases.update(case, kept[1])
        return case

    def _first_ms(self, anomaly: Anomaly) -> int:
        began = [one.first_minute_ms for one in self._minutes.progress() if one.source == anomaly.source]
        return min(anomaly.start_ms, max(anomaly.start_ms - LEARNT_FROM_MS, *began, 0))


def _describe(case: Case) -> Record:
    return Record(
        kind=CASE_KIND,
        record_id=case.case_id,
        at_ms=case.start_ms,
        doc=b"",
        source=case.source,
        label=case.series,
    )
