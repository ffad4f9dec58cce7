"""Incidents that follow their alerts, and the desk where people act, over the real store."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from alerting_samples import NOW, alert, anomaly, over
from guardian.alerting.policy import FoldedAlert, applied
from guardian.alerting.stage import alert_collection
from guardian.domain.alert import Alert
from guardian.domain.clock import MINUTE_MS, SetClock
from guardian.domain.errors import Conflict, NotFound, Unavailable
from guardian.domain.incident import Incident
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.stage import IncidentStage, incident_collection
from guardian.storage.base import RecordQuery
from guardian.storage.collection import Collection
from guardian.storage.sqlite.store import SqliteStore


class Scene:
    """A store with the stage and the desk on it."""

    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW)
        self.told: list[Incident] = []
        self.alerts = alert_collection(self.store.records)
        self.incidents = incident_collection(self.store.records)
        self.stage = self.stage_over(self.incidents)
        self.desk = IncidentDesk(self.incidents, self.store.audit, self.told.extend, self.clock)

    def stage_over(self, incidents: Collection[Incident]) -> IncidentStage:
        return IncidentStage(incidents, self.alerts, self.store.records, self.told.extend, self.clock)

    def raise_alert(self, one: FoldedAlert) -> FoldedAlert:
        assert self.alerts.insert(one)
        self.stage.handle([one])
        return one

    def change(self, one: Alert, **changes: object) -> Alert:
        kept = self.alerts.get(one.alert_id)
        assert kept is not None
        changed = msgspec.structs.replace(kept[0], **changes)
        self.alerts.update(changed, kept[1])
        return changed

    def end(self, one: FoldedAlert) -> None:
        kept = self.alerts.get(one.alert_id)
        assert kept is not None
        assert isinstance(kept[0], FoldedAlert)
        done = applied(kept[0], over(anomaly(one.series)), self.clock.now_ms())
        self.alerts.update(done, kept[1])
        self.stage.handle([done])

    def all(self) -> Sequence[Incident]:
        return self.incidents.find(RecordQuery("")).items


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.store.close()


def test_one_disturbance_is_one_incident_until_every_alert_is_over(scene: Scene) -> None:
    first, second = scene.raise_alert(alert("denied")), scene.raise_alert(alert("failed"))
    scene.end(first)
    scene.end(second)
    (incident,) = scene.all()
    assert (incident.incident_id, incident.state) == ("INC-0001", "resolved")
    assert incident.alert_ids == (first.alert_id, second.alert_id)
    assert [one.state for one in scene.told] == ["triaged", "triaged", "triaged", "resolved"]


def test_sources_and_later_disturbances_have_incidents_of_their_own(scene: Scene) -> None:
    first = scene.raise_alert(alert("denied"))
    scene.raise_alert(alert("denied", source="acq_b"))
    scene.end(first)
    scene.raise_alert(alert("failed"))
    assert sorted(one.incident_id for one in scene.all()) == ["INC-0001", "INC-0002", "INC-0003"]


def test_an_alert_knows_its_incident(scene: Scene) -> None:
    one = scene.raise_alert(alert("denied"))
    kept = scene.alerts.get(one.alert_id)
    assert kept is not None
    assert kept[0].incident_id == "INC-0001"
    assert isinstance(kept[0], FoldedAlert)
    assert kept[0].open_ids == one.open_ids


def test_told_again_and_late_nothing_changes(scene: Scene) -> None:
    one = scene.raise_alert(alert("denied"))
    scene.end(one)
    before = scene.all()
    scene.clock.advance(MINUTE_MS)
    scene.stage.handle([one, one])
    assert scene.all() == before
    assert scene.told[-1] == before[0]


def test_an_alert_that_is_not_kept_any_more_is_passed_over(scene: Scene) -> None:
    scene.stage.handle([alert("denied")])
    assert scene.all() == []
    assert scene.told == []


def test_a_crash_after_the_number_was_drawn_leads_to_the_same_incident(scene: Scene) -> None:
    one = alert("denied")
    scene.alerts.insert(msgspec.structs.replace(one, incident_id="INC-0007"))
    scene.stage.handle([one])
    assert [incident.incident_id for incident in scene.all()] == ["INC-0007"]


class Rival(Collection[Incident]):
    """Another worker is faster: `losses` writes come too late."""

    losses = 0

    def update(self, noun: Incident, version: int) -> None:
        self._lose()
        super().update(noun, version)

    def insert(self, noun: Incident) -> bool:
        return False if self.losses == -1 else super().insert(noun)

    def _lose(self) -> None:
        if self.losses > 0:
            self.losses -= 1
            raise Conflict("Someone was faster.")


@pytest.mark.parametrize(("losses", "survives"), [(2, True), (9, False), (-1, False)])
def test_a_lost_race_is_run_again_a_few_times(scene: Scene, losses: int, survives: bool) -> None:
    plain = scene.incidents
    rival = Rival(scene.store.records, "incident", Incident, plain._describe)
    stage = scene.stage_over(rival)
    if losses > 0:
        scene.raise_alert(alert("denied"))
    rival.losses = losses
    fresh = alert("failed")
    scene.alerts.insert(fresh)
    if survives:
        stage.handle([fresh])
        assert [len(one.alert_ids) for one in scene.all()] == [2]
    else:
        with pytest.raises(Conflict):
            stage.handle([fresh])


def test_people_take_on_and_end_incidents_and_the_audit_log_says_who(scene: Scene) -> None:
    scene.raise_alert(alert("denied"))
    scene.clock.advance(MINUTE_MS)
    taken = scene.desk.acknowledge("INC-0001", "ana")
    done = scene.desk.resolve("INC-0001", "bia")
    assert (taken.state, taken.owner, done.state) == ("responding", "ana", "resolved")
    assert scene.told[-2:] == [taken, done]
    assert [(one.actor, one.action, one.target, one.detail) for one in scene.store.audit.read()] == [
        ("ana", "incident acknowledge", "INC-0001", {"from": "triaged", "to": "responding"}),
        ("bia", "incident resolve", "INC-0001", {"from": "responding", "to": "resolved"}),
    ]


def test_what_cannot_be_done_is_refused_and_leaves_no_trace(scene: Scene) -> None:
    scene.raise_alert(alert("denied"))
    with pytest.raises(NotFound):
        scene.desk.acknowledge("INC-0009", "ana")
    scene.desk.resolve("INC-0001", "ana")
    with pytest.raises(Conflict):
        scene.desk.resolve("INC-0001", "ana")
    assert len(scene.store.audit.read()) == 1


def test_a_change_that_was_kept_but_not_published_is_published_when_told_again(scene: Scene) -> None:
    def broken(_: Sequence[Incident]) -> None:
        raise Unavailable("The bus is away.")

    one = alert("denied")
    scene.alerts.insert(one)
    deaf = IncidentStage(scene.incidents, scene.alerts, scene.store.records, broken, scene.clock)
    with pytest.raises(Unavailable):
        deaf.handle([one])
    scene.stage.handle([one])
    assert scene.told == list(scene.all())
