"""The detector over the real development files, scored by the official scorer."""

import csv
import importlib.util
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guardian.domain.window import BY_CODE, BY_STATUS, MinuteCounts
from guardian.learning.pages import Labelled, felt
from guardian.watching.replay import replay_counts

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared"
JULY = ("transactions_2025_07.csv", BY_STATUS)
JULY_CODES = ("transactions_auth_codes_2025_07.csv", BY_CODE)
DAY_1 = ("transactions_2022_day1.csv", BY_STATUS)
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.exists(), reason="the development data is not beside the project"),
]


def read(*files: tuple[str, str]) -> list[MinuteCounts]:
    counts: dict[tuple[int, str], dict[str, int]] = {}
    for name, by in files:
        with (SHARED / "data" / "real" / name).open() as file:
            for row in csv.DictReader(file):
                moment = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
                minute = counts.setdefault((int(moment.timestamp()) * 1000, by), {})
                minute[row[by]] = minute.get(row[by], 0) + int(row["count"])
    return [MinuteCounts("file", ms, by, found, ms) for (ms, by), found in sorted(counts.items())]


def scored(labels: str, *files: tuple[str, str]) -> dict[str, Any]:
    import pandas as pd

    spec = importlib.util.spec_from_file_location("evaluate_stream", SHARED / "eval" / "evaluate_stream.py")
    assert spec is not None
    assert spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    alerts = [
        {
            "ts": pd.Timestamp(anomaly.minute_ms, unit="ms").as_unit("ns"),
            "key": anomaly.status,
            "level": str(anomaly.level),
            "score": anomaly.score,
        }
        for anomaly in replay_counts(read(*files), "file")
        if anomaly.paged
    ]
    incidents = json.loads((SHARED / "data" / "real" / labels).read_text())
    result: dict[str, Any] = scorer.score(incidents, alerts, strict=True)
    assert ours(incidents, [(alert["ts"].value // 60_000_000_000, alert["key"]) for alert in alerts]) == (
        result["pages"],
        round(result["false_pages_per_day"] * result["days"]),
        result["aftershock_pages"],
        sorted(result["delays"].values()),
    )
    return result


def ours(incidents: dict[str, Any], alerts: list[tuple[int, str]]) -> tuple[int, int, int, list[int]]:
    """What our own scorer makes of the same alerts."""
    known = [
        Labelled(
            minute_of(one["start"]),
            minute_of(one["end"]),
            tuple(one["statuses"]),
            one["confidence"] == "high",
        )
        for one in incidents["events"]
    ]
    scored = felt(known, alerts)
    return scored.pages, scored.false_pages, scored.aftershocks, sorted(scored.delays.values())


def minute_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


@pytest.mark.parametrize(
    ("labels", "files"),
    [
        ("transactions_2022_day1.labels.json", [DAY_1]),
        ("transactions_2025_07.labels.json", [JULY]),
        ("transactions_2025_07.labels.json", [JULY, JULY_CODES]),
    ],
)
def test_every_incident_is_found_with_at_most_one_false_page_in_two_days(
    labels: str, files: list[tuple[str, str]]
) -> None:
    figures = scored(labels, *files)
    assert figures["missed"] == []
    assert figures["false_pages_per_day"] <= 0.5
    assert figures["median_delay_min"] <= 1
    assert figures["p90_delay_min"] <= 4
    assert figures["recall_chance"] < 0.5
