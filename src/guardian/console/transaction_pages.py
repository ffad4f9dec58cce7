"""Transactions: find them, read one with its verdict and why, and say what it was."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.console.charts import RangePlot, range_plot
from guardian.console.desk import Desk, Reader
from guardian.domain.anomaly import Finding
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.errors import Invalid, NotFound
from guardian.domain.label import EventName, Seen, standing
from guardian.domain.transaction import DEFAULT_STATUSES, LIVE, Transaction
from guardian.domain.verdict import LEVELS, METHODS, Reason
from guardian.storage.base import StoredTransaction, TransactionQuery

SPANS_MS: Mapping[str, int | None] = {
    "15m": 15 * MINUTE_MS,
    "1h": HOUR_MS,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
    "all": None,
}
DEFAULT_SPAN = "24h"
MIN_LEVELS = {"WARNING": 1, "CRITICAL": 2}
PER_PAGE = 50
BESIDE = 25


class ReasonLine(msgspec.Struct, frozen=True):
    """A reason as it is shown."""

    reason: Reason
    label: str
    plot: RangePlot


class Filters(msgspec.Struct, frozen=True):
    """What was asked for, as the form shows it again."""

    span: str
    status: str
    merchant: str
    card_bin: str
    level: str
    source: str

    @property
    def query(self) -> str:
        """The filters as they stand in the address, to go on to older pages."""
        named = {**msgspec.structs.asdict(self), "bin": self.card_bin}
        del named["card_bin"]
        return "&".join(f"{name}={quote(value)}" for name, value in named.items() if value)


def register(router: APIRouter, desk: Desk) -> None:
    """The list with its filters, and one transaction."""

    def transactions(reader: Reader) -> Response:
        if wanted := reader.asked("id", 64):
            return RedirectResponse(f"/console/transactions/{quote(wanted, safe='')}", status_code=303)
        filters = asked_filters(reader)
        page = desk.view.transactions.find(store_query(filters, reader))
        choices = {"spans": SPANS_MS, "statuses": DEFAULT_STATUSES, "min_levels": MIN_LEVELS}
        return desk.page(reader, "transactions.html", page=page, filters=filters, levels=LEVELS, **choices)

    def transaction(reader: Reader) -> Response:
        return desk.page(reader, "transaction.html", **transaction_facts(desk, reader))

    def answer(reader: Reader) -> Response:
        name, case_id = reader.named("transaction_id"), reader.sent("case", 32)
        place = reader.sent("source", 50) or None, reader.sent("merchant", 50) or None
        desk.view.answers.answer(name, finding_of(reader), reader.principal.subject, place)
        case = f"&case={quote(case_id, safe='')}" if case_id else ""
        return RedirectResponse(
            f"/console/transactions/{quote(name, safe='')}?done=answered{case}", status_code=303
        )

    for path, handler in (
        ("/console/transactions", transactions),
        ("/console/transactions/{transaction_id:path}", transaction),
    ):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)
    path = "/console/transactions/{transaction_id:path}/answer"
    router.add_api_route(path, desk.doing(answer), methods=["POST"], response_model=None)


def finding_of(reader: Reader) -> Finding:
    """What the form says. Raises Invalid."""
    try:
        return Finding(reader.sent("finding"))
    except ValueError as error:
        raise Invalid("The form does not say what it was.") from error


def asked_filters(reader: Reader) -> Filters:
    """The filters of the address; a value that is not offered filters nothing."""
    span, level, status = reader.asked("span"), reader.asked("level"), reader.asked("status", 40)
    return Filters(
        span=span if span in SPANS_MS else DEFAULT_SPAN,
        status=status,
        merchant=reader.asked("merchant", 50),
        card_bin=reader.asked("bin", 8),
        level=level if level in MIN_LEVELS else "",
        source=reader.asked("source", 64) or LIVE,
    )


def store_query(filters: Filters, reader: Reader) -> TransactionQuery:
    """The filters as the store is asked."""
    span_ms = SPANS_MS[filters.span]
    return TransactionQuery(
        source=filters.source,
        since_ms=None if span_ms is None else reader.formats.now_ms - span_ms,
        status=filters.status or None,
        merchant_id=filters.merchant or None,
        card_bin=filters.card_bin or None,
        min_level=MIN_LEVELS.get(filters.level),
        limit=PER_PAGE,
        cursor=reader.asked("cursor", 200) or None,
    )


def transaction_facts(desk: Desk, reader: Reader) -> dict[str, object]:
    """One transaction with its verdict explained again, and what people said of it. Raises NotFound."""
    place = reader.asked("source", 50) or None, reader.asked("merchant", 50) or None
    stored = desk.view.transactions.get(reader.named("transaction_id"), *place)
    if stored is None:
        raise NotFound("There is no transaction of that id.")
    language = reader.words.code
    verdict = desk.view.explain(stored, language)
    label = desk.view.feature_labels
    medians = desk.view.medians(verdict.model_version)
    lines = [
        ReasonLine(
            one,
            label(one.feature, language),
            range_plot(one.low, one.high, one.value, medians.get(one.feature)),
        )
        for one in verdict.reasons
    ]
    shown = {"tx": stored.transaction, "verdict": verdict, "lines": lines, "methods": METHODS}
    return shown | said_of(desk, stored.transaction) | beside(desk, reader, stored)


def said_of(desk: Desk, one: Transaction) -> dict[str, object]:
    """The label that stands, every statement, newest first, and the case that holds it."""
    name = EventName(one.source, one.merchant_id, one.transaction_id)
    history = desk.view.answers.history(name)
    label = standing(history, Seen(name, one.event_ms))
    return {"label": label, "said": history[::-1], "case_id": desk.view.shelf.case_of(name)}


def beside(desk: Desk, reader: Reader, stored: StoredTransaction) -> dict[str, object]:
    """The list the transaction was chosen from: its case's, or the merchant's around that time."""
    one, case_id = stored.transaction, reader.asked("case", 32)
    if case_id:
        opened = desk.view.shelf.open(case_id)
        rows = [opened.stored[each.name] for each in opened.newest if each.name in opened.stored]
        return {"rows": rows, "of_case": opened.case, "levels": LEVELS}
    query = TransactionQuery(
        source=one.source, merchant_id=one.merchant_id, until_ms=one.event_ms + 1, limit=BESIDE
    )
    return {"rows": desk.view.transactions.find(query).items, "of_case": None, "levels": LEVELS}
