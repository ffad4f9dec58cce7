"""The port of the registry of models."""

from collections.abc import Sequence
from typing import Protocol

from guardian.models.artefact import ModelArtefact


class ModelRegistry(Protocol):
    """Scoring reads it, learning writes it.

    Promises: a saved version never changes and is found by every later reader, whole or not at
    all; versions sort by age; at most one version is the champion, and promoting is atomic.
    """

    def save(self, artefact: ModelArtefact) -> str:
        """Keep a model under a new version and return it."""
        ...

    def load(self, version: str) -> ModelArtefact:
        """Raises NotFound when there is none, Poisoned when it is damaged or for other features."""
        ...

    def versions(self) -> Sequence[str]:
        """Oldest first."""
        ...

    def champion(self) -> str | None:
        """The version that scores, or None before the first promotion."""
        ...

    def promote(self, version: str) -> None:
        """Make it the champion. Raises NotFound when there is no such version."""
        ...
