"""Files of minute counts are read together, in time order, whatever the order of their lines."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.errors import Unreadable
from guardian.ingestion.csv_counts import is_counts, read_counts
from guardian.ingestion.files_time import zone_of


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_status_and_code_files_are_merged_by_minute(tmp_path: Path) -> None:
    status = written(
        tmp_path / "s.csv",
        "timestamp,status,count\n2025-07-12 13:46:30,denied,2\n"
        "2025-07-12 13:45:00,approved,0\n2025-07-12 13:46:00,denied,3\n",
    )
    codes = written(tmp_path / "c.csv", "count,timestamp,auth_code\n7,2025-07-12 13:46:00,00\n")
    read = read_counts([codes, status])
    assert read.items == [
        {"minute": "2025-07-12T13:45:00Z", "by": "status", "counts": {"approved": 0}},
        {"minute": "2025-07-12T13:46:00Z", "by": "status", "counts": {"denied": 5}},
        {"minute": "2025-07-12T13:46:00Z", "by": "auth_code", "counts": {"00": 7}},
    ]
    assert read.rows == 4
    assert read.rejects == []


@pytest.mark.parametrize(
    "count", ["-1", "1.5", "2.0", "NaN", "", "٣", "1e3", "99999999999", "2000000000", " "]
)
def test_bad_counts_are_listed_without_their_value(tmp_path: Path, count: str) -> None:
    path = written(tmp_path / "s.csv", f"timestamp,status,count\n2025-07-12 13:45:00,denied,{count}\n")
    read = read_counts([path])
    assert read.items == []
    assert [(one.line, one.reason) for _, one in read.rejects] == [
        (2, "count: expected a whole number of 0 or more in ASCII digits.")
    ]


def test_bad_times_names_and_shapes_are_listed(tmp_path: Path) -> None:
    lines = [
        "never,denied,1",
        "2025-07-12 13:45:00,,1",
        "2025-07-12 13:45:00,denied",
        "",
        '2025-07-12 13:45:00,"denied,1',
    ]
    path = written(
        tmp_path / "s.csv", "\n".join(["timestamp,status,count", *lines, "2025-07-12 13:45:00,denied,1"])
    )
    read = read_counts([path])
    assert [one.line for _, one in read.rejects] == [2, 3, 4, 5, 6]
    assert len(read.items) == 1


def test_a_code_must_look_like_one(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", "timestamp,auth_code,count\n2025-07-12 13:45:00,٥١,1\n")
    assert read_counts([path]).rejects[0][1].reason.startswith("auth_code: expected a short name")


@pytest.mark.parametrize(
    "header", ["timestamp,count", "time,status,count", "timestamp,status,count,extra", "status,count"]
)
def test_other_columns_are_refused_by_naming_the_right_ones(tmp_path: Path, header: str) -> None:
    with pytest.raises(Unreadable, match=r"timestamp,status,count or timestamp,auth_code,count"):
        read_counts([written(tmp_path / "s.csv", header + "\n")])


def test_counts_are_told_from_transactions_by_their_columns(tmp_path: Path) -> None:
    assert is_counts(written(tmp_path / "a.csv", "Timestamp, status ,COUNT\n"))
    assert not is_counts(written(tmp_path / "b.csv", "status,amount,merchant_id\n"))
    assert not is_counts(tmp_path / "c.parquet")


def test_naive_minutes_follow_the_zone(tmp_path: Path) -> None:
    path = written(tmp_path / "s.csv", "timestamp,status,count\n2025-07-12 13:45:00,denied,1\n")
    read = read_counts([path], zone_of("America/Sao_Paulo"))
    assert read.items[0]["minute"] == "2025-07-12T16:45:00Z"


@settings(max_examples=30)
@given(
    lines=st.lists(
        st.tuples(st.integers(0, 59), st.sampled_from(["denied", "failed"]), st.integers(0, 9)), min_size=1
    )
)
def test_nothing_is_lost_and_time_only_rises(tmp_path_factory: pytest.TempPathFactory, lines: list) -> None:
    text = "".join(f"2025-07-12 13:{minute:02d}:00,{name},{count}\n" for minute, name, count in lines)
    read = read_counts([written(tmp_path_factory.mktemp("p") / "s.csv", "timestamp,status,count\n" + text)])
    minutes = [item["minute"] for item in read.items]
    assert minutes == sorted(set(minutes))
    assert sum(sum(item["counts"].values()) for item in read.items) == sum(count for *_, count in lines)


@pytest.mark.shared
def test_the_real_files_are_read_whole(shared_data: Path) -> None:
    real = shared_data / "real"
    read = read_counts([real / "transactions_2025_07.csv", real / "transactions_auth_codes_2025_07.csv"])
    assert read.rejects == []
    assert read.rows == 38_880
    assert len(read.items) == 2 * 4_320
    assert "00" in read.items[1]["counts"]
