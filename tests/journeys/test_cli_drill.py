"""`guardian drill` as a command of its own process: too little history, a report, and exit code 3."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
from msgspec.structs import replace
from typer.testing import CliRunner

from drill_samples import DAYS, FIRST_MS, clean, laid, paged_by, with_outage
from guardian.bootstrap import build
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, SetClock
from guardian.entrypoints.cli import app
from guardian.pipeline import STAGES
from guardian.settings import load
from guardian.storage.base import Record
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.cases import CASE_KIND, Case
from guardian.watching.drills import drill_collection, newest
from guardian.watching.stretch import taken
from running import until

LAST_DAY_MS, END_MS = FIRST_MS + 2 * DAY_MS, FIRST_MS + DAYS * DAY_MS


def drill(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "guardian.entrypoints.cli", "drill", "--data", str(folder), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def laid_out(folder: Path) -> None:
    """Three days, most of the last of which is known to have been bad: the drills are few and quick."""
    store = laid(folder, with_outage())
    page = paged_by(with_outage())
    for name, start, hours in (("a", LAST_DAY_MS, 11), ("b", LAST_DAY_MS + 18 * HOUR_MS, 6)):
        over_ms = start + hours * HOUR_MS
        anomaly_collection(store.records).insert(
            replace(page, anomaly_id=name, start_ms=start, minute_ms=start, over_ms=over_ms)
        )
    store.close()


def test_too_little_history_is_said_and_is_exit_1(tmp_path: Path) -> None:
    result = drill(tmp_path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "guardian: A drill needs 3 days of live traffic; there are 0.0.\n"


def test_a_drill_is_reported_as_json_and_kept(tmp_path: Path) -> None:
    laid_out(tmp_path)
    shown = drill(tmp_path, "--json", "--seed", "5")
    assert shown.returncode == 0, shown.stderr
    report = json.loads(shown.stdout)
    assert (report["seed"], report["passed"], report["cases"]) == (5, True, [])
    assert {one["kind"] for one in report["practised"]} >= {"outage_total", "missing_minutes", "slow_drift"}
    store = laid(tmp_path, clean(1))
    held = newest(drill_collection(store.records))
    store.close()
    assert held is not None
    assert held.line() == report


def test_a_drill_is_told_and_a_case_that_is_missed_is_exit_3(tmp_path: Path) -> None:
    """The case is of quiet minutes, in which nobody could find anything."""
    laid_out(tmp_path)
    store = laid(tmp_path, clean(1))
    minutes = taken(store.minutes, "live", FIRST_MS, FIRST_MS + DAY_MS)
    at_ms = FIRST_MS + 12 * HOUR_MS
    case = Case("quiet", "live", "denied", "denied", at_ms, at_ms + 9 * MINUTE_MS, True, minutes.pack())
    store.records.insert(Record(CASE_KIND, "quiet", at_ms, doc=msgspec.json.encode(case)))
    store.close()
    result = drill(tmp_path)
    assert result.returncode == 3, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Fire drill on live traffic from 2024-10-04T00:00:00Z to ")
    assert any(line.split()[:4] == ["outage_total", "1", "3", "100%"] for line in lines)
    assert "case quiet: denied since 2024-10-04T12:00:00Z: missed  !" in lines
    assert "! 1 of 1 incidents of the past would be missed today" in lines


def test_the_stage_that_keeps_house_holds_one_where_it_is_asked_for(tmp_path: Path) -> None:
    laid_out(tmp_path)
    watching = {"drill_every_days": 7}
    parts = build(load({}, data_dir=tmp_path, watching=watching), "test", SetClock(END_MS))
    runner = next(stage for stage in STAGES if stage.name == "keep-house").build(parts)
    drills = drill_collection(parts.store.records)
    until(lambda: runner.step(0.1) >= 0 and newest(drills) is not None, "a drill is held")
    runner.close()
    parts.bus.close()
    parts.store.close()


def test_words_that_are_no_options_are_usage_errors(tmp_path: Path) -> None:
    for words in (["--days", "2"], ["--seed", "-1"]):
        assert CliRunner().invoke(app, ["drill", "--data", str(tmp_path), *words]).exit_code == 2
