"""The memory as one file: written atomically, refused when it is damaged or of another version."""

import os
import zipfile
import zlib

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Poisoned, Unavailable
from guardian.features.columns import Key
from guardian.features.definition import NAMES
from guardian.features.memory import Memory
from guardian.features.table import KeyTable
from guardian.features.windows import Rings

VERSION = 2
_TABLES = ("merchants", "bins", "cards")


class _Head(msgspec.Struct, frozen=True):
    """What the file says of itself; serials and keys are by table."""

    version: int
    features: tuple[str, ...]
    serials: dict[str, int]
    keys: dict[str, list[Key]]


def save(memory: Memory, path: str) -> None:
    """Write the memory to `path`, atomically and durably. Raises Unavailable when the disk refuses."""
    arrays: dict[str, NDArray[np.generic]] = {"pairs": memory.pairs, "usual": memory.usual}
    keys: dict[str, list[Key]] = {}
    serials: dict[str, int] = {}
    for name in _TABLES:
        table: KeyTable = getattr(memory, name)
        keys[name], rings = table.state()
        serials[name] = table.serial
        arrays |= {f"{name}.{part}": array for part, array in rings.items()}
    head = msgspec.json.encode(_Head(VERSION, NAMES, serials, keys))
    arrays["head"] = np.frombuffer(head, np.uint8)
    beside = f"{path}.part"
    try:
        with open(beside, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        raise Unavailable("The snapshot of the memory cannot be written.") from error


def load(memory: Memory, path: str) -> None:
    """Make `memory` what was saved. Raises Poisoned when the file is damaged or of another version."""
    try:
        with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = msgspec.json.decode(arrays["head"].tobytes(), type=_Head)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Poisoned("The snapshot of the memory cannot be read.") from error
    if head.version != VERSION or head.features != NAMES:
        raise Poisoned("The snapshot of the memory is of another version.")
    try:
        _restore(memory, head, arrays)
    except (ValueError, KeyError) as error:
        raise Poisoned("The snapshot of the memory contradicts itself.") from error


def _restore(memory: Memory, head: _Head, arrays: dict[str, NDArray[np.generic]]) -> None:
    memory.pairs[:] = arrays["pairs"]
    memory.usual[:] = arrays["usual"]
    for name in _TABLES:
        table: KeyTable = getattr(memory, name)
        rings = {part: arrays[f"{name}.{part}"] for part in Rings._fields}
        table.restore(head.keys[name], rings, head.serials[name])
