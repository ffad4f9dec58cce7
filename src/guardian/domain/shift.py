"""Shifts: the hours of a day, by the clock of a place."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo


def shift_hours(text: str) -> tuple[tuple[int, int], ...]:
    """`00-08,08-16,16-24` as hours. Raises ValueError unless the shifts fill a day, one after the other."""
    hours = [tuple(map(int, one.split("-"))) for one in text.replace(" ", "").split(",")]
    if any(len(one) != 2 or not (0 <= one[0] < 24 and 0 < one[1] <= 24) for one in hours):
        raise ValueError("expected hours such as 00-08,08-16,16-24")
    pairs = tuple((start, end) for start, end in hours)
    meet = all(end % 24 == start for (_, end), (start, _) in pairwise((*pairs, pairs[0])))
    if not meet or sum((end - start) % 24 or 24 for start, end in pairs) != 24:
        raise ValueError("the shifts must fill a day, one after the other")
    return pairs


def shifts(
    hours: Sequence[tuple[int, int]], zone: str, since_ms: int, until_ms: int
) -> list[tuple[int, int]]:
    """The shifts that begin in the span by the clock of the zone, oldest first."""
    place = ZoneInfo(zone)
    day = datetime.fromtimestamp(since_ms / 1000, UTC).astimezone(place).date() - timedelta(days=1)
    last = datetime.fromtimestamp(until_ms / 1000, UTC).astimezone(place).date()
    found = []
    while day <= last:
        for start, end in hours:
            following = day + timedelta(days=1) if end <= start or end == 24 else day
            began = _ms(datetime.combine(day, time(start), place))
            ends = _ms(datetime.combine(following, time(end % 24), place))
            if since_ms <= began < until_ms:
                found.append((began, ends))
        day += timedelta(days=1)
    return sorted(found)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
