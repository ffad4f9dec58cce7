"""Telling a receiver of incidents, and again until it has taken the message."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from alerting_samples import NOW, SECRET, alert, receiver
from guardian.alerting.deliveries import DELAYS_MS, DeliveryState, delivery_collection, events, told_of
from guardian.alerting.notify import PER_TURN, NotifyStage
from guardian.alerting.webhook import WebhookSender
from guardian.domain.clock import DAY_MS, SetClock
from guardian.domain.errors import Forbidden, GuardianError, Unavailable
from guardian.domain.incident import Incident, IncidentState, TimelineEntry
from guardian.incidents.lifecycle import acknowledged, opened, resolved
from guardian.storage.base import RecordQuery, Records
from guardian.storage.sqlite.store import SqliteStore

INCIDENT = opened("INC-0001", alert("denied"), NOW)
OVER = resolved(INCIDENT, "ana", NOW + 60_000)


class Line:
    """A receiver that answers what it is told to, and remembers what came."""

    def __init__(self, *answers: int | GuardianError) -> None:
        self.answers = list(answers)
        self.taken: list[tuple[str, dict[str, object]]] = []

    def __call__(self, message_id: str, body: bytes) -> int:
        self.taken.append((message_id, json.loads(body)))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, GuardianError):
            raise answer
        return answer

    def types(self) -> list[object]:
        return [body["type"] for _, body in self.taken]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    store = SqliteStore(tmp_path)
    yield store.records
    store.close()


def further(incident: Incident, **changes: object) -> Incident:
    timeline = (*incident.timeline, TimelineEntry(NOW, "guardian", "changed"))
    return msgspec.structs.replace(incident, timeline=timeline, **changes)  # type: ignore[arg-type]


def states(records: Records) -> list[DeliveryState]:
    return [one.state for one in delivery_collection(records).find(RecordQuery("")).items]


def stage(records: Records, line: Line, clock: SetClock | None = None) -> NotifyStage:
    return NotifyStage(records, line, clock or SetClock(NOW), jitter=lambda: 0.5)


def test_a_receiver_hears_of_the_whole_life_of_an_incident_once(records: Records) -> None:
    line = Line()
    telling = stage(records, line)
    raised = further(acknowledged(INCIDENT, "ana", NOW), priority="P1")
    over = resolved(raised, "ana", NOW)
    back = further(over, state=IncidentState.RESPONDING)
    telling.handle([INCIDENT, acknowledged(INCIDENT, "ana", NOW), raised, over, back])
    telling.handle([INCIDENT, raised, over, back])
    assert line.types() == [
        "incident.opened",
        "incident.priority_raised",
        "incident.resolved",
        "incident.reopened",
    ]
    assert len({message_id for message_id, _ in line.taken}) == 4


def test_a_message_says_what_one_needs_to_know(records: Records) -> None:
    line = Line()
    stage(records, line).handle([INCIDENT])
    message_id, body = line.taken[0]
    assert message_id == f"msg_INC-0001_{NOW}_2_opened"
    assert body["timestamp"] == "2026-03-01T12:00:00Z"
    assert body["data"] == {
        "incident_id": "INC-0001",
        "source": "live",
        "state": "triaged",
        "priority": "P3",
        "title": "denied: 41 a minute, expected 19",
        "onset_at": "2026-03-01T11:55:00Z",
        "opened_at": "2026-03-01T12:00:00Z",
        "resolved_at": None,
        "owner": None,
        "alert_ids": list(INCIDENT.alert_ids),
    }


def test_an_incident_that_was_over_before_it_was_seen_is_told_from_both_ends(records: Records) -> None:
    line = Line()
    stage(records, line).handle([OVER])
    assert sorted(map(str, line.types())) == ["incident.opened", "incident.resolved"]


def test_news_that_are_older_than_what_was_told_say_nothing() -> None:
    assert events(told_of(OVER), told_of(INCIDENT)) == ()


def test_a_restart_resumes_what_is_pending_and_repeats_nothing_delivered(records: Records) -> None:
    stage(records, Line(204, Unavailable("away"))).handle([INCIDENT, OVER])
    assert sorted(states(records)) == ["delivered", "pending"]
    line = Line()
    restarted = stage(records, line, SetClock(NOW + DELAYS_MS[0]))
    restarted.handle([INCIDENT, OVER])
    assert line.types() == ["incident.resolved"]
    assert restarted.retry_due() == 0
    assert states(records) == ["delivered", "delivered"]


def test_attempts_wait_longer_and_longer_for_about_three_days_and_then_end(records: Records) -> None:
    clock = SetClock(NOW)
    line = Line(*[Unavailable("away")] * 5, Forbidden("private"), *[503] * 5)
    telling = stage(records, line, clock)
    telling.handle([INCIDENT])
    for delay_ms in DELAYS_MS:
        clock.advance(delay_ms - 1)
        assert telling.retry_due() == 0
        clock.advance(1)
        assert telling.retry_due() == 1
    (kept,) = delivery_collection(records).find(RecordQuery("")).items
    assert (kept.state, kept.attempts, kept.last_status) == ("failed", len(DELAYS_MS) + 1, 503)
    assert kept.last_error == "The receiver answered 503."
    assert 2 * DAY_MS < clock.now_ms() - NOW < 4 * DAY_MS
    assert len({str(body) for _, body in line.taken}) == 1
    clock.advance(DAY_MS)
    assert telling.retry_due() == 0


@pytest.mark.parametrize(("jitter", "wait_ms"), [(0.0, 4_000), (1.0, 6_000)])
def test_waits_differ_by_a_fifth_so_that_not_all_come_at_once(
    records: Records, jitter: float, wait_ms: int
) -> None:
    NotifyStage(records, Line(500), SetClock(NOW), jitter=lambda: jitter).handle([INCIDENT])
    (kept,) = delivery_collection(records).find(RecordQuery("")).items
    assert (kept.next_ms - NOW, kept.last_status) == (wait_ms, 500)


def test_a_receiver_that_is_gone_for_good_is_not_asked_again(records: Records) -> None:
    stage(records, Line(410)).handle([INCIDENT])
    assert states(records) == ["failed"]


def test_one_turn_is_bounded_and_new_messages_go_first(records: Records) -> None:
    clock = SetClock(NOW)
    line = Line(*[Unavailable("away")] * PER_TURN)
    telling = stage(records, line, clock)
    many = [opened(f"INC-{n:04d}", alert("denied"), NOW) for n in range(PER_TURN + 60)]
    telling.handle(many)
    assert len(line.taken) == PER_TURN
    clock.advance(DELAYS_MS[0])
    telling.retry_due()
    assert len({message_id for message_id, _ in line.taken}) == 2 * PER_TURN
    while telling.retry_due():
        pass
    assert set(states(records)) == {"delivered"}


def test_over_a_real_connection_an_incident_arrives(records: Records) -> None:
    clock = SetClock(NOW)
    with receiver() as door:
        sender = WebhookSender(SECRET, clock, allow_private=True)
        telling = NotifyStage(records, sender.to(door.url), clock)
        door.will_answer(500)
        telling.handle([INCIDENT])
        door.will_answer(200)
        clock.advance(2 * DELAYS_MS[0])
        assert telling.retry_due() == 1
        sender.close()
    first, second = door.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]
