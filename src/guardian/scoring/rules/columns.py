"""What rules look at: columns of a batch that is judged, or of a block of stored history."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS, HOUR_MS
from guardian.domain.transaction import CURRENCY_EXPONENTS, Transaction, currency_exponent
from guardian.features.definition import INDEX
from guardian.scoring.rules.fields import AMOUNT, HOUR, needs
from guardian.storage.base import HistoryBlock

Numbers = NDArray[np.floating]


class Coded:
    """A column of texts: each row holds the code of its value; a missing one is a value too."""

    __slots__ = ("codes", "index")

    def __init__(self, values: Sequence[str | None]) -> None:
        self.index: dict[str | None, int] = {value: code for code, value in enumerate(dict.fromkeys(values))}
        self.codes: NDArray[np.intp] = np.fromiter(map(self.index.__getitem__, values), np.intp, len(values))

    def missing(self) -> NDArray[np.bool_] | None:
        """Where there is no text; None when it is there everywhere."""
        code = self.index.get(None)
        return None if code is None else self.codes == code


class RuleColumns(Protocol):
    """Rows as columns of one length. Promises: the same rows give the same columns in any batch."""

    @property
    def rows(self) -> int:
        """How many there are."""
        ...

    def number(self, name: str) -> Numbers:
        """A feature (float32), the amount in major units or the hour (float64); NaN where unknown."""
        ...

    def text(self, name: str) -> Coded:
        """A text field."""
        ...

    def event_ms(self) -> NDArray[np.int64]:
        """When each happened."""
        ...


class Batch:
    """Transactions with their features of shape (n, F)."""

    def __init__(self, transactions: Sequence[Transaction], features: NDArray[np.float32]) -> None:
        self.transactions = transactions
        self._features = np.ascontiguousarray(features.T)
        self._texts: dict[str, Coded] = {}
        self._times: NDArray[np.int64] | None = None

    @property
    def rows(self) -> int:
        return len(self.transactions)

    def number(self, name: str) -> Numbers:
        if name == AMOUNT:
            minor = np.fromiter([one.amount_minor for one in self.transactions], np.float64, self.rows)
            return minor / unit_of(self.text("currency"))
        if name == HOUR:
            return hours(self.event_ms())
        return blanked(self._features[INDEX[name]], [self.text(one) for one in needs(name)])

    def text(self, name: str) -> Coded:
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = Coded([getattr(one, name) for one in self.transactions])
        return found

    def event_ms(self) -> NDArray[np.int64]:
        if self._times is None:
            self._times = np.fromiter([one.event_ms for one in self.transactions], np.int64, self.rows)
        return self._times


class History:
    """A block of stored transactions of one source."""

    def __init__(self, block: HistoryBlock, source: str) -> None:
        self._block = block
        self._source = source
        self._texts: dict[str, Coded] = {}

    @property
    def rows(self) -> int:
        return len(self._block.event_ms)

    def number(self, name: str) -> Numbers:
        if name == AMOUNT:
            return self._block.numbers["amount_minor"] / unit_of(self.text("currency"))
        if name == HOUR:
            return hours(self._block.event_ms)
        feature = np.ascontiguousarray(self._block.features[:, INDEX[name]])
        return blanked(feature, [self.text(one) for one in needs(name)])

    def text(self, name: str) -> Coded:
        found = self._texts.get(name)
        if found is None:
            values = [self._source] * self.rows if name == "source" else self._block.texts[name]
            found = self._texts[name] = Coded(values)
        return found

    def event_ms(self) -> NDArray[np.int64]:
        return self._block.event_ms


def unit_of(currencies: Coded) -> NDArray[np.float64] | float:
    """How many minor units make one of each row's currency."""
    if CURRENCY_EXPONENTS.keys().isdisjoint(currencies.index):
        return 100.0
    units = np.array([10.0 ** currency_exponent(str(one)) for one in currencies.index])
    return np.asarray(units[currencies.codes])


def hours(event_ms: NDArray[np.int64]) -> Numbers:
    """The hour of the day of each time, in UTC."""
    return (event_ms % DAY_MS // HOUR_MS).astype(np.float64)


def blanked(feature: Numbers, needed: Sequence[Coded]) -> Numbers:
    """NaN where none of the texts is there that the feature speaks about."""
    gone: NDArray[np.bool_] | None = None
    for one in needed:
        missing = one.missing()
        if missing is None:
            return feature
        gone = missing if gone is None else gone & missing
    return feature if gone is None else np.where(gone, np.float32(np.nan), feature)
