"""Files that are not what their names say: told with line and reason, never with what they hold."""

from pathlib import Path

import pytest

from guardian.domain.errors import Unreadable
from guardian.ingestion.csv_counts import read_counts
from guardian.ingestion.files import read_transactions

PAN = "4111111111111111"
HEADER = "timestamp,status,amount,merchant_id\n"
GOOD = "2026-11-20T10:00:00Z,approved,1.50,M1\n"
NO_TRANSACTIONS: dict[str, tuple[str, bytes]] = {
    "an empty CSV": ("x.csv", b""),
    "an empty Parquet": ("x.parquet", b""),
    "noise as CSV": ("x.csv", bytes(range(256)) * 500),
    "noise as Parquet": ("x.parquet", bytes(range(256)) * 500),
    "semicolons": ("x.csv", (HEADER + GOOD).replace(",", ";").encode()),
    "other columns": ("x.csv", b"a,b\n1,2\n"),
    "a column with a card number for a name": ("x.csv", f"{HEADER.strip()},{PAN}\n".encode()),
    "a header of 60 MB": ("x.csv", b"x" * (60 << 20)),
    "other fields in NDJSON": ("x.ndjson", f'{{"{PAN}":1}}\n'.encode()),
}


@pytest.mark.parametrize("name", NO_TRANSACTIONS)
def test_what_is_no_file_of_transactions_is_said_in_one_line(tmp_path: Path, name: str) -> None:
    file, content = NO_TRANSACTIONS[name]
    (tmp_path / file).write_bytes(content)
    with pytest.raises(Unreadable) as refusal:
        list(read_transactions(tmp_path / file))
    assert PAN not in str(refusal.value)
    assert "\n" not in str(refusal.value)


BAD_LINES: dict[str, tuple[str, bytes]] = {
    "a CSV line of 50 MB": ("x.csv", HEADER.encode() + b"x" * (50 << 20) + b"\n" + GOOD.encode()),
    "an NDJSON line of 50 MB": (
        "x.ndjson",
        b'{"x":"' + b"x" * (50 << 20) + b'"}\n{"status":"approved","amount":1,"merchant_id":"m"}\n',
    ),
    "latin-1": ("x.csv", HEADER.encode() + b"2026-11-20T10:00:00Z,approved,1,Caf\xe9\n" + GOOD.encode()),
    "an open quote": ("x.csv", (HEADER + '"2026-11-20,approved,1,M\n' + GOOD).encode()),
    "a field too many": ("x.csv", (HEADER + GOOD.strip() + ",more\n" + GOOD).encode()),
    "nothing in the fields": ("x.csv", (HEADER + ",,,\n" + GOOD).encode()),
    "a time before all": ("x.csv", (HEADER + "0001-01-01T00:00:00Z,approved,1,M\n" + GOOD).encode()),
    "deep nesting": ("x.ndjson", b"[" * 1_900 + b'\n{"status":"approved","amount":1,"merchant_id":"m"}\n'),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_broken_line_is_listed_and_spoils_no_other(tmp_path: Path, name: str) -> None:
    file, content = BAD_LINES[name]
    (tmp_path / file).write_bytes(content)
    batches = list(read_transactions(tmp_path / file))
    assert sum(len(batch.rows) for batch in batches) == 1
    bad = [reject for batch in batches for reject in batch.rejects]
    assert [one.line for one in bad] == [2 if file.endswith("csv") else 1]
    assert all(len(one.reason) < 100 for one in bad)


def test_line_ends_quotes_and_a_byte_order_mark_are_understood(tmp_path: Path) -> None:
    text = "\ufeff" + (HEADER + GOOD + GOOD.replace("M1", '"M, 1"')).replace("\n", "\r\n")
    (tmp_path / "x.csv").write_bytes(text.encode())
    [batch] = read_transactions(tmp_path / "x.csv")
    assert [row["merchant_id"] for row in batch.rows] == ["M1", "M, 1"]


@pytest.mark.parametrize("name", [PAN, "4111 1111 1111 1111", "a\x00b", "x" * 33, "５９"])
def test_a_status_of_counts_that_is_none_is_listed_without_being_repeated(tmp_path: Path, name: str) -> None:
    file = tmp_path / "x.csv"
    file.write_text(f"timestamp,status,count\n2026-11-20 10:00,{name},5\n2026-11-20 10:00,denied,1\n")
    read = read_counts([file])
    assert [item["counts"] for item in read.items] == [{"denied": 1}]
    assert [(reject.line, name in reject.reason) for _, reject in read.rejects] == [(2, False)]
