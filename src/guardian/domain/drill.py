"""Fire drills: what was injected into a copy of the traffic, and how often and how soon it was found."""

from typing import Final

import msgspec

from guardian.domain.clock import iso
from guardian.domain.share import wilson

MUST_FIND: Final = (("outage_total", 1.0), ("missing_minutes", 30.0))
"""Kinds and severities that no installation may miss."""
LEAST_SHARE: Final = 0.9


class Practised(msgspec.Struct, frozen=True):
    """The drills of one kind and severity, on all traffic or on one segment of it."""

    kind: str
    severity: float
    segment: str
    """A series as `series_of_segment` names it; empty for all traffic."""
    drills: int
    found: int
    delay_minutes: float | None
    """Median of those found."""

    @property
    def share(self) -> float:
        """Of the drills, the part that was found."""
        return self.found / self.drills

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's central 95 % of that share."""
        return wilson(self.found, self.drills)

    @property
    def too_rarely(self) -> bool:
        """Whether it must be found and is not, or not often enough."""
        return (self.kind, self.severity) in MUST_FIND and self.share < LEAST_SHARE

    def line(self) -> dict[str, object]:
        """The published form."""
        low, high = (round(bound, 3) for bound in self.interval)
        facts = {"share": round(self.share, 3), "low": low, "high": high}
        return msgspec.structs.asdict(self) | facts | {"too_rarely": self.too_rarely}


class CaseResult(msgspec.Struct, frozen=True):
    """What today's detector makes of an incident of the past; without a delay it misses it."""

    case_id: str
    series: str
    start_ms: int
    delay_minutes: int | None

    def line(self) -> dict[str, object]:
        """The published form."""
        return {
            "case_id": self.case_id,
            "series": self.series,
            "start": iso(self.start_ms),
            "delay_minutes": self.delay_minutes,
            "caught": self.delay_minutes is not None,
        }


class Drill(msgspec.Struct, frozen=True):
    """One fire drill, held at `at_ms` on the traffic from `since_ms` up to `until_ms`."""

    at_ms: int
    since_ms: int
    until_ms: int
    seed: int
    practised: tuple[Practised, ...]
    cases: tuple[CaseResult, ...]

    @property
    def drills(self) -> int:
        """How many there were."""
        return sum(one.drills for one in self.practised)

    @property
    def missed(self) -> int:
        """Cases that today's detector does not catch."""
        return sum(one.delay_minutes is None for one in self.cases)

    @property
    def passed(self) -> bool:
        """Whether all that must be found is."""
        return not self.missed and not any(one.too_rarely for one in self.practised)

    def line(self) -> dict[str, object]:
        """The published form."""
        return {
            "at": iso(self.at_ms),
            "since": iso(self.since_ms),
            "until": iso(self.until_ms),
            "seed": self.seed,
            "drills": self.drills,
            "passed": self.passed,
            "practised": [one.line() for one in self.practised],
            "cases": [one.line() for one in self.cases],
        }
