"""A file of transactions as the system would have met them: validated, each once, in event order."""

from datetime import tzinfo
from pathlib import Path

import msgspec

from guardian.domain.clock import SystemClock
from guardian.domain.errors import Unreadable
from guardian.domain.transaction import DEFAULT_STATUSES, Transaction
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.files import read_transactions

SOURCE = "backtest"


class OrderedFile(msgspec.Struct, frozen=True):
    """What a file held; `rejected` lines and `repeated` transactions are only counted."""

    transactions: list[Transaction]
    rejected: int
    repeated: int


def read_ordered(path: Path, zone: tzinfo) -> OrderedFile:
    """By the import's rules; a row without an id is named after its line. Raises Unreadable."""
    acceptor = Acceptor(DEFAULT_STATUSES, SystemClock(), frozenset)
    taken: dict[tuple[str, str], Transaction] = {}
    rejected = accepted = 0
    for batch in read_transactions(path, zone):
        rows = [
            {"transaction_id": f"line-{line}", **row, "source": SOURCE}
            for line, row in zip(batch.lines, batch.rows, strict=True)
        ]
        rejected += len(batch.rejects)
        if not rows:
            continue
        read = acceptor.many(msgspec.json.encode({"transactions": rows}), lines=False)
        rejected += len(read.rejected)
        accepted += len(read.transactions)
        for one in read.transactions:
            taken.setdefault((one.merchant_id, one.transaction_id), one)
    if not taken:
        raise Unreadable("No line of the file could be read as a transaction.")
    return OrderedFile(sorted(taken.values(), key=lambda one: one.event_ms), rejected, accepted - len(taken))
