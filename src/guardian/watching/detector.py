"""The detector of one stream: a pure state machine around the compiled minute."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from guardian.domain.anomaly import Anomaly
from guardian.domain.calendar import Calendar
from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.errors import Invalid
from guardian.domain.forecast import Forecast, Range
from guardian.domain.window import SeriesPoint
from guardian.watching.ahead import look_ahead
from guardian.watching.change import Change
from guardian.watching.minute import judge_minute
from guardian.watching.parameters import SLOTS, TESTS
from guardian.watching.series import APPROVED_ROW, FIRST_SHARE_ROW, TOTAL_ROW, SeriesTable
from guardian.watching.snapshot import Snapshot, pack, unpack
from guardian.watching.state import (
    CALIBRATED,
    HAS_CURVE,
    NOTICE,
    OPEN,
    PREDICTED,
    SEEN,
    SENDS,
    TEST,
    UNUSUAL,
    VARIANCE,
    Floats,
    State,
    new_state,
    state_of,
)

DENIED = "denied"


class Judgement(msgspec.Struct, frozen=True):
    """What one minute brought: anomalies raised, anomalies that are over, and every series' point."""

    anomalies: tuple[Anomaly, ...] = ()
    over: tuple[Anomaly, ...] = ()
    """The anomalies raised earlier whose series is back in range, with `over_ms` set."""
    points: tuple[SeriesPoint, ...] = ()
    noticed: tuple[Anomaly, ...] = ()
    """What was odd, but not odd enough for a page; `paged` is false."""


