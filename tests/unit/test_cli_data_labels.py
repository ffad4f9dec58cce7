"""guardian import --labels."""

import json
from pathlib import Path

import pytest
from click.testing import Result

from guardian.domain.errors import Unreadable
from guardian.entrypoints.cli_data_labels import ITEMS, TOLD
from tests.unit.test_cli_data_commands import Door, door, file_of, guardian

__all__ = ["door"]
HEAD = "transaction_id,is_fraud,known_at,merchant_id\n"
DAY = "2026-01-02T12:00:00Z"


def imported(folder: Path, text: str, *words: str) -> Result:
    return guardian(folder, "import", "--labels", file_of(folder, "l.csv", text), *words)


def test_labels_go_in_and_what_is_unknown_or_refused_is_told_by_line(tmp_path: Path, door: Door) -> None:
    lines = [f"a,1,{DAY},m1\n", "b,maybe,never,\n", f"u1,0,{DAY},\n", f"r1,1,{DAY},\n"]
    result = imported(tmp_path, HEAD + "".join(lines), "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert (summary["accepted"], summary["unknown_lines"]) == (2, [3])
    assert [line for line, _ in summary["rejected_lines"]] == [2, 4]
    assert "Line 4: known_at: Too soon." in result.stderr
    assert "wait for it. Lines 3\n" in result.stderr
    assert door.labels[0] == {"transaction_id": "a", "is_fraud": True, "known_at": DAY, "merchant_id": "m1"}
    assert "merchant_id" not in door.labels[1]


def test_many_labels_are_sent_in_parts_and_told_in_short(tmp_path: Path, door: Door) -> None:
    result = imported(
        tmp_path, HEAD + "".join(f"u{at},1,{DAY},\n" for at in range(ITEMS + 1)), "--source", "july"
    )
    assert (door.posts, len(door.labels)) == (2, ITEMS + 1)
    assert {row["source"] for row in door.labels} == {"july"}
    assert f"Lines {', '.join(map(str, range(1, TOLD + 1)))}, …" in result.stderr


def test_an_import_without_a_sound_label_fails(tmp_path: Path, door: Door) -> None:
    assert imported(tmp_path, HEAD + f"r,1,{DAY},\n").exit_code == 1
    assert isinstance(imported(tmp_path, HEAD).exception, Unreadable)
    assert guardian(tmp_path, "import").exit_code == 2


@pytest.mark.parametrize("also", [(), ("kind",)])
def test_parquet_labels_may_say_more(tmp_path: Path, door: Door, also: tuple[str, ...]) -> None:
    import pyarrow
    from pyarrow import parquet

    columns = {"transaction_id": ["a"], "is_fraud": [1], "known_at": [DAY]} | {name: ["x"] for name in also}
    parquet.write_table(pyarrow.table(columns), tmp_path / "l.parquet")
    assert guardian(tmp_path, "import", "--labels", tmp_path / "l.parquet").exit_code == 0
    assert [row.get("kind") for row in door.labels] == ["x" if also else None]
