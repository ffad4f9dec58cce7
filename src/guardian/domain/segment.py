"""Segments: the part of the traffic that has given values, and the names of its series."""

from collections.abc import Mapping
from urllib.parse import quote, unquote

SEGMENTED = ("acquirer", "merchant_id", "card_bin", "auth_code")
"""The columns of a transaction whose values may have series of their own."""
_PLAIN = " :/@*#+()[]"
"""Left as it is in names, beside letters, digits and `_.-~`; a comma or equals sign would be read as ours."""


def series_of_segment(where: Mapping[str, str], status: str | None = None) -> str:
    """`acquirer=acq_b,status=denied`: the series of a segment, or of a status within it."""
    pairs = [*where.items(), *([("status", status)] if status is not None else [])]
    return ",".join(f"{name}={quote(value, safe=_PLAIN)}" for name, value in pairs)


def segment_of(series: str) -> dict[str, str]:
    """The values that a series is about; empty where it is not one of a segment."""
    pairs = [pair.partition("=") for pair in series.split(",")]
    return {name: unquote(value) for name, _, value in pairs} if all(pair[1] for pair in pairs) else {}
