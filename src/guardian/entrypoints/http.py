"""The door: one ASGI application of all routes, with the fast path in front."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from guardian import __version__
from guardian.bootstrap import entrance, guard
from guardian.domain.verdict import Verdict
from guardian.entrypoints.system import guarded_routes, open_routes
from guardian.entrypoints.watchtower import Limits, Watchtower
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.counts import CountsDoor
from guardian.ingestion.counts import routes as counts_routes
from guardian.ingestion.hot import Ingest, Wait
from guardian.ingestion.limits import BodyLimit
from guardian.ingestion.openapi import describe
from guardian.observability.requests import ObservedRequests
from guardian.pipeline import Parts
from guardian.scoring.judge import ForestJudge
from guardian.scoring.routes import routes as transaction_routes
from guardian.scoring.routes import verdict_form
from guardian.security.headers import SecurityHeaders
from guardian.security.problems import install
from guardian.security.routes import routes as security_routes
from guardian.settings import Settings
from guardian.storage.base import StoredTransaction
from guardian.watching.routes import routes as anomaly_routes
from guardian.watching.stage import anomaly_collection

WAIT_STEP_S = 0.005


class Door(msgspec.Struct, frozen=True):
    """The application and what runs beside it."""

    app: ASGIApp
    tower: Watchtower


def application(parts: Parts, settings: Settings) -> Door:
    """All routes over the parts."""
    doors = entrance(parts)
    guarding = guard(doors)
    requires = guarding.requires
    tower = Watchtower(parts, Limits(settings.ingestion.free_disk_mb, settings.ingestion.lag_records))
    explain = explainer(parts)
    counts = CountsDoor(parts.bus, parts.clock, tower.transaction_sources)
    app = FastAPI(title="Transaction Guardian", version=__version__, docs_url=None, redoc_url=None)
    install(app)
    for router in (
        open_routes(parts, tower),
        guarded_routes(parts, requires),
        security_routes(doors),
        counts_routes(counts, requires),
        transaction_routes(parts.store.transactions, explain, requires),
        anomaly_routes(anomaly_collection(parts.store.records), parts.store.minutes, requires),
    ):
        app.include_router(router)
    _document(app)
    acceptor = Acceptor(settings.ingestion.statuses, parts.clock, tower.counts_sources)
    ingest = Ingest(
        ObservedRequests(BodyLimit(app), parts.metrics.count_request), acceptor, parts.bus, guarding
    )
    ingest.hooks(_waiter(parts, explain), parts.metrics.count_request, tower.admit)
    return Door(SecurityHeaders(ingest), tower)


def explainer(parts: Parts) -> Callable[[StoredTransaction], Verdict]:
    """Renders a stored verdict with the model that gave it, as long as the registry keeps it."""
    judges: dict[str, ForestJudge] = {}

    def explain(stored: StoredTransaction) -> Verdict:
        version = stored.verdict.model_version
        judge = judges.get(version)
        if judge is None:
            judge = parts.judge()
            if version in parts.registry.versions():
                judge.use(parts.registry.load(version))
            judges[version] = judge
        return judge.explain(stored)

    return explain


def _document(app: FastAPI) -> None:
    """Describe the fast path in the OpenAPI document like the rest."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(generate())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _waiter(parts: Parts, explain: Callable[[StoredTransaction], Verdict]) -> Wait:
    async def wait(transaction_id: str, seconds: float) -> bytes | None:
        """Look for the verdict until it is there or the time is over."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            stored = await run_in_threadpool(parts.store.transactions.get, transaction_id)
            if stored is not None:
                return msgspec.json.encode(verdict_form(await run_in_threadpool(explain, stored)))
            if asyncio.get_running_loop().time() >= deadline:
                return None
            await asyncio.sleep(WAIT_STEP_S)

    return wait
