"""Alerts kept and published as anomalies come and end."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from alerting_samples import NOW, anomaly, over
from guardian.alerting.stage import AlertStage, alert_collection
from guardian.domain.alert import Alert, AlertState
from guardian.domain.clock import MINUTE_MS, SetClock
from guardian.domain.errors import Conflict, Unavailable
from guardian.domain.verdict import AlertLevel
from guardian.storage.base import RecordQuery
from guardian.storage.collection import Collection
from guardian.storage.sqlite.store import SqliteStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture
def alerts(store: SqliteStore) -> Collection[Alert]:
    return alert_collection(store.records)


def all_of(alerts: Collection[Alert]) -> Sequence[Alert]:
    return alerts.find(RecordQuery("")).items


def test_one_disturbance_is_one_alert_from_opened_to_resolved(alerts: Collection[Alert]) -> None:
    told: list[Alert] = []
    stage = AlertStage(alerts, told.extend, SetClock(NOW))
    first, second = anomaly("a1"), anomaly("a2", level=AlertLevel.CRITICAL)
    stage.handle([first])
    stage.handle([second, over(first)])
    stage.handle([over(second)])
    assert [(one.state, one.repeats) for one in told] == [
        (AlertState.OPEN, 0),
        (AlertState.OPEN, 1),
        (AlertState.OPEN, 1),
        (AlertState.RESOLVED, 1),
    ]
    assert all_of(alerts) == [told[-1]]


def test_only_what_is_meant_for_a_person_becomes_an_alert(alerts: Collection[Alert]) -> None:
    told: list[Alert] = []
    stage = AlertStage(alerts, told.extend, SetClock(NOW))
    stage.handle([anomaly("a1", paged=False), over(anomaly("unknown"))])
    assert told == []
    assert all_of(alerts) == []


def test_alerts_are_found_by_what_they_are(alerts: Collection[Alert]) -> None:
    AlertStage(alerts, lambda _: None, SetClock(NOW)).handle([anomaly("a1"), anomaly("a2", series="*")])
    label = all_of(alerts)[0].fingerprint
    query = RecordQuery("", source="live", states=("open",), levels=("WARNING",), label=label, since_ms=NOW)
    assert [one.fingerprint for one in alerts.find(query).items] == [label]


def test_a_redelivery_after_a_crash_before_publishing_publishes_what_stands(
    alerts: Collection[Alert],
) -> None:
    def broken(_: Sequence[Alert]) -> None:
        raise Unavailable("The bus is away.")

    with pytest.raises(Unavailable):
        AlertStage(alerts, broken, SetClock(NOW)).handle([anomaly("a1")])
    before = all_of(alerts)
    told: list[Alert] = []
    AlertStage(alerts, told.extend, SetClock(NOW + MINUTE_MS)).handle([anomaly("a1")])
    assert told == list(before) == list(all_of(alerts))


def test_an_old_anomaly_delivered_again_among_many_alerts_opens_nothing(alerts: Collection[Alert]) -> None:
    clock = SetClock(NOW)
    stage = AlertStage(alerts, lambda _: None, clock)
    many = [anomaly(f"a{n}", start_ms=NOW + n * 20 * MINUTE_MS) for n in range(60)]
    for one in many:
        stage.handle([one, over(one)])
        clock.advance(20 * MINUTE_MS)
    stage.handle([many[3], over(many[3])])
    assert alerts.count(RecordQuery("")) == 60
    assert alerts.count(RecordQuery("", states=("open",))) == 0


class Rival(Collection[Alert]):
    """Someone else writes to the alert between reading and writing, `times` times."""

    def contend(self, times: int) -> None:
        self.times = times

    def update(self, noun: Alert, version: int) -> None:
        if self.times > 0:
            self.times -= 1
            kept = self.get(noun.alert_id)
            assert kept is not None
            super().update(msgspec.structs.replace(kept[0], incident_id="INC-0001"), kept[1])
        super().update(noun, version)


@pytest.mark.parametrize(("times", "survives"), [(2, True), (9, False)])
def test_what_another_writer_changed_meanwhile_is_kept(
    store: SqliteStore, times: int, survives: bool
) -> None:
    plain = alert_collection(store.records)
    rival = Rival(store.records, "alert", plain._decoder.type, plain._describe)
    rival.contend(times)
    stage = AlertStage(rival, lambda _: None, SetClock(NOW))
    stage.handle([anomaly("a1")])
    if survives:
        stage.handle([anomaly("a2")])
        assert [(one.incident_id, one.repeats) for one in all_of(plain)] == [("INC-0001", 1)]
    else:
        with pytest.raises(Conflict):
            stage.handle([anomaly("a2")])


class Crowded(Collection[Alert]):
    """Another worker is faster, or removes what was found."""

    def insert(self, noun: Alert) -> bool:
        return False

    def get(self, record_id: str) -> None:
        return None


def test_losing_every_race_is_said(store: SqliteStore) -> None:
    plain = alert_collection(store.records)
    crowded = Crowded(store.records, "alert", plain._decoder.type, plain._describe)
    stage = AlertStage(crowded, lambda _: None, SetClock(NOW))
    with pytest.raises(Conflict):
        stage.handle([anomaly("a1")])
    AlertStage(plain, lambda _: None, SetClock(NOW)).handle([anomaly("a1")])
    with pytest.raises(Conflict):
        stage.handle([anomaly("a2")])
