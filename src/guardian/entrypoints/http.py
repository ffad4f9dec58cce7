"""The door: one ASGI application of all routes, with the fast path in front."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from guardian import __version__
from guardian.alerting.routes import routes as alert_routes
from guardian.alerting.stage import alert_collection
from guardian.bootstrap import entrance, guard
from guardian.cases.desk import AnswerDesk
from guardian.cases.quality import VerdictQualityDesk
from guardian.cases.quality_routes import routes as verdict_quality_routes
from guardian.cases.routes import routes as case_routes
from guardian.cases.shelf import CaseShelf
from guardian.console.routes import STATIC_PATH, console, static_files
from guardian.console.view import ConsoleView
from guardian.domain.errors import NotFound, Poisoned
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import Verdict
from guardian.entrypoints.stream import Stream
from guardian.entrypoints.stream import routes as stream_routes
from guardian.entrypoints.system import guarded_routes, open_routes
from guardian.entrypoints.watchtower import Limits, Watchtower
from guardian.features.definition import label
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.routes import routes as incident_routes
from guardian.incidents.stage import incident_collection
from guardian.incidents.stats import StatsDesk
from guardian.incidents.stats import routes as stats_routes
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.bodies import Bodies
from guardian.ingestion.counts import CountsDoor
from guardian.ingestion.counts import routes as counts_routes
from guardian.ingestion.hot import Ingest, Wait
from guardian.ingestion.label_door import LabelDoor
from guardian.ingestion.label_door import routes as label_routes
from guardian.ingestion.limits import BodyLimit
from guardian.ingestion.openapi import describe
from guardian.learning.rules_backtest import RuleTrials, labels_in
from guardian.observability.requests import ObservedRequests
from guardian.pipeline import Parts, case_desk, incident_publisher
from guardian.scoring.routes import Verify, verdict_form
from guardian.scoring.routes import routes as transaction_routes
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.routes import routes as rule_routes
from guardian.security.addresses import CleanAddresses
from guardian.security.headers import SecurityHeaders
from guardian.security.problems import install
from guardian.security.routes import routes as security_routes
from guardian.settings import Settings
from guardian.storage.base import StoredTransaction
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import Cases
from guardian.watching.desk import AnomalyDesk
from guardian.watching.drills import drill_collection
from guardian.watching.outlook import Outlooks
from guardian.watching.quality import Budget, QualityDesk
from guardian.watching.quality import routes as quality_routes
from guardian.watching.routes import routes as anomaly_routes

if TYPE_CHECKING:  # the judge is loaded when somebody first wants an explanation
    from guardian.scoring.judge import ForestJudge
    from guardian.scoring.verify import Verifier

WAIT_STEP_S = 0.005
MOST_JUDGES = 64
"""Of so many models and rulesets the verdicts are explained without loading them again."""


class Door(msgspec.Struct, frozen=True):
    """The application and what runs beside it."""

    app: ASGIApp
    tower: Watchtower
    stream: Stream


def application(parts: Parts, settings: Settings) -> Door:
    """All routes over the parts."""
    doors = entrance(parts)
    guarding = guard(doors)
    requires = guarding.requires
    tower = Watchtower(parts, Limits(settings.ingestion.free_disk_mb, settings.ingestion.lag_records))
    shown = _shown(parts, settings, tower)
    stream = Stream(parts.bus, shown.view.stats)
    counts = CountsDoor(parts.bus, parts.clock, tower.transaction_sources, tower.admit)
    store = parts.store
    labels = LabelDoor(store.labels, store.transactions, store.audit, parts.clock)
    app = FastAPI(title="Transaction Guardian", version=__version__, docs_url=None, redoc_url=None)
    app.router.redirect_slashes = False  # it would lead to whatever host the caller named
    install(app)
    app.mount(STATIC_PATH, static_files())
    for router in (
        open_routes(parts, tower),
        guarded_routes(parts, shown.stats.forget, requires),
        security_routes(doors),
        counts_routes(counts, requires),
        label_routes(labels, requires),
        case_routes(shown.view.shelf, shown.view.cases, shown.view.answers, requires),
        transaction_routes(parts.store.transactions, shown.explain, verifying(parts), requires),
        anomaly_routes(shown.view.anomalies, parts.store.minutes, shown.view.outlooks, requires, parts.clock),
        verdict_quality_routes(shown.verdicts, requires),
        quality_routes(shown.pages, shown.quality, requires),
        alert_routes(shown.view.alerts, requires),
        rule_routes(shown.rules, shown.trials.run, requires),
        incident_routes(shown.desk, shown.view.incidents, requires),
        stats_routes(shown.stats, requires),
        stream_routes(stream, requires),
        console(shown.view, doors.sessions),
    ):
        app.include_router(router)
    _document(app)
    acceptor = Acceptor(settings.ingestion.statuses, parts.clock, tower.counts_sources)
    bodies = Bodies()
    inner = ObservedRequests(CleanAddresses(BodyLimit(app, bodies)), parts.metrics.count_request)
    ingest = Ingest(inner, acceptor, parts.bus, guarding, bodies)
    metrics = parts.metrics
    ingest.hooks(_waiter(parts, shown.explain), metrics.count_request, tower.admit, metrics.rejected)
    return Door(SecurityHeaders(ingest), tower, stream)


class _Shown(msgspec.Struct, frozen=True):
    """What the API and the console tell alike."""

    view: ConsoleView
    desk: IncidentDesk
    stats: StatsDesk
    pages: AnomalyDesk
    quality: QualityDesk
    rules: RuleDesk
    trials: RuleTrials
    verdicts: VerdictQualityDesk
    explain: Callable[[StoredTransaction], Verdict]


def _shown(parts: Parts, settings: Settings, tower: Watchtower) -> _Shown:
    records, minutes, clock = parts.store.records, parts.store.minutes, parts.clock
    anomalies, alerts = anomaly_collection(records), alert_collection(records)
    incidents = incident_collection(records)
    desk = IncidentDesk(incidents, parts.store.audit, incident_publisher(parts), clock)
    stats = StatsDesk(minutes, anomalies, alerts, incidents, clock)
    pages = AnomalyDesk(anomalies, Cases(minutes, records, clock), parts.store.audit, clock)
    watched = settings.watching
    budget = Budget(watched.false_pages_per_shift, watched.hours, settings.console.zone)
    outlooks = Outlooks(records)
    quality = QualityDesk(anomalies, minutes, outlooks, drill_collection(records), budget, clock)
    parts.rules.begin()
    trials = RuleTrials(parts.store.transactions, parts.rules, clock, labels_in(parts.store.labels))
    rules = RuleDesk(parts.rules, parts.store.audit, clock, trials.share)
    explain = explainer(parts)
    store = parts.store
    shelf = CaseShelf(records, store.casebook, store.transactions, store.labels)
    verdicts = VerdictQualityDesk(store.transactions, store.transactions, store.labels, clock)
    cases, answers = case_desk(parts), AnswerDesk(store.transactions, store.labels, store.audit, clock)
    view = ConsoleView(
        transactions=parts.store.transactions,
        minutes=minutes,
        outlooks=outlooks,
        anomalies=anomalies,
        alerts=alerts,
        incidents=incidents,
        explain=explain,
        stats=stats.now,
        waiting=lambda: tower.lag,
        acknowledge=desk.acknowledge,
        resolve=desk.resolve,
        answer=pages.answer,
        shelf=shelf,
        cases=cases,
        answers=answers,
        quality=quality.report,
        verdict_quality=verdicts.report,
        feature_labels=label,
        medians=medians(parts),
        rules=rules,
        try_rule=trials.run,
        clock=clock,
        zone=settings.console.zone,
        environment=settings.console.environment,
    )
    return _Shown(view, desk, stats, pages, quality, rules, trials, verdicts, explain)


class Explain(Protocol):
    """Renders a stored verdict, in English unless told otherwise."""

    def __call__(self, stored: StoredTransaction, language: str = "en") -> Verdict:
        """The verdict with its reasons and recommendation."""
        ...


def explainer(parts: Parts) -> Explain:
    """Explains with the model and the rules that gave the verdict, as long as they are kept."""
    judges: dict[tuple[str, str, str], ForestJudge] = {}

    def explain(stored: StoredTransaction, language: str = "en") -> Verdict:
        version, rules = stored.verdict.model_version, stored.verdict.rules_version
        judge = judges.get((version, rules, language))
        if judge is None:
            judge = parts.judge(language)
            if version in parts.registry.versions():
                with suppress(Poisoned):  # one of an older format explains no more
                    judge.use(parts.registry.load(version))
            with suppress(Poisoned, NotFound):  # of before rulesets were kept: today's words
                judge.take_up(parts.rules.load(rules))
            if len(judges) >= MOST_JUDGES:
                judges.clear()
            judges[version, rules, language] = judge
        return judge.explain([stored])[0]

    return explain


def verifying(parts: Parts) -> Verify:
    """Computes a stored verdict again; what that takes is loaded when somebody first asks."""

    @cache
    def verifier() -> "Verifier":
        from guardian.scoring.verify import Verifier

        return Verifier(parts.registry.load, parts.rules.load)

    return lambda stored: verifier().verify([stored])[0].line()


def medians(parts: Parts) -> Callable[[str], Mapping[str, float]]:
    """By feature what is usual in the middle, of a model as long as the registry keeps it."""
    known: dict[str, Mapping[str, float]] = {}

    def of(version: str) -> Mapping[str, float]:
        if version not in known and version in parts.registry.versions():
            with suppress(Poisoned):  # one of an older format has none to show
                model = parts.registry.load(version)
                known[version] = dict(zip(model.features, model.median.tolist(), strict=True))
        return known.get(version, {})

    return of


def _document(app: FastAPI) -> None:
    """Describe the fast path in the OpenAPI document like the rest."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _waiter(parts: Parts, explain: Callable[[StoredTransaction], Verdict]) -> Wait:
    async def wait(one: Transaction, seconds: float) -> bytes | None:
        """Look for the verdict until it is there or the time is over."""
        deadline = asyncio.get_running_loop().time() + seconds
        which = (one.transaction_id, one.source, one.merchant_id)
        while True:
            stored = await run_in_threadpool(parts.store.transactions.get, *which)
            if stored is not None:
                return msgspec.json.encode(verdict_form(await run_in_threadpool(explain, stored)))
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(WAIT_STEP_S)

    return wait
