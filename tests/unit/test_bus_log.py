"""The embedded log: torn writes, damage, several writers, full disks, segments."""

import errno
import os
import threading
from pathlib import Path

import pytest

from guardian.bus.base import Message
from guardian.bus.log import LogBus
from guardian.bus.segments import Tail, find_tail, note_tail, noted_tail, segment_path, segments
from guardian.domain.errors import Unavailable

TOPIC = "guardian.test.v1"


def everything(bus: LogBus, group: str = "g") -> list[bytes]:
    subscription = bus.subscribe(TOPIC, group)
    found: list[bytes] = []
    while (batch := subscription.take(1_000, 0.05)) is not None:
        found.extend(batch.values)
    subscription.close()
    return found


def publish(bus: LogBus, *values: bytes) -> None:
    bus.publish(TOPIC, [Message("k", value) for value in values])


def test_a_torn_frame_at_the_end_is_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    publish(bus, b"whole")
    bus.close()
    with segment_path(tmp_path / TOPIC, 0).open("ab") as file:
        file.write(b"\x40\x00\x00\x00torn by a kill")
    again = LogBus(tmp_path)
    publish(again, b"next")
    assert everything(again) == [b"whole", b"next"]
    again.close()


def test_a_record_whose_writer_died_before_noting_it_is_found(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    publish(bus, b"a")
    noted = (tmp_path / TOPIC / "tail").read_bytes()
    publish(bus, b"b")
    bus.close()
    (tmp_path / TOPIC / "tail").write_bytes(noted)
    assert find_tail(tmp_path / TOPIC).position == 2


def test_an_unreadable_note_is_ignored(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    publish(bus, b"a")
    bus.close()
    (tmp_path / TOPIC / "tail").write_bytes(b"\xc1 garbage")
    assert find_tail(tmp_path / TOPIC).position == 1


def test_a_note_of_the_end_is_understood_at_every_position(tmp_path: Path) -> None:
    """An end ill understood costs whoever looks for it, the writer too, the reading of a whole segment."""
    with (tmp_path / "tail").open("w+b") as file:
        for position in (*range(300), 820_000, (1 << 63) - 1):
            tail = Tail(position, position, position)
            note_tail(file.fileno(), tail)
            assert noted_tail(file.fileno()) == tail


def test_a_reader_steps_over_a_frame_that_stays_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guardian.bus.log_reader.PATIENCE_S", 0.0)
    bus = LogBus(tmp_path)
    for value in (b"first", b"second", b"third"):
        publish(bus, value)
    path = segment_path(tmp_path / TOPIC, 0)
    path.write_bytes(path.read_bytes().replace(b"second", b"secXnd"))
    assert everything(bus) == [b"first", b"third"]
    bus.close()


def test_two_writers_of_one_topic_interleave_without_loss(tmp_path: Path) -> None:
    one, two = LogBus(tmp_path), LogBus(tmp_path)
    for number in range(20):
        publish(one, b"one %d" % number)
        publish(two, b"two %d" % number)
    found = everything(one)
    assert sorted(found) == sorted(b"%s %d" % (name, n) for name in (b"one", b"two") for n in range(20))
    one.close()
    two.close()


def test_segments_roll_and_are_removed_once_every_group_has_done_with_them(tmp_path: Path) -> None:
    bus = LogBus(tmp_path, segment_bytes=500)
    slow = bus.subscribe(TOPIC, "slow")
    for number in range(40):
        publish(bus, b"%050d" % number)
    assert len(segments(tmp_path / TOPIC)) > 3
    assert len(everything(bus)) == 40
    slow.mark(0, 39)
    fast = bus.subscribe(TOPIC, "g")
    fast.mark(0, 39)
    for number in range(40, 60):
        publish(bus, b"%050d" % number)
    assert segments(tmp_path / TOPIC)[0] > 0
    assert len(everything(bus, "g")) == 20
    slow.close()
    fast.close()
    bus.close()


def test_a_failing_sync_is_told_as_unavailable_and_the_log_goes_on(tmp_path: Path) -> None:
    broken = {"on": True}

    def sync(descriptor: int) -> None:
        if broken["on"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fdatasync(descriptor)

    bus = LogBus(tmp_path, sync=sync)
    with pytest.raises(Unavailable, match="No space left"):
        publish(bus, b"lost")
    broken["on"] = False
    publish(bus, b"kept")
    assert everything(bus)[-1] == b"kept"
    bus.close()


def test_a_log_without_records_ends_at_zero(tmp_path: Path) -> None:
    assert find_tail(tmp_path) == Tail(0, 0, 0)


def test_a_position_past_the_end_is_drawn_back_to_it(tmp_path: Path) -> None:
    bus = LogBus(tmp_path)
    publish(bus, b"a")
    subscription = bus.subscribe(TOPIC, "g")
    subscription.seek(0, 99)
    publish(bus, b"b")
    batch = subscription.take(10, 1.0)
    assert batch is not None
    assert list(batch.values) == [b"b"]
    subscription.close()
    bus.close()


def test_what_gathers_while_the_disk_is_slow_can_be_read_again_however_much_it_is(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        begun.set()
        go_on.wait(60)

    bus = LogBus(tmp_path, sync=slow)
    sent = [bytes([number]) * (9 << 20) for number in range(8)]  # more than the longest frame
    failures: list[BaseException | None] = []
    bus.publish_soon(TOPIC, [Message("k", b"first")], failures.append)
    begun.wait(60)
    for number, value in enumerate(sent):
        bus.publish_soon(TOPIC, [Message("k", value, {"number": str(number)})], failures.append)
    go_on.set()
    bus.close()
    assert failures == [None] * 9
    again = LogBus(tmp_path)
    batch = again.subscribe(TOPIC, "").take(100, 0.05)
    assert batch is not None
    assert batch.values == [b"first", *sent]
    assert [batch.headers[1 + number]["number"] for number in range(8)] == list("01234567")
    again.close()


def test_a_disk_that_takes_a_little_at_a_time_gets_it_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, data[:7]))
    bus = LogBus(tmp_path)
    publish(bus, b"a long record", b"and another one")
    assert everything(bus) == [b"a long record", b"and another one"]
    bus.close()
