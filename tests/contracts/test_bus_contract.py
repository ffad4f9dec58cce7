"""Every promise of the bus port, on every back end that this machine can have."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.bus.base import Bus, Message
from guardian.bus.log import LogBus
from guardian.domain.errors import Unavailable

TOPIC = "guardian.test.v1"


@pytest.fixture(params=["log"])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    back_end = LogBus(tmp_path / "bus")
    yield back_end
    back_end.close()


def messages(*values: str) -> list[Message]:
    return [Message(key="m1", value=value.encode()) for value in values]


def read(bus: Bus, group: str, limit: int = 100) -> list[str]:
    subscription = bus.subscribe(TOPIC, group)
    try:
        batch = subscription.take(limit, 1.0)
        return [] if batch is None else [value.decode() for value in batch.values]
    finally:
        subscription.close()


def test_records_come_in_the_order_in_which_they_were_published(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b"))
    bus.publish(TOPIC, messages("c"))
    assert read(bus, "g") == ["a", "b", "c"]


def test_what_is_not_marked_is_delivered_again_and_what_is_marked_never(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b", "c"))
    first = bus.subscribe(TOPIC, "g")
    batch = first.take(2, 1.0)
    assert batch is not None
    first.mark(batch.partition, batch.positions[0])
    first.close()
    assert read(bus, "g") == ["b", "c"]


def test_another_group_sees_every_record_too(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a"))
    assert read(bus, "one") == ["a"]
    assert read(bus, "two") == ["a"]


def test_a_looker_on_begins_at_the_end_and_leaves_no_trace(bus: Bus) -> None:
    bus.publish(TOPIC, messages("old"))
    subscription = bus.subscribe(TOPIC, "", from_start=False)
    bus.publish(TOPIC, messages("new"))
    batch = subscription.take(10, 1.0)
    assert batch is not None
    assert list(batch.values) == [b"new"]
    subscription.close()


def test_take_gives_at_most_the_limit_and_goes_on_where_it_stopped(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b", "c"))
    subscription = bus.subscribe(TOPIC, "g")
    parts = [subscription.take(2, 1.0), subscription.take(2, 1.0), subscription.take(2, 0.01)]
    assert [None if part is None else list(part.values) for part in parts] == [[b"a", b"b"], [b"c"], None]
    subscription.close()


def test_headers_stay_with_their_record(bus: Bus) -> None:
    bus.publish(TOPIC, [Message("k", b"plain"), Message("k", b"traced", {"traceparent": "00-1"})])
    subscription = bus.subscribe(TOPIC, "g")
    batch = subscription.take(10, 1.0)
    assert batch is not None
    assert dict(batch.headers) == {1: {"traceparent": "00-1"}}
    subscription.close()


def test_seek_and_lag_count_in_records(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b", "c"))
    subscription = bus.subscribe(TOPIC, "g")
    assert subscription.lag() == 3
    subscription.seek(0, 2)
    assert subscription.lag() == 1
    batch = subscription.take(10, 1.0)
    assert batch is not None
    assert (list(batch.positions), list(batch.values)) == ([2], [b"c"])
    subscription.close()


def positions(bus: Bus) -> list[int]:
    subscription = bus.subscribe(TOPIC, "")
    subscription.seek(0, 0)
    found: list[int] = []
    while (batch := subscription.take(10, 0.05)) is not None:
        found += batch.positions
    subscription.close()
    return found


def test_an_empty_topic_begins_where_it_is_told_to(bus: Bus) -> None:
    bus.advance(TOPIC, 1_000)
    waiting = bus.subscribe(TOPIC, "g")
    waiting.seek(0, 1_000)
    assert waiting.lag() == 0
    bus.publish(TOPIC, messages("a", "b"))
    assert waiting.lag() == 2
    waiting.close()
    assert positions(bus) == [1_000, 1_001]
    assert read(bus, "g") == ["a", "b"]


def test_records_that_are_there_keep_their_positions_when_a_topic_goes_further(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b"))
    bus.advance(TOPIC, 10)
    bus.publish(TOPIC, messages("c"))
    assert positions(bus) == [0, 1, 10]


def test_a_topic_never_goes_back(bus: Bus) -> None:
    bus.publish(TOPIC, messages("a", "b"))
    for position in (0, 1, 2):
        bus.advance(TOPIC, position)
    bus.publish(TOPIC, messages("c"))
    assert positions(bus) == [0, 1, 2]


def test_publish_soon_calls_back_once_durable(bus: Bus) -> None:
    called: list[BaseException | None] = []
    durable = threading.Event()
    bus.publish_soon(TOPIC, messages("a"), lambda failure: (called.append(failure), durable.set())[0])
    assert durable.wait(5)
    assert called == [None]
    assert read(bus, "g") == ["a"]


def test_many_publishers_lose_and_double_nothing(bus: Bus) -> None:
    def publish(name: int) -> None:
        for number in range(50):
            bus.publish(TOPIC, messages(f"{name}-{number}"))

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = read(bus, "g", 1_000)
    assert sorted(seen) == sorted(f"{name}-{number}" for name in range(4) for number in range(50))
    for name in range(4):
        mine = [int(value.split("-")[1]) for value in seen if value.startswith(f"{name}-")]
        assert mine == sorted(mine)


def test_a_closed_bus_refuses_to_publish(tmp_path: Path) -> None:
    closed = LogBus(tmp_path / "closed")
    closed.publish(TOPIC, messages("a"))
    log = closed._topics[TOPIC]
    closed.close()
    with pytest.raises(Unavailable):
        log.append([b"late"], {}, lambda _: None)
