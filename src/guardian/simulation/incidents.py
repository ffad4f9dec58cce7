"""Incidents of known start, kind and size, applied to the transactions of a minute; and their labels."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime

import msgspec
import numpy as np

from guardian.domain.clock import MINUTE_MS, floor_minute
from guardian.domain.errors import Invalid
from guardian.domain.transaction import Transaction
from guardian.simulation.disturbances import (
    Change,
    Moment,
    acquirer_down,
    auth59_burst,
    backend_reversed_surge,
    card_testing,
    clock_skew,
    denial_spike_bin,
    duplicate_storm,
    failed_surge,
    missing_minutes,
    outage_total,
    partial_outage,
    reversed_surge,
    short_stall,
    slow_drift,
)
from guardian.simulation.traffic import Traffic

_APPROVED_DENIED = ("approved", "denied")
CATCH_UP_MINUTES = 2
ALIASES = {"outage": "outage_total"}


class Kind(msgspec.Struct, frozen=True):
    """What an incident of a kind is unless told otherwise, which statuses it touches, and its effect."""

    severity: float
    minutes: int
    statuses: tuple[str, ...]
    change: Change


KINDS = {
    "outage_total": Kind(1.0, 12, _APPROVED_DENIED, outage_total),
    "missing_minutes": Kind(6.0, 6, _APPROVED_DENIED, missing_minutes),
    "short_stall": Kind(3.0, 5, (*_APPROVED_DENIED, "reversed"), short_stall),
    "partial_outage": Kind(0.3, 30, _APPROVED_DENIED, partial_outage),
    "duplicate_storm": Kind(0.5, 15, _APPROVED_DENIED, duplicate_storm),
    "denial_spike_bin": Kind(1.0, 20, ("denied",), denial_spike_bin),
    "auth59_burst": Kind(4.0, 20, ("denied", "auth_59"), auth59_burst),
    "failed_surge": Kind(0.01, 30, ("failed",), failed_surge),
    "reversed_surge": Kind(4.0, 20, ("reversed",), reversed_surge),
    "backend_reversed_surge": Kind(10.0, 20, ("backend_reversed",), backend_reversed_surge),
    "slow_drift": Kind(0.5, 240, ("denied",), slow_drift),
    "clock_skew": Kind(0.5, 40, _APPROVED_DENIED, clock_skew),
    "acquirer_down": Kind(1.0, 15, (*_APPROVED_DENIED, "auth_91"), acquirer_down),
    "card_testing": Kind(0.5, 20, ("denied", "auth_14"), card_testing),
}
"""The twelve kinds of the reference sweep, an acquirer that is down and the testing of stolen cards."""


class Incident(msgspec.Struct, frozen=True):
    """One disturbance from `start_ms` up to, not with, `end_ms`."""

    kind: str
    severity: float
    start_ms: int
    end_ms: int
    seed: int = 0

    def touches(self, minute_ms: int) -> bool:
        """Whether any of it lies in the minute."""
        return minute_ms < self.end_ms and self.start_ms < minute_ms + MINUTE_MS

    def label(self, number: int) -> dict[str, object]:
        """The form that scorers of streams read; both ends are minutes and belong to it."""
        return {
            "id": f"I{number:03d}",
            "start": _clock_face(floor_minute(self.start_ms)),
            "end": _clock_face(floor_minute(self.end_ms - 1)),
            "statuses": list(KINDS[self.kind].statuses),
            "kind": self.kind,
            "severity": self.severity,
            "confidence": "high",
        }


def incident(
    name: str, start_ms: int, severity: float | None = None, minutes: int | None = None, seed: int = 0
) -> Incident:
    """An incident with the defaults of its kind. Raises Invalid for an unknown kind or size."""
    name = ALIASES.get(name, name)
    if name not in KINDS:
        raise Invalid(f"incident: expected one of {', '.join(sorted([*KINDS, *ALIASES]))}.")
    kind = KINDS[name]
    size = kind.severity if severity is None else severity
    if not 0 < size <= 1_000:
        raise Invalid("severity: expected more than 0 and at most 1000.")
    if minutes is None:
        minutes = _usual_minutes(name, size, kind.minutes)
    if minutes < 1:
        raise Invalid("duration: expected at least one minute.")
    return Incident(name, size, start_ms, start_ms + minutes * MINUTE_MS, seed)


def _usual_minutes(name: str, severity: float, minutes: int) -> int:
    """Where severity is itself a number of minutes, it decides."""
    if name == "missing_minutes":
        return max(1, round(severity))
    if name == "short_stall":
        return max(1, round(severity)) + CATCH_UP_MINUTES
    return minutes


def disturbed(traffic: Traffic, incidents: Iterable[Incident], minute_ms: int) -> list[Transaction]:
    """The transactions of a minute after every incident that touches it, in order of arrival."""
    rows = traffic.minute(minute_ms)
    hit = [one for one in incidents if one.touches(minute_ms)]
    for one in hit:
        rows = _apply(one, rows, minute_ms, traffic.minute)
    if hit:
        rows.sort(key=lambda row: row.received_ms)
    return rows


def _apply(
    one: Incident, rows: list[Transaction], minute_ms: int, of_minute: Callable[[int], list[Transaction]]
) -> list[Transaction]:
    """Only what arrives while it lasts is changed; a start amid a minute leaves what came before."""
    rng = np.random.default_rng([one.seed, 3, sorted(KINDS).index(one.kind), minute_ms // MINUTE_MS])
    inside = [row for row in rows if one.start_ms <= row.received_ms < one.end_ms]
    outside = [row for row in rows if not one.start_ms <= row.received_ms < one.end_ms]
    moment = Moment(
        rng=rng,
        severity=one.severity,
        minute_ms=minute_ms,
        start_ms=one.start_ms,
        end_ms=one.end_ms,
        of_minute=of_minute,
        pick=one.seed,
    )
    return outside + KINDS[one.kind].change(inside, moment)


def labels(series: str, start_ms: int, end_ms: int, incidents: Sequence[Incident]) -> dict[str, object]:
    """The labels document of the minutes from `start_ms` up to, not with, `end_ms`."""
    return {
        "series": series,
        "span": [_clock_face(floor_minute(start_ms)), _clock_face(floor_minute(end_ms - 1))],
        "events": [one.label(number) for number, one in enumerate(incidents)],
    }


def _clock_face(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
