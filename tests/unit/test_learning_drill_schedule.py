"""When a fire drill begins by itself: off by default, never two at a time, again when its days are over."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardian.domain.clock import DAY_MS, HOUR_MS, SetClock
from guardian.domain.drill import Drill
from guardian.learning.drill_schedule import AGAIN_MS, DrillSchedule
from guardian.storage.sqlite.store import SqliteStore
from guardian.watching.drills import drill_collection

NOW_MS = 20_000 * DAY_MS


class House:
    def __init__(self, folder: Path) -> None:
        self.store = SqliteStore(folder)
        self.clock = SetClock(NOW_MS)
        self.marks = folder / "marks"

    def schedule(self, every_days: int, then: str = "") -> DrillSchedule:
        """Its process writes a mark and does something else."""
        code = f"open({str(self.marks)!r}, 'a').write('x'); {then}"
        return DrillSchedule(self.store.records, self.clock, every_days, [sys.executable, "-c", code])

    def begun(self) -> int:
        return len(self.marks.read_text()) if self.marks.exists() else 0

    def held(self) -> None:
        now_ms = self.clock.now_ms()
        drill_collection(self.store.records).insert(Drill(now_ms, now_ms - DAY_MS, now_ms, 0, (), ()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def ended(schedule: DrillSchedule) -> None:
    deadline = time.monotonic() + 60
    while not schedule.turn():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_off_unless_asked_for(house: House) -> None:
    schedule = house.schedule(0)
    assert schedule.turn() == 0
    schedule.close()
    assert house.begun() == 0


def test_one_is_held_at_once_and_the_next_when_its_days_are_over(house: House) -> None:
    schedule = house.schedule(7)
    assert schedule.turn() == 1
    ended(schedule)
    house.held()
    assert house.begun() == 1
    house.clock.advance(7 * DAY_MS - HOUR_MS)
    assert schedule.turn() == 0
    house.clock.advance(HOUR_MS)
    assert schedule.turn() == 1
    ended(schedule)
    assert house.begun() == 2


def test_what_leaves_no_record_is_tried_again_after_an_hour(house: House) -> None:
    schedule = house.schedule(7, "raise SystemExit(1)")
    assert schedule.turn() == 1
    ended(schedule)
    assert schedule.turn() == 0
    house.clock.advance(AGAIN_MS)
    assert schedule.turn() == 1
    ended(schedule)
    assert house.begun() == 2


def test_two_are_never_held_at_a_time_and_the_one_at_work_ends_with_its_stage(house: House) -> None:
    schedule = house.schedule(1, "import time; time.sleep(600)")
    assert schedule.turn() == 1
    house.clock.advance(3 * DAY_MS)
    assert schedule.turn() == 0
    before = time.monotonic()
    schedule.close()
    assert time.monotonic() - before < 60
    assert house.begun() <= 1


def test_one_that_will_not_end_is_killed(house: House) -> None:
    ignores = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    ready = house.marks.with_name("ready")
    schedule = house.schedule(1, f"{ignores}open({str(ready)!r}, 'w').close(); time.sleep(600)")
    schedule.turn()
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    schedule.close()
    assert schedule.turn() == 1, "it is seen to have ended"
