"""The times that files hold."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from guardian.domain.errors import Invalid
from guardian.ingestion.schema import refuse

# what fromisoformat reads beyond this (week dates, missing separators) is more likely a mistake
_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    r"\s?(Z|[+-][0-9]{2}:?[0-9]{2})?",
    re.ASCII | re.IGNORECASE,
)


def zone_of(name: str) -> tzinfo:
    """The zone of that name (IANA). Raises Invalid when there is none."""
    if name.upper() == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("tz: expected a time zone such as America/Sao_Paulo.") from error


def file_time(value: str | datetime, zone: tzinfo) -> int:
    """UTC milliseconds of a time; one without a zone is in `zone`. Raises Invalid when it is none."""
    try:
        moment = value if isinstance(value, datetime) else _parse(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        at_ms = int(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise refuse("/timestamp", "time", "Expected a time such as 2026-11-19T05:47:12Z.") from error
    if at_ms < 0:
        raise refuse("/timestamp", "past", "Expected a time after 1970.")
    return at_ms


def _parse(text: str) -> datetime:
    if not _FORM.fullmatch(text):
        raise ValueError("not the form of a time")
    return datetime.fromisoformat(text.replace(" Z", "Z").upper())
