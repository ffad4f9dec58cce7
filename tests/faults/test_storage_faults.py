"""The store when its process is killed, its disk fills up, and others read while it writes."""

import random
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from guardian.domain.errors import Unavailable
from guardian.domain.window import MinuteCounts
from guardian.storage.base import Record, TransactionQuery
from guardian.storage.sqlite.database import open_database
from guardian.storage.sqlite.store import SqliteStore

pytestmark = pytest.mark.fault
ROUNDS = 6
BATCH = 200
# told to children, which share nothing with this process but the files
MAKE = """
import pathlib, resource, sys
import numpy as np
from guardian.domain.errors import Unavailable
from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged
from guardian.storage.sqlite.store import SqliteStore

def judged(start, n):
    at = range(start, start + n)
    made = [
        Transaction(f"t{i}", f"m{i % 50}", "approved", 100, 1_763_985_600_000 + i * 97, 1_763_985_600_000)
        for i in at
    ]
    zeros, flags = np.zeros(n, np.float32), np.zeros(n, np.uint8)
    features = np.zeros((n, 8), np.float32)
    return Judged(made, at, zeros, zeros, zeros, flags, flags, [""] * n, features, "v1", 1.0)

store = SqliteStore(pathlib.Path(sys.argv[1]))
"""
KEEP_ON = f"""
while True:
    print("keeping", flush=True)
    store.transactions.keep(0, judged(store.transactions.position(0), {BATCH}))
"""
KEEP_UNTIL_FULL = f"""
size = max(file.stat().st_size for file in pathlib.Path(sys.argv[1]).iterdir())
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 1_000_000, size + 1_000_000))
try:
    while True:
        store.transactions.keep(0, judged(store.transactions.position(0), {BATCH}))
except Unavailable as error:
    print(store.transactions.position(0), len(store.transactions.places([1])), flush=True)
"""
ALL_AGREE = """
SELECT (SELECT count(*) FROM events), (SELECT next FROM positions),
       (SELECT sum(n) FROM minute_counts WHERE view = 'status'),
       (SELECT sum(n) FROM hours)
"""


def child(script: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", MAKE + script, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def figures(folder: Path) -> set[int]:
    """Rows, position and counts, read in one statement; a single number when they agree."""
    with closing(open_database(folder / "transactions.db", read_only=True)) as connection:
        return set(connection.execute(ALL_AGREE).fetchone())


def test_a_killed_writer_leaves_rows_counts_and_position_in_agreement(tmp_path: Path) -> None:
    draw = random.Random(20)
    SqliteStore(tmp_path).close()
    for _ in range(ROUNDS):
        with child(KEEP_ON, tmp_path) as writer:
            assert writer.stdout is not None
            for _ in range(draw.randrange(2, 12)):
                assert writer.stdout.readline() == "keeping\n"
            writer.kill()
    store = SqliteStore(tmp_path)
    assert store.check() == []
    kept = store.transactions.position(0)
    store.close()
    assert kept >= ROUNDS * BATCH
    assert figures(tmp_path) == {kept}


def test_others_see_whole_batches_while_one_writes(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with child(KEEP_ON, tmp_path) as writer:
        assert writer.stdout is not None
        seen: set[int] = set()
        for _ in range(40):
            writer.stdout.readline()
            now = figures(tmp_path) - {None}
            assert len(now) <= 1
            seen |= now
        writer.kill()
    assert len(seen) > 5
    assert {number % BATCH for number in seen} == {0}


def test_a_file_system_that_takes_no_more_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    with child(KEEP_UNTIL_FULL, tmp_path) as writer:
        said, _ = writer.communicate(timeout=60)
    assert writer.returncode == 0
    kept = int(said.split()[0])
    assert kept >= BATCH
    assert figures(tmp_path) == {kept}
    store = SqliteStore(tmp_path)
    assert store.check() == []
    store.close()


def limit_pages(store: SqliteStore, spare: int) -> None:
    for database in (store._hot, store._calm):
        with database.write() as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages + spare}")


def test_a_full_disk_is_unavailable_and_nothing_is_half_stored(tmp_path: Path) -> None:
    made: dict[str, object] = {}
    exec(MAKE.split("\nstore =", maxsplit=1)[0], made)  # the very batches that the children keep
    judged = made["judged"]
    assert callable(judged)
    store = SqliteStore(tmp_path)
    store.transactions.keep(0, judged(0, BATCH))
    before = figures(tmp_path)
    limit_pages(store, 2)
    many = {f"code {n}": n for n in range(20_000)}
    full = [
        lambda: store.transactions.keep(0, judged(BATCH, 5_000)),
        lambda: store.minutes.replace([MinuteCounts("s", 0, "status", many, 0)]),
        lambda: store.records.insert(Record("alert", "a", 0, b"x" * 100_000)),
        lambda: store.audit.append(0, "ana", "silence", "x" * 100_000, {}),
    ]
    for write in full:
        with pytest.raises(Unavailable, match="the disk is full"):
            write()
    assert figures(tmp_path) == before == {BATCH}
    assert len(store.transactions.find(TransactionQuery(limit=3)).items) == 3
    assert store.records.get("alert", "a") is None
    assert store.audit.read() == []
    limit_pages(store, 1_000_000)
    store.transactions.keep(0, judged(BATCH, 5_000))
    store.close()
    assert figures(tmp_path) == {BATCH + 5_000}
