"""Requests are counted by their template and run under the caller's trace."""

from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter, FastAPI

from guardian.observability.metrics import Metrics
from guardian.observability.requests import ObservedRequests
from guardian.observability.traces import current_trace

pytestmark = pytest.mark.anyio
TRACE = "ab" * 16


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def application() -> FastAPI:
    router = APIRouter()

    @router.get("/things/{number}")
    async def thing(number: int) -> str | None:
        return current_trace.get()

    app = FastAPI()
    app.include_router(router)
    return app


async def test_the_label_is_the_template_and_the_trace_is_the_callers(tmp_path: Path) -> None:
    metrics = Metrics("door", tmp_path)
    transport = httpx2.ASGITransport(ObservedRequests(application(), metrics.count_request))
    async with httpx2.AsyncClient(transport=transport, base_url="http://guardian") as client:
        parent = {"traceparent": f"00-{TRACE}-{'1' * 16}-01"}
        assert (await client.get("/things/7", headers=parent)).json() == TRACE
        assert len((await client.get("/things/8")).json()) == 32
        await client.get("/4111111111111111")
        await client.request("BREW", "/things/9")
    assert current_trace.get() is None
    text = metrics.render().decode()
    assert 'http_requests_total{method="GET",route="/things/{number}",status="200"} 2.0' in text
    assert 'http_requests_total{method="GET",route="unknown",status="404"} 1.0' in text
    assert 'method="other"' in text
    duration = (
        'http_server_request_duration_seconds_count{method="GET",route="/things/{number}",status="200"} 2.0'
    )
    assert duration in text
    assert "4111" not in text


async def test_what_is_no_request_passes_by() -> None:
    seen: list[str] = []

    async def inner(scope: dict[str, str], receive: object, send: object) -> None:
        seen.append(scope["type"])

    observed = ObservedRequests(inner, lambda *_: seen.append("observed"))  # type: ignore[arg-type]
    await observed({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    assert seen == ["lifespan"]
