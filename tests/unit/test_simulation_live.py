"""Traffic as time passes, each transaction once, and an incident ordered from outside."""

from pathlib import Path

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.transaction import LIVE
from guardian.simulation.incidents import incident
from guardian.simulation.live import LONGEST_GAP_MS, ORDER_FILE, LiveTraffic, read_order, write_order
from guardian.simulation.traffic import Traffic, minutes_between
from guardian.simulation.wire import COLUMNS, wire_row

START = 20_000 * DAY_MS + 15 * HOUR_MS


def test_each_transaction_is_given_once_when_its_time_has_passed(tmp_path: Path) -> None:
    traffic = Traffic(120, 4)
    live = LiveTraffic(traffic, tmp_path / ORDER_FILE, START - 1)
    given = [row for now_ms in range(START, START + 3 * MINUTE_MS, 700) for row in live.due(now_ms)]
    given += live.due(START + 3 * MINUTE_MS - 1)
    assert given == [
        row for minute in minutes_between(START, START + 3 * MINUTE_MS) for row in traffic.minute(minute)
    ]
    assert live.due(START) == []


def test_an_order_takes_effect_at_once_and_ends_by_itself(tmp_path: Path) -> None:
    order, traffic = tmp_path / ORDER_FILE, Traffic(300, 4)
    live = LiveTraffic(traffic, order, START)
    assert live.due(START + 20_000)
    write_order(order, incident("missing_minutes", START + 20_000, 3))
    assert live.due(START + 3 * MINUTE_MS) == []
    after = live.due(START + 4 * MINUTE_MS)
    assert after
    assert after[0].received_ms >= START + 3 * MINUTE_MS + 20_000


def test_an_order_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / ORDER_FILE
    asked = incident("outage", START, seed=9)
    write_order(path, asked)
    assert read_order(path) == asked
    assert [one.name for one in tmp_path.iterdir()] == [ORDER_FILE]


def test_orders_that_cannot_be_followed_are_none(tmp_path: Path) -> None:
    path = tmp_path / ORDER_FILE
    assert read_order(path) is None
    path.write_text("{")
    assert read_order(path) is None
    path.write_text('{"incident":"meteor","severity":1,"start_ms":0,"end_ms":1}')
    assert read_order(path) is None


def test_a_long_sleep_is_made_up_for_by_an_hour_only(tmp_path: Path) -> None:
    live = LiveTraffic(Traffic(10, 4), tmp_path / ORDER_FILE, START)
    now_ms = START + 10 * HOUR_MS
    assert live.due(now_ms)[0].received_ms > now_ms - LONGEST_GAP_MS


def test_incidents_can_be_given_without_a_file() -> None:
    gone = incident("missing_minutes", START, 5)
    assert LiveTraffic(Traffic(100, 1), [gone], START).due(START + 2 * MINUTE_MS) == []


def test_a_wire_row_holds_what_the_door_takes_and_no_more() -> None:
    row = wire_row(Traffic(100, 1).minute(START)[0])
    assert row["timestamp"].startswith("2024-10-04T15:00:")
    assert "." in row["amount"]
    assert set(row) <= set(COLUMNS)
    assert "source" not in row
    assert LIVE not in row.values()
