"""GET /stats: how the last hour went, from what was counted."""

import threading
import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict

from guardian.alerting.policy import OPEN_STATES as OPEN_ALERTS
from guardian.domain.alert import Alert
from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS, Clock, floor_minute, iso
from guardian.domain.incident import Incident
from guardian.domain.transaction import LIVE
from guardian.incidents.lifecycle import OPEN_STATES as OPEN_INCIDENTS
from guardian.security.openapi import problem_responses
from guardian.storage.base import MinuteStore, RecordQuery
from guardian.storage.collection import Collection

DECIDED = ("approved", "denied", "failed")
FRESH_S = 2.0


class Stats(BaseModel):
    """What GET /stats answers. `approval_rate` is None when nothing was decided in the hour."""

    model_config = ConfigDict(frozen=True)

    transactions_per_minute: float
    approval_rate: float | None
    anomalies_last_hour: int
    active_alerts: int
    open_incidents: int
    total_transactions: int
    by_status: dict[str, int]
    last_incident_at: str | None
    newest_minute: str | None
    source: str


class StatsDesk:
    """Computes the figures at most every two seconds; others share the last ones."""

    def __init__(
        self,
        minutes: MinuteStore,
        anomalies: Collection[Anomaly],
        alerts: Collection[Alert],
        incidents: Collection[Incident],
        clock: Clock,
    ) -> None:
        self._minutes = minutes
        self._anomalies = anomalies
        self._alerts = alerts
        self._incidents = incidents
        self._clock = clock
        self._guard = threading.Lock()
        self._last: tuple[float, Stats] | None = None

    def now(self) -> Stats:
        """The figures, at most two seconds old."""
        with self._guard:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_S:
                self._last = (time.monotonic(), self._compute())
            return self._last[1]

    def forget(self) -> None:
        """Drop what is cached."""
        with self._guard:
            self._last = None

    def _compute(self) -> Stats:
        now_ms = self._clock.now_ms()
        this_minute = floor_minute(now_ms)
        by_status = self._minutes.totals(LIVE, this_minute - HOUR_MS, this_minute + MINUTE_MS)
        decided = sum(by_status.get(status, 0) for status in DECIDED)
        last_minute = self._minutes.totals(LIVE, this_minute - MINUTE_MS, this_minute)
        progress = next((one for one in self._minutes.progress() if one.source == LIVE), None)
        newest = self._incidents.find(RecordQuery("", source=LIVE, limit=1)).items
        return Stats(
            transactions_per_minute=float(sum(last_minute.values())),
            approval_rate=by_status.get("approved", 0) / decided if decided else None,
            anomalies_last_hour=self._anomalies.count(
                RecordQuery("", source=LIVE, since_ms=now_ms - HOUR_MS)
            ),
            active_alerts=_count(self._alerts.count, OPEN_ALERTS),
            open_incidents=_count(self._incidents.count, OPEN_INCIDENTS),
            total_transactions=sum(self._minutes.totals(LIVE, 0, now_ms + HOUR_MS).values()),
            by_status=dict(by_status),
            last_incident_at=iso(newest[0].opened_ms) if newest else None,
            newest_minute=iso(floor_minute(progress.event_ms)) if progress else None,
            source=LIVE,
        )


def _count(count: Callable[[RecordQuery], int], states: tuple[str, ...]) -> int:
    return count(RecordQuery("", states=tuple(map(str, states))))


def routes(desk: StatsDesk, requires: Callable[[str], Any]) -> APIRouter:
    """The route, scope read."""
    router = APIRouter(tags=["system"], dependencies=[Depends(requires("read"))])

    @router.get("/stats", responses=problem_responses(401, 403, 503), operation_id="stats")
    def stats() -> Stats:
        """The figures of the last hour of live traffic, at most two seconds old."""
        return desk.now()

    return router
