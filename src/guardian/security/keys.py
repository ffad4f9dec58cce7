"""Keys in files of their own, made at first use; the first of several processes wins."""

import os
from collections.abc import Callable
from pathlib import Path
from secrets import token_bytes, token_hex

from guardian.domain.errors import Misconfigured


def model_key(path: Path) -> bytes:
    """The key that models are signed with, 32 bytes. Raises Misconfigured."""
    return load_or_create(path, lambda: token_bytes(32))


def load_or_create(path: Path, fresh: Callable[[], bytes]) -> bytes:
    """What is in that file, made of mode 0600 where it is not there yet. Raises Misconfigured."""
    part = path.with_name(f"{path.name}.{token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(fresh())
            try:
                os.link(part, path)  # fails when another process was first: then its key counts
            except FileExistsError:
                pass
            finally:
                part.unlink()
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured("A key cannot be read; see keys/ in the data folder.") from error
