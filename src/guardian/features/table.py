"""Row numbers of keys: tables that grow by doubling and, once full, recycle idle keys."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS
from guardian.features.columns import Key
from guardian.features.windows import Rings, empty_rings

FIRST_ROWS = 1_024
LEAST_RECYCLED = 0.1
"""Share of the keys that goes at once, so that recycling stays rare."""


class _Index(dict[Key, int]):
    """Key to row; a missing key is given a new row, so that a batch is one pass."""

    def __init__(self, new_row: Callable[[], int]) -> None:
        super().__init__({None: -1})
        self._new_row = new_row

    def __missing__(self, key: Key) -> int:
        row = self[key] = self._new_row()
        return row


class KeyTable:
    """The rings of one kind of key. A key of None is row -1."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._index = _Index(self._new_row)
        self._free: list[int] = []
        self._used = 0
        self._serial = 0
        self.rings = empty_rings(min(FIRST_ROWS, bound))

    def __len__(self) -> int:
        return len(self._index) - 1

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays, whether already touched or not."""
        return sum(array.nbytes for array in self.rings)

    def fits(self, keys: Sequence[Key]) -> bool:
        """Whether all keys find a row without recycling."""
        room = self._bound - len(self)
        if room >= len(keys):
            return True
        return len({key for key in keys if key not in self._index}) <= room

    def rows_of(self, keys: Sequence[Key]) -> NDArray[np.int32]:
        """The row of each key, new keys getting one."""
        return np.fromiter(map(self._index.__getitem__, keys), np.int32, len(keys))

    def copy_of(self, key: Key) -> Rings:
        """A table of one row: what is known of the key, or nothing."""
        row = self._index.get(key)
        if row is None or row < 0:
            alone = empty_rings(1)
            alone.stamps[0, 2] = self._serial + 1
            return alone
        heads, cells, history, stamps = (array[row : row + 1].copy() for array in self.rings)
        return Rings(heads, cells, history, stamps)  # type: ignore[arg-type]

    def state(self) -> tuple[list[Key], dict[str, NDArray[np.generic]]]:
        """Keys, and the arrays of their rows in the same order: views, until a key was recycled."""
        keys = list(self._index)[1:]
        rows = np.fromiter((self._index[key] for key in keys), np.int64, len(keys))
        chosen = slice(len(keys)) if np.array_equal(rows, np.arange(len(keys))) else rows
        arrays: dict[str, NDArray[np.generic]] = {
            name: array[chosen] for name, array in self.rings._asdict().items()
        }
        return keys, arrays

    def restore(self, keys: Sequence[Key], arrays: dict[str, NDArray[np.generic]], serial: int) -> None:
        """Become what `state` gave. Raises ValueError when keys and arrays do not belong together."""
        if len(keys) > self._bound or any(len(array) != len(keys) for array in arrays.values()):
            raise ValueError("keys and arrays differ in length")
        rows = min(self._bound, max(FIRST_ROWS, 1 << len(keys).bit_length()))
        rings = empty_rings(rows)
        for name in Rings._fields:
            getattr(rings, name)[: len(keys)] = arrays[name]
        self.rings = rings
        self._index = _Index(self._new_row)
        self._index.update((key, row) for row, key in enumerate(keys))
        self._free = []
        self._used = len(keys)
        self._serial = serial

    @property
    def serial(self) -> int:
        """Serial number of the key that came last; numbers are never given twice."""
        return self._serial

    def _new_row(self) -> int:
        if len(self) >= self._bound:
            self._recycle()
        if self._free:
            row = self._free.pop()
        else:
            row = self._used
            self._used += 1
            if row >= len(self.rings.cells):
                self._grow()
        self._serial += 1
        self.rings.stamps[row, 2] = self._serial
        return row

    def _grow(self) -> None:
        rows = len(self.rings.cells)
        larger = empty_rings(min(self._bound, rows * 2))
        for name in Rings._fields:
            getattr(larger, name)[:rows] = getattr(self.rings, name)
        self.rings = larger

    def _recycle(self) -> None:
        """Forget keys idle for a day, or at least the tenth that has been idle longest.

        Ties go by serial number, so that the outcome does not hang on row numbers.
        """
        newest_ms = self.rings.stamps[: self._used, 1]
        order = np.lexsort((self.rings.stamps[: self._used, 2], newest_ms))
        idle = int((newest_ms < newest_ms.max() - DAY_MS).sum())
        gone = order[: max(idle, int(len(order) * LEAST_RECYCLED), 1)]
        dropped = set(gone.tolist())
        for key in [key for key, row in self._index.items() if row in dropped]:
            del self._index[key]
        for array in self.rings:
            array[gone] = 0
        self._free = gone.tolist()
