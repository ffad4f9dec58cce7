"""A console over a real store, with a clock that stands still, and a browser's session in front of it."""

import re
from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerting_samples import NOW
from guardian.alerting.stage import alert_collection
from guardian.cases.desk import AnswerDesk, CaseDesk
from guardian.cases.quality import VerdictQualityDesk
from guardian.cases.shelf import CaseShelf
from guardian.console.formats import Formats
from guardian.console.language import Language
from guardian.console.routes import STATIC_PATH, console, static_files
from guardian.console.view import ConsoleView
from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import DAY_MS, MINUTE_MS, SetClock
from guardian.domain.forecast import Forecast, Range
from guardian.domain.incident import Incident
from guardian.domain.shift import shift_hours
from guardian.domain.transaction import LIVE, Transaction
from guardian.domain.verdict import AlertLevel, FiredRule, Method, Reason, Verdict
from guardian.domain.window import BY_STATUS, MinuteCounts, SeriesPoint
from guardian.features.definition import label
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.stage import incident_collection
from guardian.incidents.stats import StatsDesk
from guardian.learning.rules_backtest import RuleTrials
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.ruleset import load_rules
from guardian.security.identity import ROLES, Principal
from guardian.security.sessions import COOKIE, TTL_S, Sessions
from guardian.security.tokens import CONSOLE, Tokens
from guardian.storage.base import Judged, StoredTransaction
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import Cases
from guardian.watching.desk import AnomalyDesk
from guardian.watching.drills import drill_collection
from guardian.watching.outlook import MINUTES_SHOWN, Day, Held, Outlook, Outlooks
from guardian.watching.quality import Budget, QualityDesk

NOW_MS = NOW + 14_000
JUDGED_MS = NOW - MINUTE_MS
"""The newest minute that can have been judged at NOW_MS."""
USUAL = {"*": (107, 80, 135), "approved": (95, 69, 119), "denied": (12, 4, 22), "failed": (1, 0, 3)}
HOSTILE = "<script>alert('x')</script>\"&"


def formats(code: str = "en", now_ms: int = NOW_MS) -> Formats:
    return Formats(Language(code), "America/Sao_Paulo", now_ms)


def point(
    series: str, observed: int | None = None, minute_ms: int = JUDGED_MS, **changes: Any
) -> SeriesPoint:
    expected, low, high = USUAL.get(series, (10, 5, 15))
    seen = expected if observed is None else observed
    made = SeriesPoint(LIVE, series, minute_ms, seen, float(expected), float(low), float(high))
    return msgspec.structs.replace(made, **changes)


def explain(stored: StoredTransaction, language: str) -> Verdict:
    """A verdict whose recommendation says in which language it was asked for."""
    one, kept = stored.transaction, stored.verdict
    rules = (FiredRule("card_velocity_1h", AlertLevel.WARNING, language),) if kept.rules else ()
    return Verdict(
        transaction_id=one.transaction_id,
        merchant_id=one.merchant_id,
        source=one.source,
        event_ms=one.event_ms,
        ml_score=kept.ml_score,
        zscore=kept.zscore,
        rules=rules,
        score=kept.score,
        is_anomaly=kept.level > 0,
        alert_level=tuple(AlertLevel)[kept.level],
        primary_method=tuple(Method)[kept.method],
        recommendation=f"recommended in {language}",
        reasons=(Reason("card_count_1h", 31.0, 1.0, 2.0, 0.6), Reason("log_amount", 3.0, -0.5, 4.5, 0.2)),
        model_version=kept.model_version,
        rules_version=kept.rules_version,
        fallback=kept.ml_score is None,
        processing_time_ms=kept.processing_ms,
    )


def served(view: ConsoleView, sessions: Sessions) -> FastAPI:
    app = FastAPI()
    app.mount(STATIC_PATH, static_files())
    app.include_router(console(view, sessions))
    return app


