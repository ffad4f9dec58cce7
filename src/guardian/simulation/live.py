"""Traffic as time passes, with the incident that was ordered through a file."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from guardian.domain.clock import MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.simulation.incidents import KINDS, Incident, disturbed
from guardian.simulation.traffic import Traffic, minutes_between

ORDER_FILE = "simulate.json"
"""In the data folder of the running demo."""
LONGEST_GAP_MS = 60 * MINUTE_MS
_KEPT_MINUTES = 4


class Order(msgspec.Struct, frozen=True):
    """What `guardian simulate` asks of the running demo, as it lies in the order file."""

    incident: str
    severity: float
    start_ms: int
    end_ms: int
    seed: int = 0


def write_order(path: Path, one: Incident) -> None:
    """Put the order down in one step, so that a reader never sees half of it."""
    order = Order(one.kind, one.severity, one.start_ms, one.end_ms, one.seed)
    put_down(path, order)


def put_down(path: Path, note: msgspec.Struct) -> None:
    """Replace the file at a stroke, so that a crash leaves the old one or the new one."""
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(note))
    part.replace(path)


def read_order(path: Path) -> Incident | None:
    """The ordered incident; None when there is none that can be followed."""
    try:
        order = msgspec.json.decode(path.read_bytes(), type=Order)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    if order.incident not in KINDS:
        return None
    return Incident(order.incident, order.severity, order.start_ms, order.end_ms, order.seed)


class LiveTraffic:
    """Gives each transaction once, when its time has passed; an hour of sleep at most is made up for.

    `orders` is the order file, read at every call, or the incidents themselves; what arrived up to
    `since_ms` has been given already.
    """

    def __init__(self, traffic: Traffic, orders: Path | Sequence[Incident], since_ms: int) -> None:
        self._traffic = traffic
        self._orders = orders
        self._given_ms = since_ms
        self._minutes: dict[tuple[int, tuple[Incident, ...]], list[Transaction]] = {}

    def due(self, now_ms: int) -> list[Transaction]:
        """What arrived after the last call and up to `now_ms`, in order of arrival."""
        since_ms = max(self._given_ms, now_ms - LONGEST_GAP_MS)
        if now_ms <= since_ms:
            return []
        ordered = self._ordered()
        self._given_ms = now_ms
        return [
            row
            for minute_ms in minutes_between(since_ms + 1, now_ms + 1)
            for row in self._minute(minute_ms, ordered)
            if since_ms < row.received_ms <= now_ms
        ]

    def _ordered(self) -> tuple[Incident, ...]:
        if not isinstance(self._orders, Path):
            return tuple(self._orders)
        one = read_order(self._orders)
        return () if one is None else (one,)

    def _minute(self, minute_ms: int, ordered: tuple[Incident, ...]) -> list[Transaction]:
        key = (minute_ms, tuple(one for one in ordered if one.touches(minute_ms)))
        if key not in self._minutes:
            if len(self._minutes) >= _KEPT_MINUTES:
                del self._minutes[next(iter(self._minutes))]
            self._minutes[key] = disturbed(self._traffic, key[1], minute_ms)
        return self._minutes[key]
