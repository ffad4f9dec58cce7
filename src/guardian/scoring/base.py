"""What the score stage asks of a judge of single transactions."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.transaction import Transaction
from guardian.domain.verdict import Reason, Verdict
from guardian.storage.base import StoredTransaction


class VerdictColumns(msgspec.Struct, frozen=True):
    """Verdicts of one batch as columns; see `storage.base.Judged` for the meaning of each."""

    ml_score: NDArray[np.float32]
    zscore: NDArray[np.float32]
    score: NDArray[np.float32]
    level: NDArray[np.uint8]
    method: NDArray[np.uint8]
    rules: Sequence[str]
    features: NDArray[np.float32]
    model_version: str
    rules_version: str = ""
    rule_versions: Mapping[str, int] = {}


class Judge(Protocol):
    """Judges transactions in the order given, remembering what it has seen.

    Promises: the same transactions in the same order give the same columns in any batch size;
    `remember` changes the memory just as `judge` does; a snapshot restored elsewhere goes on
    as if nothing had happened.
    """

    def judge(self, transactions: Sequence[Transaction]) -> VerdictColumns:
        """Judge a batch and remember it."""
        ...

    def remember(self, transactions: Sequence[Transaction]) -> None:
        """Only remember (used when the log is read again after a restart)."""
        ...

    def would_be(self, transaction: Transaction) -> Verdict:
        """The verdict it would get now; nothing is remembered."""
        ...

    def explain(self, stored: Sequence[StoredTransaction]) -> list[Verdict]:
        """The full verdicts of stored ones, reasons rendered from their stored features."""
        ...

    def reasons(self, features: NDArray[np.float32]) -> list[tuple[Reason, ...]]:
        """For each row the features that matter most against their usual range, heaviest first."""
        ...

    def save(self, path: str) -> None:
        """Write the memory to a file, atomically. Raises Unavailable."""
        ...

    def load(self, path: str) -> None:
        """Restore what `save` wrote. Raises Poisoned when the file is not of this version."""
        ...
