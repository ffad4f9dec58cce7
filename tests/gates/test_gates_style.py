"""The gates of ruff and mypy fail on a bad sample of each kind."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
HEAD = '"""A sample."""\n\n'
BAD = {
    "D103": "def judge() -> None:\n    x = 1\n    del x\n",
    "T201": 'print("judged")\n',
    "BLE001": "try:\n    x = 1\nexcept Exception:\n    x = 2\n",
    "DTZ005": "from datetime import datetime\n\nNOW = datetime.now()\n",
    "B006": 'def judge(batch: list[int] = []) -> None:\n    """Judge."""\n    batch.clear()\n',
    "ARG001": 'def judge(batch: int) -> int:\n    """Judge."""\n    return 1\n',
    "PLR0913": 'def judge(a, b, c, d, e, f, g):\n    """Judge."""\n    return a, b, c, d, e, f, g\n',
    "S105": 'PASSWORD = "correct horse"\n',
    "S608": 'NAME = input()\nQUERY = f"SELECT * FROM users WHERE name = {NAME}"\n',
    "E501": f"X = {'1' * 110}\n",
}
BADLY_TYPED = """
def judge(batch):
    return batch

def count() -> int:
    return "one"

names: list = []
"""


def run(tool: str, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a tool of ours with our configuration."""
    return subprocess.run(
        [str(BIN / tool), *arguments], cwd=ROOT, input=given, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("code", BAD)
def test_ruff_refuses_a_bad_sample(code: str) -> None:
    asked = ("check", "--no-cache", "--output-format", "concise", "--stdin-filename")
    found = run("ruff", *asked, "src/guardian/sample.py", "-", given=HEAD + BAD[code])
    assert found.returncode == 1
    assert code in found.stdout


def test_ruff_refuses_a_badly_formatted_sample() -> None:
    asked = ("format", "--no-cache", "--check", "--stdin-filename", "src/guardian/sample.py", "-")
    assert run("ruff", *asked, given=HEAD + "x = {  'a':1 }\n").returncode == 1
    assert run("ruff", *asked, given=HEAD + 'x = {"a": 1}\n').returncode == 0


def test_mypy_refuses_a_bad_sample(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(BADLY_TYPED, encoding="utf-8")
    found = run("mypy", "--cache-dir", str(tmp_path / "cache"), str(sample))
    assert found.returncode == 1
    for code in ("no-untyped-def", "return-value", "type-arg"):
        assert f"[{code}]" in found.stdout
