"""Root cause on simulated traffic: how often the injected segment is named, over incidents of four kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from guardian.domain.anomaly import Anomaly
from guardian.domain.cause import DIMENSIONS, Cause
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel
from guardian.simulation.incidents import disturbed, incident
from guardian.simulation.traffic import Traffic
from guardian.storage.base import Sample
from guardian.watching.causes import cause

SEVERITIES = {
    "acquirer_down": (0.6, 1.0),
    "denial_spike_bin": (0.5, 2.0),
    "auth59_burst": (2.0, 8.0),
    "card_testing": (0.1, 0.5),
}
KEYS = {
    "acquirer_down": ("acquirer",),
    "denial_spike_bin": ("card_bin",),
    "auth59_burst": ("auth_code",),
    "card_testing": ("card_bin",),
}
RATE = 200.0
"""Transactions a minute, the mean of a day."""
DAY_MS = 20_000 * 24 * HOUR_MS
SEED = 700_000
WINDOW = 5


class Case(msgspec.Struct, frozen=True):
    """One incident: its kind, its true segment, and what was found."""

    kind: str
    truth: Mapping[str, str | None]
    found: Cause | None

    @property
    def named(self) -> bool:
        """The heaviest segment has the key of the incident, and nothing that is not true of it."""
        if self.found is None or not self.found.segments:
            return False
        where = {step.dimension: step.value for step in self.found.segments[0]}
        return set(KEYS[self.kind]) <= set(where) and all(
            self.truth.get(name) == where[name] for name in where
        )


def cases(count: int) -> list[Case]:
    """Incidents between 07 and 22 h, seen five minutes after they began."""
    rng = np.random.default_rng(SEED)
    kinds = list(SEVERITIES)
    return [_case(kinds[number % len(kinds)], number, rng) for number in range(count)]


def named(count: int) -> list[dict[str, Any]]:
    """Per kind, and in all, how many incidents there were and in how many the segment was named."""
    every = cases(count)
    rows = [(kind, [one for one in every if one.kind == kind]) for kind in SEVERITIES]
    return [
        {"name": name, "incidents": len(some), "named": sum(one.named for one in some)}
        for name, some in (*rows, ("all incidents", every))
    ]


def _case(kind: str, number: int, rng: np.random.Generator) -> Case:
    traffic = Traffic(RATE, SEED + number)
    start_ms = DAY_MS + int(rng.integers(7 * 60, 22 * 60)) * MINUTE_MS
    one = incident(kind, start_ms, float(rng.uniform(*SEVERITIES[kind])), WINDOW, seed=number)
    minutes = range(start_ms, start_ms + WINDOW * MINUTE_MS, MINUTE_MS)
    usual = [row for at_ms in minutes for row in traffic.minute(at_ms)]
    rows = [row for at_ms in minutes for row in disturbed(traffic, [one], at_ms)]
    before = [
        row for at_ms in range(start_ms - HOUR_MS, start_ms, MINUTE_MS) for row in traffic.minute(at_ms)
    ]
    expected = sum(row.status == "denied" for row in before) / 60
    seen = sum(row.status == "denied" for row in rows) / WINDOW
    anomaly = _denied(minutes[-1], seen, expected)
    return Case(kind, _truth(usual, rows), cause(anomaly, sample_of(rows), sample_of(before)))


def _truth(usual: Sequence[Transaction], rows: Sequence[Transaction]) -> dict[str, Any]:
    """What all the transactions that were changed or added have in common."""
    before = {row.transaction_id: row for row in usual}
    changed = [row for row in rows if row.status == "denied" and before.get(row.transaction_id) != row]
    return {
        name: value
        for name in DIMENSIONS
        if len(values := {getattr(row, name) for row in changed}) == 1
        for value in values
    }


def sample_of(rows: Sequence[Transaction]) -> Sample:
    """All of the rows as the store would give them."""
    return Sample(
        columns={name: [getattr(row, name) for row in rows] for name in DIMENSIONS},
        amounts_minor=[row.amount_minor for row in rows],
        currencies=[row.currency for row in rows],
        rate=1.0,
    )


def _denied(minute_ms: int, seen: float, expected: float) -> Anomaly:
    return Anomaly(
        anomaly_id="case",
        source="live",
        series="denied",
        status="denied",
        minute_ms=minute_ms,
        start_ms=minute_ms - (WINDOW - 1) * MINUTE_MS,
        level=AlertLevel.CRITICAL,
        paged=True,
        score=3.0,
        observed=seen,
        expected=expected,
        low=expected * 0.8,
        high=expected * 1.2,
        direction="up",
        window_minutes=WINDOW,
    )
