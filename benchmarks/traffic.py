"""Made-up traffic of 100 000 merchants of very different size and 100 000 cards."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import numpy as np

from guardian.domain.transaction import Transaction

MERCHANTS = CARDS = 100_000
BINS = 90
CYCLE = 2 * MERCHANTS
"""So many transactions name every merchant and every card at least once. Five times as many give every card
the ten events in an hour that a rule warns of: from there on all is flagged, the costliest of traffic."""


def _drawn(count: int) -> Iterator[tuple[str, int, str, str, str]]:
    """(status, cents, merchant, BIN, card): every other merchant is drawn, large ones more often."""
    rng = np.random.default_rng(0)
    merchants = np.minimum(rng.pareto(1.1, count) * 20, MERCHANTS - 1).astype(int)
    merchants[1::2] = np.arange(len(merchants[1::2])) % MERCHANTS
    amounts = (rng.lognormal(8, 0.8, count) + 1).astype(int)
    for place, (merchant, amount) in enumerate(zip(merchants.tolist(), amounts.tolist(), strict=True)):
        card = place % CARDS
        status = "denied" if place % 17 == 0 else "approved"
        yield status, amount, f"m{merchant}", f"41{card % BINS:04d}", f"card-{card:06d}"


def transactions(count: int, start_ms: int, per_second: int, first: int = 0) -> list[Transaction]:
    """Transactions as the door would have accepted them, their callers having chosen the ids."""
    return [
        Transaction(
            transaction_id=f"order-{first + place:012d}",
            merchant_id=merchant,
            status=status,
            amount_minor=amount,
            event_ms=(event_ms := start_ms + place * 1_000 // per_second),
            received_ms=event_ms,
            given_id=True,
            auth_code="00",
            card_bin=card_bin,
            card_token=card,
        )
        for place, (status, amount, merchant, card_bin, card) in enumerate(_drawn(count))
    ]


def single(number: int) -> bytes:
    """The JSON body of one transaction; its number makes its id."""
    return _row(number, _now())


def batch(first: int, rows: int) -> bytes:
    """The JSON body of `rows` transactions from number `first` on."""
    now = _now()
    return b'{"transactions":[%b]}' % b",".join(_row(first + row, now) for row in range(rows))


def _row(number: int, now: bytes) -> bytes:
    rest = _rests()[number % CYCLE]
    return b'{"transaction_id":"order-%012d","timestamp":"%b",%b' % (number, now, rest)


@cache
def _rests() -> list[bytes]:
    return [
        f'"status":"{status}","amount":"{amount / 100:.2f}","merchant_id":"{merchant}",'
        f'"auth_code":"00","card_bin":"{card_bin}","card_token":"{card}"}}'.encode()
        for status, amount, merchant, card_bin, card in _drawn(CYCLE)
    ]


def _now() -> bytes:
    return datetime.now(UTC).isoformat(timespec="milliseconds").encode()
