"""Opaque cursors: where a page ended."""

import base64
import re

from guardian.domain.errors import Invalid

_LONGEST = 1_024
_CURSOR = re.compile(r"(-?[0-9]{1,19}):(.*)", re.DOTALL)


def encode(place: int, name: str = "") -> str:
    """A cursor after that place."""
    return base64.urlsafe_b64encode(f"{place}:{name}".encode()).decode().rstrip("=")


def decode(cursor: str) -> tuple[int, str]:
    """Where to go on. Raises Invalid when the text is no cursor of ours."""
    found = _CURSOR.fullmatch(_plain(cursor))
    if found is None or not -(1 << 63) <= int(found[1]) < 1 << 63:
        raise Invalid("cursor: not one that a page has returned.")
    return int(found[1]), found[2]


def _plain(cursor: str) -> str:
    if len(cursor) > _LONGEST:
        return ""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        return ""
