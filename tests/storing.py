"""Transactions as a store keeps them, without anything of their judgement that matters."""

from collections.abc import Sequence

import numpy as np

from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged


def unscored(transactions: Sequence[Transaction], start: int = 0) -> Judged:
    """A batch at the positions from `start` on, of which no model said anything."""
    n = len(transactions)
    none, level = np.zeros(n, np.float32), np.zeros(n, np.uint8)
    return Judged(
        transactions=transactions,
        positions=range(start, start + n),
        ml_score=none,
        zscore=none,
        score=none,
        level=level,
        method=level,
        rules=[""] * n,
        features=np.zeros((n, 1), np.float32),
        model_version="",
        processing_ms=0.0,
    )
