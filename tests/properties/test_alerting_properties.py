"""For all sequences of anomalies, however often they are delivered."""

import itertools
from collections import Counter
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
from guardian.domain.verdict import AlertLevel
from guardian.storage.base import RecordQuery
from guardian.storage.sqlite.store import SqliteStore

SOURCES = (f"source-{number}" for number in itertools.count())
EVENT = st.tuples(
    st.sampled_from(["denied", "*"]),
    st.sampled_from(["up", "down"]),
    st.sampled_from([AlertLevel.WARNING, AlertLevel.CRITICAL]),
    st.booleans(),
    st.integers(0, 25),
    st.integers(0, 12),
)


class Stores:
    """Two stores that live as long as the module; each example has a source of its own."""

    def __init__(self, folder: Any) -> None:
        self.once = SqliteStore(folder / "once")
        self.often = SqliteStore(folder / "often")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    stores = Stores(tmp_path_factory.mktemp("alerts"))
    yield stores
    stores.once.close()
    stores.often.close()


def story(source: str, drawn: Sequence[tuple[Any, ...]]) -> list[Anomaly]:
    """Anomalies in the order in which they were first published: each begins, and some end."""
    told: list[Anomaly] = []
    minute_ms = NOW
    running: list[Anomaly] = []
    for number, (series, direction, level, paged, gap, back) in enumerate(drawn):
        minute_ms += gap * MINUTE_MS
        if running and back % 2:
            told.append(over(running.pop(back % len(running))))
        one = anomaly(
            f"{source}-{number}",
            source=source,
            series=series,
            direction=direction,
            level=level,
            paged=paged or gap % 2 == 0,
            minute_ms=minute_ms,
            start_ms=minute_ms - back * MINUTE_MS,
        )
        running.append(one)
        told.append(one)
    return told


def kept(store: SqliteStore, source: str) -> Sequence[Alert]:
    return alert_collection(store.records).find(RecordQuery("", source=source, limit=500)).items


def doubled(alerts: Sequence[Alert]) -> list[str]:
    opened = Counter(one.fingerprint for one in alerts if is_open(one))
    return [name for name, times in opened.items() if times > 1]


@settings(max_examples=40)
@given(st.lists(EVENT, max_size=8), st.data())
def test_redelivery_in_any_multiplicity_gives_the_same_alerts(
    stores: Stores, drawn: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    source = next(SOURCES)
    told = story(source, drawn)
    clock = SetClock(NOW)
    once = AlertStage(alert_collection(stores.once.records), lambda _: None, clock)
    often = AlertStage(alert_collection(stores.often.records), lambda _: None, clock)
    for number, one in enumerate(told):
        clock.advance(max(0, one.minute_ms - clock.now_ms()))
        once.handle([one])
        again = data.draw(st.lists(st.sampled_from(told[: number + 1]), max_size=4))
        often.handle([one, *again])
        assert doubled(kept(stores.often, source)) == []
    assert kept(stores.often, source) == kept(stores.once, source)


@settings(max_examples=40)
@given(st.lists(EVENT, max_size=8), st.data())
def test_no_order_of_deliveries_opens_two_alerts_of_a_fingerprint(
    stores: Stores, drawn: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    source = next(SOURCES)
    shuffled = data.draw(st.permutations(story(source, drawn)))
    clock = SetClock(NOW)
    stage = AlertStage(alert_collection(stores.once.records), lambda _: None, clock)
    for one in shuffled:
        clock.advance(data.draw(st.integers(0, 15)) * MINUTE_MS)
        stage.handle([one])
        assert doubled(kept(stores.once, source)) == []
