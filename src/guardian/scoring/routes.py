"""Reading transactions and their verdicts."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from guardian.domain.clock import iso
from guardian.domain.errors import NotFound
from guardian.domain.transaction import LIVE, Transaction
from guardian.domain.verdict import LEVELS, AlertLevel, Verdict
from guardian.security.openapi import Moment, problem_responses
from guardian.storage.base import StoredTransaction, TransactionQuery, TransactionStore

Explain = Callable[[StoredTransaction], Verdict]
Verify = Callable[[StoredTransaction], dict[str, Any]]


class TransactionOut(BaseModel):
    """A transaction as it was stored, with its verdict once there is one."""

    model_config = ConfigDict(extra="allow")

    transaction_id: str
    merchant_id: str
    status: str
    amount: str
    currency: str
    timestamp: str
    processed: bool
    verdict: dict[str, Any] | None


class TransactionsPage(BaseModel):
    """Newest first."""

    items: list[TransactionOut]
    next_cursor: str | None


def transaction_form(one: Transaction) -> dict[str, Any]:
    """The outside form: RFC 3339 times, decimal amount, no empty fields."""
    form = {name: value for name, value in msgspec.to_builtins(one).items() if value is not None}
    for inner in ("event_ms", "received_ms", "amount_minor", "given_id"):
        form.pop(inner, None)
    form |= {"currency": one.currency, "source": one.source}
    return form | {
        "amount": str(one.amount),
        "timestamp": iso(one.event_ms),
        "received_at": iso(one.received_ms),
    }


def verdict_form(verdict: Verdict) -> dict[str, Any]:
    """The outside form of a verdict."""
    form: dict[str, Any] = msgspec.to_builtins(verdict)
    form["timestamp"] = iso(form.pop("event_ms"))
    return form


def stored_form(stored: StoredTransaction, explain: Explain) -> dict[str, Any]:
    """A stored transaction with its whole verdict."""
    verdict = verdict_form(explain(stored))
    return transaction_form(stored.transaction) | {"processed": True, "verdict": verdict}


class DifferenceOut(BaseModel):
    """A part of a verdict that is not what its features, model and rules give."""

    name: str
    kept: Any
    computed: Any


class VerificationOut(BaseModel):
    """Whether the verdict came out again as it is kept; `missing` says why it could not be computed."""

    transaction_id: str
    merchant_id: str
    model_version: str
    rules_version: str
    identical: bool
    differences: list[DifferenceOut]
    missing: str


def routes(
    store: TransactionStore, explain: Explain, verify: Verify, requires: Callable[[str], Any]
) -> APIRouter:
    """GET /transaction/{id}, GET /transaction/{id}/verification and GET /transactions."""
    router = APIRouter(tags=["transactions"], dependencies=[Depends(requires("read"))])

    def found(transaction_id: str, source: str | None) -> StoredTransaction:
        stored = store.get(transaction_id, source)
        if stored is None:
            raise NotFound("No transaction with this id has been processed.")
        return stored

    @router.get(
        "/transaction/{transaction_id:path}/verification",
        response_model=VerificationOut,
        responses=problem_responses(401, 403, 404, 422),
        operation_id="verify_transaction",
    )
    async def verify_transaction(
        transaction_id: str, source: Annotated[str | None, Query(max_length=50)] = None
    ) -> dict[str, Any]:
        """The verdict computed again from its stored features, model and rules."""
        return await run_in_threadpool(lambda: verify(found(transaction_id, source)))

    @router.get(
        "/transaction/{transaction_id:path}",
        response_model=TransactionOut,
        responses=problem_responses(401, 403, 404, 422),
        operation_id="get_transaction",
    )
    async def get_transaction(
        transaction_id: str, source: Annotated[str | None, Query(max_length=50)] = None
    ) -> dict[str, Any]:
        """One transaction and why it was judged as it was."""
        return await run_in_threadpool(lambda: stored_form(found(transaction_id, source), explain))

    @router.get(
        "/transactions",
        response_model=TransactionsPage,
        responses=problem_responses(401, 403, 422),
        operation_id="list_transactions",
    )
    async def list_transactions(query: Annotated[_Search, Query()]) -> dict[str, Any]:
        """Transactions by time, status, merchant, BIN and level, newest first."""
        page = await run_in_threadpool(store.find, query.as_query())
        items = await run_in_threadpool(lambda: [stored_form(item, explain) for item in page.items])
        return {"items": items, "next_cursor": page.next_cursor}

    return router


class _Search(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    source: Annotated[str, Query(max_length=50)] = LIVE
    since: Moment | None = None
    until: Moment | None = None
    status: Annotated[str | None, Query(max_length=50)] = None
    merchant: Annotated[str | None, Query(max_length=50)] = None
    card_bin: Annotated[str | None, Query(pattern="^[0-9]{6}([0-9]{2})?$")] = None
    level: AlertLevel | None = None
    limit: Annotated[int, Query(ge=1, le=500)] = 50
    cursor: Annotated[str | None, Query(max_length=200)] = None

    def as_query(self) -> TransactionQuery:
        """The store's form; `level` asks for that level or worse."""
        return TransactionQuery(
            source=self.source,
            since_ms=int(self.since.timestamp() * 1000) if self.since else None,
            until_ms=int(self.until.timestamp() * 1000) if self.until else None,
            status=self.status,
            merchant_id=self.merchant,
            card_bin=self.card_bin,
            min_level=LEVELS.index(self.level) if self.level else None,
            limit=self.limit,
            cursor=self.cursor,
        )
