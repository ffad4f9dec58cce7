"""A rule that fires far more often than its backtest goes into shadow by itself."""

from collections import Counter
from collections.abc import Iterator
from math import exp, lgamma, log
from typing import Final

import msgspec

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, Clock
from guardian.domain.errors import Conflict, NotFound, Unparsable
from guardian.domain.transaction import LIVE
from guardian.observability.logs import get_logger
from guardian.scoring.rules.desk import RuleDesk
from guardian.scoring.rules.lifecycle import RuleLife, State, Version
from guardian.scoring.rules.report import TOO_WIDE
from guardian.storage.base import COUNTED, FiringStore, MinuteStore

TIMES: Final = 5.0
FEWEST_FIRINGS: Final = 30
FEWEST_ROWS: Final = 200
CHANCE: Final = 1e-6
EVERY_MS: Final = MINUTE_MS
LATEST_MS: Final = 8 * DAY_MS
"""Live transactions come seven days late at most; what ended before speaks of none of them."""
_log = get_logger(__name__)


class Excess(msgspec.Struct, frozen=True):
    """What a version did in the last one to two hours; `expected` is None without a backtest."""

    fired: int
    rows: int
    expected: float | None

    def told(self) -> str:
        """In words, with the numbers."""
        what = "5 % of the traffic" if self.expected is None else f"the {self.expected:.1f} of its backtest"
        return f"Fired {self.fired} times in {self.rows} transactions, far above {what}"


def excess(fired: int, rows: int, share: float | None) -> Excess | None:
    """Whether so many firings are too many for a rule of that backtest."""
    if share is None:
        return Excess(fired, rows, None) if rows >= FEWEST_ROWS and fired > TOO_WIDE * rows else None
    expected = share * rows
    if fired < FEWEST_FIRINGS or fired <= TIMES * expected or poisson_tail(fired, expected) >= CHANCE:
        return None
    return Excess(fired, rows, expected)


def poisson_tail(least: int, mean: float) -> float:
    """The chance of `least` or more events where `mean` are expected; `least` lies above the mean."""
    if mean <= 0:
        return 0.0
    term = exp(-mean + least * log(mean) - lgamma(least + 1))
    total, count = term, least
    while term > total * 1e-12:
        count += 1
        term *= mean / count
        total += term
    return total


class RuleLimits:
    """Looks each minute; publishes too what was kept by somebody who died before it was published."""

    def __init__(self, firings: FiringStore, minutes: MinuteStore, desk: RuleDesk, clock: Clock) -> None:
        self._firings = firings
        self._minutes = minutes
        self._desk = desk
        self._clock = clock
        self._due_ms = 0

    def turn(self) -> int:
        """One look if it is due; how many rules went into shadow."""
        now_ms = self._clock.now_ms()
        if now_ms < self._due_ms:
            return 0
        self._due_ms = now_ms + EVERY_MS
        limited = 0
        try:
            for life, version, found in list(self._found(now_ms)):
                self._desk.limit(life.rule_id, version.number, found.told())
                _log.warning("rule_put_into_shadow", rule=life.rule_id, fired=found.fired, rows=found.rows)
                limited += 1
            self._desk.book.forget_ended(now_ms - LATEST_MS)
            self._desk.book.publish()
        except (Conflict, NotFound, Unparsable) as failure:  # somebody works on it: the next look sees it
            _log.warning("rules_not_limited", reason=str(failure))
        return limited

    def _found(self, now_ms: int) -> Iterator[tuple[RuleLife, Version, Excess]]:
        since_ms = now_ms - HOUR_MS - now_ms % HOUR_MS
        fired: Counter[tuple[str, int]] = Counter()
        for one in self._firings.firings(LIVE, since_ms, now_ms + HOUR_MS):
            if one.mode == COUNTED:
                fired[one.rule_id, one.version] += one.n
        for life in self._desk.every():
            for version in (one for one in life.versions if one.state in (State.LIVE, State.PART)):
                if n := fired[life.rule_id, version.number]:
                    found = excess(n, self._rows(version, since_ms, now_ms), version.expected_share)
                    if found is not None:
                        yield life, version, found

    def _rows(self, version: Version, since_ms: int, now_ms: int) -> int:
        """Transactions on which the version counted."""
        totals = self._minutes.totals(
            LIVE, max(since_ms, version.counted_since_ms - MINUTE_MS), now_ms + MINUTE_MS
        )
        return sum(totals.values()) * version.percent // 100