class StreamDetector:
    """Judges a stream minute by minute without looking ahead.

    A frozen-origin negative-binomial scan: each window of 1 to 60 minutes is compared with the level
    as it stood before the window, rolled forward with its uncertainty. Fed the same minutes it says
    the same; memory is fixed at about 330 kB: 8 codes and 4 unlisted statuses, further ones are
    counted in the total alone. `budget_decades` 0 asks for one page a week over all series,
    0.6 for one in four, -0.85 for one a day.
    """

    def __init__(self, source: str, budget_decades: float = 0.0) -> None:
        self.source = source
        self.next_minute_ms: int | None = None
        self.budget_decades = budget_decades
        self.calendar: Calendar | None = None
        """Of the days like no other; without one there are none."""
        self._state: State = new_state()
        self._series = SeriesTable()
        self._rows: Sequence[tuple[int, str]] = ()
        self._open: dict[int, tuple[Anomaly, ...]] = {}

    def judge(
        self,
        minute_ms: int,
        by_status: Mapping[str, int],
        by_code: Mapping[str, int],
        with_points: bool = True,
    ) -> Judgement:
        """Feed the next minute; empty mappings where nothing happened. Raises Invalid out of order."""
        if minute_ms % MINUTE_MS or self.next_minute_ms not in (None, minute_ms):
            raise Invalid("minutes must be fed in order and without holes")
        total, counts = self._series.columns(by_status, by_code)
        if self._series.grown:
            self._rows = self._series.rows()
            self._state.used[[*self._series.statuses.values(), *self._series.codes.values()]] = 1
            self._series.grown = False
        self._state.minute[UNUSUAL] = self.calendar is not None and self.calendar.unusual(minute_ms)
        judge_minute(self._state, minute_ms % DAY_MS // MINUTE_MS, total, counts, self.budget_decades)
        self.next_minute_ms = minute_ms + MINUTE_MS
        points = self._points(minute_ms, total, counts) if with_points else ()
        raised, noticed = self._raised(minute_ms)
        return Judgement(raised, self._over(minute_ms), points, noticed)

    def forecast(self, skipped: int, minutes: int) -> Forecast:
        """So many of the coming minutes, the next ones skipped; without series on the first day."""
        first_ms = (self.next_minute_ms or 0) + skipped * MINUTE_MS
        if not self._state.clock[HAS_CURVE]:
            return Forecast(self.source, first_ms, {})
        ahead = np.empty((minutes, SLOTS + FIRST_SHARE_ROW, 3))
        look_ahead(state_of(self._state.tobytes()), skipped, ahead)
        ranges = {name: ahead[:, row].tolist() for row, name in self._series.rows()}
        return Forecast(
            self.source,
            first_ms,
            {
                name: tuple(Range(round(mean, 3), low, high) for mean, low, high in rows)
                for name, rows in ranges.items()
            },
        )

    def to_bytes(self) -> bytes:
        """Everything that is remembered, for a checkpoint."""
        return pack(
            Snapshot(
                source=self.source,
                next_minute_ms=self.next_minute_ms,
                budget_decades=self.budget_decades,
                statuses=self._series.statuses,
                codes=self._series.codes,
                open=self._open,
                state=self._state.tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "StreamDetector":
        """Go on where a checkpoint was made. Raises Poisoned when it is not one of this version."""
        snapshot, state = unpack(data)
        detector = cls(snapshot.source, snapshot.budget_decades)
        detector.next_minute_ms = snapshot.next_minute_ms
        detector._state = state
        detector._series = SeriesTable(snapshot.statuses, snapshot.codes)
        detector._open = dict(snapshot.open)
        return detector

    def _raised(self, minute_ms: int) -> tuple[tuple[Anomaly, ...], tuple[Anomaly, ...]]:
        """Anomalies that page, and those that do not."""
        raised: list[Anomaly] = []
        noticed: list[Anomaly] = []
        sends = self._state.score[:, SENDS]
        for key in np.flatnonzero(sends).tolist():
            found = self._anomalies(key, minute_ms)
            if sends[key] == NOTICE:
                noticed.extend(msgspec.structs.replace(one, paged=False) for one in found)
                continue
            self._open[key] = (*self._open.get(key, ()), *found)
            raised.extend(found)
        return tuple(raised), tuple(noticed)

    def _over(self, minute_ms: int) -> tuple[Anomaly, ...]:
        if not self._open:
            return ()
        alarms = self._state.key
        closed = [key for key in self._open if alarms[key, OPEN] == 0]
        return tuple(
            msgspec.structs.replace(anomaly, over_ms=minute_ms)
            for key in closed
            for anomaly in self._open.pop(key)
        )

    def _anomalies(self, key: int, minute_ms: int) -> Sequence[Anomaly]:
        """One for the series; a code's is said of the denials as well, as it is they that it explains."""
        name = self._series.name(key)
        statuses = (name, DENIED) if SeriesTable.is_code(key) else (name,)
        return [self._anomaly(key, name, status, minute_ms) for status in statuses]

    def _anomaly(self, key: int, name: str, status: str, minute_ms: int) -> Anomaly:
        row = self._state.score[key]
        change = Change(
            window_minutes=int(TESTS[int(row[TEST]), 0]),
            rising=key != 0,
            score=float(row[CALIBRATED]),
            observed=float(row[SEEN]),
            expected=float(row[PREDICTED]),
            variance=float(row[VARIANCE]),
        )
        anomaly = change.anomaly(self.source, name, status, minute_ms, self.budget_decades)
        already = self._open.get(key)
        return msgspec.structs.replace(anomaly, start_ms=already[0].start_ms) if already else anomaly

    def _points(self, minute_ms: int, total: float, counts: Floats) -> tuple[SeriesPoint, ...]:
        learning = not self._state.clock[HAS_CURVE]
        in_slots = counts.tolist()
        others = sum(in_slots[slot] for slot in self._series.statuses.values())
        seen = {TOTAL_ROW: total, APPROVED_ROW: max(0.0, total - others)}
        expected = self._state.expected.tolist()
        return tuple(
            SeriesPoint(
                source=self.source,
                series=name,
                minute_ms=minute_ms,
                observed=int(seen[row] if row < FIRST_SHARE_ROW else in_slots[row - FIRST_SHARE_ROW]),
                expected=round(expected[row][0], 3),
                low=expected[row][1],
                high=expected[row][2],
                learning=learning,
            )
            for row, name in self._rows
        )
