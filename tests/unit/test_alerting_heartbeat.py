"""The dead-man's switch."""

import json

import pytest

from alerting_samples import NOW
from guardian.alerting.heartbeat import SILENT_MS, Heartbeat, monitor_silent
from guardian.domain.clock import SetClock
from guardian.domain.errors import Misconfigured, Unavailable

URL = "https://monitor.example.test/guardian"


class Monitor:
    """An outside monitor that remembers when it heard of us."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, dict[str, object]]] = []
        self.status: int | None = 200

    def send(self, url: str, message_id: str, body: bytes) -> int:
        if self.status is None:
            raise Unavailable("The monitor is away.")
        self.heard.append((url, message_id, json.loads(body)))
        return self.status


def test_the_monitor_is_silent_when_it_judged_nothing_for_three_minutes_or_ever() -> None:
    assert monitor_silent(None, NOW)
    assert monitor_silent(NOW - SILENT_MS - 1, NOW)
    assert not monitor_silent(NOW - SILENT_MS, NOW)
    assert not monitor_silent(NOW + 1, NOW)


def test_a_sign_of_life_goes_out_once_an_interval() -> None:
    monitor, clock = Monitor(), SetClock(NOW)
    heart = Heartbeat(URL, monitor, clock, 60)
    assert heart.beat(NOW - 90_000)
    clock.advance(59_999)
    assert not heart.beat(NOW)
    clock.advance(1)
    assert heart.beat(NOW)
    assert len(monitor.heard) == 2
    url, message_id, body = monitor.heard[0]
    assert (url, message_id) == (URL, f"msg_heartbeat_{NOW}")
    assert body["data"] == {"last_judged_at": "2026-03-01T11:58:30Z"}


@pytest.mark.parametrize("last_judged_ms", [None, NOW - SILENT_MS - 1])
def test_nothing_goes_out_while_minutes_are_not_judged(last_judged_ms: int | None) -> None:
    monitor = Monitor()
    assert not Heartbeat(URL, monitor, SetClock(NOW), 60).beat(last_judged_ms)
    assert monitor.heard == []


@pytest.mark.parametrize("status", [None, 500, 301])
def test_a_monitor_that_does_not_take_it_is_asked_again_after_the_interval(status: int | None) -> None:
    monitor, clock = Monitor(), SetClock(NOW)
    heart = Heartbeat(URL, monitor, clock, 60)
    monitor.status = status
    assert not heart.beat(NOW)
    monitor.status = 200
    clock.advance(60_000)
    assert heart.beat(NOW)


def test_a_clock_set_back_does_not_stop_the_heart() -> None:
    monitor, clock = Monitor(), SetClock(NOW)
    heart = Heartbeat(URL, monitor, clock, 60)
    assert heart.beat(NOW)
    clock.advance(-3_600_000)
    assert heart.beat(NOW)


def test_a_url_nothing_can_be_sent_to_is_refused_at_the_start() -> None:
    with pytest.raises(Misconfigured):
        Heartbeat("gopher://x", Monitor(), SetClock(NOW), 60)
