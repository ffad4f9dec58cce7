"""Lists as people write them: a line for each entry, `value; reason; until`, maybe without the last."""

from datetime import datetime
from zoneinfo import ZoneInfo

from guardian.console.formats import Formats
from guardian.domain.clock import iso
from guardian.domain.errors import Invalid
from guardian.scoring.rules.lists import Entry, NamedList


def entries_of(text: str, formats: Formats) -> tuple[Entry, ...]:
    """The entries of the lines. Raises Invalid for a line without a reason, or with a time that is none."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        value, *rest = (part.strip() for part in line.split(";"))
        if not value or not rest or len(rest) > 2:
            raise Invalid(f"Line {number}: expected value; reason; until.")
        found.append(Entry(value, rest[0], until_of(rest[1], formats) or 0 if len(rest) == 2 else 0))
    return tuple(found)


def text_of(one: NamedList | None) -> str:
    """The lines of a list."""
    if one is None:
        return ""
    return "\n".join(
        "; ".join([entry.value, entry.reason, *([iso(entry.until_ms)] if entry.until_ms else [])])
        for entry in one.entries
    )


def until_of(text: str, formats: Formats) -> int | None:
    """A local time, or one with its zone, in ms; None when nothing was written. Raises Invalid."""
    if not text.strip():
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise Invalid("Expected a time such as 2026-12-24T18:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(formats.zone))
    return round(moment.timestamp() * 1000)
