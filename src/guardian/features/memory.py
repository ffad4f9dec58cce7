"""What is remembered of merchants, BINs and cards: the same code for scoring and for training."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import Transaction
from guardian.features.columns import Columns, columns_of
from guardian.features.definition import FEATURE_COUNT
from guardian.features.kernel import Events, State, follow
from guardian.features.table import KeyTable

DEFAULT_KEYS = 1_000_000
PAIRS = 1 << 21


class Memory:
    """Rolling state in event time; at most `keys` merchants, BINs and cards each."""

    def __init__(self, keys: int = DEFAULT_KEYS) -> None:
        self.merchants = KeyTable(keys)
        self.bins = KeyTable(keys)
        self.cards = KeyTable(keys)
        self.pairs: NDArray[np.int64] = np.zeros(PAIRS, np.int64)
        self.usual: NDArray[np.float64] = np.zeros(1)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return self.merchants.nbytes + self.bins.nbytes + self.cards.nbytes + self.pairs.nbytes

    def take_in(self, transactions: Sequence[Transaction]) -> NDArray[np.float32]:
        """Remember the batch in order; features of shape (n, 26), each as of its own event."""
        out = np.empty((len(transactions), FEATURE_COUNT), np.float32)
        self._take_in(columns_of(transactions), out)
        return out

    def would_be(self, transaction: Transaction) -> NDArray[np.float32]:
        """Features of shape (1, 26) it would have now; nothing is remembered."""
        columns = columns_of([transaction])
        merchant, bin_key, card = columns.merchants[0], columns.bins[0], columns.cards[0]
        state = State(
            self.merchants.copy_of(merchant),
            self.bins.copy_of(bin_key),
            self.cards.copy_of(card),
            self.pairs,
            self.usual.copy(),
        )
        out = np.empty((1, FEATURE_COUNT), np.float32)
        rows = np.array([[-1 if key is None else 0] for key in (merchant, bin_key, card)], np.int32)
        times = columns.event_ms, columns.amounts, columns.outcomes
        follow(state, Events(rows[0], rows[1], rows[2], *times), out, False)
        return out

    def _take_in(self, columns: Columns, out: NDArray[np.float32]) -> None:
        if not self._fits(columns) and len(out) > 1:
            # a full table recycles by what it knows: halve until each event is known before the next
            middle = len(out) // 2
            self._take_in(columns.part(0, middle), out[:middle])
            self._take_in(columns.part(middle, len(out)), out[middle:])
            return
        events = Events(
            self.merchants.rows_of(columns.merchants),
            self.bins.rows_of(columns.bins),
            self.cards.rows_of(columns.cards),
            columns.event_ms,
            columns.amounts,
            columns.outcomes,
        )
        state = State(self.merchants.rings, self.bins.rings, self.cards.rings, self.pairs, self.usual)
        follow(state, events, out, True)

    def _fits(self, columns: Columns) -> bool:
        return (
            self.merchants.fits(columns.merchants)
            and self.bins.fits(columns.bins)
            and self.cards.fits(columns.cards)
        )
