"""One SQLite file: migrations, errors as ours, threads, backups."""

import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from guardian.domain.errors import Misconfigured, Unavailable
from guardian.storage.sqlite import database as module
from guardian.storage.sqlite.database import IDLE_READERS, Database, open_database, transaction
from guardian.storage.sqlite.store import SqliteStore, restore

OPEN = "import sys, pathlib; from guardian.storage.sqlite.store import SqliteStore\n"
OPEN += "SqliteStore(pathlib.Path(sys.argv[1])).close()"


def test_opening_twice_brings_nothing_forward_twice(tmp_path: Path) -> None:
    for _ in range(2):
        store = SqliteStore(tmp_path)
        assert store.check() == []
        store.close()


def test_processes_may_open_a_new_store_at_the_same_time(tmp_path: Path) -> None:
    opening = [subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path)]) for _ in range(3)]
    assert [one.wait(60) for one in opening] == [0, 0, 0]
    store = SqliteStore(tmp_path)
    assert store.check() == []
    store.close()


def test_threads_may_open_a_new_store_at_the_same_time(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        for store in pool.map(lambda _: SqliteStore(tmp_path), range(8)):
            store.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "guardian.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(Misconfigured, match="newer version"):
        SqliteStore(tmp_path)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "transactions.db").write_bytes(b"no database at all " * 500)
    with pytest.raises(Misconfigured, match="damaged"):
        SqliteStore(tmp_path)


def test_a_folder_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Unavailable):
        SqliteStore(tmp_path / "file" / "store")


def test_a_path_that_cannot_be_opened_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "guardian.db").mkdir()
    with pytest.raises(Unavailable, match="cannot be opened"):
        SqliteStore(tmp_path)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "guardian.db", "guardian")


def test_a_damaged_page_is_told_by_the_check(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    for number in range(500):
        store.audit.append(number, "ana", "x" * 100, "y" * 100, {})
    store.close()
    path = tmp_path / "guardian.db"
    content = bytearray(path.read_bytes())
    content[40_960:49_152] = b"\xff" * 8_192
    path.write_bytes(content)
    damaged = SqliteStore(tmp_path)
    assert any(line.startswith("guardian.db") for line in damaged.check())
    damaged.close()


def test_another_process_that_holds_the_file_makes_it_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    database = Database(tmp_path / "guardian.db", "guardian")
    other = open_database(tmp_path / "guardian.db")
    with transaction(other), pytest.raises(Unavailable, match="another process"), database.write():
        pass
    other.close()
    database.close()


def test_a_writer_that_does_not_end_makes_it_unavailable(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_S", 0.05)
    with database.write(), pytest.raises(Unavailable, match="another thread"), database.write():
        pass
    database.close()


def test_a_closed_store_says_so(database: Database) -> None:
    database.close()
    with pytest.raises(Unavailable, match="closed"), database.read():
        pass
    with pytest.raises(Unavailable, match="closed"), database.write():
        pass


def test_readers_cannot_write_and_a_bug_stays_a_bug(database: Database) -> None:
    with pytest.raises(Unavailable, match="may not be written"), database.read() as connection:
        connection.execute("DELETE FROM records")
    with pytest.raises(sqlite3.ProgrammingError), database.read() as connection:
        connection.execute("SELECT ?", ())
    database.close()


def test_threads_that_have_ended_leave_no_connection_behind(database: Database) -> None:
    together = threading.Barrier(12)

    def read() -> None:
        with database.read() as connection:
            together.wait(10)
            connection.execute("SELECT count(*) FROM records").fetchone()

    threads = [threading.Thread(target=read) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(database._idle) == IDLE_READERS
    database.close()


def test_closing_lets_a_reader_finish(database: Database) -> None:
    with database.read() as connection:
        database.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError):
        connection.execute("SELECT 1")


def test_a_reader_does_not_wait_for_the_writer(database: Database) -> None:
    with database.write() as writer:
        writer.execute("INSERT INTO numbers VALUES ('x', 1)")
        with database.read() as reader:
            assert reader.execute("SELECT count(*) FROM numbers").fetchone() == (0,)
    database.close()


def test_the_audit_log_can_neither_be_edited_nor_cut(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    store.audit.append(1, "ana", "silence", "denied", {})
    store.close()
    connection = open_database(tmp_path / "guardian.db")
    for statement in ("UPDATE audit SET actor = 'eve'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.close()


def test_a_backup_is_restored_whole(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "data")
    store.audit.append(1, "ana", "silence", "denied", {})
    store.transactions.advance(0, 7)
    store.backup(tmp_path / "backup")
    with pytest.raises(Misconfigured, match="not empty"):
        store.backup(tmp_path / "backup")
    with pytest.raises(Misconfigured, match="not empty"):
        restore(tmp_path / "backup", tmp_path / "data")
    store.close()
    restore(tmp_path / "backup", tmp_path / "new")
    restored = SqliteStore(tmp_path / "new")
    assert restored.transactions.position(0) == 7
    assert [one.actor for one in restored.audit.read()] == ["ana"]
    restored.close()


def test_what_is_no_sound_backup_is_not_restored(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no backup"):
        restore(tmp_path, tmp_path / "new")
    for name in ("transactions.db", "guardian.db"):
        (tmp_path / name).write_bytes(b"\0garbage" * 1_000)
    with pytest.raises(Misconfigured, match="damaged"):
        restore(tmp_path, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
