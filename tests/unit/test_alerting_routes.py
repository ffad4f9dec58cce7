"""GET /alerts over the real store."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from alerting_samples import NOW, alert, anomaly, over, problem
from guardian.alerting.policy import applied
from guardian.alerting.routes import routes
from guardian.alerting.stage import alert_collection
from guardian.domain.clock import MINUTE_MS, iso
from guardian.domain.errors import Refused
from guardian.domain.verdict import AlertLevel
from guardian.storage.sqlite.store import SqliteStore

OPEN = alert("denied")
OTHER = alert("failed", NOW + MINUTE_MS, level=AlertLevel.CRITICAL, source="acq_b")
GONE = applied(alert("*", NOW + 2 * MINUTE_MS), over(anomaly("*")), NOW + 3 * MINUTE_MS)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    store = SqliteStore(tmp_path)
    alerts = alert_collection(store.records)
    for one in (OPEN, OTHER, GONE):
        alerts.insert(one)
    app = FastAPI()
    app.add_exception_handler(Refused, problem)
    scopes: list[str] = []

    def requires(scope: str) -> Any:
        scopes.append(scope)
        return lambda: None

    app.include_router(routes(alerts, requires))
    assert scopes == ["read"]
    with TestClient(app) as client:
        yield client
    store.close()


def test_alerts_are_listed_newest_first(client: TestClient) -> None:
    body = client.get("/alerts").json()
    assert [item["series"] for item in body["items"]] == ["*", "failed", "denied"]
    assert body["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=open", ["failed", "denied"]),
        ("state=resolved", ["*"]),
        ("level=CRITICAL", ["failed"]),
        ("source=acq_b", ["failed"]),
        (f"since={iso(NOW + MINUTE_MS)}", ["*", "failed"]),
        (f"until={iso(NOW + MINUTE_MS)}", ["denied"]),
    ],
)
def test_alerts_are_filtered(client: TestClient, query: str, found: list[str]) -> None:
    assert [item["series"] for item in client.get(f"/alerts?{query}").json()["items"]] == found


def test_alerts_are_paged_with_a_cursor(client: TestClient) -> None:
    first = client.get("/alerts?limit=2").json()
    rest = client.get("/alerts", params={"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["series"] for item in rest["items"]] == ["denied"]


def test_one_alert_is_shown_in_full(client: TestClient) -> None:
    assert client.get(f"/alerts/{OPEN.alert_id}").json() == {
        "id": OPEN.alert_id,
        "fingerprint": OPEN.fingerprint,
        "source": "live",
        "series": "denied",
        "status": "denied",
        "level": "WARNING",
        "state": "open",
        "title": "denied: 41 a minute, expected 19",
        "onset_at": "2026-03-01T11:55:00Z",
        "opened_at": "2026-03-01T12:00:00Z",
        "updated_at": "2026-03-01T12:00:00Z",
        "repeats": 0,
        "observed": 41.0,
        "expected": 19.0,
        "anomaly_ids": ["denied"],
        "incident_id": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
        "resolved_at": None,
        "reasons": ["denied: 41 a minute over 5 minutes, usual 9–29."],
    }
    assert client.get(f"/alerts/{GONE.alert_id}").json()["resolved_at"] == "2026-03-01T12:03:00Z"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/alerts/unknown", 404),
        (f"/alerts/{'x' * 65}", 422),
        ("/alerts?state=loud", 422),
        ("/alerts?level=LOUD", 422),
        ("/alerts?since=yesterday", 422),
        ("/alerts?limit=0", 422),
        ("/alerts?cursor=nonsense", 422),
    ],
)
def test_what_cannot_be_asked_is_refused(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    if "yesterday" in path:
        assert "yesterday" not in answer.text


def test_every_answer_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths["/alerts"]["get"]["responses"]) == {"200", "401", "403", "422", "503"}
    one = paths["/alerts/{alert_id}"]["get"]["responses"]
    assert set(one) == {"200", "401", "403", "404", "422", "503"}
    assert list(one["422"]["content"]) == ["application/problem+json"]
