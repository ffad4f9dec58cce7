"""How anomalies are folded into alerts."""

import msgspec
import pytest

from alerting_samples import NOW, anomaly, over
from guardian.alerting.policy import FLAP_MS, alert_id_of, applied, fingerprint, fingerprint_of, home, opened
from guardian.domain.alert import AlertState
from guardian.domain.clock import MINUTE_MS
from guardian.domain.verdict import AlertLevel

FIRST = anomaly("a1")
WORSE = anomaly("a2", level=AlertLevel.CRITICAL, observed=80.0, expected=20.0, minute_ms=NOW + MINUTE_MS)
LATER = NOW + 3 * MINUTE_MS


def test_a_fingerprint_tells_source_series_and_direction_apart() -> None:
    prints = {fingerprint(*parts) for parts in (("a", "b", "up"), ("a", "b", "down"), ("ab", "", "up"))}
    assert len(prints) == 3
    assert fingerprint_of(FIRST) == fingerprint("live", "denied", "up")


def test_an_alert_says_what_happened_in_numbers() -> None:
    alert = opened(FIRST, NOW)
    assert alert.title == "denied: 41 a minute, expected 19"
    assert opened(anomaly("x", series="*"), NOW).title.startswith("All transactions: ")
    assert alert.alert_id == f"{fingerprint_of(FIRST)}-{FIRST.start_ms // MINUTE_MS}"
    assert (alert.state, alert.repeats, alert.onset_ms, alert.opened_ms) == ("open", 0, FIRST.start_ms, NOW)


def test_a_repeat_is_folded_and_raises_the_level() -> None:
    alert = applied(opened(FIRST, NOW), WORSE, LATER)
    assert (alert.repeats, alert.level, alert.observed, alert.expected) == (
        1,
        AlertLevel.CRITICAL,
        80.0,
        20.0,
    )
    assert alert.anomaly_ids == ("a1", "a2")
    assert (alert.opened_ms, alert.updated_ms) == (NOW, LATER)


def test_the_level_never_falls() -> None:
    alert = applied(opened(WORSE, NOW), anomaly("a3"), LATER)
    assert alert.level is AlertLevel.CRITICAL


def test_the_same_anomaly_again_changes_nothing() -> None:
    alert = applied(opened(FIRST, NOW), WORSE, LATER)
    assert applied(alert, WORSE, LATER + 1) is alert
    ended = applied(alert, over(FIRST), LATER)
    assert applied(ended, over(FIRST), LATER + 1) is ended
    assert applied(ended, FIRST, LATER + 1) is ended


def test_an_alert_is_resolved_once_all_its_anomalies_are_over() -> None:
    alert = applied(opened(FIRST, NOW), WORSE, NOW)
    still = applied(alert, over(FIRST), LATER)
    assert (still.state, still.resolved_ms) == (AlertState.OPEN, None)
    done = applied(still, over(WORSE), LATER)
    assert (done.state, done.resolved_ms) == (AlertState.RESOLVED, LATER)


@pytest.mark.parametrize(("taken_ms", "state"), [(None, AlertState.OPEN), (NOW + 1, AlertState.ACKNOWLEDGED)])
def test_what_comes_back_stands_where_it_stood(taken_ms: int | None, state: AlertState) -> None:
    resolved = applied(opened(FIRST, NOW), over(FIRST), LATER)
    back = applied(msgspec.structs.replace(resolved, acknowledged_ms=taken_ms), WORSE, LATER + 5)
    assert (back.state, back.resolved_ms, back.reopened_ms, back.repeats) == (state, None, LATER + 5, 1)


def test_an_anomaly_goes_home_to_the_alert_that_holds_it_before_any_other() -> None:
    old = applied(opened(FIRST, NOW), over(FIRST), NOW)
    current = opened(anomaly("a9", start_ms=NOW + 60 * MINUTE_MS), NOW + 60 * MINUTE_MS)
    assert home(FIRST, [current, old], NOW + 99 * MINUTE_MS) is old
    assert home(WORSE, [old, current], NOW + 99 * MINUTE_MS) is current


def test_within_ten_minutes_it_is_the_same_disturbance() -> None:
    resolved = applied(opened(FIRST, NOW), over(FIRST), NOW)
    fresh = anomaly("a5", start_ms=NOW + MINUTE_MS)
    assert home(fresh, [resolved], NOW + FLAP_MS - 1) is resolved
    assert home(fresh, [resolved], NOW + FLAP_MS) is None


def test_the_same_onset_is_the_same_disturbance_at_any_time() -> None:
    resolved = applied(opened(FIRST, NOW), over(FIRST), NOW)
    again = anomaly("a6")
    assert alert_id_of(again) == resolved.alert_id
    assert home(again, [resolved], NOW + 9 * FLAP_MS) is resolved
