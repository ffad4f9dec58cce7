"""A series that left its range, as a detector found it, and the anomaly that says so."""

from hashlib import blake2b

import msgspec

from guardian.domain.anomaly import Anomaly
from guardian.domain.clock import MINUTE_MS, iso
from guardian.domain.verdict import AlertLevel
from guardian.watching.parameters import CRITICAL_DECADES
from guardian.watching.reasons import reasons
from guardian.watching.tail import central_range


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over a window against what was expected of it; `variance` is relative, `score` in decades."""

    window_minutes: int
    rising: bool
    score: float
    observed: float
    expected: float
    variance: float

    def anomaly(
        self, source: str, series: str, status: str, minute_ms: int, budget_decades: float
    ) -> Anomaly:
        """As it is published: rates a minute, and the reasons."""
        window, score = self.window_minutes, round(self.score, 2)
        low, high = (bound / window for bound in central_range(self.expected, self.variance))
        observed, expected = self.observed / window, self.expected / window
        grave = score >= budget_decades + CRITICAL_DECADES
        return Anomaly(
            anomaly_id=anomaly_id(source, series, status, minute_ms),
            source=source,
            series=series,
            status=status,
            minute_ms=minute_ms,
            start_ms=minute_ms - (window - 1) * MINUTE_MS,
            level=AlertLevel.CRITICAL if grave else AlertLevel.WARNING,
            paged=True,
            score=score,
            observed=round(observed, 3),
            expected=round(expected, 3),
            low=round(low, 3),
            high=round(high, 3),
            direction="up" if self.rising else "down",
            window_minutes=window,
            reasons=reasons(series, (observed, low, high), window, score),
        )


def anomaly_id(source: str, series: str, status: str, minute_ms: int) -> str:
    """The same minute judged again names the same anomaly."""
    text = "\x1f".join((source, series, status, iso(minute_ms)))
    return blake2b(text.encode(), digest_size=12).hexdigest()
