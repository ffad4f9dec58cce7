"""`guardian backtest counts` over a file with an outage."""

import json
from pathlib import Path

from typer.testing import CliRunner

from guardian.entrypoints.cli import app


def test_a_backtest_writes_the_alert_of_an_outage(tmp_path: Path) -> None:
    rows = [
        f"2026-01-02 {at // 60:02d}:{at % 60:02d}:00,{status},{count}"
        for at in range(400)
        if not 350 <= at < 360
        for status, count in (("approved", 120), ("denied", 6))
    ]
    file = tmp_path / "counts.csv"
    file.write_text("timestamp,status,count\n" + "\n".join(reversed(rows)) + "\nbroken,approved,1\n")
    out = tmp_path / "alerts.jsonl"
    result = CliRunner().invoke(app, ["backtest", "counts", str(file), "--out", str(out)])
    assert result.exit_code == 0
    assert "1 lines could not be read" in result.output
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(line["status"], line["start"]) for line in lines] == [("*", "2026-01-02T05:50:00Z")]
