"""Labels and flagged transactions that the tests of cases share."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from alerting_samples import NOW
from guardian.domain.label import Origin, Statement
from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged
from guardian.storage.sqlite.store import SqliteStore
from storing import unscored


def said(name: str, is_fraud: bool = True, known_ms: int = NOW, **changes: Any) -> Statement:
    """A report by the bank."""
    base = Statement(name, is_fraud, known_ms, "bank", NOW, Origin.REPORTED, "chargeback")
    return msgspec.structs.replace(base, **changes)


def about(name: str, is_fraud: bool = True, known_ms: int = NOW, **changes: Any) -> Statement:
    """A report of a known live transaction of m1 that happened at NOW."""
    facts = {"source": "live", "merchant_id": "m1", "event_ms": NOW} | changes
    return said(name, is_fraud, known_ms, **facts)


def transaction(name: str, **changes: Any) -> Transaction:
    base = Transaction(name, "m1", "denied", 10_000, NOW, NOW, given_id=True)
    return msgspec.structs.replace(base, **changes)


def kept(store: SqliteStore, transactions: Sequence[Transaction], level: int = 0, **changes: Any) -> Judged:
    """They are in the store, judged with that level."""
    start = store.transactions.position(0)
    judged = msgspec.structs.replace(
        unscored(transactions, start), level=np.full(len(transactions), level, np.uint8), **changes
    )
    store.transactions.keep(0, judged)
    return judged
