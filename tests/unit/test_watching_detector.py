"""The detector as a state machine, over small generated streams."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import Invalid, Poisoned
from guardian.domain.verdict import AlertLevel
from guardian.watching.detector import Judgement, StreamDetector
from guardian.watching.snapshot import VERSION, Snapshot, pack
from guardian.watching.state import LAYOUT

START = 1_760_000_040_000 // MINUTE_MS * MINUTE_MS
Minute = tuple[Mapping[str, int], Mapping[str, int]]


def steady(minutes: int, seed: int = 1) -> list[Minute]:
    rng = np.random.default_rng(seed)
    return [
        ({"approved": int(rng.poisson(120)), "denied": int(rng.poisson(6))}, {"51": int(rng.poisson(2))})
        for _ in range(minutes)
    ]


def run(detector: StreamDetector, stream: list[Minute], since: int = 0) -> list[Judgement]:
    return [
        detector.judge(START + (since + i) * MINUTE_MS, statuses, codes)
        for i, (statuses, codes) in enumerate(stream)
    ]


def raised(judgements: list[Judgement]) -> list[Anomaly]:
    return [anomaly for judgement in judgements for anomaly in judgement.anomalies]


def test_steady_traffic_raises_nothing() -> None:
    assert raised(run(StreamDetector("live"), steady(600))) == []


def test_silence_by_day_is_reported_within_three_minutes_for_the_whole_system() -> None:
    judgements = run(StreamDetector("live"), [*steady(300), *[({}, {})] * 3])
    (anomaly,) = raised(judgements)
    assert (anomaly.series, anomaly.status, anomaly.direction) == ("*", "*", "down")
    assert anomaly.level is AlertLevel.CRITICAL
    assert anomaly.paged
    assert anomaly.observed == 0
    assert anomaly.low > 80
    assert anomaly.minute_ms < START + 303 * MINUTE_MS
    assert anomaly.start_ms >= START + 299 * MINUTE_MS
    assert anomaly.reasons[0].startswith("all transactions: 0 in one minute, usual ")
    assert "Nothing arrived at all." in anomaly.reasons


def test_an_anomaly_is_over_once_its_series_is_back_in_range() -> None:
    judgements = run(StreamDetector("live"), [*steady(300), *[({}, {})] * 5, *steady(60, seed=2)])
    over = [anomaly for judgement in judgements for anomaly in judgement.over]
    (first, *_) = raised(judgements)
    assert over
    assert over[0].anomaly_id == first.anomaly_id
    assert over[0].over_ms is not None
    assert START + 305 * MINUTE_MS < over[0].over_ms < START + 330 * MINUTE_MS


def test_a_burst_of_a_code_is_said_of_the_code_and_of_the_denials() -> None:
    burst: list[Minute] = [({"approved": 100, "denied": 40}, {"51": 36})] * 3
    found = raised(run(StreamDetector("live"), [*steady(300), *burst]))
    assert {(anomaly.series, anomaly.status) for anomaly in found} == {
        ("denied", "denied"),
        ("auth_51", "auth_51"),
        ("auth_51", "denied"),
    }
    assert len({anomaly.anomaly_id for anomaly in found}) == len(found)


def test_a_status_nobody_had_listed_is_noticed() -> None:
    burst: list[Minute] = [({"approved": 110, "denied": 6, "on_hold": 9}, {})] * 3
    assert "on_hold" in {
        anomaly.status for anomaly in raised(run(StreamDetector("live"), [*steady(300), *burst]))
    }


def test_every_minute_has_a_point_per_series_with_its_range() -> None:
    judgements = run(StreamDetector("live"), steady(200))
    points = {point.series: point for point in judgements[-1].points}
    assert {"*", "approved", "denied", "failed", "processing", "auth_51"} <= set(points)
    assert points["*"].low < 126 < points["*"].high
    assert points["*"].expected == pytest.approx(126, rel=0.1)
    assert points["approved"].observed == points["*"].observed - points["denied"].observed
    assert points["*"].learning


def test_ranges_hold_about_99_percent_of_the_minutes() -> None:
    judgements = run(StreamDetector("live"), steady(1_000))[100:]
    for series in ("*", "approved", "denied", "auth_51"):
        points = [point for one in judgements for point in one.points if point.series == series]
        inside = sum(point.low <= point.observed <= point.high for point in points) / len(points)
        assert inside > 0.98


def test_the_curve_is_in_use_after_the_first_day() -> None:
    judgements = run(StreamDetector("live"), steady(1_460))
    assert judgements[1_400].points[0].learning
    assert not judgements[1_459].points[0].learning


def test_a_minute_out_of_order_is_refused() -> None:
    detector = StreamDetector("live")
    detector.judge(START, {}, {})
    with pytest.raises(Invalid):
        detector.judge(START + 2 * MINUTE_MS, {}, {})
    with pytest.raises(Invalid):
        StreamDetector("live").judge(START + 1, {}, {})


def test_going_on_after_a_restore_equals_never_having_stopped() -> None:
    stream = [*steady(300), *[({}, {})] * 4, *steady(60, seed=3)]
    whole = run(StreamDetector("live"), stream)
    detector = StreamDetector("live")
    first = run(detector, stream[:302])
    restored = StreamDetector.from_bytes(detector.to_bytes())
    assert restored.next_minute_ms == START + 302 * MINUTE_MS
    assert first + run(restored, stream[302:], since=302) == whole


def test_a_checkpoint_of_another_version_is_poisoned() -> None:
    snapshot = Snapshot("live", None, 0.0, {}, {}, {}, bytes(LAYOUT.itemsize), version=VERSION + 1)
    with pytest.raises(Poisoned, match="another version"):
        StreamDetector.from_bytes(pack(snapshot))


def test_a_checkpoint_of_another_layout_is_poisoned() -> None:
    with pytest.raises(Poisoned, match="layout"):
        StreamDetector.from_bytes(pack(Snapshot("live", None, 0.0, {}, {}, {}, b"short")))


def test_a_damaged_checkpoint_is_poisoned() -> None:
    with pytest.raises(Poisoned, match="cannot be read"):
        StreamDetector.from_bytes(b"\xff\x00")


def test_ten_thousand_new_names_cost_no_memory() -> None:
    detector = StreamDetector("live")
    run(detector, steady(40))
    detector.judge(
        START + 40 * MINUTE_MS,
        {f"status {i}": 1 for i in range(10_000)},
        {f"{i:05}": 1 for i in range(10_000)},
    )
    size = len(detector.to_bytes())
    judgement = detector.judge(
        START + 41 * MINUTE_MS, {f"other {i}": 1 for i in range(10_000)}, {f"x{i}": 1 for i in range(10_000)}
    )
    assert len(judgement.points) == 2 + 6 + 4 + 8
    assert len(detector.to_bytes()) - size < 8_000
    assert judgement.points[0].observed == 10_000


def test_codes_alone_make_a_total_of_their_own() -> None:
    judgement = StreamDetector("codes").judge(START, {}, {"00": 100, "51": 3})
    assert judgement.points[0].observed == 103


def test_events_that_always_come_in_bunches_stop_being_news() -> None:
    bunches = 3 * np.random.default_rng(5).poisson(0.1, 6 * 1_440)
    stream: list[Minute] = [({"approved": 120, "backend_reversed": n}, {}) for n in bunches.tolist()]
    later = raised(run(StreamDetector("live"), stream)[3 * 1_440 :])
    assert (bunches[3 * 1_440 :] >= 6).sum() > 15
    assert len(later) <= 3


def test_what_is_odd_but_does_not_page_is_said_once_an_hour_at_most() -> None:
    noticed = [one for judged in run(StreamDetector("live"), steady(4_000)) for one in judged.noticed]
    assert noticed
    assert not any(anomaly.paged for anomaly in noticed)
    for series in {anomaly.series for anomaly in noticed}:
        times = [anomaly.minute_ms for anomaly in noticed if anomaly.series == series]
        assert all(later - earlier > 60 * MINUTE_MS for earlier, later in pairwise(times))
