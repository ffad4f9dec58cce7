"""A stretch of minute counts as arrays: what a detector can be shown again."""

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import MINUTE_MS
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
    """What a source really counted in these minutes."""
    span = range(since_ms, until_ms, MINUTE_MS)
    statuses, by_status = _table(
        minutes.counts(source, BY_STATUS, since_ms, until_ms), span, DEFAULT_STATUSES
    )
    codes, by_code = _table(minutes.counts(source, BY_CODE, since_ms, until_ms), span, ())
    return Stretch(since_ms, statuses, codes, by_status, by_code)


def _table(
    found: Mapping[int, Mapping[str, int]], span: range, known: Sequence[str]
) -> tuple[tuple[str, ...], Numbers]:
    totals: Counter[str] = Counter()
    for counts in found.values():
        totals.update(counts)
    others = sorted(totals.keys() - set(known), key=lambda name: (-totals[name], name))
    room = MOST_NAMES - len(known)
    names = (*known, *others[:room], *([OTHERS] if len(others) > room else []))
    place = {name: column for column, name in enumerate(names)}
    table = np.zeros((len(span), len(names)), np.int64)
    for row, minute_ms in enumerate(span):
        for name, count in found.get(minute_ms, {}).items():
            column = place.get(name, len(names) - 1)
            table[row, column] = min(HIGHEST, int(table[row, column]) + count)
    return names, table
