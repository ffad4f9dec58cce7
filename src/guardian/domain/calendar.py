"""The calendar of a place: what hour it is there, whether people rest, and which days are like no other."""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from guardian.domain.clock import HOUR_MS, MINUTE_MS

QUARTER_MS = HOUR_MS // 4
"""Every offset from UTC is a whole number of quarters."""
SATURDAY = 5
EVE_MS, MORNING_MS = 4 * HOUR_MS, 8 * HOUR_MS
"""An unusual day begins on its eve and is over on the morning after."""
HOLIDAY, PAY_DAY = "holiday", "pay-day"
_REMEMBERED = 64


class Calendar:
    """By the clock of an IANA zone. Saturdays, Sundays and the given holidays are days of rest.

    On holidays and pay-days the traffic is not what it is on other days.
    """

    def __init__(
        self, zone: str = "UTC", holidays: Collection[date] = (), pay_days: Collection[date] = ()
    ) -> None:
        self._zone = ZoneInfo(zone)
        self._holidays = frozenset(holidays)
        self._unusual = self._holidays | frozenset(pay_days)
        self._known: dict[int, tuple[int, int]] = {}

    def day(self, ms: int) -> tuple[int, int]:
        """1 on a day of rest, else 0, and the minute of the day, at a moment in UTC milliseconds."""
        quarter = ms // QUARTER_MS
        if quarter not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[quarter] = self._look_up(quarter * QUARTER_MS)
        rest, minute = self._known[quarter]
        return rest, minute + ms % QUARTER_MS // MINUTE_MS

    def unusual(self, ms: int) -> bool:
        """Whether the moment belongs to a holiday or pay-day, its eve or the morning after."""
        return bool(self._unusual) and any(
            self._local(at_ms).date() in self._unusual for at_ms in (ms, ms + EVE_MS, ms - MORNING_MS)
        )

    def _look_up(self, ms: int) -> tuple[int, int]:
        local = self._local(ms)
        rest = local.weekday() >= SATURDAY or local.date() in self._holidays
        return int(rest), 60 * local.hour + local.minute

    def _local(self, ms: int) -> datetime:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(self._zone)


def read_calendar(lines: Iterable[str], zone: str) -> Calendar:
    """From lines such as `2026-12-25 holiday Christmas` and `2026-11-30 pay-day`; # begins a remark.

    Raises ValueError, naming the line, where one is neither.
    """
    days: dict[str, set[date]] = {HOLIDAY: set(), PAY_DAY: set()}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) < 2 or words[1] not in days:
            raise ValueError(f"line {number}: expected a date and {HOLIDAY} or {PAY_DAY}")
        try:
            days[words[1]].add(date.fromisoformat(words[0]))
        except ValueError:
            raise ValueError(f"line {number}: expected a date such as 2026-12-25") from None
    return Calendar(zone, days[HOLIDAY], days[PAY_DAY])
