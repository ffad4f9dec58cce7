"""Counts of one minute of one source."""

import msgspec

BY_STATUS = "status"
BY_CODE = "auth_code"
VIEWS = (BY_STATUS, BY_CODE)


class MinuteCounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a source counted in the minute that starts at `minute_ms`, under one view.

    `counts` by status and by code are two views of one traffic and never add up.
    `received_ms` is when the count reached Guardian. `last` closes the source: nothing follows.
    """

    source: str
    minute_ms: int
    by: str
    counts: dict[str, int]
    received_ms: int
    last: bool = False


class SeriesPoint(msgspec.Struct, frozen=True):
    """One judged minute of one series: what was seen and the range that was expected before."""

    source: str
    series: str
    minute_ms: int
    observed: int
    expected: float
    low: float
    high: float
    learning: bool = False


def series_of(by: str, value: str) -> str:
    """The series name of a status (`denied`) or an auth code (`auth_59`)."""
    return f"auth_{value}" if by == BY_CODE else value
