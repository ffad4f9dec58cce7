"""Transactions: find them, and read one with its verdict and why."""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from guardian.console.charts import RangePlot, range_plot
from guardian.console.desk import Desk, Reader
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.errors import NotFound
from guardian.domain.transaction import DEFAULT_STATUSES, LIVE
from guardian.domain.verdict import LEVELS, METHODS, Reason
from guardian.storage.base import TransactionQuery

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

    for path, handler in (
        ("/console/transactions", transactions),
        ("/console/transactions/{transaction_id:path}", transaction),
    ):
        router.add_api_route(path, desk.reading(handler), methods=["GET"], response_model=None)


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
    """One transaction with its verdict explained again. Raises NotFound."""
    stored = desk.view.transactions.get(reader.named("transaction_id"))
    if stored is None:
        raise NotFound("There is no transaction of that id.")
    language = reader.words.code
    verdict = desk.view.explain(stored, language)
    label = desk.view.feature_labels
    lines = [
        ReasonLine(one, label(one.feature, language), range_plot(one.low, one.high, one.value))
        for one in verdict.reasons
    ]
    return {"tx": stored.transaction, "verdict": verdict, "lines": lines, "methods": METHODS}
