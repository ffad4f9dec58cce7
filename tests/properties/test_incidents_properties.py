"""For all sequences of anomalies, redeliveries and what people ask for."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting_samples import NOW, anomaly, over
from guardian.alerting.policy import is_open
from guardian.alerting.stage import AlertStage, alert_collection
from guardian.domain.alert import Alert
from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS, SetClock
from guardian.domain.errors import Conflict
from guardian.domain.incident import Incident, IncidentState
from guardian.domain.verdict import AlertLevel
from guardian.incidents.desk import IncidentDesk
from guardian.incidents.lifecycle import MOVES, OPEN_STATES
from guardian.incidents.stage import IncidentStage, incident_collection
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore

SOURCES = (f"source-{number}" for number in itertools.count())
SERIES = ("denied", "failed", "*")
STEP = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from(SERIES), st.sampled_from(["WARNING", "CRITICAL"])),
    st.tuples(st.just("end"), st.integers(0, 9), st.none()),
    st.tuples(st.sampled_from(["acknowledge", "resolve"]), st.integers(0, 9), st.none()),
    st.tuples(st.just("deliver"), st.integers(0, 9), st.none()),
    st.tuples(st.just("wait"), st.integers(1, 40), st.none()),
)


class World:
    """A source whose alerts reach the incidents late, in part, and more than once."""

    def __init__(self, store: SqliteStore) -> None:
        self.source = next(SOURCES)
        self.clock = SetClock(NOW)
        self.alerts = alert_collection(store.records)
        self.incidents = incident_collection(store.records)
        self.messages: list[Alert] = []
        self.running: list[Anomaly] = []
        self.states: dict[str, IncidentState] = {}
        self.numbers = itertools.count()
        self.raising = AlertStage(self.alerts, self.messages.extend, self.clock)
        self.following = IncidentStage(self.incidents, self.alerts, store.records, self.published, self.clock)
        self.desk = IncidentDesk(self.incidents, store.audit, self.published, self.clock)

    def published(self, incidents: Sequence[Incident]) -> None:
        for one in incidents:
            before = self.states.get(one.incident_id, one.state)
            assert one.state is before or one.state in MOVES[before]
            self.states[one.incident_id] = one.state

    def all(self) -> Sequence[Incident]:
        return self.incidents.find(RecordQuery("", source=self.source, limit=500)).items

    def all_alerts(self) -> Sequence[Alert]:
        return self.alerts.find(RecordQuery("", source=self.source, limit=500)).items

    def step(self, what: str, which: Any, level: str | None) -> None:
        self.clock.advance(1)
        if what == "begin":
            name = f"{self.source}-{next(self.numbers)}"
            minute_ms = self.clock.now_ms()
            changes = {"series": which, "level": AlertLevel(str(level)), "source": self.source}
            self.running.append(anomaly(name, minute_ms=minute_ms, start_ms=minute_ms, **changes))
            self.raising.handle(self.running[-1:])
        elif what == "end" and self.running:
            self.raising.handle([over(self.running.pop(which % len(self.running)))])
        elif what == "deliver" and self.messages:
            self.following.handle(self.messages[which % len(self.messages) :])
        elif what == "wait":
            self.clock.advance(which * MINUTE_MS)
        elif what in ("acknowledge", "resolve"):
            self.ask(what, which)

    def ask(self, what: str, which: int) -> None:
        incidents = self.all()
        if incidents:
            incident = incidents[which % len(incidents)]
            try:
                getattr(self.desk, what)(incident.incident_id, "ana")
            except Conflict:
                assert incident.state not in OPEN_STATES or incident.state is IncidentState.RESPONDING


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path_factory.mktemp("incidents"))
    yield store
    store.close()


@settings(max_examples=80)
@given(st.lists(STEP, max_size=25))
def test_no_sequence_reaches_a_forbidden_state_or_loses_an_alert(
    store: SqliteStore, steps: list[tuple[str, Any, str | None]]
) -> None:
    world = World(store)
    for step in steps:
        world.step(*step)
    world.following.handle(world.messages)
    settled = world.all()
    world.clock.advance(MINUTE_MS)
    world.following.handle(world.messages)
    assert world.all() == settled, "told again, nothing changes"
    home = {alert_id: one for one in settled for alert_id in one.alert_ids}
    assert sum(len(one.alert_ids) for one in settled) == len(home), "an alert is in one incident"
    for alert in world.all_alerts():
        assert home[alert.alert_id].incident_id == alert.incident_id
        if is_open(alert):
            ended = [entry.what for entry in home[alert.alert_id].timeline if "Re" in entry.what]
            assert home[alert.alert_id].state in OPEN_STATES or ended[-1] == "Resolved", (
                "only a person ends it"
            )
    for one in settled:
        if one.state in OPEN_STATES:
            assert any(is_open(alert) for alert in world.all_alerts() if alert.alert_id in one.alert_ids)