class World:
    """The stores, the clock, and clients of every role."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW_MS)
        records = self.store.records
        self.anomalies, self.alerts = anomaly_collection(records), alert_collection(records)
        self.incidents = incident_collection(records)
        self.outlooks = Outlooks(records)
        self.waiting = 0
        desk = IncidentDesk(self.incidents, self.store.audit, lambda _: None, self.clock)
        stats = StatsDesk(self.store.minutes, self.anomalies, self.alerts, self.incidents, self.clock)
        book = RuleBook(records, self.store.audit, self.clock, lambda: load_rules().contents.rules)
        trials = RuleTrials(self.store.transactions, book, self.clock)
        self.rules = RuleDesk(book, self.store.audit, self.clock, trials.share)
        self.view = ConsoleView(
            transactions=self.store.transactions,
            minutes=self.store.minutes,
            outlooks=self.outlooks,
            anomalies=self.anomalies,
            alerts=self.alerts,
            incidents=self.incidents,
            explain=explain,
            stats=stats.now,
            waiting=lambda: self.waiting,
            acknowledge=desk.acknowledge,
            resolve=desk.resolve,
            answer=AnomalyDesk(
                self.anomalies,
                Cases(self.store.minutes, records, self.clock),
                self.store.audit,
                self.clock,
            ).answer,
            shelf=CaseShelf(records, self.store.casebook, self.store.transactions, self.store.labels),
            cases=CaseDesk(records, self.store.casebook, self.store.labels, self.store.audit, self.clock),
            answers=AnswerDesk(self.store.transactions, self.store.labels, self.store.audit, self.clock),
            quality=QualityDesk(
                self.anomalies,
                self.store.minutes,
                self.outlooks,
                drill_collection(records),
                Budget(1.0, shift_hours("00-08,08-16,16-24"), "America/Sao_Paulo"),
                self.clock,
            ).report,
            verdict_quality=VerdictQualityDesk(
                self.store.transactions, self.store.transactions, self.store.labels, self.clock
            ).report,
            feature_labels=label,
            medians=lambda _: {"card_count_1h": 1.25},
            rules=self.rules,
            try_rule=trials.run,
            clock=self.clock,
        )
        self.sessions = Sessions(Tokens(Ed25519PrivateKey.generate(), CONSOLE, self.clock), b"key of forms")
        self.app = served(self.view, self.sessions)

    def client(self, role: str | None = "analyst", name: str = "marina", **cookies: str) -> TestClient:
        client = TestClient(self.app, follow_redirects=False)
        if role is not None:
            client.cookies[COOKIE] = self.sessions._tokens.issue(Principal(name, ROLES[role]), TTL_S)
        client.cookies.update(cookies)
        return client

    def counted(self, minute_ms: int = JUDGED_MS, counts: Mapping[str, int] | None = None) -> None:
        given = {"approved": 95, "denied": 12} if counts is None else dict(counts)
        self.store.minutes.replace([MinuteCounts(LIVE, minute_ms, BY_STATUS, given, minute_ms + MINUTE_MS)])

    def calm(self, *others: SeriesPoint) -> None:
        """A counted and judged minute with every series in range, but for the points given."""
        self.counted()
        given = {one.series: one for one in others}
        names = ("*", "approved", "denied", "failed", "reversed")
        self.store.minutes.keep_points(
            [*(given.pop(name, None) or point(name) for name in names), *given.values()]
        )

    def foretold(self) -> None:
        """Three hours of the usual after the judged minute, and how a week of them held."""
        series = {name: (Range(*map(float, usual)),) * MINUTES_SHOWN for name, usual in USUAL.items()}
        week = Day(JUDGED_MS - JUDGED_MS % DAY_MS, {"*": Held(9_424, 9_482), "denied": Held(99, 100)})
        self.outlooks.keep(Outlook(Forecast(LIVE, JUDGED_MS + MINUTE_MS, series), days=(week,)))

    def trouble(self, incident: Incident, alerts: Sequence[Any], anomalies: Sequence[Anomaly]) -> None:
        for anomaly in anomalies:
            self.anomalies.insert(anomaly)
        for alert in alerts:
            self.alerts.insert(alert)
        self.incidents.insert(incident)

    def transaction(self, transaction_id: str, level: int = 0, **changes: Any) -> Transaction:
        facts = {"merchant_id": "M1", "status": "denied", "amount_minor": 114_120} | changes
        made = Transaction(transaction_id=transaction_id, event_ms=NOW_MS, received_ms=NOW_MS, **facts)
        place = self.store.transactions.position(0)
        judged = Judged(
            transactions=[made],
            positions=[place],
            ml_score=np.array([np.nan], np.float32),
            zscore=np.array([1.12], np.float32),
            score=np.array([0.99], np.float32),
            level=np.array([level], np.uint8),
            method=np.array([3], np.uint8),
            rules=["card_velocity_1h" if level else ""],
            features=np.zeros((1, 20), np.float32),
            model_version="",
            processing_ms=1.7,
        )
        self.store.transactions.keep(0, judged)
        return made


def csrf_of(html: str) -> str:
    """The token that the forms of the page carry."""
    return html.split('name="csrf" value="')[1].split('"', maxsplit=1)[0]


VOID = {"meta", "link", "input", "br", "img", "hr"}


class Outline(HTMLParser):
    """Whether the tags close, which ids there are, and what a strict policy would refuse."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.faults: list[str] = []
        self.feed(html)
        self.faults += [f"unclosed {tag}" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.ids += [facts["id"] or ""] if "id" in facts else []
        self.faults += [f"{name} on {tag}" for name in facts if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in facts:
            self.faults.append("inline script")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.faults.append(f"stray </{tag}>")


def page(client: TestClient, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["cache-control"] == "no-store"
    outline = Outline(answer.text)
    assert outline.faults == []
    assert len(outline.ids) == len(set(outline.ids)), "an id stands twice"
    return answer.text


def words_of(html: str) -> str:
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", html))
