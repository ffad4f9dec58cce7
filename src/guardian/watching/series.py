"""Which slot a status or code has: names are given slots as they are first seen, and never lose them."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from guardian.domain.anomaly import WHOLE_SYSTEM
from guardian.domain.transaction import APPROVED
from guardian.domain.window import BY_CODE, BY_STATUS, series_of
from guardian.watching.parameters import CODE_SLOTS, SLOTS, SPARE_SLOTS, STATUS_SLOTS
from guardian.watching.state import Floats

CALIBRATED_STATUSES: Final = ("denied", "failed", "reversed", "backend_reversed", "refunded", "processing")
"""In the order of the slots, as the noise of each is a parameter."""
APPROVED_CODE: Final = "00"
TOTAL_ROW: Final = 0
APPROVED_ROW: Final = 1
FIRST_SHARE_ROW: Final = 2


class SeriesTable:
    """Six known statuses, eight codes, four spare slots; what comes after that is counted in the total alone.

    So the memory of a stream is bounded, whatever names it is fed.
    """

    def __init__(
        self, statuses: Mapping[str, int] | None = None, codes: Mapping[str, int] | None = None
    ) -> None:
        known = {name: slot for slot, name in enumerate(CALIBRATED_STATUSES)}
        self.statuses: dict[str, int] = dict(statuses) if statuses else known
        self.codes: dict[str, int] = dict(codes) if codes else {}
        self.grown = True
        """A name has been given a slot since the detector last looked."""

    def columns(self, by_status: Mapping[str, int], by_code: Mapping[str, int]) -> tuple[float, Floats]:
        """The total and the counts per slot, shape (SLOTS,); without statuses the codes are the total."""
        counts = np.zeros(SLOTS)
        for status, count in by_status.items():
            slot = None if status == APPROVED else self._status_slot(status)
            if slot is not None:
                counts[slot] += count
        for code, count in by_code.items():
            slot = None if code == APPROVED_CODE else self._code_slot(code)
            if slot is not None:
                counts[slot] += count
        return float(sum((by_status or by_code).values())), counts

    def rows(self) -> list[tuple[int, str]]:
        """Row of the expectation and name of every series, the total first."""
        named = [(FIRST_SHARE_ROW + slot, name) for name, slot in self.statuses.items()]
        coded = [(FIRST_SHARE_ROW + slot, series_of(BY_CODE, code)) for code, slot in self.codes.items()]
        return [(TOTAL_ROW, WHOLE_SYSTEM), (APPROVED_ROW, APPROVED), *named, *coded]

    def name(self, key: int) -> str:
        """The series an alarm key is about."""
        if key < FIRST_SHARE_ROW:
            return WHOLE_SYSTEM
        for by, table in ((BY_STATUS, self.statuses), (BY_CODE, self.codes)):
            for value, slot in table.items():
                if slot == key - FIRST_SHARE_ROW:
                    return series_of(by, value)
        return WHOLE_SYSTEM

    @staticmethod
    def is_code(key: int) -> bool:
        """Whether an alarm key is about an auth code."""
        return 0 <= key - FIRST_SHARE_ROW - STATUS_SLOTS < CODE_SLOTS

    def _status_slot(self, status: str) -> int | None:
        slot = self.statuses.get(status)
        if slot is None and len(self.statuses) < STATUS_SLOTS + SPARE_SLOTS:
            slot = self.statuses[status] = CODE_SLOTS + len(self.statuses)
            self.grown = True
        return slot

    def _code_slot(self, code: str) -> int | None:
        slot = self.codes.get(code)
        if slot is None and len(self.codes) < CODE_SLOTS:
            slot = self.codes[code] = STATUS_SLOTS + len(self.codes)
            self.grown = True
        return slot
