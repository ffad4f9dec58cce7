"""GET /quality/transactions: how right verdicts were, with every denominator."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from guardian.cases.quality import QualityRow, Share, VerdictQuality, VerdictQualityDesk
from guardian.domain.clock import iso
from guardian.security.openapi import problem_responses

DAYS = 30


class ShareOut(BaseModel):
    """A share with what it is of, and its 95 % interval (Wilson); no share while `n` is 0."""

    found: int
    n: int
    share: float | None
    low: float | None
    high: float | None


class QualityRowOut(BaseModel):
    """`precision` is of those flagged and labelled, `recall` of reported frauds alone."""

    dimension: str
    value: str
    flagged: int
    coverage: ShareOut
    precision: ShareOut
    recall: ShareOut


class VerdictQualityOut(BaseModel):
    """`since` is later than what was asked for when there was more than is read at once (`capped`)."""

    since: str
    capped: bool
    labels_pending: int
    rows: list[QualityRowOut]


def routes(desk: VerdictQualityDesk, requires: Callable[[str], Any]) -> APIRouter:
    """The route, scope read."""
    router = APIRouter(tags=["cases"], dependencies=[Depends(requires("read"))])

    @router.get(
        "/quality/transactions",
        responses=problem_responses(401, 403, 422, 503),
        operation_id="quality_of_transactions",
    )
    def quality_of_transactions(days: Annotated[int, Query(ge=1, le=90)] = DAYS) -> VerdictQualityOut:
        """How often flagged transactions were fraud, and how many reported frauds were flagged."""
        return quality_form(desk.report(days))

    return router


def quality_form(report: VerdictQuality) -> VerdictQualityOut:
    """The published form."""
    return VerdictQualityOut(
        since=iso(report.since_ms),
        capped=report.capped,
        labels_pending=report.pending,
        rows=[_row(row) for row in report.rows],
    )


def _row(row: QualityRow) -> QualityRowOut:
    return QualityRowOut(
        dimension=row.dimension,
        value=row.value,
        flagged=row.flagged,
        coverage=_share(row.coverage),
        precision=_share(row.precision),
        recall=_share(row.recall),
    )


def _share(share: Share) -> ShareOut:
    low, high = share.interval or (None, None)
    return ShareOut(found=share.found, n=share.n, share=share.value, low=low, high=high)
