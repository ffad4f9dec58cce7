"""Where a browser may be sent to: pages of our own."""

import re

HOME = "/console/overview"
# visible ASCII, no backslash, not //host
_OWN_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def own_path(target: str) -> str:
    """The target if it is a path of our own; anything else goes home."""
    return target if _OWN_PATH.fullmatch(target) else HOME
