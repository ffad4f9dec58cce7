"""`guardian backtest counts` over files with known disturbances."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from guardian.entrypoints.cli import app


def day_with_an_outage(folder: Path) -> Path:
    rows = [
        f"2026-01-02 {at // 60:02d}:{at % 60:02d}:00,{status},{count}"
        for at in range(400)
        if not 350 <= at < 360
        for status, count in (("approved", 120), ("denied", 6))
    ]
    file = folder / "counts.csv"
    file.write_text("timestamp,status,count\n" + "\n".join(reversed(rows)) + "\nbroken,approved,1\n")
    return file


def backtest(file: Path, *options: str) -> tuple[list[dict[str, Any]], Any]:
    out = file.with_suffix(".jsonl")
    result = CliRunner().invoke(app, ["backtest", "counts", str(file), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in out.read_text().splitlines()], result


def test_a_backtest_writes_the_alert_of_an_outage(tmp_path: Path) -> None:
    lines, result = backtest(day_with_an_outage(tmp_path))
    assert "1 lines of counts.csv could not be read" in result.output
    assert [(line["status"], line["start"]) for line in lines] == [("*", "2026-01-02T05:50:00Z")]


def test_times_without_a_zone_are_of_the_zone_that_is_named(tmp_path: Path) -> None:
    lines, _ = backtest(day_with_an_outage(tmp_path), "--tz", "America/Sao_Paulo")
    assert [line["start"] for line in lines] == ["2026-01-02T08:50:00Z"]


def test_the_summary_for_scripts_is_on_stdout(tmp_path: Path) -> None:
    _, result = backtest(day_with_an_outage(tmp_path), "--json")
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["rejected"], summary["alerts"], summary["paged"]) == (780, 1, 1, 1)


def test_all_adds_what_would_not_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [
        f"2026-01-02 {at // 60:02d}:{at % 60:02d}:00,approved,{rng.poisson(100) if at < 300 else 48}"
        for at in range(301)
    ]
    file = tmp_path / "dip.csv"
    file.write_text("timestamp,status,count\n" + "\n".join(rows) + "\n")
    paging, _ = backtest(file)
    everything, _ = backtest(file, "--all")
    assert paging == []
    assert [(line["status"], line["paged"], line["level"]) for line in everything] == [
        ("*", False, "WARNING")
    ]


def test_a_file_of_other_columns_is_refused_by_name_of_the_columns_it_needs(tmp_path: Path) -> None:
    file = tmp_path / "checkout.csv"
    file.write_text("time,today,yesterday\n00h,9,12\n")
    result = CliRunner().invoke(app, ["backtest", "counts", str(file)])
    assert result.exit_code != 0
    assert "timestamp,status,count" in str(result.exception)
