"""A disturbance of the stream as a whole."""

from enum import StrEnum

import msgspec

from guardian.domain.cause import Cause
from guardian.domain.clock import iso
from guardian.domain.verdict import AlertLevel

WHOLE_SYSTEM = "*"


class Finding(StrEnum):
    """What a person found a page to be: a problem, one that was known to come, or nothing. Gravest first."""

    CONFIRMED = "confirmed"
    EXPECTED = "expected"
    FALSE = "false"


class Nature(StrEnum):
    """What a disturbance of all traffic is, where it can be told; each with a number that shows it."""

    SILENCE = "silence"
    """Nothing comes at all (0)."""
    LATE = "late"
    """What seemed missing came after its minute was judged (so many transactions)."""
    CATCH_UP = "catch_up"
    """A backlog is released: so many were missing just before."""
    DUPLICATES = "duplicates"
    """The same merchant, BIN and amount again: that part of all."""
    CLOCK_SKEW = "clock_skew"
    """Minutes swing around their usual sum, so many times: a sender's clock is wrong."""


class Answer(msgspec.Struct, frozen=True):
    """Who found what, and when."""

    finding: Finding
    actor: str
    at_ms: int


class Anomaly(msgspec.Struct, frozen=True):
    """A series left the range it was expected to keep.

    `minute_ms` is the last minute fed before it was raised, `start_ms` the estimated first minute,
    `score` the rarity in decades (-log10 of the tail probability, calibrated). `paged` says whether
    it is meant for a person. `over_ms` is set when the series is back in range.
    """

    anomaly_id: str
    source: str
    series: str
    status: str
    minute_ms: int
    start_ms: int
    level: AlertLevel
    paged: bool
    score: float
    observed: float
    expected: float
    low: float
    high: float
    direction: str
    """Either up or down."""
    window_minutes: int
    reasons: tuple[str, ...] = ()
    over_ms: int | None = None
    cause: Cause | None = None
    """Where only counts are known there is none."""
    answer: Answer | None = None
    nature: Nature | None = None
    shadowed: bool = False
    """Its series had broken the page budget."""

    def line(self) -> dict[str, object]:
        """The published form, as in a line of `backtest counts` and an item of GET /anomalies."""
        return {
            "id": self.anomaly_id,
            "ts": iso(self.minute_ms),
            "source": self.source,
            "series": self.series,
            "status": self.status,
            "start": iso(self.start_ms),
            "level": str(self.level),
            "paged": self.paged,
            "shadowed": self.shadowed,
            "score": self.score,
            "observed": self.observed,
            "expected": self.expected,
            "low": self.low,
            "high": self.high,
            "direction": self.direction,
            "window_minutes": self.window_minutes,
            "over": iso(self.over_ms) if self.over_ms is not None else None,
            "reasons": list(self.reasons),
            "nature": str(self.nature) if self.nature is not None else None,
            "cause": self.cause.form() if self.cause is not None else None,
            "answer": str(self.answer.finding) if self.answer is not None else None,
        }
