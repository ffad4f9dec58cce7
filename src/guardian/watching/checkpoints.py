"""Detectors on disk, one file per source, replaced at a stroke."""

import logging
import os
from hashlib import blake2b
from pathlib import Path

from guardian.domain.errors import Poisoned, Unavailable
from guardian.watching.detector import StreamDetector


class Checkpoints:
    """Keeps one detector per source under a folder; file names are hashes, safe for any source name."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, detector: StreamDetector) -> None:
        """Durably replace the source's checkpoint. Raises Unavailable when the disk refuses."""
        path = self._path(detector.source)
        fresh = path.with_suffix(".new")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(detector.to_bytes())
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise Unavailable("a detector checkpoint cannot be written") from error

    def load(self, source: str) -> StreamDetector | None:
        """The detector as it was saved; None when there is none that this version can read."""
        try:
            return StreamDetector.from_bytes(self._path(source).read_bytes())
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
        return self._folder / f"{blake2b(source.encode(), digest_size=16).hexdigest()}.detector"
