"""Stored transactions as columns, oldest first, block by block: only what is asked for is read."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import numpy as np

from guardian.storage.base import NUMBERS, TEXTS, HistoryBlock
from guardian.storage.sqlite.rows import PLACE_BITS, PLAIN, unpacked

BLOCK_ROWS = 20_000
_COLUMNS = (*PLAIN, "ml_score", "zscore", "level")
_FLOAT_BYTES = 4


class HistoryReader:
    """Reads blocks of the columns of these names, with `features` columns of features unless 0.

    What is packed into `rest` costs its decoding, so it is read only when something of it is wanted.
    """

    def __init__(self, names: Sequence[str], features: int) -> None:
        unknown = set(names) - {*NUMBERS, *TEXTS}
        if unknown:
            raise ValueError(f"there is no column {min(unknown)}")
        self._names = tuple(names)
        self._plain = [name for name in names if name in _COLUMNS]
        self._packed = [name for name in names if name not in _COLUMNS]
        self._features = features
        wanted = ["place", *self._plain, *["rest"] * bool(self._packed), *["features"] * bool(features)]
        kept = f" AND length(features) = {features * _FLOAT_BYTES}" if features else ""
        self._sql = (
            f"SELECT {', '.join(wanted)} FROM events "
            f"WHERE place >= ? AND place < ? AND source = ?{kept} ORDER BY place LIMIT {BLOCK_ROWS}"
        )

    def block(
        self, connection: sqlite3.Connection, source: str, places: tuple[int, int]
    ) -> tuple[HistoryBlock | None, int | None]:
        """The first block from a place on and the place where the next begins; None when it was the last."""
        rows = connection.execute(self._sql, (*places, source)).fetchall()
        if not rows:
            return None, None
        following = rows[-1][0] + 1 if len(rows) == BLOCK_ROWS else None
        return self._as_block(list(zip(*rows, strict=True))), following

    def _as_block(self, columns: list[tuple[Any, ...]]) -> HistoryBlock:
        rows = len(columns[0])
        features = np.empty((rows, 0), np.float32)
        if self._features:
            features = np.frombuffer(b"".join(columns.pop()), "<f4").reshape(rows, self._features)
        found: dict[str, Sequence[Any]] = {}
        if self._packed:
            found |= zip(self._packed, unpacked(columns.pop(), self._packed), strict=True)
        found |= zip(self._plain, columns[1:], strict=True)
        return HistoryBlock(
            event_ms=np.array(columns[0], np.int64) >> PLACE_BITS,
            numbers={name: np.array(found[name], np.float64) for name in self._names if name in NUMBERS},
            texts={name: found[name] for name in self._names if name in TEXTS},
            features=features,
        )
