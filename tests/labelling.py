"""Labels and flagged transactions that the tests of cases share."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from alerting_samples import NOW
from guardian.cases.chores import Chores
from guardian.cases.desk import AnswerDesk, CaseDesk
from guardian.cases.shelf import CaseShelf
from guardian.cases.stage import CaseStage
from guardian.domain.case import Case, Flagged
from guardian.domain.clock import SetClock
from guardian.domain.label import EventName, Origin, Statement
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel, Method, Verdict
from guardian.storage.base import Judged, RecordQuery
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


def flagged(name: str, **changes: Any) -> Flagged:
    """A warning about a card at NOW."""
    base = Flagged(
        name=EventName("live", "m1", name),
        event_ms=NOW,
        level=AlertLevel.WARNING,
        score=0.9,
        amount_minor=100,
        currency="BRL",
        rules=("card_velocity_1h",),
        card="card-1",
        card_bin="516220",
    )
    return msgspec.structs.replace(base, **changes)


def verdict(one: Transaction, level: AlertLevel = AlertLevel.WARNING) -> Verdict:
    """As the score stage tells it."""
    return Verdict(
        transaction_id=one.transaction_id,
        merchant_id=one.merchant_id,
        source=one.source,
        event_ms=one.event_ms,
        ml_score=None,
        zscore=0.0,
        rules=(),
        score=0.9,
        is_anomaly=level is not AlertLevel.NORMAL,
        alert_level=level,
        primary_method=Method.RULES,
        recommendation="",
        reasons=(),
        model_version="",
        fallback=True,
        processing_time_ms=1.0,
    )


class Desks:
    """A store with the stage and the desks over it."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW)
        store, records = self.store, self.store.records
        self.stage = CaseStage(store.transactions, records, store.casebook, self.clock)
        self.desk = CaseDesk(records, store.casebook, store.labels, store.audit, self.clock)
        self.answers = AnswerDesk(store.transactions, store.labels, store.audit, self.clock)
        self.shelf = CaseShelf(records, store.casebook, store.transactions, store.labels)
        self.chores = Chores(store.transactions, records, self.stage, self.desk, self.clock, 14)

    def flag(self, *names: str, level: int = 1, **changes: Any) -> None:
        """Transactions of a card are kept as flagged, and told of."""
        given = [transaction(name, **{"card_token": "card-1"} | changes) for name in names]
        kept(self.store, given, level)
        self.stage.handle([verdict(one) for one in given])

    def cases(self) -> list[Case]:
        return list(self.shelf.page(RecordQuery("", limit=1_000)).items)

    def statements(self, name: str) -> list[Statement]:
        return list(self.answers.history(EventName("live", "m1", name)))
