"""What a rule would have done to stored history."""

from typing import Any, Final

import msgspec

from guardian.domain.clock import DAY_MS, iso
from guardian.domain.verdict import LEVELS

TOO_WIDE: Final = 0.05
"""Of all rows: a rule that fires more often matches nearly everything."""


class Day(msgspec.Struct, frozen=True):
    """Firings of one UTC day: on labelled fraud, on what was labelled good, and without a label."""

    at_ms: int
    right: int
    wrong: int
    unlabelled: int

    @property
    def fired(self) -> int:
        """All of them."""
        return self.right + self.wrong + self.unlabelled


class Flip(msgspec.Struct, frozen=True):
    """Verdicts that would have another level; how many of them have a label, and how many are fraud."""

    before: int
    after: int
    n: int
    labelled: int
    fraud: int


class Report(msgspec.Struct, frozen=True):
    """A backtest. `fired_today` is what the live version of the rule makes of the same rows.

    `labelled` and `frauds` count all rows of the span; precision is of labelled firings alone.
    """

    since_ms: int
    until_ms: int
    rows: int
    fired: int
    fired_today: int | None
    days: tuple[Day, ...]
    flips: tuple[Flip, ...]
    labelled: int
    frauds: int
    right: int
    wrong: int
    worst_merchant: str
    worst_merchant_fired: int
    took_ms: int

    @property
    def share(self) -> float:
        """Of all rows, the part on which it fires."""
        return self.fired / self.rows if self.rows else 0.0

    @property
    def too_wide(self) -> bool:
        """Whether it matches nearly everything."""
        return self.share > TOO_WIDE

    @property
    def a_day(self) -> float:
        """Firings a day, over the days that have rows."""
        return self.fired / max((self.until_ms - self.since_ms) / DAY_MS, 1 / 24)

    @property
    def precision(self) -> float | None:
        """Of the firings that have a label, the part that is fraud; None without any."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else None

    @property
    def recall(self) -> float | None:
        """Of the labelled frauds of the span, the part on which it fires; None without any."""
        return self.right / self.frauds if self.frauds else None

    def line(self) -> dict[str, Any]:
        """The published form."""
        return {
            "since": iso(self.since_ms),
            "until": iso(self.until_ms),
            "rows": self.rows,
            "fired": self.fired,
            "fired_by_live_version": self.fired_today,
            "share": self.share,
            "matches_nearly_everything": self.too_wide,
            "firings_a_day": self.a_day,
            "days": [{"day": iso(one.at_ms)[:10], "fired": one.fired} for one in self.days],
            "flips": [
                {
                    "from": LEVELS[one.before],
                    "to": LEVELS[one.after],
                    "transactions": one.n,
                    "labelled": one.labelled,
                    "fraud": one.fraud,
                }
                for one in self.flips
            ],
            "labelled_rows": self.labelled,
            "labelled_frauds": self.frauds,
            "labelled_firings": self.right + self.wrong,
            "fraud_firings": self.right,
            "precision": self.precision,
            "recall": self.recall,
            "worst_merchant": {"merchant_id": self.worst_merchant, "fired": self.worst_merchant_fired},
            "took_ms": self.took_ms,
        }
