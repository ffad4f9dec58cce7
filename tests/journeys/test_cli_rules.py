"""`guardian rules` as a person uses it: check, try, send to review, move."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardian.bootstrap import build
from guardian.domain.clock import SystemClock
from guardian.entrypoints.cli import app
from guardian.settings import load
from rule_samples import transaction
from storing import unscored

RULE = """id: tiny
name: {pt: mínimo, en: tiny}
severity: WARNING
recommendation: {pt: veja, en: look}
when: amount < 5
"""


def guardian(folder: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["rules", *words, "--data", str(folder / "data")])
    return done.exit_code, done.output


@pytest.fixture
def rule(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(RULE, encoding="utf-8")
    return path


def test_a_file_is_checked_with_line_and_column(tmp_path: Path, rule: Path) -> None:
    assert guardian(tmp_path, "check", str(rule)) == (0, "1 rules of tiny.yaml are understood.\n")
    rule.write_text(RULE.replace("amount", "amuont"), encoding="utf-8")
    code, output = guardian(tmp_path, "check", str(rule))
    assert code == 3
    assert "tiny.yaml:5:7: Rule tiny: when: There is no field of this name; did you mean amount." in output
    entry = "version: 2\nrules:\n  - " + RULE.replace("\n", "\n    ")
    rule.write_text(entry, encoding="utf-8")
    assert guardian(tmp_path, "check", str(rule))[0] == 0
    rule.write_bytes(b"\xff\xfe")
    assert guardian(tmp_path, "check", str(rule))[0] == 1


def test_a_rule_is_tried_sent_to_review_and_never_approved_by_its_author(tmp_path: Path, rule: Path) -> None:
    parts = build(load({}, data_dir=tmp_path / "data"), "test")
    now = SystemClock().now_ms() - 1_000
    rows = [
        transaction(transaction_id=f"t{n}", event_ms=now - n, amount_minor=100 if n == 0 else 9_000)
        for n in range(50)
    ]
    parts.store.transactions.keep(0, unscored(rows))
    code, output = guardian(tmp_path, "backtest", str(rule))
    assert (code, "would have fired 1 times in 50 transactions (2.000%)" in output) == (0, True)
    assert "recall unknown of 0 labelled frauds" in output
    assert guardian(tmp_path, "publish", str(rule), "--reason", "card testers")[0] == 0
    assert "tiny\tin_review\t100\t1" in guardian(tmp_path, "list")[1]
    code, _ = guardian(tmp_path, "move", "tiny", "shadow", "--reason", "mine")
    assert code == 1
    assert guardian(tmp_path, "move", "tiny", "dance", "--reason", "x")[0] == 2
    assert guardian(tmp_path, "move", "card_velocity_1h", "pause", "--reason", "too loud")[0] == 0
    assert "card_velocity_1h\tpaused" in guardian(tmp_path, "list")[1]
    rule.write_text(RULE.replace("< 5", "> 5"), encoding="utf-8")
    assert guardian(tmp_path, "backtest", str(rule))[0] == 3
