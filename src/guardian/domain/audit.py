"""How entries of the audit log are chained, so that an edit, a gap or a swap shows."""

import json
from collections.abc import Mapping
from hashlib import sha256

GENESIS = ""


def chain_digest(previous: str, facts: tuple[int, int, str, str, str], detail: Mapping[str, str]) -> str:
    """SHA-256 over the digest before and this entry: (sequence, at_ms, actor, action, target), detail."""
    canonical = json.dumps([previous, *facts, dict(sorted(detail.items()))], separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
