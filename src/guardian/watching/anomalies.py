"""The anomalies as kept: documents, listed by time, source, level and series."""

from typing import Final

from guardian.domain.anomaly import Anomaly
from guardian.storage.base import Record, Records
from guardian.storage.collection import Collection

ANOMALY_KIND: Final = "anomaly"


def anomaly_collection(records: Records) -> Collection[Anomaly]:
    """The anomalies as documents."""
    return Collection(records, ANOMALY_KIND, Anomaly, _describe)


def _describe(anomaly: Anomaly) -> Record:
    return Record(
        kind=ANOMALY_KIND,
        record_id=anomaly.anomaly_id,
        at_ms=anomaly.minute_ms,
        doc=b"",
        source=anomaly.source,
        state="open" if anomaly.over_ms is None else "over",
        level=str(anomaly.level),
        label=anomaly.series,
    )
