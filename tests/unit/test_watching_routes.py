"""GET /anomalies and GET /series over the real store."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import HOUR_MS, MINUTE_MS, SetClock, from_iso, iso
from guardian.domain.errors import Refused
from guardian.domain.forecast import Forecast, Range
from guardian.domain.verdict import AlertLevel
from guardian.domain.window import SeriesPoint
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.outlook import Day, Held, Outlook, Outlooks
from guardian.watching.routes import routes

NOW = from_iso("2026-03-01T12:00:00Z")
RANGES = tuple(Range(7.0 + n, 1.0, 14.0 + n) for n in range(180))
OUTLOOK = Outlook(
    Forecast("live", NOW, {"*": RANGES, "denied": RANGES}),
    days=(Day(NOW - 12 * HOUR_MS, {"*": Held(712, 720), "denied": Held(720, 720)}),),
)
pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def anomaly(number: int, series: str = "denied", level: AlertLevel = AlertLevel.WARNING) -> Anomaly:
    return Anomaly(
        anomaly_id=f"a{number}",
        source="live",
        series=series,
        status=series,
        minute_ms=NOW + number * MINUTE_MS,
        start_ms=NOW,
        level=level,
        paged=True,
        score=1.5,
        observed=41.0,
        expected=19.0,
        low=9.0,
        high=29.0,
        direction="up",
        window_minutes=5,
        reasons=("denied: 41 a minute over 5 minutes, usual 9–29.",),
    )


def refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return JSONResponse({"detail": error.detail}, error.status)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    store = SqliteStore(tmp_path)
    anomalies = anomaly_collection(store.records)
    for one in (anomaly(1), anomaly(2, level=AlertLevel.CRITICAL), anomaly(3, series="*")):
        anomalies.insert(one)
    for series in ("*", "denied"):
        spots = [NOW - 4 * HOUR_MS, NOW - MINUTE_MS]
        store.minutes.keep_points([SeriesPoint("live", series, at, 7, 6.5, 1.0, 14.0) for at in spots])
    app = FastAPI()
    app.add_exception_handler(Refused, refused)
    scopes: list[str] = []

    def requires(scope: str) -> Any:
        scopes.append(scope)
        return lambda: None

    outlooks = Outlooks(store.records)
    outlooks.keep(OUTLOOK)
    outlooks.keep(Outlook(Forecast("young", NOW, {})))
    app.include_router(routes(anomalies, store.minutes, outlooks, requires, SetClock(NOW)))
    assert scopes == ["read"]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://guardian") as client:
        yield client
    store.close()


async def test_anomalies_are_listed_newest_first_in_their_published_form(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/anomalies")).json()
    assert [item["id"] for item in body["items"]] == ["a3", "a2", "a1"]
    assert body["items"][2] == anomaly(1).line()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("series=*", ["a3"]),
        ("level=CRITICAL", ["a2"]),
        (f"since={iso(NOW + 2 * MINUTE_MS)}", ["a3", "a2"]),
        (f"until={iso(NOW + 2 * MINUTE_MS)}", ["a1"]),
        ("source=import", []),
    ],
)
async def test_anomalies_are_filtered(client: httpx2.AsyncClient, query: str, found: list[str]) -> None:
    body = (await client.get(f"/anomalies?{query}")).json()
    assert [item["id"] for item in body["items"]] == found


async def test_anomalies_are_paged_with_a_cursor(client: httpx2.AsyncClient) -> None:
    first = (await client.get("/anomalies?limit=2")).json()
    rest = (await client.get("/anomalies", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == ["a1"]
    assert rest["next_cursor"] is None


async def test_series_are_the_last_three_hours_unless_told(client: httpx2.AsyncClient) -> None:
    body = (await client.get("/series")).json()
    assert {(item["series"], item["ts"]) for item in body["items"]} == {
        (series, iso(NOW - MINUTE_MS)) for series in ("*", "denied")
    }
    assert body["items"][0].keys() == {"ts", "series", "observed", "expected", "low", "high", "learning"}


async def test_series_are_picked_by_name_and_span(client: httpx2.AsyncClient) -> None:
    query = {"series": ["denied", "failed"], "since": iso(NOW - 5 * HOUR_MS), "until": iso(NOW - 2 * HOUR_MS)}
    body = (await client.get("/series", params=query)).json()
    assert [(item["series"], item["observed"]) for item in body["items"]] == [("denied", 7)]


async def test_the_next_hours_and_how_forecasts_held_are_added_where_they_are_asked_for(
    client: httpx2.AsyncClient,
) -> None:
    assert (await client.get("/series")).json()["forecast"] is None
    body = (await client.get("/series?ahead=2&series=denied")).json()
    assert [item["ts"] for item in body["items"]] == [iso(NOW - MINUTE_MS)]
    forecast = body["forecast"]
    assert not forecast["learning"]
    assert [item["ts"] for item in forecast["items"]] == [iso(NOW + n * MINUTE_MS) for n in range(120)]
    assert forecast["items"][1] == {
        "ts": iso(NOW + MINUTE_MS),
        "series": "denied",
        "expected": 8.0,
        "low": 1.0,
        "high": 15.0,
    }
    assert forecast["coverage"] == {
        "minutes_ahead": 60,
        "nominal": 0.99,
        "since": iso(NOW - 12 * HOUR_MS),
        "series": [{"series": "denied", "minutes": 720, "inside": 720, "share": 1.0}],
    }
    both = (await client.get("/series?ahead=3")).json()["forecast"]
    assert [item["series"] for item in both["items"][:3]] == ["*", "denied", "*"]
    assert [one["share"] for one in both["coverage"]["series"]] == [0.9889, 1.0]


async def test_a_source_on_its_first_day_says_that_it_is_learnt(client: httpx2.AsyncClient) -> None:
    forecast = (await client.get("/series?ahead=1&source=young")).json()["forecast"]
    assert (forecast["learning"], forecast["items"]) == (True, [])
    assert forecast["coverage"]["since"] is None
    assert (await client.get("/series?ahead=1&source=unknown")).json()["forecast"] is None


@pytest.mark.parametrize(
    "path",
    [
        "/series?ahead=4",
        "/series?ahead=-1",
        "/anomalies?since=yesterday",
        "/anomalies?until=0001-01-01T00:00:00Z",
        "/anomalies?limit=501",
        "/anomalies?level=LOUD",
        "/anomalies?cursor=nonsense",
        "/series?since=9999-99-99",
        "/series?since=2026-03-01T12:00:00Z&until=2026-03-01T11:00:00Z",
        "/series?since=2020-03-01T12:00:00Z",
    ],
)
async def test_what_cannot_be_asked_is_refused(client: httpx2.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 422
    assert "yesterday" not in answer.text
