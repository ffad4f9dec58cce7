"""From requests at the door to a signed message at the receiver, and back to calm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerting_samples import SECRET, Receiver, receiver
from guardian.domain.clock import MINUTE_MS, SetClock, SystemClock, floor_minute, iso
from installation import A_MINUTE, Installation, minute_of, verified

HISTORY_MIN = 90
LATE_MS = 15_000
"""So long after its end a minute is judged for sure, even in silence."""


class Town:
    """An installation with its clock, its traffic and the receiver of its messages."""

    def __init__(self, folder: Path, told: Receiver) -> None:
        self.clock = SetClock(floor_minute(SystemClock().now_ms()) + LATE_MS)
        self.told = told
        self.guardian = Installation(folder, self.clock, alerting=self.alerting())

    def alerting(self) -> dict[str, Any]:
        """The settings that name the receiver."""
        beat_url = self.told.url.replace("hook", "beat")
        urls = {"webhook_url": self.told.url, "heartbeat_url": beat_url}
        return urls | {"webhook_secret": SECRET, "allow_private": True}

    def send(self, rows: list[dict[str, str]]) -> None:
        answer = self.guardian.ask("POST", "/transactions/batch", "machine", json={"transactions": rows})
        assert (answer.status_code, answer.json()["rejected"]) == (202, [])

    def learn(self) -> None:
        """Lay an hour and a half of calm down, up to the minute that runs."""
        now_ms = floor_minute(self.clock.now_ms())
        history = range(now_ms - HISTORY_MIN * MINUTE_MS, now_ms, MINUTE_MS)
        self.send([row for minute_ms in history for row in minute_of(minute_ms)])
        self.guardian.work()

    def pass_minutes(self, minutes: int, calm: bool) -> None:
        """Let minutes go by, with their traffic or without any."""
        for _ in range(minutes):
            minute_ms = floor_minute(self.clock.now_ms())
            self.clock.advance(MINUTE_MS)
            if calm:
                self.send(minute_of(minute_ms))
            self.guardian.work()

    def messages(self, path: str = "/hook") -> list[dict[str, Any]]:
        """What the receiver was told, each signature verified."""
        return [verified(one) for one in self.told.received if one.path == path]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    with receiver() as told:
        found = Town(tmp_path, told)
        yield found
        found.guardian.close()


def test_an_outage_is_told_once_and_again_when_it_is_over(town: Town) -> None:
    town.learn()
    assert town.guardian.items("/anomalies") == []
    town.told.will_answer(500)
    town.pass_minutes(6, calm=False)
    attempts = len(town.messages())
    assert attempts >= 1
    town.told.will_answer(204)
    town.pass_minutes(12, calm=False)
    told = town.messages()
    assert len(told) == attempts + 1
    assert {json.dumps(one) for one in told} == {json.dumps(told[0])}
    assert len({one.headers["webhook-id"] for one in town.told.received}) == 1

    (incident,) = town.guardian.items("/incidents")
    (alert,) = town.guardian.items("/alerts")
    anomalies = town.guardian.items("/anomalies", series="*")
    stats = town.guardian.ask("GET", "/stats", "viewer").json()
    assert (incident["state"], alert["state"], incident["priority"]) == ("triaged", "open", "P1")
    assert incident["alert_ids"] == [alert["id"]]
    assert set(alert["anomaly_ids"]) == {one["id"] for one in anomalies if one["paged"]}
    assert alert["incident_id"] == incident["id"] == told[0]["data"]["incident_id"]
    assert alert["onset_at"] == incident["onset_at"] == told[0]["data"]["onset_at"]
    assert (stats["active_alerts"], stats["open_incidents"]) == (1, 1)
    assert stats["anomalies_last_hour"] == len(anomalies)
    assert stats["last_incident_at"] == incident["opened_at"]
    assert stats["total_transactions"] == HISTORY_MIN * A_MINUTE
    assert told[0]["type"] == "incident.opened"
    onset_min = (floor_minute(town.clock.now_ms()) - 18 * MINUTE_MS) // MINUTE_MS
    assert iso(onset_min * MINUTE_MS) == alert["onset_at"]

    town.pass_minutes(10, calm=True)
    (over,) = town.guardian.items("/incidents")
    assert (over["id"], over["state"]) == (incident["id"], "resolved")
    assert [one["state"] for one in town.guardian.items("/alerts")] == ["resolved"]
    assert all(one["over"] for one in town.guardian.items("/anomalies"))
    assert [one["type"] for one in town.messages()[len(told) :]] == ["incident.resolved"]


def test_what_people_do_with_an_incident_is_kept_told_and_audited(town: Town) -> None:
    town.learn()
    town.pass_minutes(6, calm=False)
    (incident,) = town.guardian.items("/incidents")
    path = f"/incidents/{incident['id']}"
    assert town.guardian.ask("POST", f"{path}/acknowledge", "viewer").status_code == 403
    taken = town.guardian.ask("POST", f"{path}/acknowledge", "analyst").json()
    assert (taken["state"], taken["owner"]) == ("responding", "analyst")
    over = town.guardian.ask("POST", f"{path}/resolve", "operator").json()
    assert over["state"] == "resolved"
    assert town.guardian.ask("POST", f"{path}/resolve", "operator").status_code == 409
    town.guardian.work()
    assert [one["type"] for one in town.messages()] == ["incident.opened", "incident.resolved"]
    audited = [(one.actor, one.action, one.target) for one in town.guardian.parts.store.audit.read()[-2:]]
    assert audited == [
        ("analyst", "incident acknowledge", incident["id"]),
        ("operator", "incident resolve", incident["id"]),
    ]


def test_no_sign_of_life_while_nothing_is_judged(town: Town) -> None:
    heart = town.guardian.runners["heartbeat"]
    heart.step(0)
    assert town.messages("/beat") == []
    town.learn()
    heart.step(0)
    assert [one["type"] for one in town.messages("/beat")] == ["guardian.heartbeat"]
    town.clock.advance(5 * MINUTE_MS)
    heart.step(0)
    assert len(town.messages("/beat")) == 1
    town.guardian.work()
    heart.step(0)
    assert len(town.messages("/beat")) == 2


def test_who_is_named_as_receiver_later_is_not_told_of_what_is_over(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "before"
    town.guardian.close()
    town.guardian = Installation(folder, town.clock)
    town.learn()
    town.pass_minutes(6, calm=False)
    town.pass_minutes(12, calm=True)
    (over,) = town.guardian.items("/incidents")
    assert over["state"] == "resolved"
    town.guardian.close()
    town.guardian = Installation(folder, town.clock, alerting=town.alerting())
    town.pass_minutes(2, calm=True)
    assert town.messages() == []
