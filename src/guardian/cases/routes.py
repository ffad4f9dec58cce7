"""GET /cases, what people do with one, and what they say of a single transaction."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from guardian.cases.desk import LONGEST_NOTE, AnswerDesk, CaseDesk
from guardian.cases.forms import (
    CaseLine,
    CaseOut,
    CasePage,
    StatementOut,
    case_form,
    case_line,
    statement_form,
)
from guardian.cases.shelf import SHOWN, CaseShelf
from guardian.domain.anomaly import Finding
from guardian.domain.case import CaseState, Disposition
from guardian.domain.verdict import AlertLevel
from guardian.security.identity import Principal
from guardian.security.openapi import problem_responses
from guardian.storage.base import RecordQuery

CaseId = Annotated[str, Path(min_length=1, max_length=32)]
Place = Annotated[str | None, Query(min_length=1, max_length=50)]
REFUSALS = (401, 403, 404, 409, 422, 503)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class CaseFilter(_Body):
    """Which cases; `mine` are those that who asks has taken."""

    state: CaseState | None = None
    level: AlertLevel | None = None
    mine: bool = False
    limit: Annotated[int, Query(ge=1, le=200)] = 50
    cursor: Annotated[str | None, Query(max_length=200)] = None


class NoteIn(_Body):
    """A note, which stays for good."""

    text: str = Field(min_length=1, max_length=LONGEST_NOTE)


class CloseIn(_Body):
    """What the case was found to be.

    It is meant of its first `seen` transactions (all when absent), or only of those listed.
    """

    disposition: Disposition
    seen: Annotated[int, Field(ge=1, strict=True)] | None = None
    transactions: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(
        default_factory=list, max_length=SHOWN
    )


class AnswerIn(_Body):
    """What a transaction was found to be: fraud, expected, or a false alarm."""

    finding: Finding


def routes(
    shelf: CaseShelf, desk: CaseDesk, answers: AnswerDesk, requires: Callable[[str], Any]
) -> APIRouter:
    """Looking with the scope read, acting with the scope operate."""
    router = APIRouter(tags=["cases"])
    _reading(router, shelf, requires)
    _acting(router, desk, requires)
    _answering(router, answers, requires)
    return router


def _reading(router: APIRouter, shelf: CaseShelf, requires: Callable[[str], Any]) -> None:
    @router.get("/cases", responses=problem_responses(401, 403, 422, 503), operation_id="list_cases")
    def list_cases(
        asked: Annotated[CaseFilter, Query()], principal: Annotated[Principal, Depends(requires("read"))]
    ) -> CasePage:
        """Cases of flagged transactions, by their newest one."""
        if asked.mine:
            return CasePage(items=[case_line(one) for one in shelf.mine(principal.subject)], next_cursor=None)
        page = shelf.page(
            RecordQuery(
                kind="",
                states=(str(asked.state),) if asked.state else (),
                levels=(str(asked.level),) if asked.level else (),
                limit=asked.limit,
                cursor=asked.cursor,
            )
        )
        return CasePage(items=[case_line(one) for one in page.items], next_cursor=page.next_cursor)

    @router.get(
        "/cases/{case_id}",
        dependencies=[Depends(requires("read"))],
        responses=problem_responses(401, 403, 404, 422, 503),
        operation_id="get_case",
    )
    def get_case(case_id: CaseId) -> CaseOut:
        """One case with its story, and its newest 200 transactions with their labels."""
        opened = shelf.open(case_id)
        return case_form(opened.case, opened.newest, opened.labels)


def _acting(router: APIRouter, desk: CaseDesk, requires: Callable[[str], Any]) -> None:
    operator = Depends(requires("operate"))
    Actor = Annotated[Principal, operator]

    @router.post("/cases/{case_id}/claim", responses=problem_responses(*REFUSALS), operation_id="claim_case")
    def claim(case_id: CaseId, principal: Actor) -> CaseLine:
        """Take it: it is yours until you release or close it."""
        return case_line(desk.claim(case_id, principal.subject))

    @router.post(
        "/cases/{case_id}/release", responses=problem_responses(*REFUSALS), operation_id="release_case"
    )
    def release(case_id: CaseId, principal: Actor) -> CaseLine:
        """Put it back into the queue."""
        return case_line(desk.release(case_id, principal.subject))

    refusals = problem_responses(400, 413, *REFUSALS)

    @router.post("/cases/{case_id}/note", responses=refusals, operation_id="note_case")
    def note(case_id: CaseId, asked: NoteIn, principal: Actor) -> CaseLine:
        """Add a note; notes are never changed."""
        return case_line(desk.note(case_id, principal.subject, asked.text))

    @router.post("/cases/{case_id}/close", responses=refusals, operation_id="close_case")
    def close(case_id: CaseId, asked: CloseIn, principal: Actor) -> CaseLine:
        """Decide it; fraud, not fraud and expected become labels of its transactions."""
        closed = desk.close(case_id, principal.subject, asked.disposition, asked.seen, asked.transactions)
        return case_line(closed)


def _answering(router: APIRouter, answers: AnswerDesk, requires: Callable[[str], Any]) -> None:
    @router.post(
        "/transaction/{transaction_id:path}/answer",
        responses=problem_responses(400, 401, 403, 404, 413, 422, 503),
        operation_id="answer_transaction",
    )
    def answer(
        transaction_id: Annotated[str, Path(min_length=1, max_length=64)],
        asked: AnswerIn,
        principal: Annotated[Principal, Depends(requires("operate"))],
        source: Place = None,
        merchant: Place = None,
    ) -> StatementOut:
        """Say what it was: `confirmed` (fraud), `expected` or `false`. It is a label known from now on."""
        said = answers.answer(transaction_id, asked.finding, principal.subject, (source, merchant))
        return statement_form(said)
