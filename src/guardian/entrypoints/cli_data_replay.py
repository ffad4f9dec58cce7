"""`guardian replay`: a file's events come again at their own pace, or faster."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from guardian.domain.clock import MINUTE_MS, Clock, SystemClock, floor_minute, from_iso, iso
from guardian.domain.errors import Unreadable
from guardian.domain.transaction import LIVE
from guardian.entrypoints.cli_data_forms import Replay, say
from guardian.entrypoints.client import GuardianClient
from guardian.ingestion.csv_counts import is_counts, read_counts
from guardian.ingestion.files import read_transactions
from guardian.ingestion.files_time import zone_of

TICK_MS = 250
ROWS = 5_000
Event = tuple[int, bytes]


class Script(msgspec.Struct, frozen=True):
    """When each event is sent and which time it then bears, for a file from `first_ms` to `last_ms`.

    The whole is shifted so that its end lies at the end of the playing: no event lies ahead of the
    clock, minutes keep their length, and at speed 1 each event is sent at its own time.
    """

    first_ms: int
    last_ms: int
    start_ms: int
    speed: float
    keep_times: bool = False
    whole_minutes: bool = False

    def send_ms(self, event_ms: int) -> float:
        """When it is sent."""
        return self.start_ms + (event_ms - self.first_ms) / self.speed

    def time_of(self, event_ms: int) -> int:
        """The time it bears."""
        if self.keep_times:
            return event_ms
        shift_ms = int(self.send_ms(self.last_ms)) - self.last_ms
        return event_ms + (floor_minute(shift_ms) if self.whole_minutes else shift_ms)


def run(form: Replay) -> None:
    """Play the file and say how much was sent."""
    zone = zone_of(form.tz)
    source = form.source or (form.file.stem[:50] if form.keep_times else LIVE)
    counted = is_counts(form.file)
    events = count_events(form.file, zone) if counted else transaction_events(form.file, zone)
    if not events:
        raise Unreadable("The file holds no line that could be played.")
    clock = SystemClock()
    first_ms, last_ms = events[0][0], events[-1][0] + (MINUTE_MS if counted else 0)
    script = Script(first_ms, last_ms, clock.now_ms(), form.speed, form.keep_times, counted)
    with form.client() as client:
        sent = 0
        try:
            for rows in due_rows(events, script, clock, time.sleep):
                sent += post(client, rows, source, counted)
        except KeyboardInterrupt:
            say("Stopped.")
    say(f"{sent} of {len(events)} {'minutes' if counted else 'transactions'} sent and accepted.")


def post(client: GuardianClient, rows: Sequence[dict[str, Any]], source: str, counted: bool) -> int:
    """How many of the rows were accepted."""
    if counted:
        return client.post_counts([{**row, "source": source} for row in rows])
    return client.post_transactions(rows, source).accepted


def transaction_events(path: Path, zone: tzinfo) -> list[Event]:
    """Time and row of each transaction that has a time, in order of time."""
    return sorted(
        (
            (from_iso(row["timestamp"]), msgspec.json.encode(row))
            for batch in read_transactions(path, zone)
            for row in batch.rows
            if "timestamp" in row
        ),
        key=lambda event: event[0],
    )


def count_events(path: Path, zone: tzinfo) -> list[Event]:
    """Minute and item of each minute of counts, in order."""
    return [(from_iso(item["minute"]), msgspec.json.encode(item)) for item in read_counts([path], zone).items]


def due_rows(
    events: Sequence[Event], script: Script, clock: Clock, pause: Callable[[float], None]
) -> Iterator[list[dict[str, Any]]]:
    """Rows in batches, each when it is due; counts once their minute is over."""
    wait_ms = MINUTE_MS if script.whole_minutes else 0
    for tick, group in groupby(events, lambda event: int(script.send_ms(event[0] + wait_ms)) // TICK_MS):
        ahead_ms = (tick + 1) * TICK_MS - clock.now_ms()
        if ahead_ms > 0:
            pause(ahead_ms / 1000)
        together = list(group)
        for start in range(0, len(together), ROWS):
            yield [_shifted(event, script) for event in together[start : start + ROWS]]


def _shifted(event: Event, script: Script) -> dict[str, Any]:
    """Shifted to another time it is another event: the file's own id is left out then."""
    row: dict[str, Any] = msgspec.json.decode(event[1])
    row["minute" if script.whole_minutes else "timestamp"] = iso(script.time_of(event[0]))
    if not script.keep_times:
        row.pop("transaction_id", None)
    return row
