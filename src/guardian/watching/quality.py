"""Whether the detection is still worth waking up for: GET /quality, and the answers of people."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict

from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS, Clock, iso
from guardian.domain.drill import Drill
from guardian.domain.shift import shifts
from guardian.domain.transaction import LIVE
from guardian.security.identity import Principal
from guardian.security.openapi import problem_responses
from guardian.storage.base import MinuteStore, RecordQuery
from guardian.storage.collection import Collection
from guardian.watching.budget import SeriesPages, ShiftPages, by_series, by_shift, pages
from guardian.watching.desk import AnomalyDesk
from guardian.watching.drills import newest
from guardian.watching.outlook import Coverage, Outlooks, coverage
from guardian.watching.outlook_forms import CoverageOut, coverage_form
from guardian.watching.routes import AnomalyLine

READ_AT_ONCE = 500
DAYS = 30


class Budget(msgspec.Struct, frozen=True):
    """At most so many false pages a shift; shifts by the hours of a zone's clock."""

    false_pages_per_shift: float
    hours: tuple[tuple[int, int], ...]
    zone: str


class Report(msgspec.Struct, frozen=True):
    """What was asked, what each shift and each series had of it, and how often forecasts held."""

    budget: Budget
    shifts: tuple[ShiftPages, ...]
    series: tuple[SeriesPages, ...]
    forecast: Coverage
    drill: Drill | None = None
    """The last that was held."""

    @property
    def false(self) -> int:
        """False pages of all shifts."""
        return sum(one.false for one in self.shifts)

    @property
    def unanswered(self) -> int:
        """Pages of which nobody said yet what they were."""
        return sum(one.unanswered for one in self.shifts)

    @property
    def allowed(self) -> float:
        """False pages that the budget allows in so many shifts."""
        return self.budget.false_pages_per_shift * len(self.shifts)


class QualityDesk:
    """Counts the pages of live traffic, and the minutes that were forecast."""

    def __init__(
        self,
        anomalies: Collection[Anomaly],
        minutes: MinuteStore,
        outlooks: Outlooks,
        drills: Collection[Drill],
        budget: Budget,
        clock: Clock,
    ) -> None:
        self._anomalies = anomalies
        self._minutes = minutes
        self._outlooks = outlooks
        self._drills = drills
        self._budget = budget
        self._clock = clock

    def report(self, days: int) -> Report:
        """Of the shifts with live traffic that began in the last so many days. Raises Unavailable."""
        now_ms = self._clock.now_ms()
        began = next((one.first_minute_ms for one in self._minutes.progress() if one.source == LIVE), now_ms)
        every = shifts(self._budget.hours, self._budget.zone, now_ms - days * DAY_MS, now_ms)
        spans = [(start_ms, end_ms) for start_ms, end_ms in every if end_ms > began]
        paged = pages(self._since(spans[0][0] if spans else now_ms))
        held = coverage(self._outlooks.of(LIVE))
        by = tuple(by_shift(spans, paged)), tuple(by_series(paged))
        return Report(self._budget, *by, held, newest(self._drills))

    def _since(self, since_ms: int) -> list[Anomaly]:
        query = RecordQuery("", source=LIVE, since_ms=since_ms, limit=READ_AT_ONCE)
        return [one for one in self._anomalies.every(query) if one.paged]


class AnswerIn(BaseModel):
    """What a page was found to be."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    finding: Finding


class TallyLine(BaseModel):
    """Pages by what they were found to be."""

    confirmed: int
    expected: int
    false: int
    unanswered: int


class ShiftLine(TallyLine):
    """The pages of one shift; `end` is exclusive."""

    start: str
    end: str


class SeriesPagesLine(TallyLine):
    """The pages that a series began."""

    series: str


class PractisedLine(BaseModel):
    """Drills of one kind and severity: how many were found, with the 95 % interval of that share."""

    kind: str
    severity: float
    segment: str
    drills: int
    found: int
    share: float
    low: float
    high: float
    delay_minutes: float | None
    too_rarely: bool


class CaseLine(BaseModel):
    """A confirmed incident of the past, and after how many minutes today's detector catches it."""

    case_id: str
    series: str
    start: str
    delay_minutes: int | None
    caught: bool


class DrillLine(BaseModel):
    """The last fire drill; an empty segment is all traffic."""

    at: str
    since: str
    until: str
    seed: int
    drills: int
    passed: bool
    practised: list[PractisedLine]
    cases: list[CaseLine]


class QualityOut(BaseModel):
    """The budget asked for, what these shifts allow in all, and what was used of it; oldest shift first.

    `forecast` covers the last seven days, whatever span is asked for.
    """

    false_pages_per_shift: float
    false_pages_allowed: float
    false_pages: int
    unanswered_pages: int
    shifts: list[ShiftLine]
    series: list[SeriesPagesLine]
    forecast: CoverageOut
    drill: DrillLine | None


def quality_form(report: Report) -> QualityOut:
    """The report as it is published."""
    plain = msgspec.structs.asdict
    return QualityOut(
        false_pages_per_shift=report.budget.false_pages_per_shift,
        false_pages_allowed=round(report.allowed, 3),
        false_pages=report.false,
        unanswered_pages=report.unanswered,
        shifts=[
            ShiftLine(start=iso(facts.pop("start_ms")), end=iso(facts.pop("end_ms")), **facts)
            for facts in map(plain, report.shifts)
        ],
        series=[SeriesPagesLine(**plain(one)) for one in report.series],
        forecast=coverage_form(report.forecast),
        drill=None if report.drill is None else DrillLine.model_validate(report.drill.line()),
    )


def routes(desk: AnomalyDesk, quality: QualityDesk, requires: Callable[[str], Any]) -> APIRouter:
    """Reading with the scope read, answering with the scope operate."""
    router = APIRouter(tags=["watching"])

    @router.get(
        "/quality",
        dependencies=[Depends(requires("read"))],
        responses=problem_responses(401, 403, 422, 503),
        operation_id="quality",
    )
    def get_quality(days: Annotated[int, Query(ge=1, le=90)] = DAYS) -> QualityOut:
        """How many pages each shift of live traffic had, what people said of them, and how forecasts held."""
        return quality_form(quality.report(days))

    @router.post(
        "/anomalies/{anomaly_id}/answer",
        responses=problem_responses(400, 401, 403, 404, 409, 413, 422, 503),
        operation_id="answer_anomaly",
    )
    def answer(
        anomaly_id: Annotated[str, Path(min_length=1, max_length=64)],
        asked: AnswerIn,
        principal: Annotated[Principal, Depends(requires("operate"))],
    ) -> AnomalyLine:
        """Say whether the page was right: `confirmed`, `expected` or `false`. The last answer counts."""
        found = desk.answer(anomaly_id, asked.finding, principal.subject)
        return AnomalyLine.model_validate(found.line())

    return router
