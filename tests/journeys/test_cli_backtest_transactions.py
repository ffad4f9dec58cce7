"""`guardian backtest transactions` over a small file."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from guardian.domain.clock import iso
from guardian.domain.errors import Misconfigured, NotFound, Unreadable
from guardian.entrypoints.cli import app
from guardian.features.definition import FEATURE_COUNT, NAMES
from guardian.learning.train import train
from guardian.models.folder import FolderRegistry
from guardian.security.keys import model_key

START_MS = 1_767_312_000_000
HEAD = "transaction_id,timestamp,status,amount,merchant_id,card_bin,card_token\n"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """6 000 usual ones, then 40 cards tested on one BIN; one line is broken, one comes twice."""
    monkeypatch.setenv("GUARDIAN_DATA_DIR", str(tmp_path / "data"))
    rng = np.random.default_rng(0)
    lines = [
        f"t{number},{iso(START_MS + number * 20_000)},approved,{rng.lognormal(3, 0.5):.2f},"
        f"m{rng.integers(0, 20)},4111{card % 10:02d},c{card}"
        for number, card in enumerate(rng.integers(0, 400, 6_000).tolist())
    ]
    after_ms = START_MS + 6_000 * 20_000
    lines += [
        f"x{number},{iso(after_ms + number * 4_000)},denied,1.50,m3,510000,s{number}" for number in range(40)
    ]
    rng.shuffle(lines)
    path = tmp_path / "history.csv"
    path.write_text(HEAD + "\n".join([*lines, lines[0], "y,now,approved,1,m1,411111,c1"]) + "\n")
    return path


def backtest(file: Path, *options: str) -> tuple[list[dict[str, str]], Any]:
    out = file.with_name("scores.csv")
    result = CliRunner().invoke(app, ["backtest", "transactions", str(file), "--out", str(out), *options])
    assert result.exit_code == 0, (result.output, result.exception)
    with out.open(newline="") as scores:
        return list(csv.DictReader(scores)), result


def refusal(*arguments: str) -> BaseException | None:
    result = CliRunner().invoke(app, ["backtest", "transactions", *arguments])
    assert result.exit_code != 0
    return result.exception


def test_every_transaction_is_scored_in_event_order_with_what_was_wrong(file: Path) -> None:
    rows, result = backtest(file, "--json")
    assert [row["transaction_id"] for row in rows] == [f"t{n}" for n in range(6_000)] + [
        f"x{n}" for n in range(40)
    ]
    assert list(rows[0]) == ["transaction_id", "score", "level", "reasons"]
    assert rows[-1]["level"] == "CRITICAL"
    assert "card_testing_bin" in rows[-1]["reasons"]
    highest = sorted(rows, key=lambda row: -float(row["score"]))[:20]
    assert all(row["transaction_id"].startswith("x") for row in highest)
    summary = json.loads(result.stdout)
    assert (summary["rows"], summary["rejected"], summary["repeated"]) == (6_040, 1, 1)
    assert "1 lines of history.csv could not be read" in result.stderr


def test_labels_of_unknown_transactions_are_reported(file: Path) -> None:
    labels = file.with_name("labels.csv")
    labels.write_text(
        "transaction_id,is_fraud,known_at\nt1,0,2026-01-09T00:00:00Z\nzz,1,2026-01-09T00:00:00Z\nt2,perhaps,\n"
    )
    _, result = backtest(file, "--json", "--labels", str(labels))
    summary = json.loads(result.stdout)
    assert (summary["labels"], summary["labels_unknown"], summary["labels_rejected"]) == (1, 1, 1)
    assert "1 labels are of transactions that are not in the file" in result.stderr


def test_a_kept_model_judges_from_the_first_transaction_on(file: Path, tmp_path: Path) -> None:
    rows, _ = backtest(file)
    registry = FolderRegistry(
        tmp_path / "data" / "models", NAMES, model_key(tmp_path / "data" / "keys" / "models.key")
    )
    usual = np.random.default_rng(0).normal(size=(2_000, FEATURE_COUNT)).astype(np.float32)
    registry.promote(registry.save(train(usual, 0, 0)))
    by_champion, _ = backtest(file, "--model", "champion")
    by_version, _ = backtest(file, "--model", "000001")
    assert by_champion == by_version
    assert by_champion[100]["score"] != rows[100]["score"]


def test_a_file_without_past_is_judged_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "short.csv"
    file.write_text(HEAD + f"a,{iso(START_MS)},approved,5,m1,411111,c1\n")
    rows, _ = backtest(file)
    assert [(row["transaction_id"], row["level"]) for row in rows] == [("a", "NORMAL")]


def test_what_cannot_be_done_is_refused(file: Path) -> None:
    out = str(file.with_name("out.csv"))
    assert isinstance(refusal(str(file), "--out", out, "--model", "champion"), NotFound)
    assert isinstance(refusal(str(file), "--out", out, "--model", "nonsense"), NotFound)
    assert isinstance(refusal(str(file), "--out", str(file.parent / "no" / "out.csv")), Misconfigured)
    counts = file.with_name("counts.csv")
    counts.write_text("timestamp,status,count\n2026-01-02T00:00:00Z,approved,1\n")
    assert isinstance(refusal(str(counts), "--out", out), Unreadable)
