"""A stretch of minute counts as arrays: what a detector can be shown again."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.errors import Poisoned
from guardian.domain.transaction import DEFAULT_STATUSES
from guardian.domain.window import BY_CODE, BY_STATUS
from guardian.storage.base import MinuteStore

MOST_NAMES: Final = 24
"""Of each view; what is beyond is one name, as the detector has slots for fewer."""
OTHERS: Final = "others"
HIGHEST: Final = 10**12
"""Counts are cut there, as the detector cuts its logs."""
Numbers = NDArray[np.int64]
Counted = Mapping[int, Mapping[str, int]]
Minute = tuple[int, dict[str, int], dict[str, int]]
"""Its time, and its counts by status and by code."""


class Stretch(msgspec.Struct, frozen=True):
    """Counts of every minute from `first_ms` on, a column for each name; zero where there was nothing."""

    first_ms: int
    statuses: tuple[str, ...]
    """Those everybody knows come first, in their order."""
    codes: tuple[str, ...]
    by_status: Numbers
    by_code: Numbers

    def __len__(self) -> int:
        return len(self.by_status)

    def part(self, start: int, stop: int) -> "Stretch":
        """A copy of its minutes from `start` up to `stop`."""
        first_ms = self.first_ms + start * MINUTE_MS
        by_status, by_code = self.by_status[start:stop].copy(), self.by_code[start:stop].copy()
        return Stretch(first_ms, self.statuses, self.codes, by_status, by_code)

    def minutes(self) -> Iterator[Minute]:
        """As a detector is fed: what did not happen has no entry."""
        rows = zip(self.by_status.tolist(), self.by_code.tolist(), strict=True)
        for number, (statuses, codes) in enumerate(rows):
            by_status = {name: n for name, n in zip(self.statuses, statuses, strict=True) if n}
            by_code = {name: n for name, n in zip(self.codes, codes, strict=True) if n}
            yield self.first_ms + number * MINUTE_MS, by_status, by_code

    def pack(self) -> bytes:
        """All of it, compressed."""
        tables = [np.ascontiguousarray(table.T).tobytes() for table in (self.by_status, self.by_code)]
        return zlib.compress(msgspec.msgpack.encode((self.first_ms, self.statuses, self.codes, *tables)), 6)


Packed = tuple[int, tuple[str, ...], tuple[str, ...], bytes, bytes]


def unpacked(data: bytes) -> Stretch:
    """What was packed. Raises Poisoned when it cannot be read."""
    try:
        first_ms, statuses, codes, *tables = msgspec.msgpack.decode(zlib.decompress(data), type=Packed)
    except (zlib.error, msgspec.MsgspecError) as error:
        raise Poisoned("a stretch of minutes cannot be read") from error
    by_status = np.frombuffer(tables[0], np.int64).reshape(len(statuses), -1).T
    by_code = np.frombuffer(tables[1], np.int64).reshape(len(codes), len(by_status)).T
    return Stretch(first_ms, statuses, codes, by_status, by_code)


def taken(minutes: MinuteStore, source: str, since_ms: int, until_ms: int) -> Stretch:
    """What a source really counted in these minutes, read a day at a time."""
    span = range(since_ms, until_ms, MINUTE_MS)
    statuses, by_status = _table(_days(minutes, source, BY_STATUS, span), span, DEFAULT_STATUSES)
    codes, by_code = _table(_days(minutes, source, BY_CODE, span), span, ())
    return Stretch(since_ms, statuses, codes, by_status, by_code)


def _days(minutes: MinuteStore, source: str, by: str, span: range) -> Iterator[Counted]:
    for since_ms in range(span.start, span.stop, DAY_MS):
        yield minutes.counts(source, by, since_ms, min(since_ms + DAY_MS, span.stop))


def _table(days: Iterable[Counted], span: range, known: Sequence[str]) -> tuple[tuple[str, ...], Numbers]:
    """Names and a column for each: the known ones, then the largest of the others."""
    number = {name: place for place, name in enumerate(known)}
    read = [np.zeros((0, 3), np.int64)]
    for day in days:
        triples = [
            ((minute_ms - span.start) // MINUTE_MS, number.setdefault(name, len(number)), min(HIGHEST, n))
            for minute_ms, counts in day.items()
            for name, n in counts.items()
        ]
        read.append(np.array(triples, np.int64).reshape(-1, 3))
    rows, names, counts = np.concatenate(read).T
    totals = np.bincount(names, counts, len(number)).tolist()
    others = sorted(list(number)[len(known) :], key=lambda name: (-totals[number[name]], name))
    room = MOST_NAMES - len(known)
    shown = (*known, *others[:room], *([OTHERS] if len(others) > room else []))
    place = {name: column for column, name in enumerate(shown)}
    columns = np.array([place.get(name, len(shown) - 1) for name in number], np.int64)
    table = np.zeros((len(span), len(shown)), np.int64)
    np.add.at(table, (rows, columns[names]), counts)
    return shown, np.minimum(table, HIGHEST)
