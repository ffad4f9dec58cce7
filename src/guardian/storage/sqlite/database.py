"""One SQLite file: WAL, one writer and a few readers, migrated forward, errors translated."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path

from guardian.domain.errors import Misconfigured, Unavailable

BUSY_S = 10.0
WRITER_CACHE_KB = 32_768
READER_CACHE_KB = 8_192
IDLE_READERS = 4
CHECKPOINT_PAGES = 8_000
"""32 MB of log: an index page touched by many batches is copied back once."""
_WAL_ATTEMPTS = 20
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_REASONS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_BUSY: "another process holds it",
    sqlite3.SQLITE_LOCKED: "another process holds it",
    sqlite3.SQLITE_READONLY: "its file may not be written",
    sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
    sqlite3.SQLITE_PERM: "its file may not be used",
    sqlite3.SQLITE_IOERR: "the disk does not answer as it should",
}


class Database:
    """One file, shared by threads. A write is one transaction; a reader never waits for it.

    `durable` asks that every write survives a power loss; without it the newest may be lost, whole
    transactions at a time, which suits what the bus delivers again.
    """

    def __init__(self, path: Path, migrations: str, durable: bool = False) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._writing = threading.Lock()
        self._closed = False
        with translated():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable("The store cannot work now: its folder cannot be made.") from error
            with ExitStack() as undo:
                self._writer = open_database(path)
                undo.callback(self._writer.close)
                self._writer.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                migrate(self._writer, path.name, migrations)
                undo.pop_all()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A connection to read with. Raises Unavailable."""
        with translated():
            connection = self._borrow()
            try:
                yield connection
            finally:
                self._give_back(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """The writer inside a transaction: all of it is kept, or nothing. Raises Unavailable."""
        if not self._writing.acquire(timeout=BUSY_S):
            raise Unavailable("The store cannot work now: another thread is still writing.")
        try:
            self._refuse_when_closed()
            with translated(), transaction(self._writer) as connection:
                yield connection
        finally:
            self._writing.release()

    def backup(self, target: Path) -> None:
        """Copy the file as it stands now, while others read and write."""
        with self.read() as connection:
            copy = sqlite3.connect(target)
            try:
                connection.backup(copy)
            finally:
                copy.close()

    def check(self) -> list[str]:
        """What SQLite itself finds wrong with the file."""
        try:
            with self.read() as connection:
                found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
        except Misconfigured as error:
            return [f"{self._path.name}: {error}"]
        return [] if found == ["ok"] else [f"{self._path.name}: {line}" for line in found]

    def close(self) -> None:
        """Close the writer once it has finished, idle readers now, busy ones when they are done."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._writing:
            self._writer.close()

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            self._refuse_when_closed()
            if self._idle:
                return self._idle.pop()
        return open_database(self._path, read_only=True)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            if not self._closed and len(self._idle) < IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise Unavailable("The store has been closed.")


def open_database(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time; sqlite3's errors come as they are."""
    with ExitStack() as undo:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
        undo.callback(connection.close)
        if read_only:
            connection.execute("PRAGMA query_only=ON")
        else:
            _use_wal(connection)
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KB if read_only else WRITER_CACHE_KB}")
        connection.execute("PRAGMA temp_store=MEMORY")
        undo.pop_all()
    return connection


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turn WAL on. SQLite does not wait for a lock here, so another process may be in the way."""
    for attempt in range(_WAL_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if _primary(error) != sqlite3.SQLITE_BUSY or attempt == _WAL_ATTEMPTS - 1:
                raise
        with transaction(connection):  # this does wait
            pass


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """A write transaction on the connection, rolled back when anything is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # a full disk has rolled back by itself
            connection.execute("ROLLBACK")


def migrate(connection: sqlite3.Connection, name: str, migrations: str) -> None:
    """Bring the file forward; safe to run twice and from two processes at once.

    Raises Misconfigured when a newer version wrote the file.
    """
    folder = resources.files("guardian.storage.sqlite") / "migrations" / migrations
    steps = sorted((step for step in folder.iterdir() if step.name.endswith(".sql")), key=lambda s: s.name)
    if _version(connection) == len(steps):
        return
    with transaction(connection):
        version = _version(connection)
        if version > len(steps):
            raise Misconfigured(f"{name} was written by a newer version of Guardian; install that one.")
        for number, step in enumerate(steps[version:], start=version + 1):
            for statement in _statements(step.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={number}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> Iterator[str]:
    gathered = ""
    for line in script.splitlines():
        gathered += line + "\n"
        if sqlite3.complete_statement(gathered):
            yield gathered
            gathered = ""


@contextmanager
def translated() -> Iterator[None]:
    """SQLite's errors as ours; a broken constraint or a wrong statement is a bug and stays one."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        if _primary(error) in _DAMAGED:
            raise Misconfigured("The store is damaged; restore a backup with: guardian restore") from error
        reason = _REASONS.get(_primary(error), "SQLite gave up")
        raise Unavailable(f"The store cannot work now: {reason}.") from error


def _primary(error: sqlite3.Error) -> int:
    """The result code without its extension."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
