"""Models as files of one folder; the champion is named in a file beside them."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from guardian.domain.errors import NotFound, Unavailable
from guardian.models.artefact import ModelArtefact, from_bytes, to_bytes

_NAME = re.compile(r"(\d{6})\.npz")
_VERSION = re.compile(r"\d{6}")


class FolderRegistry:
    """Versions are numbers of six digits. `features` is what models must be made for; `key` signs them."""

    def __init__(self, folder: Path, features: tuple[str, ...], key: bytes) -> None:
        self._folder = folder
        self._features = features
        self._key = key
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, artefact: ModelArtefact) -> str:
        beside = self._folder / f".{os.getpid()}.part"
        number = max((int(version) for version in self.versions()), default=0)
        while True:
            number += 1
            version = f"{number:06d}"
            content = to_bytes(msgspec.structs.replace(artefact, version=version), self._key)
            try:
                _write(beside, content)
                os.link(beside, self._file(version))  # unlike a rename it never replaces another's version
            except FileExistsError:
                continue
            except OSError as error:
                raise Unavailable("The folder of models cannot be written.") from error
            finally:
                beside.unlink(missing_ok=True)
            _sync(self._folder)
            return version

    def load(self, version: str) -> ModelArtefact:
        if not _VERSION.fullmatch(version):
            raise NotFound("There is no such model.")
        try:
            content = self._file(version).read_bytes()
        except FileNotFoundError as error:
            raise NotFound("There is no such model.") from error
        except OSError as error:
            raise Unavailable("The folder of models cannot be read.") from error
        return from_bytes(content, self._features, self._key)

    def versions(self) -> Sequence[str]:
        return sorted(found[1] for path in self._folder.iterdir() if (found := _NAME.fullmatch(path.name)))

    def champion(self) -> str | None:
        try:
            version = (self._folder / "champion").read_text().strip()
        except FileNotFoundError:
            return None
        return version if version in self.versions() else None

    def promote(self, version: str) -> None:
        if version not in self.versions():
            raise NotFound("There is no such model.")
        beside = self._folder / f".champion.{os.getpid()}"
        try:
            _write(beside, version.encode())
            os.replace(beside, self._folder / "champion")
        except OSError as error:
            raise Unavailable("The folder of models cannot be written.") from error
        _sync(self._folder)

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}.npz"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """A new name lasts only once its folder is on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
