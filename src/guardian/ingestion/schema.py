"""The wire form of a transaction and how it becomes a `Transaction`."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec

from guardian.domain.clock import DAY_MS
from guardian.domain.errors import Invalid
from guardian.domain.transaction import LIVE, Transaction, currency_exponent

MAX_AMOUNT = 1_000_000
AHEAD_MS = 5 * 60_000
BEHIND_MS = 7 * DAY_MS
IMPORT_AHEAD_MS = 366 * DAY_MS
"""One wrong year must not make the watcher walk through centuries of silence."""
COUNTED_NAMES = {
    "status": re.compile(r"[A-Za-z0-9_.-]{1,32}", re.ASCII),
    "auth_code": re.compile(r"[A-Za-z0-9]{1,10}", re.ASCII),
}
"""What counts may be of, by view."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=10)]


class TransactionIn(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A transaction as callers send it; bounds that need more than a length are checked after."""

    status: Text
    amount: str | int | float
    merchant_id: Text
    currency: Annotated[str, msgspec.Meta(min_length=3, max_length=3)] = "BRL"
    timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    transaction_id: Id | None = None
    auth_code: Code | None = None
    card_bin: Annotated[str, msgspec.Meta(min_length=6, max_length=8)] | None = None
    card_token: Id | None = None
    user_id: Id | None = None
    acquirer: Text | None = None
    issuer: Text | None = None
    mcc: Annotated[str, msgspec.Meta(min_length=4, max_length=4)] | None = None
    merchant_type: Text | None = None
    country: Annotated[str, msgspec.Meta(min_length=2, max_length=3)] | None = None
    original_id: Id | None = None
    source: Text = LIVE


def refuse(pointer: str, code: str, detail: str) -> Invalid:
    """An error about one field, which says what is expected and never what was sent."""
    return Invalid("The transaction is not valid.", [{"pointer": pointer, "code": code, "detail": detail}])


def minor_units(amount: str | float, exponent: int) -> int:
    """The amount in minor units. Raises Invalid unless 0 < amount <= 1 000 000, exactly representable."""
    scale = 10**exponent
    if isinstance(amount, str):
        whole, _, fraction = amount.partition(".")
        if not (amount.isascii() and (whole + fraction).isdigit() and whole) or len(amount) > 20:
            raise refuse("/amount", "decimal", "Expected a decimal number with ASCII digits and a point.")
        exact = len(fraction.rstrip("0")) <= exponent
        minor = int((whole + fraction.ljust(exponent, "0")[:exponent]) or "0")
    else:
        if not abs(amount) <= MAX_AMOUNT * 10:  # NaN too
            raise refuse("/amount", "range", "Expected more than 0 and at most 1 000 000.")
        minor = round(amount * scale)
        exact = abs(amount * scale - minor) < 1e-6 * max(1.0, abs(amount))
    if not exact:
        raise refuse("/amount", "decimals", "More decimal places than the currency has.")
    if not 0 < minor <= MAX_AMOUNT * scale:
        raise refuse("/amount", "range", "Expected more than 0 and at most 1 000 000.")
    return minor


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _check_forms(row: TransactionIn) -> None:
    """Forms that a length cannot express; ASCII only, where the field is a code."""
    if not (row.currency.isascii() and row.currency.isalpha() and row.currency.isupper()):
        raise refuse("/currency", "currency", "Expected three capital letters (ISO 4217).")
    if row.card_bin is not None and not (_digits(row.card_bin) and len(row.card_bin) != 7):
        raise refuse("/card_bin", "bin", "Expected 6 or 8 digits.")
    if row.mcc is not None and not _digits(row.mcc):
        raise refuse("/mcc", "mcc", "Expected 4 digits (ISO 18245).")
    if row.auth_code is not None and not (row.auth_code.isascii() and row.auth_code.isalnum()):
        raise refuse("/auth_code", "code", "Expected up to 10 letters and digits.")
    for name, text in (("merchant_id", row.merchant_id), ("source", row.source)):
        if text.isspace():
            raise refuse(f"/{name}", "blank", "Expected more than blanks.")


def event_time(row: TransactionIn, now_ms: int) -> int:
    """When it happened, in UTC milliseconds. Raises Invalid for live times out of range."""
    if row.timestamp is None:
        return now_ms
    event_ms = int(row.timestamp.timestamp() * 1000)
    if row.source == LIVE:
        if event_ms > now_ms + AHEAD_MS:
            raise refuse("/timestamp", "future", "More than 5 minutes ahead of the clock.")
        if event_ms < now_ms - BEHIND_MS:
            raise refuse("/timestamp", "past", "Older than 7 days; use an import with its own source.")
        return event_ms
    if reason := import_time_refusal(event_ms, now_ms):
        raise refuse("/timestamp", *reason)
    return event_ms


def import_time_refusal(event_ms: int, now_ms: int) -> tuple[str, str] | None:
    """Code and words when no import can hold that time."""
    if event_ms < 0:
        return "past", "Expected a time after 1970."
    if event_ms > now_ms + IMPORT_AHEAD_MS:
        return "future", "More than a year ahead of the clock."
    return None


def normalise(
    row: TransactionIn, statuses: frozenset[str], now_ms: int, new_id: Callable[[int], str]
) -> Transaction:
    """The validated form that travels the bus, with a new id where none was chosen.

    Raises Invalid, naming the field.
    """
    if row.status not in statuses:
        raise refuse("/status", "status", "Not a status this installation knows.")
    _check_forms(row)
    # in the order of the fields: by name it takes four times as long
    return Transaction(
        row.transaction_id or new_id(now_ms),
        row.merchant_id,
        row.status,
        minor_units(row.amount, currency_exponent(row.currency)),
        event_time(row, now_ms),
        now_ms,
        row.currency,
        row.source,
        row.transaction_id is not None,
        row.auth_code,
        row.card_bin,
        row.card_token,
        row.user_id,
        row.acquirer,
        row.issuer,
        row.mcc,
        row.merchant_type,
        row.country,
        row.original_id,
    )


def texts(row: TransactionIn) -> Mapping[str, str]:
    """Every text of the row by field name, for the search for card numbers."""
    return {name: value for name in row.__struct_fields__ if isinstance(value := getattr(row, name), str)}
