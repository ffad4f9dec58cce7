"""Which row a segment, and a status within it, has: created when first seen, retired when long unseen."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import APPROVED
from guardian.watching.segments.kernel import EXPECTED, ROOT
from guardian.watching.segments.parameters import (
    FREE,
    IDLE,
    IDLE_WHEN_FULL,
    MOST_STATUSES,
    STATUS,
    TOTAL,
    VOLUME,
    WITHIN,
)
from guardian.watching.segments.state import ROW, Series

ALL: Final = 0
"""The group that all traffic is."""
FIRST_ROWS: Final = 256
CELLS: Final = 1 + MOST_STATUSES
Numbers = NDArray[np.int64]


class SegmentTable:
    """Groups are values of dimensions; a group has a row for all of it and one for each status seen in it.

    At most `most` rows: when there is no room, segments unseen for a day go, and further ones stay out.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.rows: Series = np.zeros(min(FIRST_ROWS, most), ROW)
        self.statuses: dict[str, int] = {}
        self.names: list[tuple[int, str] | None] = [None]
        """Dimension and value of each group; None for all traffic and for a group that is free."""
        self.turned_away = 0
        """Series that found no room since the start."""
        self._groups: dict[tuple[int, str], int] = {}
        self._cells = np.full((1, CELLS), -1, np.int32)
        self._free: list[int] = []
        self._free_groups: list[int] = []
        self._used = 0

    def begin(self, minute: int) -> None:
        """The rows of all traffic, once, in the first minute."""
        if not self._used:
            self._new(ALL, 0, TOTAL, 0, minute)
            self._new(ALL, 0, TOTAL, 0, minute)
            self._cells[ALL, 0] = ROOT

    def touched(
        self, minute: int, statuses: Sequence[str | None], dimensions: Iterable[Sequence[str | None]]
    ) -> tuple[Numbers, Numbers]:
        """Rows of what came in a minute and the counts of each; `dimensions` are columns of one length."""
        kinds = self._numbered(statuses)
        cells = [_cells_of(np.zeros(len(kinds), np.int64), kinds)]
        for number, column in enumerate(dimensions):
            groups = self._grouped(number, column)
            known = groups != ALL
            cells.append(_cells_of(groups[known], kinds[known]))
        keys, counts = np.unique(np.concatenate(cells), return_counts=True)
        rows = self._cells.reshape(-1)[keys].astype(np.int64)
        for at in np.flatnonzero(rows < 0).tolist():  # all of a segment comes before a status within it
            rows[at] = self._room(*divmod(int(keys[at]), CELLS), minute)
        return rows[rows >= 0], counts[rows >= 0]

    def retire(self, minute: int) -> None:
        """Free the rows of segments long unseen, unless an alarm stands; sooner when there is no room."""
        idle = IDLE if self._room_left else IDLE_WHEN_FULL
        rows = self.rows[: self._used]
        own = (rows["kind"] == VOLUME) & (rows["seen"] < minute - idle)
        open_groups = np.unique(rows["group"][(rows["open"] > 0) & (rows["kind"] != FREE)])
        for group in np.setdiff1d(rows["group"][own], open_groups).tolist():
            held = [row for row in self._cells[group].tolist() if row >= 0]
            self.rows[held] = np.zeros(1, ROW)
            self._free.extend(held)
            self._free_groups.append(group)
            self._cells[group] = -1
            name = self.names[group]
            self.names[group] = None
            if name is not None:
                del self._groups[name]

    def restore(
        self, rows: Series, names: Sequence[tuple[int, str] | None], statuses: Mapping[str, int]
    ) -> None:
        """Take up what was kept of another table; `rows` are those in use, and free ones between them."""
        self.rows, self._used = rows, len(rows)
        self.names, self.statuses = list(names), dict(statuses)
        self._groups = {name: group for group, name in enumerate(self.names) if name is not None}
        self._cells = np.full((len(self.names), CELLS), -1, np.int32)
        used = np.flatnonzero(rows["kind"] != FREE)
        own = used[used != EXPECTED]
        self._cells[rows["group"][own], rows["status"][own]] = own
        self._free = np.flatnonzero(rows["kind"] == FREE).tolist()
        self._free_groups = [group for group, name in enumerate(self.names) if name is None and group != ALL]

    @property
    def used(self) -> Series:
        """The rows in use, and free ones between them."""
        return self.rows[: self._used]

    def named(self, row: int) -> tuple[int, str, str | None]:
        """Dimension, value and status of a row of a segment."""
        dimension, value = self.names[int(self.rows[row]["group"])] or (0, "")
        number = int(self.rows[row]["status"])
        status = next((name for name, at in self.statuses.items() if at == number), None)
        return dimension, value, status

    def _numbered(self, statuses: Sequence[str | None]) -> Numbers:
        """0 is approved, and what came after `MOST_STATUSES` others."""
        for status in dict.fromkeys(statuses):
            if status not in (None, APPROVED, *self.statuses) and len(self.statuses) < MOST_STATUSES:
                self.statuses[str(status)] = 1 + len(self.statuses)
        return np.fromiter((self.statuses.get(str(one), 0) for one in statuses), np.int64, len(statuses))

    def _grouped(self, dimension: int, column: Sequence[str | None]) -> Numbers:
        groups = self._groups
        for value in dict.fromkeys(column):
            if value is not None and (dimension, value) not in groups:
                self._new_group(dimension, value)
        numbers = {value: groups.get((dimension, value), ALL) for value in set(column) if value is not None}
        return np.fromiter((numbers.get(value, ALL) for value in column), np.int64, len(column))  # type: ignore[arg-type]

    def _full(self) -> bool:
        """Whether there is no room for one more, which is counted."""
        full = not self._room_left
        self.turned_away += full
        return full

    @property
    def _room_left(self) -> bool:
        return self._used - len(self._free) < self._most

    def _new_group(self, dimension: int, value: str) -> None:
        if self._full():
            return
        name = dimension, value
        if self._free_groups:
            group = self._free_groups.pop()
            self.names[group] = name
        else:
            group = len(self.names)
            self.names.append(name)
            if group >= len(self._cells):
                more = np.full((len(self._cells), CELLS), -1, np.int32)
                self._cells = np.concatenate([self._cells, more])
        self._groups[name] = group

    def _room(self, group: int, status: int, minute: int) -> int:
        """A new row, or -1 when there is no room."""
        if self._full():
            return -1
        name = self.names[group]
        dimension = name[0] if name is not None else 0
        kind = (VOLUME if status == 0 else WITHIN) if group != ALL else STATUS
        row = self._new(group, status, kind, dimension, minute)
        self._cells[group, status] = row
        if status:
            self._within(row, group, status)
        return row

    def _within(self, row: int, group: int, status: int) -> None:
        """Until now there was none of it among all that was seen of its parent."""
        one, parent = self.rows[row], int(self._cells[group, 0])
        one["parent"], one["peer"] = parent, int(self._cells[ALL, status])
        one["hours"][:, :, 1] = self.rows[parent]["hours"][:, :, 0]
        one["anchor"][1] = self.rows[parent]["anchor"][0]

    def _new(self, group: int, status: int, kind: int, dimension: int, minute: int) -> int:
        if self._free:
            row = self._free.pop()
        else:
            if self._used >= len(self.rows):
                grown = np.zeros(min(2 * len(self.rows), self._most + 2), ROW)
                grown[: self._used] = self.rows
                self.rows = grown
            row, self._used = self._used, self._used + 1
        one = self.rows[row]
        one["group"], one["status"], one["kind"], one["dimension"] = group, status, kind, dimension
        one["born"] = one["seen"] = minute
        one["reset"] = -1
        one["parent"], one["peer"] = (ROOT if kind in (STATUS, VOLUME) else -1), -1
        one["check"] = 1.0
        return row


def _cells_of(groups: Numbers, kinds: Numbers) -> Numbers:
    """Cells of the segments, and of the statuses within them."""
    own = groups * CELLS
    return np.concatenate([own, (own + kinds)[kinds > 0]])
