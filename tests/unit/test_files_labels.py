"""Files of labels, and files of transactions put into order."""

from datetime import UTC
from pathlib import Path

import pytest

from guardian.domain.errors import Unreadable
from guardian.ingestion.files_time import zone_of
from guardian.ingestion.labels import Label, read_labels
from guardian.ingestion.ordered import read_ordered

NOON_MS = 1_767_355_200_000
HEAD = "transaction_id,is_fraud,known_at\n"


def written(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_csv_labels_are_read_and_bad_lines_counted(tmp_path: Path) -> None:
    lines = "a,1,2026-01-02T12:00:00Z\nb,0,2026-01-02 12:00:00\nc,maybe,2026-01-02\nd,1,never\n\n"
    lines += "e,1\n,1,2026-01-02T12:00:00Z\n"
    read = read_labels(written(tmp_path, "l.csv", HEAD + lines), UTC)
    assert read.by_id == {"a": Label(True, NOON_MS), "b": Label(False, NOON_MS)}
    assert read.rejected == 4


def test_a_time_without_a_zone_is_of_the_zone_that_is_named(tmp_path: Path) -> None:
    read = read_labels(
        written(tmp_path, "l.csv", HEAD + "a,1,2026-01-02 09:00\n"), zone_of("America/Sao_Paulo")
    )
    assert read.by_id == {"a": Label(True, NOON_MS)}


def test_the_earliest_label_counts(tmp_path: Path) -> None:
    lines = "a,1,2026-01-02T12:00:00Z\na,0,2026-01-01T12:00:00Z\na,1,2026-01-03T12:00:00Z\n"
    read = read_labels(written(tmp_path, "l.csv", HEAD + lines), UTC)
    assert read.by_id == {"a": Label(False, NOON_MS - 86_400_000)}


def test_ndjson_labels_are_read(tmp_path: Path) -> None:
    lines = '{"transaction_id":"a","is_fraud":true,"known_at":"2026-01-02T12:00:00Z"}\nnonsense\n[1]\n'
    read = read_labels(written(tmp_path, "l.ndjson", lines), UTC)
    assert read.by_id == {"a": Label(True, NOON_MS)}
    assert read.rejected == 2


def test_parquet_labels_are_read(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {
        "transaction_id": ["a"],
        "is_fraud": [1],
        "known_at": pyarrow.array([NOON_MS], pyarrow.timestamp("ms", "UTC")),
    }
    parquet.write_table(pyarrow.table(columns), tmp_path / "l.parquet")
    assert read_labels(tmp_path / "l.parquet", UTC).by_id == {"a": Label(True, NOON_MS)}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", b"one,two\n1,2\n"),
        ("l.csv", b""),
        ("l.csv", HEAD.encode() + b"\xff\xfe,1,x\n"),
        ("l.parquet", b"PAR1"),
    ],
)
def test_a_file_that_holds_no_labels_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable):
        read_labels(tmp_path / name, UTC)


def test_a_file_is_put_into_order_and_repeats_are_taken_once(tmp_path: Path) -> None:
    head = "transaction_id,timestamp,status,amount,merchant_id\n"
    lines = "b,2026-01-02T12:01:00Z,approved,5,m\na,2026-01-02T12:00:00Z,approved,5,m\n"
    lines += "b,2026-01-02T12:01:00Z,approved,5,m\nc,2026-01-02T12:00:30Z,approved,-5,m\n"
    lines += ",2026-01-02T12:00:10Z,approved,5,m\n"
    read = read_ordered(written(tmp_path, "t.csv", head + lines), UTC)
    assert [one.transaction_id for one in read.transactions] == ["a", "line-6", "b"]
    assert (read.rejected, read.repeated) == (1, 1)


def test_a_file_without_any_transaction_is_refused(tmp_path: Path) -> None:
    head = "transaction_id,timestamp,status,amount,merchant_id\n"
    with pytest.raises(Unreadable, match="No line"):
        read_ordered(written(tmp_path, "t.csv", head + "a,never,approved,5,m\n"), UTC)
