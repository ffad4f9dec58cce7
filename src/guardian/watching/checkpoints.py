"""Detectors on disk, one file per source, replaced at a stroke."""

import logging
import os
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from guardian.domain.errors import Poisoned, Unavailable

OF_STREAM, OF_SEGMENTS = ".detector", ".segments"
SUFFIXES = (OF_STREAM, OF_SEGMENTS)
T = TypeVar("T")


class Checkpoints:
    """Keeps one file per source under a folder; file names are hashes, safe for any source name."""

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix

    def save(self, source: str, data: bytes) -> None:
        """Durably replace the source's checkpoint. Raises Unavailable when the disk refuses."""
        path = self._path(source)
        fresh = path.with_suffix(f"{self._suffix}.new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise Unavailable("a detector checkpoint cannot be written") from error

    def load(self, source: str, read: Callable[[bytes], T]) -> T | None:
        """What `read` makes of the checkpoint; None when there is none, or none that it can read."""
        try:
            return read(self._path(source).read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("a detector checkpoint cannot be read") from error
        except Poisoned as error:
            logging.getLogger(__name__).warning("the stream is learnt anew: %s", error)
            return None

    def remove(self, source: str) -> None:
        """Forget what was saved, if anything was. Raises Unavailable."""
        try:
            self._path(source).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable("a detector checkpoint cannot be removed") from error

    def _path(self, source: str) -> Path:
        return self._folder / f"{blake2b(source.encode(), digest_size=16).hexdigest()}{self._suffix}"
