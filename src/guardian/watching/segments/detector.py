"""The detector of the segments of one stream: a pure state machine around the compiled minute."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.errors import Invalid, Poisoned
from guardian.domain.segment import series_of_segment
from guardian.domain.window import SeriesPoint
from guardian.watching.asked import Asked
from guardian.watching.change import Change
from guardian.watching.segments.kernel import EXPECTED, add, judge, minute_by_minute, rotate
from guardian.watching.segments.parameters import DELAY, DIRECTIONS, RING, WINDOWS
from guardian.watching.segments.state import FOUND, ROW
from guardian.watching.segments.table import SegmentTable
from guardian.watching.tail import central_range

VERSION = 1
"""Raise it whenever the shape or meaning of the state changes."""
MOST_AT_ONCE = 200
"""Alarms a minute may open and close; what is beyond waits for the next."""
_BY = "+"
_JOINT = "\x1f"
Columns = Mapping[str, Sequence[str | None]]


class Found(Change, frozen=True, kw_only=True):
    """A series of a segment left its range."""

    where: dict[str, str]
    status: str | None
    minute_ms: int

    @property
    def series(self) -> str:
        """Its name."""
        return series_of_segment(self.where, self.status)


class Snapshot(msgspec.Struct, frozen=True):
    """All a detector remembers."""

    version: int
    source: str
    dimensions: tuple[str, ...]
    next_minute_ms: int | None
    names: list[tuple[int, str] | None]
    statuses: dict[str, int]
    active: bytes
    open: dict[int, Found]
    rows: bytes


class Judgement(msgspec.Struct, frozen=True):
    """What one minute brought: what left its range, the highest score first, what is back, and the points.

    Points are those of series in alarm: of the hour before it opened, and of every minute until it is over.
    """

    found: tuple[Found, ...] = ()
    over: tuple[Found, ...] = ()
    points: tuple[SeriesPoint, ...] = ()


class SegmentDetector:
    """Judges the segments of a stream minute by minute, without looking ahead.

    Each series is a share of its parent, learnt by hour and kind of day from an hour ago back. Fed the
    same minutes it says the same.
    """

    def __init__(self, source: str, asked: Asked) -> None:
        self.source = source
        self.next_minute_ms: int | None = None
        self._asked = asked
        self._dimensions = asked.dimensions
        self._table = SegmentTable(asked.most_series)
        self._active = np.zeros(len(self._dimensions) * DIRECTIONS)
        self._open: dict[int, Found] = {}

    @property
    def series(self) -> int:
        """How many series are remembered."""
        return int(np.count_nonzero(self._table.used["kind"]))

    @property
    def turned_away(self) -> int:
        """Series that found no room since the start, once for each minute that brought them."""
        return self._table.turned_away

    def judge(self, minute_ms: int, columns: Columns, expected: float) -> Judgement:
        """Feed the next minute.

        `columns` are the transactions of the minute, `expected` how many there should have been.
        Raises Invalid out of order.
        """
        if minute_ms % MINUTE_MS or self.next_minute_ms not in (None, minute_ms):
            raise Invalid("minutes must be fed in order and without holes")
        n = minute_ms // MINUTE_MS
        self._table.begin(n)
        if minute_ms % HOUR_MS == 0:
            self._table.retire(n)
        rotate(self._table.used, n)
        rows, counts = self._table.touched(
            n, columns["status"], (_column(columns, name) for name in self._dimensions)
        )
        add(self._table.used, n, rows, counts.astype(np.float64))
        add(self._table.used, n, np.array([EXPECTED]), np.array([expected]))
        found, at = np.zeros(MOST_AT_ONCE, FOUND), self._moments(minute_ms)
        opened, closed = judge(self._table.used, n, at, self._active, self._asked.budget_decades, found)
        self.next_minute_ms = minute_ms + MINUTE_MS
        over = [int(row) for row in found["row"][len(found) - closed :]]
        ended = tuple(self._open.pop(row) for row in over if row in self._open)
        begun = {int(one["row"]): self._found(one, minute_ms) for one in found[:opened]}
        points = [*self._points(self._open, n, 1, at), *self._points(begun, n, RING, at)]
        self._open.update(begun)
        return Judgement(tuple(sorted(begun.values(), key=lambda one: -one.score)), ended, tuple(points))

    def to_bytes(self) -> bytes:
        """Everything that is remembered, for a checkpoint."""
        return msgspec.msgpack.encode(
            Snapshot(
                VERSION,
                self.source,
                self._dimensions,
                self.next_minute_ms,
                self._table.names,
                self._table.statuses,
                self._active.tobytes(),
                self._open,
                self._table.used.tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes, asked: Asked) -> "SegmentDetector":
        """Go on where a checkpoint was made. Raises Poisoned when it is not one of this version."""
        try:
            kept = msgspec.msgpack.decode(data, type=Snapshot)
        except msgspec.MsgspecError as error:
            raise Poisoned("a checkpoint of segments cannot be read") from error
        if (kept.version, kept.dimensions) != (VERSION, asked.dimensions) or len(kept.rows) % ROW.itemsize:
            raise Poisoned("a checkpoint of segments is of another version or of other dimensions")
        detector = cls(kept.source, asked)
        detector._table.restore(np.frombuffer(kept.rows, ROW).copy(), kept.names, kept.statuses)
        detector._active = np.frombuffer(kept.active).copy()
        detector._open = dict(kept.open)
        detector.next_minute_ms = kept.next_minute_ms
        return detector

    def _moments(self, minute_ms: int) -> NDArray[np.float64]:
        """The middle of each window, then the minute to learn; see `kernel.learnt` for the columns."""
        middles = [minute_ms - int(width) * MINUTE_MS // 2 for width in WINDOWS]
        return np.array([self._moment(ms) for ms in (*middles, minute_ms - DELAY * MINUTE_MS)])

    def _moment(self, ms: int) -> tuple[float, ...]:
        rest, minute = self._asked.calendar.day(ms)
        hours = minute / 60 - 0.5
        first = int(hours // 1)
        return rest, first % 24, (first + 1) % 24, hours - first, minute // 60, minute % 60

    def _points(
        self, of: Mapping[int, Found], n: int, back: int, at: NDArray[np.float64]
    ) -> Iterator[SeriesPoint]:
        """The last minutes of these rows."""
        minutes = np.zeros((back, 3))
        for row, found in of.items():
            minute_by_minute(self._table.used, row, n, back, at, minutes)
            for minute, (count, mean, variance) in enumerate(minutes.tolist(), n - back + 1):
                low, high = central_range(mean, variance)
                yield SeriesPoint(
                    self.source, found.series, minute * MINUTE_MS, int(count), round(mean, 3), low, high
                )

    def _found(self, one: np.void, minute_ms: int) -> Found:
        dimension, value, status = self._table.named(int(one["row"]))
        names = self._dimensions[dimension].split(_BY)
        return Found(
            where=dict(zip(names, value.split(_JOINT, len(names) - 1), strict=True)),
            status=status,
            minute_ms=minute_ms,
            window_minutes=int(one["window"]),
            rising=bool(one["direction"]),
            score=round(float(one["score"]), 2),
            observed=float(one["observed"]),
            expected=float(one["expected"]),
            variance=float(one["variance"]),
        )


def _column(columns: Columns, name: str) -> Sequence[str | None]:
    """A column, or the pairs of two where both are known."""
    parts = [columns[part] for part in name.split(_BY)]
    if len(parts) == 1:
        return parts[0]
    return [_JOINT.join(pair) if None not in pair else None for pair in zip(*parts, strict=True)]
