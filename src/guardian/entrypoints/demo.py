"""The demo's traffic: two simulated weeks down the path of live traffic, then live, without a gap."""

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from guardian.bootstrap import build
from guardian.bus.base import TRANSACTIONS, Bus, Message
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, floor_minute
from guardian.domain.transaction import Transaction
from guardian.entrypoints.embedded import leave_with_parent
from guardian.observability.logs import configure, get_logger
from guardian.settings import Settings
from guardian.simulation.live import ORDER_FILE, LiveTraffic, put_down
from guardian.simulation.traffic import Traffic, minutes_between

RATE_PER_MINUTE, SEED, DAYS = 40.0, 20_261_124, 14
PROGRESS_FILE = "demo.json"
STARTS_AT_MINUTE = 15 * 60
"""The minute of its own day at which the demo is started first: a busy afternoon, whatever the clock says."""
PAUSE_S = 0.25
_log = get_logger(__name__)


class Progress(msgspec.Struct):
    """How far the demo has come; kept, so that a restart neither repeats nor moves the weeks before."""

    shift_minutes: int
    laid_ms: int
    live: bool = False


def run_demo(settings: Settings, parent: int | None) -> None:
    """The weeks before where they are missing, then traffic as time passes, until SIGTERM."""
    configure(settings.observability.log_level)
    if parent is not None:
        leave_with_parent(parent)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    parts = build(settings, "demo")
    path, now_ms = parts.folder / PROGRESS_FILE, parts.clock.now_ms()
    progress = progress_of(path, now_ms)
    traffic = Traffic(RATE_PER_MINUTE, SEED, shift_minutes=progress.shift_minutes)
    since_ms = now_ms if progress.live else lay_weeks_before(parts.bus, traffic, (path, progress), now_ms)
    live = LiveTraffic(traffic, parts.folder / ORDER_FILE, since_ms)
    while not stop.wait(PAUSE_S):
        publish(parts.bus, live.due(parts.clock.now_ms()))
    parts.bus.close()


def progress_of(path: Path, now_ms: int) -> Progress:
    """What was kept, or a beginning two weeks before now."""
    if path.exists():
        return msgspec.json.decode(path.read_bytes(), type=Progress)
    minute_of_day = now_ms // MINUTE_MS % (DAY_MS // MINUTE_MS)
    return Progress(STARTS_AT_MINUTE - minute_of_day, floor_minute(now_ms) - DAYS * DAY_MS)


def lay_weeks_before(bus: Bus, traffic: Traffic, kept: tuple[Path, Progress], now_ms: int) -> int:
    """Publish every hour up to now that is missing; up to when everything has then been given."""
    path, progress = kept
    _log.info("demo_history_begins", days=DAYS)
    until_ms = floor_minute(now_ms)
    for hour_ms in range(progress.laid_ms, until_ms, HOUR_MS):
        progress.laid_ms = min(hour_ms + HOUR_MS, until_ms)
        minutes = minutes_between(hour_ms, progress.laid_ms)
        publish(bus, [one for minute_ms in minutes for one in traffic.minute(minute_ms)])
        put_down(path, progress)
    progress.live = True
    put_down(path, progress)
    _log.info("demo_history_ends")
    return until_ms - 1


def publish(bus: Bus, transactions: Sequence[Transaction]) -> None:
    """Publish transactions as the door does; nothing for none."""
    if transactions:
        bus.publish(
            TRANSACTIONS, [Message(one.merchant_id, msgspec.json.encode(one)) for one in transactions]
        )
