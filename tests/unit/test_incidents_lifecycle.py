"""The legal moves of an incident, and how it follows its alerts."""

import msgspec
import pytest

from alerting_samples import NOW, alert, anomaly, over
from guardian.alerting.policy import FoldedAlert, applied
from guardian.domain.alert import Alert
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Conflict
from guardian.domain.incident import IncidentState
from guardian.domain.verdict import AlertLevel
from guardian.incidents.lifecycle import (
    JOIN_MS,
    MACHINE,
    MOVES,
    acknowledged,
    followed,
    joins,
    moved,
    opened,
    priority_of,
    resolved,
)

DENIED = alert("denied")
CRITICAL = alert("failed", NOW + MINUTE_MS, level=AlertLevel.CRITICAL)
WHOLE = alert("*", NOW + MINUTE_MS, level=AlertLevel.CRITICAL)
INCIDENT = opened("INC-0001", DENIED, NOW)
LATER = NOW + 5 * MINUTE_MS


def ended(one: FoldedAlert, now_ms: int = LATER) -> FoldedAlert:
    return applied(one, over(anomaly(one.series)), now_ms)


def said(incident: object) -> list[tuple[str, str]]:
    return [(one.actor, one.what) for one in incident.timeline]  # type: ignore[attr-defined]


@pytest.mark.parametrize("state", IncidentState)
@pytest.mark.parametrize("to", IncidentState)
def test_only_the_moves_of_the_table_are_made(state: IncidentState, to: IncidentState) -> None:
    incident = msgspec.structs.replace(INCIDENT, state=state)
    if to in MOVES[state]:
        assert moved(incident, to).state is to
    else:
        with pytest.raises(Conflict):
            moved(incident, to)


def test_an_incident_opens_triaged_with_its_numbers_and_story() -> None:
    assert (INCIDENT.state, INCIDENT.priority, INCIDENT.onset_ms) == ("triaged", "P3", DENIED.onset_ms)
    assert INCIDENT.title == "denied: 41 a minute, expected 19"
    assert said(INCIDENT) == [
        (MACHINE, "Detected: denied: 41 a minute, expected 19"),
        (MACHINE, "Triaged as P3"),
    ]


@pytest.mark.parametrize(
    ("alerts", "priority"),
    [
        ([WHOLE, DENIED], "P1"),
        ([CRITICAL, DENIED], "P2"),
        ([CRITICAL, alert("*")], "P2"),
        ([DENIED], "P3"),
        ([alert("x", level=AlertLevel.NORMAL)], "P4"),
    ],
)
def test_priority_is_the_worst_level_and_whether_the_whole_system_suffers(
    alerts: list[Alert], priority: str
) -> None:
    assert priority_of(alerts) == priority


def test_an_alert_joins_while_the_incident_is_open_and_active() -> None:
    assert joins(INCIDENT, [DENIED], NOW + 99 * JOIN_MS)
    assert joins(INCIDENT, [ended(DENIED)], NOW + JOIN_MS - 1)
    assert not joins(INCIDENT, [ended(DENIED)], NOW + JOIN_MS)
    assert not joins(resolved(INCIDENT, "ana", NOW), [DENIED], NOW)


def test_a_worse_alert_that_joins_raises_priority_and_title() -> None:
    raised = followed(INCIDENT, [DENIED, WHOLE], LATER)
    assert (raised.priority, raised.alert_ids) == ("P1", (DENIED.alert_id, WHOLE.alert_id))
    assert raised.title == "All transactions: 41 a minute, expected 19, and 1 more"
    assert said(raised)[2:] == [
        (MACHINE, "Joined: All transactions: 41 a minute, expected 19"),
        (MACHINE, "Raised from P3 to P1"),
        (MACHINE, f"Now: {raised.title}"),
    ]
    assert followed(raised, [DENIED, WHOLE], LATER + 1) is raised


def test_priority_never_falls() -> None:
    raised = followed(INCIDENT, [DENIED, WHOLE], LATER)
    assert followed(raised, [DENIED, ended(WHOLE)], LATER).priority == "P1"


def test_it_resolves_by_itself_when_every_alert_is_over() -> None:
    both = followed(INCIDENT, [DENIED, CRITICAL], NOW)
    assert followed(both, [ended(DENIED), CRITICAL], LATER).state is IncidentState.TRIAGED
    done = followed(both, [ended(DENIED), ended(CRITICAL, LATER + 1)], LATER + 9)
    assert (done.state, done.resolved_ms, done.updated_ms) == ("resolved", LATER + 1, LATER + 9)
    assert followed(done, [ended(DENIED), ended(CRITICAL, LATER + 1)], LATER + 99) is done


def test_a_person_takes_it_on_and_ends_it() -> None:
    taken = acknowledged(INCIDENT, "ana", LATER)
    assert (taken.state, taken.owner, taken.acknowledged_ms) == ("responding", "ana", LATER)
    done = resolved(taken, "bia", LATER + 1)
    assert (done.state, done.resolved_ms, done.owner) == ("resolved", LATER + 1, "ana")
    assert said(done)[-2:] == [("ana", "Acknowledged"), ("bia", "Resolved")]


def test_what_was_taken_on_or_is_over_cannot_be_taken_on() -> None:
    with pytest.raises(Conflict):
        acknowledged(acknowledged(INCIDENT, "ana", NOW), "bia", NOW)
    done = resolved(INCIDENT, "ana", NOW)
    with pytest.raises(Conflict):
        acknowledged(done, "ana", NOW)
    with pytest.raises(Conflict):
        resolved(done, "ana", NOW)


def test_what_a_person_resolved_stays_so_while_its_alert_only_lasts() -> None:
    done = resolved(INCIDENT, "ana", LATER)
    assert followed(done, [DENIED], LATER + 1) is done
    assert followed(done, [applied(DENIED, anomaly("again", series="denied"), LATER)], LATER + 1) is done


@pytest.mark.parametrize(("taken", "state"), [(False, "triaged"), (True, "responding")])
def test_an_alert_that_comes_back_re_opens_its_incident(taken: bool, state: str) -> None:
    incident = acknowledged(INCIDENT, "ana", NOW) if taken else INCIDENT
    done = followed(incident, [ended(DENIED)], LATER)
    back = applied(ended(DENIED), anomaly("again", series="denied"), LATER + MINUTE_MS)
    open_again = followed(done, [back], LATER + 2 * MINUTE_MS)
    assert (open_again.state, open_again.resolved_ms) == (state, None)
    assert said(open_again)[-1] == (MACHINE, "Re-opened: it came back")
    assert followed(open_again, [back], LATER + 3 * MINUTE_MS) is open_again


def test_what_was_resolved_re_opens_when_it_becomes_more_urgent() -> None:
    done = resolved(INCIDENT, "ana", LATER)
    worse = applied(DENIED, anomaly("worse", series="denied", level=AlertLevel.CRITICAL), LATER + 1)
    again = followed(done, [worse], LATER + 2)
    assert (again.state, again.priority) == ("triaged", "P2")


def test_an_alert_that_joined_just_before_the_end_re_opens_only_while_it_is_open() -> None:
    done = resolved(INCIDENT, "ana", LATER)
    late = followed(done, [DENIED, alert("failed")], LATER + 1)
    assert (late.state, len(late.alert_ids)) == ("triaged", 2)
    harmless = followed(done, [DENIED, ended(alert("failed"))], LATER + 1)
    assert (harmless.state, len(harmless.alert_ids)) == ("resolved", 2)
