"""Transactions as columns: one pass per field, nothing per row that lives on."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import CURRENCY_EXPONENTS, LIVE, Transaction, currency_exponent

OTHER, FAILURE, REVERSAL = 0, 1, 2
OUTCOMES = {
    "denied": FAILURE,
    "failed": FAILURE,
    "reversed": REVERSAL,
    "backend_reversed": REVERSAL,
    "refunded": REVERSAL,
}
_SEPARATOR = "\x1f"
Key = str | None


class Columns(msgspec.Struct, frozen=True):
    """A batch: keys (None where there is none), event times in ms, amounts in major units, outcomes."""

    merchants: list[Key]
    bins: list[Key]
    cards: list[Key]
    event_ms: NDArray[np.int64]
    amounts: NDArray[np.float32]
    outcomes: NDArray[np.uint8]

    def part(self, start: int, stop: int) -> "Columns":
        """Rows from `start` up to `stop`."""
        return Columns(*(getattr(self, name)[start:stop] for name in self.__struct_fields__))


def columns_of(transactions: Sequence[Transaction]) -> Columns:
    """The columns of a batch. Keys of other sources than live carry the source, so they never mix."""
    rows = len(transactions)
    merchants: list[Key] = [one.merchant_id for one in transactions]
    bins: list[Key] = [one.card_bin for one in transactions]
    cards: list[Key] = [one.card_token or _user_key(one.user_id) for one in transactions]
    sources = [one.source for one in transactions]
    if sources.count(LIVE) != rows:
        merchants, bins, cards = (_of_source(sources, keys) for keys in (merchants, bins, cards))
    outcome = OUTCOMES.get
    return Columns(
        merchants,
        bins,
        cards,
        np.fromiter([one.event_ms for one in transactions], np.int64, rows),
        _amounts(transactions),
        np.fromiter([outcome(one.status, OTHER) for one in transactions], np.uint8, rows),
    )


def _user_key(user_id: str | None) -> Key:
    return None if user_id is None else f"user{_SEPARATOR}{user_id}"


def _of_source(sources: Sequence[str], keys: Sequence[Key]) -> list[Key]:
    return [
        key if key is None or source == LIVE else f"{source}{_SEPARATOR}{key}"
        for source, key in zip(sources, keys, strict=True)
    ]


def _amounts(transactions: Sequence[Transaction]) -> NDArray[np.float32]:
    minor = np.fromiter([one.amount_minor for one in transactions], np.float64, len(transactions))
    currencies = [one.currency for one in transactions]
    if CURRENCY_EXPONENTS.keys().isdisjoint(currencies):
        return (minor / 100.0).astype(np.float32)
    exponents = np.array([currency_exponent(currency) for currency in currencies], dtype=np.float64)
    return (minor / 10.0**exponents).astype(np.float32)
