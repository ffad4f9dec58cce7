"""Files of transactions become rows with their lines; bad lines become reasons."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from guardian.domain.errors import Invalid, Unreadable
from guardian.ingestion.files import FileBatch, Reject, read_transactions
from guardian.ingestion.files_time import file_time, zone_of

HEADER = "timestamp,status,amount,merchant_id,auth_code\n"


def whole(path: Path, **options: object) -> FileBatch:
    (batch,) = list(read_transactions(path, **options))  # type: ignore[arg-type]
    return batch


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_csv_rows_keep_their_text_and_know_their_lines(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv", "﻿" + HEADER + "2025-07-12 13:45:00,approved,10.50,M1,00\r\n,denied,3,M2,\n"
    )
    batch = whole(path)
    assert batch.lines == [2, 3]
    assert batch.rows[0] == {
        "timestamp": "2025-07-12T13:45:00Z",
        "status": "approved",
        "amount": "10.50",
        "merchant_id": "M1",
        "auth_code": "00",
    }
    assert batch.rows[1] == {"status": "denied", "amount": "3", "merchant_id": "M2"}


def test_naive_times_are_utc_unless_a_zone_is_given(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.csv",
        HEADER + "2025-07-12 13:45,approved,1,M1,\n2025-07-12T13:45:00+02:00,approved,1,M1,\n",
    )
    rows = whole(path, zone=ZoneInfo("America/Sao_Paulo")).rows
    assert [row["timestamp"] for row in rows] == ["2025-07-12T16:45:00Z", "2025-07-12T11:45:00Z"]


def test_bad_csv_lines_are_listed_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        b"yesterday,approved,1,M1,00",
        b"",
        b"2025-07-12 13:45:00,approved,1",
        b"2025-07-12 13:45:00,,1,M1,",
        b'"2025-07-12 13:45:00,approved,1,M1,',
        b"2025-07-12 13:45:00,appr\xff,1,M1,",
        b"2025-07-12 13:45:00,approved,1," + b"M" * 70_000 + b",",
        b"1950-07-12 13:45:00,approved,1,M1,",
        b"2025-07-12 13:45:00,approved,1,M1,00",
    ]
    batch = whole(written(tmp_path / "a.csv", HEADER.encode() + b"\n".join(lines)))
    assert batch.lines == [10]
    assert batch.rejects == [
        Reject(2, "timestamp: Expected a time such as 2026-11-19T05:47:12Z."),
        Reject(3, "The line is empty."),
        Reject(4, "Expected as many fields as there are columns."),
        Reject(5, "status: A transaction needs it."),
        Reject(6, "The line is not CSV."),
        Reject(7, "The line is not UTF-8."),
        Reject(8, "The line is too long."),
        Reject(9, "timestamp: Expected a time after 1970."),
    ]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2\n", "timestamp,status,count\n", "status,amount,merchant_id,colour\n"]
)
def test_other_columns_are_refused_by_naming_the_right_ones(tmp_path: Path, text: str) -> None:
    with pytest.raises(Unreadable, match="Expected status, amount, merchant_id") as caught:
        list(read_transactions(written(tmp_path / "a.csv", text)))
    assert "colour" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"x" * 70_000])
def test_a_file_without_column_names_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unreadable):
        list(read_transactions(written(tmp_path / "a.csv", content)))


def test_ndjson_rows_and_bad_lines(tmp_path: Path) -> None:
    good = '{"status":"approved","amount":1.5,"merchant_id":"M1","card_bin":400000}'
    lines = [good, "", "[1]", "{", '{"status":"approved","amount":1,"merchant_id":"M1","cvv":"1"}']
    lines += ['{"status":"approved","amount":1,"merchant_id":["M1"]}', '{"amount":1}', "\ud800"]
    batch = whole(written(tmp_path / "a.ndjson", "\n".join(lines).encode("utf-8", "surrogatepass")))
    assert batch.lines == [1]
    assert batch.rows[0] == {"status": "approved", "amount": 1.5, "merchant_id": "M1", "card_bin": "400000"}
    assert [(one.line, one.reason) for one in batch.rejects] == [
        (3, "Not a JSON object."),
        (4, "Not a JSON object."),
        (5, "There is a field this form does not have."),
        (6, "merchant_id: Expected text."),
        (7, "status: A transaction needs it."),
        (8, "Not a JSON object."),
    ]


def test_ndjson_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not columns of transactions"):
        list(read_transactions(written(tmp_path / "a.jsonl", '{"colour":"red"}\n')))


def test_parquet_rows_keep_codes_and_times(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = {
        "timestamp": pa.array([1_700_000_000_000, None, 1_700_000_060_500], pa.timestamp("ms", "UTC")),
        "status": pa.array(["approved", "denied", "denied"]).dictionary_encode(),
        "amount": pa.array([1.25, 2.0, float("nan")]),
        "merchant_id": ["M1", "M2", "M3"],
        "auth_code": ["00", None, "51"],
    }
    pq.write_table(pa.table(table), path)
    batch = whole(path)
    assert batch.rows == [
        {
            "timestamp": "2023-11-14T22:13:20Z",
            "status": "approved",
            "amount": 1.25,
            "merchant_id": "M1",
            "auth_code": "00",
        },
        {"status": "denied", "amount": 2.0, "merchant_id": "M2"},
    ]
    assert batch.rejects == [Reject(3, "amount: Expected a number.")]


def test_parquet_times_without_a_zone_are_in_the_given_one(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    times = pa.array([1_700_000_000_000], pa.timestamp("ms"))
    pq.write_table(
        pa.table({"timestamp": times, "status": ["a"], "amount": [1.0], "merchant_id": ["M"]}), path
    )
    assert whole(path, zone=ZoneInfo("America/Sao_Paulo")).rows[0]["timestamp"] == "2023-11-15T01:13:20Z"


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not Parquet"):
        list(read_transactions(written(tmp_path / "a.parquet", b"PAR1 nonsense")))


def test_reading_goes_on_after_a_line_and_in_batches(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", HEADER + ",approved,1,M1,\n" * 10)
    batches = list(read_transactions(path, after_line=4, batch_rows=3))
    assert [batch.lines for batch in batches] == [[5, 6, 7], [8, 9, 10], [11]]
    assert [batch.last_line for batch in batches] == [7, 10, 11]


@pytest.mark.parametrize(
    "text",
    ["2025-W01-1", "20250712T1345", "٢٠٢٥-07-12 13:45", "2025-13-01 00:00", "2025-07-12", "NaN", "1e9"],
)
def test_what_only_resembles_a_time_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        file_time(text, ZoneInfo("UTC"))


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", ""])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(Invalid, match="time zone"):
        zone_of(name)
