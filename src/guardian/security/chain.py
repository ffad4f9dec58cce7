"""Whether the audit log is still what was written."""

from collections.abc import Iterable

from guardian.domain.audit import GENESIS, chain_digest
from guardian.storage.base import AuditEntry


def verify(entries: Iterable[AuditEntry], after: AuditEntry | None = None) -> int | None:
    """The first sequence that is missing, swapped or changed, None when all is whole.

    `after` is the last entry already found whole; None when the log is read from its beginning.
    """
    previous, sequence = (GENESIS, 0) if after is None else (after.digest, after.sequence)
    for entry in entries:
        sequence += 1
        facts = (sequence, entry.at_ms, entry.actor, entry.action, entry.target)
        if entry.sequence != sequence or entry.digest != chain_digest(previous, facts, entry.detail):
            return sequence
        previous = entry.digest
    return None
