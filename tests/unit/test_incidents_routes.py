"""The routes of incidents over the real store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerting_samples import NOW, alert, problem
from guardian.domain.clock import MINUTE_MS, SetClock, iso
from guardian.domain.errors import Refused
from guardian.domain.verdict import AlertLevel
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.lifecycle import opened, resolved
from guardian.incidents.routes import routes
from guardian.incidents.stage import incident_collection
from guardian.security.identity import Principal
from guardian.storage.sqlite.store import SqliteStore

OPEN = opened("INC-0001", alert("denied"), NOW)
OTHER = opened("INC-0002", alert("failed", source="acq_b", level=AlertLevel.CRITICAL), NOW + MINUTE_MS)
OVER = resolved(opened("INC-0003", alert("denied"), NOW + 2 * MINUTE_MS), "bia", NOW + 3 * MINUTE_MS)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path)
    incidents = incident_collection(store.records)
    for one in (OPEN, OTHER, OVER):
        incidents.insert(one)
    desk = IncidentDesk(incidents, store.audit, lambda _: None, SetClock(NOW + 4 * MINUTE_MS))
    app = FastAPI()
    app.add_exception_handler(Refused, problem)

    def requires(scope: str) -> Any:
        return lambda: Principal(f"ana with {scope}", frozenset({scope}))

    app.include_router(routes(desk, incidents, requires))
    with TestClient(app) as client:
        yield client
    store.close()


def listed(client: TestClient, query: str) -> list[str]:
    return [item["id"] for item in client.get(f"/incidents?{query}").json()["items"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["INC-0003", "INC-0002", "INC-0001"]),
        ("state=triaged", ["INC-0002", "INC-0001"]),
        ("priority=P2", ["INC-0002"]),
        ("source=acq_b", ["INC-0002"]),
        (f"since={iso(NOW + MINUTE_MS)}", ["INC-0003", "INC-0002"]),
        (f"until={iso(NOW + MINUTE_MS)}", ["INC-0001"]),
        ("limit=1", ["INC-0003"]),
    ],
)
def test_incidents_are_listed_newest_first_and_filtered(
    client: TestClient, query: str, found: list[str]
) -> None:
    assert listed(client, query) == found


def test_incidents_are_paged_with_a_cursor(client: TestClient) -> None:
    first = client.get("/incidents?limit=2").json()
    assert listed(client, f"limit=2&cursor={first['next_cursor']}") == ["INC-0001"]


def test_one_incident_is_shown_with_its_story(client: TestClient) -> None:
    assert client.get("/incidents/INC-0001").json() == {
        "id": "INC-0001",
        "source": "live",
        "state": "triaged",
        "priority": "P3",
        "title": "denied: 41 a minute, expected 19",
        "onset_at": "2026-03-01T11:55:00Z",
        "opened_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        "alert_ids": list(OPEN.alert_ids),
        "owner": None,
        "acknowledged_at": None,
        "resolved_at": None,
        "timeline": [
            {
                "at": "2026-03-01T12:00:00Z",
                "actor": "guardian",
                "what": "Detected: denied: 41 a minute, expected 19",
            },
            {"at": "2026-03-01T12:00:00Z", "actor": "guardian", "what": "Triaged as P3"},
        ],
    }


def test_an_operator_takes_it_on_and_ends_it(client: TestClient) -> None:
    taken = client.post("/incidents/INC-0001/acknowledge").json()
    assert (taken["state"], taken["owner"]) == ("responding", "ana with operate")
    assert taken["acknowledged_at"] == "2026-03-01T12:04:00Z"
    done = client.post("/incidents/INC-0001/resolve").json()
    assert (done["state"], done["resolved_at"]) == ("resolved", "2026-03-01T12:04:00Z")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/incidents/INC-0009", 404),
        ("POST", "/incidents/INC-0009/acknowledge", 404),
        ("POST", "/incidents/INC-0009/resolve", 404),
        ("POST", "/incidents/INC-0003/acknowledge", 409),
        ("POST", "/incidents/INC-0003/resolve", 409),
        ("GET", f"/incidents/{'x' * 33}", 422),
        ("GET", "/incidents?priority=P9", 422),
        ("GET", "/incidents?state=loud", 422),
        ("GET", "/incidents?until=tomorrow", 422),
        ("GET", "/incidents?cursor=nonsense", 422),
    ],
)
def test_what_cannot_be_done_is_refused(client: TestClient, method: str, path: str, status: int) -> None:
    assert client.request(method, path).status_code == status


def test_every_answer_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    acting = {"200", "401", "403", "404", "409", "422", "503"}
    assert set(paths["/incidents/{incident_id}/acknowledge"]["post"]["responses"]) == acting
    assert set(paths["/incidents/{incident_id}/resolve"]["post"]["responses"]) == acting
    assert set(paths["/incidents"]["get"]["responses"]) == {"200", "401", "403", "422", "503"}
