"""The embedded store: two SQLite files, one hot and one calm, in the data folder."""

import shutil
from contextlib import ExitStack
from pathlib import Path

from guardian.domain.errors import GuardianError, Misconfigured, Unavailable
from guardian.storage.sqlite.casebook import SqliteCasebook
from guardian.storage.sqlite.database import Database
from guardian.storage.sqlite.labels import SqliteLabels
from guardian.storage.sqlite.minutes import SqliteMinutes
from guardian.storage.sqlite.records import SqliteAudit, SqliteRecords
from guardian.storage.sqlite.transactions import SqliteTransactions

HOT, CALM = "transactions", "guardian"


class SqliteStore:
    """Opens, and brings forward, both files; see the ports for what each store promises."""

    def __init__(self, folder: Path) -> None:
        with ExitStack() as undo:
            self._hot = Database(folder / f"{HOT}.db", HOT)
            undo.callback(self._hot.close)
            self._calm = Database(folder / f"{CALM}.db", CALM, durable=True)
            undo.pop_all()
        self.transactions = SqliteTransactions(self._hot)
        self.minutes = SqliteMinutes(self._hot, self._calm)
        self.records = SqliteRecords(self._calm)
        self.audit = SqliteAudit(self._calm)
        self.labels = SqliteLabels(self._calm)
        self.casebook = SqliteCasebook(self._calm)

    def check(self) -> list[str]:
        """What is wrong with the files; empty when nothing is."""
        return self._hot.check() + self._calm.check()

    def backup(self, target: Path) -> None:
        """Copy both files into an empty folder while everything runs. Raises Misconfigured."""
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(target.iterdir()):
            raise Misconfigured("The folder for the backup is not empty.")
        self._calm.backup(target / f"{CALM}.db")
        self._hot.backup(target / f"{HOT}.db")

    def close(self) -> None:
        """Close every connection."""
        self._hot.close()
        self._calm.close()


def restore(source: Path, folder: Path) -> None:
    """Put a backup into a folder without a store. Raises Misconfigured when it is no sound backup of ours."""
    files = [f"{HOT}.db", f"{CALM}.db"]
    if not all((source / name).is_file() for name in files):
        raise Misconfigured("There is no backup in that folder.")
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if any(folder.iterdir()):
            raise Misconfigured("The data folder is not empty; restore into an empty one.")
    except OSError as error:
        raise Misconfigured("The data folder cannot be used.") from error
    try:
        for name in files:
            shutil.copyfile(source / name, folder / name)
        _refuse_damaged(folder)
    except OSError as error:
        _empty(folder)
        raise Unavailable("The backup could not be copied: the disk is full or does not answer.") from error
    except GuardianError:
        _empty(folder)
        raise


def _refuse_damaged(folder: Path) -> None:
    store = SqliteStore(folder)
    try:
        if store.check():
            raise Misconfigured("The backup is damaged; choose another one.")
    finally:
        store.close()


def _empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
