"""All stores of one back end, as the map of stages is given them."""

from pathlib import Path
from typing import Protocol

from guardian.storage.base import AuditLog, MinuteStore, Records, Transactions
from guardian.storage.casebook import Casebook
from guardian.storage.labels import LabelStore


class Stores(Protocol):
    """What one back end keeps."""

    @property
    def transactions(self) -> Transactions:
        """Transactions with their verdicts."""
        ...

    @property
    def minutes(self) -> MinuteStore:
        """Counts and judged series."""
        ...

    @property
    def records(self) -> Records:
        """Low-volume nouns."""
        ...

    @property
    def audit(self) -> AuditLog:
        """Who did what."""
        ...

    @property
    def casebook(self) -> Casebook:
        """Which case holds which transaction."""
        ...

    @property
    def labels(self) -> LabelStore:
        """What was said of transactions."""
        ...


class Store(Stores, Protocol):
    """The stores of one back end, and the care of them."""

    def check(self) -> list[str]:
        """What is wrong with it; empty when nothing is."""
        ...

    def backup(self, target: Path) -> None:
        """Copy everything into an empty folder while it works."""
        ...

    def close(self) -> None:
        """Let go."""
        ...
