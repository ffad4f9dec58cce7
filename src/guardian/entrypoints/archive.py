"""A whole installation as one folder: made while everything runs, put back into an empty data folder.

The signing key of tokens stays out: whoever holds a copy could make some. The log stays out too: what
it holds beyond the store is newer than the copy.
"""

import shutil
from pathlib import Path

from guardian.bootstrap import MODEL_KEY, build, restore_store
from guardian.domain.errors import Misconfigured, Unavailable
from guardian.pipeline import Parts
from guardian.settings import Settings

EVERYTHING = "[!.]*"
BEFORE = (("memory", EVERYTHING), ("watching", EVERYTHING))
"""Copied before the store: what they remember must not be ahead of what it kept."""
AFTER = (("models", EVERYTHING), ("keys", MODEL_KEY))
"""Copied after the store: every model that a verdict in it names must be there."""
ATTEMPTS = 5


def backup(parts: Parts, target: Path) -> None:
    """Copy everything into an empty folder while it works. Raises Misconfigured or Unavailable."""
    try:
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(target.iterdir()):
            raise Misconfigured("The folder for the backup is not empty; name a new one.")
        for name, which in BEFORE:
            _copy(parts.folder / name, target / name, which)
        parts.store.backup(target / "store")
        for name, which in AFTER:
            _copy(parts.folder / name, target / name, which)
    except OSError as error:
        raise Unavailable(f"The backup cannot be written: {error.strerror}.") from error


def restore(settings: Settings, source: Path) -> None:
    """Put a backup into an empty data folder, empty again on failure. Raises Misconfigured, Unavailable."""
    folder = settings.data_dir
    if not (source / "store").is_dir():
        raise Misconfigured("There is no backup in that folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise Misconfigured("The data folder is not empty; name an empty one with --data.")
    except OSError as error:
        raise Misconfigured(f"The data folder cannot be used: {error.strerror}.") from error
    try:
        restore_store(settings, source / "store")
        for name, which in (*BEFORE, *AFTER):
            _copy(source / name, folder / name, which)
        parts = build(settings, "restore")  # the log begins where the store ends
        parts.bus.close()
        parts.store.close()
    except OSError as error:
        _empty(folder)
        raise Unavailable(f"The backup cannot be copied: {error.strerror}.") from error
    except (Misconfigured, Unavailable):
        _empty(folder)
        raise


def _copy(source: Path, target: Path, which: str) -> None:
    """The files of a folder that match, each of which is replaced at a stroke or removed at any moment."""
    for attempt in range(ATTEMPTS):
        target.mkdir(exist_ok=True)
        try:
            for file in source.glob(which):
                if file.suffix not in (".part", ".new"):
                    shutil.copy2(file, target / file.name)
            return
        except FileNotFoundError:
            if attempt == ATTEMPTS - 1:
                raise
            shutil.rmtree(target)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
