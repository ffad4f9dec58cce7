"""The picture of now, and the one sentence about it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerting_samples import NOW, alert, anomaly, over
from console_samples import JUDGED_MS, NOW_MS, World, formats, point
from guardian.console.picture import inside, newest_points, take, worst_alert
from guardian.console.sentence import compare, compose, of_age
from guardian.domain.cause import Cause, Money, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.verdict import AlertLevel
from guardian.incidents.lifecycle import acknowledged, opened, resolved


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def said(world: World, code: str = "en") -> tuple[str, str]:
    picture = take(world.view)
    sentence = compose(picture, formats(code, world.clock.now_ms()))
    return sentence.head, sentence.detail


def test_nothing_received_says_where_to_begin(world: World) -> None:
    head, detail = said(world)
    assert head == "No transactions yet"
    assert "guardian simulate" in detail
    assert take(world.view).age_ms is None


def test_the_first_minutes_are_learning_and_nothing_is_called_calm(world: World) -> None:
    world.counted()
    assert said(world)[0] == "Learning: no minute has been judged yet"
    world.store.minutes.keep_points([point("*", learning=True), point("denied", learning=True)])
    assert said(world)[0] == "Learning: 2 series have no usual range yet"
    assert compose(take(world.view), formats()).mark == "learn"


def test_calm_counts_the_series_that_are_in_range(world: World) -> None:
    world.calm()
    assert said(world) == ("All calm: all 5 series are in range", "As of 08:59. Nothing asks for action.")
    assert said(world, "pt-BR")[0] == "Tudo calmo: as 5 séries estão dentro do esperado"


def test_calm_names_what_is_briefly_outside_and_what_still_learns(world: World) -> None:
    world.calm(point("failed", 4), point("auth_59", learning=True))
    head, detail = said(world)
    assert head == "All calm: 4 of 5 series are in range"
    assert "Briefly outside, too little to call unusual: failed." in detail
    assert "1 more is still learning its range." in detail
    assert take(world.view).quiet() == []


def test_a_minute_is_inside_as_its_range_is_written() -> None:
    assert inside(point("denied", 4, low=4.4, high=21.6))
    assert inside(point("denied", 22, low=4.4, high=21.6))
    assert not inside(point("denied", 23, low=4.4, high=21.6))


def test_an_old_picture_never_looks_live(world: World) -> None:
    world.calm()
    world.clock.advance(10 * MINUTE_MS)
    picture = take(world.view)
    assert picture.stale
    assert picture.judged_ms == JUDGED_MS
    head, detail = said(world)
    assert head == "The picture is 10 min old"
    assert "The newest transaction is from 09:00." in detail


def test_a_backlog_is_told_as_catching_up(world: World) -> None:
    world.calm()
    world.clock.advance(HOUR_MS)
    world.waiting = 12_345
    sentence = compose(take(world.view), formats("en", world.clock.now_ms()))
    assert sentence.head == "Catching up: 12\u202f345 transactions wait to be judged"
    assert sentence.mark == "run"
    assert "Nothing is lost" in sentence.detail


def test_silence_that_is_judged_is_no_old_picture(world: World) -> None:
    world.counted(JUDGED_MS - HOUR_MS)
    world.store.minutes.keep_points([point("*", 0), point("approved", 0)])
    picture = take(world.view)
    assert picture.silent
    assert not picture.stale
    assert newest_points(world.view, NOW_MS)["*"].observed == 0


def test_an_anomaly_without_an_incident_says_whether_it_paged(world: World) -> None:
    world.calm(point("denied", 36))
    world.anomalies.insert(anomaly("a1", paged=False))
    head, detail = said(world)
    assert head == "Denied: 3 times the usual", "the newest minute, not the one it was raised with"
    assert detail == "Since 08:55, 5 min. Not serious enough to page."
    sentence = compose(take(world.view), formats())
    assert (sentence.mark, sentence.href) == ("warn", "/console/anomalies/a1")


def test_several_anomalies_are_counted_and_the_worst_is_named(world: World) -> None:
    world.calm()
    world.anomalies.insert(anomaly("a1"))
    world.anomalies.insert(
        anomaly("a2", series="failed", level=AlertLevel.CRITICAL, observed=8.0, expected=1.0)
    )
    assert said(world)[0] == "2 series outside their range, the worst: Failed: 8 times the usual"
    assert take(world.view).mark == "crit"


def incident_of(world: World, *series: str) -> str:
    found = [anomaly(f"a-{name}", series=name) for name in series]
    alerts = [alert(name) for name in series]
    world.trouble(opened("INC-0001", alerts[0], NOW), alerts, found)
    return "INC-0001"


def test_an_incident_says_since_when_who_has_it_and_that_all_else_is_well(world: World) -> None:
    world.calm(point("denied", 41))
    incident_of(world, "denied")
    head, detail = said(world)
    assert head == "Denied: 3.4 times the usual"
    assert detail == (
        "Since 08:55, 5 min. Nobody has acknowledged it yet. Everything else is inside its usual range."
    )
    kept, version = world.incidents.get("INC-0001") or pytest.fail("no incident")
    world.incidents.update(acknowledged(kept, "bia", NOW), version)
    assert "bia reconheceu às 09:00." in said(world, "pt-BR")[1]
    sentence = compose(take(world.view), formats())
    assert (sentence.priority, sentence.href) == ("P3", "/console/incidents/INC-0001")
    assert sentence.brief == "P3 open 5 min"


def test_what_is_outside_beside_the_incident_is_named(world: World) -> None:
    world.calm(point("*", 0), point("approved", 0), point("denied", 0), point("reversed", 0))
    incident_of(world, "*")
    head, detail = said(world)
    assert head == "All transactions: none at all, usual 107 a minute"
    assert detail.endswith("Also outside: approved, denied, reversed.")
    world.store.minutes.keep_points([point("auth_59", 99), point("auth_05", 99)])
    assert ", and 2 more." in said(world)[1]


def test_a_minute_that_is_back_in_range_is_told_while_the_incident_is_not_over(world: World) -> None:
    world.calm()
    incident_of(world, "denied")
    head, detail = said(world)
    assert head == "Denied: 2.2 times the usual"
    assert "The newest minute is inside the range again. Everything else is inside" in detail


def test_an_incident_in_an_old_picture_does_not_claim_the_rest_is_well(world: World) -> None:
    world.calm()
    incident_of(world, "denied")
    world.clock.advance(HOUR_MS)
    head, detail = said(world)
    assert head == "Denied: 2.2 times the usual"
    assert "Everything else" not in detail
    assert of_age(take(world.view), formats()).head.startswith("The picture is")


def test_the_worst_of_two_incidents_leads_and_an_old_alert_follows_an_open_one(world: World) -> None:
    world.calm()
    incident_of(world, "denied")
    critical = alert("failed", level=AlertLevel.CRITICAL)
    world.trouble(opened("INC-0002", critical, NOW), [critical], [])
    assert said(world)[0].startswith("2 open, the worst: Failed")
    done = resolved(opened("INC-0003", alert("reversed"), NOW), "bia", NOW)
    world.incidents.insert(done)
    assert [one.incident_id for one in take(world.view).incidents] == ["INC-0002", "INC-0001"]
    gone = alert("denied", level=AlertLevel.CRITICAL)
    assert worst_alert([]) is None
    assert worst_alert([gone, alert("failed")]) == gone


def test_an_incident_without_alerts_keeps_its_own_title(world: World) -> None:
    world.calm()
    world.incidents.insert(opened("INC-0009", alert("denied"), NOW))
    assert said(world)[0] == "Denied: 41 a minute, expected 19"


def test_an_anomaly_that_is_over_is_not_news(world: World) -> None:
    world.calm()
    world.anomalies.insert(over(anomaly("a1")))
    assert said(world)[0].startswith("All calm")


@pytest.mark.parametrize(
    ("observed", "expected", "text"),
    [
        (0, 107, "Denied: none at all, usual 107 a minute"),
        (8, 0.2, "Denied: 8 a minute where almost none is usual"),
        (46, 20, "Denied: 2.3 times the usual"),
        (400, 20, "Denied: 20 times the usual"),
        (24, 20, "Denied: 20\u202f% above the usual"),
        (12, 20, "Denied: 40\u202f% below the usual"),
    ],
)
def test_observed_is_put_against_expected(observed: float, expected: float, text: str) -> None:
    assert compare("denied", observed, expected, formats()) == text


def test_lanes_are_the_main_statuses_and_whatever_else_is_outside(world: World) -> None:
    world.calm(point("auth_59", 99), point("refunded", 10), point("processing", 9))
    world.anomalies.insert(anomaly("a1", series="auth_59", level=AlertLevel.CRITICAL))
    picture = take(world.view)
    assert [(lane.series, lane.mark) for lane in picture.lanes()][3:] == [
        ("reversed", ""),
        ("auth_59", "crit"),
    ]
    assert picture.quiet() == ["processing", "refunded"]
    assert picture.stamp == f"{JUDGED_MS}.1.a1"


def test_what_carries_the_worst_and_what_it_costs_stand_in_the_sentence(world: World) -> None:
    steps = (Step("auth_code", "91", 17.0, 0.95, 0.04), Step("acquirer", "acq_c", 16.4, 0.91, 0.01))
    cause = Cause(18.0, (steps,), Money("BRL", 4_123_456, 3_504_000, 4_691_000))
    world.calm(point("denied", 36))
    world.anomalies.insert(anomaly("a1", cause=cause))
    assert said(world)[1] == (
        "Since 08:55, 5 min. 91\u202f% of the change: code 91, acquirer acq_c. "
        "At risk an hour: R$ 41\u202f000 (35\u202f000 to 47\u202f000). It paged."
    )
