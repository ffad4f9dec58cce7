"""Routes about the system itself: health, readiness, metrics, version, statistics, reset."""

import platform
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from pydantic import BaseModel, RootModel
from starlette.concurrency import run_in_threadpool

from guardian import __version__
from guardian.entrypoints.watchtower import Watchtower
from guardian.pipeline import Parts
from guardian.security.identity import Principal
from guardian.security.openapi import problem_responses


class Status(BaseModel):
    """One word."""

    status: str


class Readiness(BaseModel):
    """Whether work can be done, and what stands in the way."""

    status: str
    problems: list[str]
    lag: int


class Version(BaseModel):
    """What runs here."""

    name: str
    version: str
    python: str


class MetricsJson(RootModel[dict[str, Any]]):
    """Metric families by name."""


def open_routes(parts: Parts, tower: Watchtower) -> APIRouter:
    """What anyone may ask."""
    router = APIRouter(tags=["system"])

    @router.get("/health", response_model=Status, operation_id="health")
    async def health() -> Status:
        """The process lives."""
        return Status(status="ok")

    @router.get(
        "/ready",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "Not ready"}},
        operation_id="ready",
    )
    async def ready() -> JSONResponse:
        """The dependencies answer and the work keeps up."""
        problems = tower.problems()
        body = Readiness(status="unavailable" if problems else "ok", problems=problems, lag=tower.lag)
        return JSONResponse(body.model_dump(), status_code=503 if problems else 200)

    @router.get(
        "/metrics",
        responses={200: {"content": {"text/plain": {}}}},
        response_class=Response,
        operation_id="metrics",
    )
    async def metrics() -> Response:
        """Prometheus text."""
        body = await run_in_threadpool(parts.metrics.render)
        return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")

    @router.get("/version", response_model=Version, operation_id="version")
    async def version() -> Version:
        """What runs here."""
        return Version(name="transaction-guardian", version=__version__, python=platform.python_version())

    @router.get("/", response_model=Version, operation_id="root")
    async def root(request: Request) -> Response:
        """JSON to programs, the console to browsers."""
        if "text/html" in request.headers.get("accept", ""):
            return RedirectResponse("/console/overview", status_code=303)
        return JSONResponse((await version()).model_dump())

    return router


def guarded_routes(parts: Parts, forget: Callable[[], None], requires: Callable[[str], Any]) -> APIRouter:
    """What needs a scope; `forget` drops what is cached."""
    router = APIRouter(tags=["system"])

    @router.get(
        "/metrics/json",
        response_model=MetricsJson,
        responses=problem_responses(401, 403),
        operation_id="metrics_json",
        dependencies=[Depends(requires("read"))],
    )
    async def metrics_json() -> dict[str, Any]:
        """The metrics as JSON."""
        return await run_in_threadpool(parts.metrics.as_json)

    @router.post(
        "/reset",
        response_model=Status,
        responses=problem_responses(401, 403, 503),
        operation_id="reset",
    )
    async def reset(who: Principal = Depends(requires("admin"))) -> Status:
        """Clear counters and caches, never stored history."""
        forget()
        now_ms = parts.clock.now_ms()
        await run_in_threadpool(parts.store.audit.append, now_ms, who.subject, "reset", "caches", {})
        return Status(status="reset")

    return router
