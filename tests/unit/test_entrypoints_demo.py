"""The demo's weeks before: laid once, gone on with after a crash, joined to live traffic without a gap."""

from pathlib import Path

import msgspec

from guardian.bus.base import TRANSACTIONS
from guardian.bus.log import LogBus
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, floor_minute
from guardian.domain.transaction import Transaction
from guardian.entrypoints.demo import DAYS, Progress, lay_weeks_before, progress_of
from guardian.simulation.live import LiveTraffic
from guardian.simulation.traffic import Traffic

NOW = 20_000 * DAY_MS + 3 * HOUR_MS + 20_500
SHORT = floor_minute(NOW - 5 * HOUR_MS)


def published(bus: LogBus) -> list[Transaction]:
    reader = bus.subscribe(TRANSACTIONS, "")
    found: list[Transaction] = []
    while (batch := reader.take(10_000, 0.0)) is not None:
        found += [msgspec.json.decode(value, type=Transaction) for value in batch.values]
    reader.close()
    return found


def test_history_and_live_traffic_join_without_a_gap_or_a_repeat(tmp_path: Path) -> None:
    bus, traffic, path = LogBus(tmp_path / "bus"), Traffic(5, 1), tmp_path / "demo.json"
    since_ms = lay_weeks_before(bus, traffic, (path, Progress(0, SHORT)), NOW)
    live = LiveTraffic(traffic, [], since_ms).due(NOW + 10 * MINUTE_MS)
    given = [one.transaction_id for one in [*published(bus), *live]]
    last = NOW + 10 * MINUTE_MS
    expected = [
        one.transaction_id
        for minute_ms in range(SHORT, last, MINUTE_MS)
        for one in traffic.minute(minute_ms)
        if one.received_ms <= last
    ]
    assert given == expected
    bus.close()


def test_a_crash_in_the_middle_goes_on_where_it_was(tmp_path: Path) -> None:
    bus, traffic, path = LogBus(tmp_path / "bus"), Traffic(5, 1), tmp_path / "demo.json"
    lay_weeks_before(bus, traffic, (path, Progress(7, SHORT)), NOW - 2 * HOUR_MS)
    kept = msgspec.structs.replace(progress_of(path, NOW), live=False)
    assert kept.shift_minutes == 7
    lay_weeks_before(bus, traffic, (path, kept), NOW)
    names = [one.transaction_id for one in published(bus)]
    assert len(set(names)) == len(names)
    assert progress_of(path, NOW).live
    bus.close()


def test_the_first_start_is_a_busy_afternoon_two_weeks_after_its_history(tmp_path: Path) -> None:
    fresh = progress_of(tmp_path / "demo.json", NOW)
    assert (NOW // MINUTE_MS + fresh.shift_minutes) % 1_440 == 15 * 60
    assert NOW - fresh.laid_ms == DAYS * DAY_MS + 20_500
