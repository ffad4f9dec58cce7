"""The calendar of a place: what hour it is there, and whether people rest."""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from guardian.domain.clock import HOUR_MS, MINUTE_MS

QUARTER_MS = HOUR_MS // 4
"""Every offset from UTC is a whole number of quarters."""
SATURDAY = 5


class Calendar:
    """By the clock of an IANA zone. Saturdays, Sundays and the given holidays are days of rest."""

    def __init__(self, zone: str = "UTC", holidays: Collection[date] = ()) -> None:
        self._zone = ZoneInfo(zone)
        self._holidays = frozenset(holidays)
        self._known: dict[int, tuple[int, int]] = {}

    def day(self, ms: int) -> tuple[int, int]:
        """1 on a day of rest, else 0, and the minute of the day, at a moment in UTC milliseconds."""
        quarter = ms // QUARTER_MS
        if quarter not in self._known:
            self._known.clear() if len(self._known) > 64 else None
            self._known[quarter] = self._look_up(quarter * QUARTER_MS)
        rest, minute = self._known[quarter]
        return rest, minute + ms % QUARTER_MS // MINUTE_MS

    def _look_up(self, ms: int) -> tuple[int, int]:
        local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(self._zone)
        rest = local.weekday() >= SATURDAY or local.date() in self._holidays
        return int(rest), 60 * local.hour + local.minute
