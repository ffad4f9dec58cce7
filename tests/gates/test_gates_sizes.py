"""The gate of sizes fails on a bad sample of each kind, and passes on our own source."""

from pathlib import Path

import pytest
from sizes import findings, main

ROOT = Path(__file__).resolve().parents[2]
PORT = "".join(f"    def m{i}(self): ...\n" for i in range(8))
BAD = {
    "file": "x = 1\n" * 401,
    "function": "def f():\n" + "    x = 1\n" * 60,
    "asynchronous function": "async def f():\n" + "    x = 1\n" * 60,
    "parameters": "def f(a, b, c, d, e, f, g): ...\n",
    "gathered parameters": "def f(a, b, c, d, e, *f, **g): ...\n",
    "port": f"class P(Protocol):\n{PORT}",
    "generic port": f"class P(typing.Protocol[T]):\n{PORT}",
    "environment": "import os\nos.environ['X']\n",
    "getenv": "import os\nos.getenv('X')\n",
    "imported environment": "from os import environ\n",
    "broad except": "try:\n    x = 1\nexcept Exception:\n    pass\n",
    "broad except among others": "try:\n    x = 1\nexcept (OSError, BaseException):\n    pass\n",
    "bare except": "try:\n    x = 1\nexcept:\n    pass\n",
}
GOOD = {
    "method": "class C:\n    def f(self, a, b, c, d, e, f): ...\n",
    "function": "def f():\n" + "    x = 1\n" * 59,
    "port": "class P(Protocol):\n" + PORT.replace("    def m7(self): ...\n", ""),
    "class": f"class C:\n{PORT}",
    "environment of another thing": "scenario.environ\n",
    "narrow except": "try:\n    x = 1\nexcept (OSError, ValueError):\n    pass\n",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_sample_fails(kind: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(BAD[kind], encoding="utf-8")
    assert len(list(findings(sample))) == 1
    assert main([str(tmp_path)]) == 1


@pytest.mark.parametrize("kind", GOOD)
def test_a_sample_within_bounds_passes(kind: str, tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text(GOOD[kind], encoding="utf-8")
    assert main([str(tmp_path)]) == 0


@pytest.mark.parametrize("name", ["utils.py", "helpers.py", "common/__init__.py", "manager.py", "service.py"])
def test_a_vague_name_fails(name: str, tmp_path: Path) -> None:
    sample = tmp_path / name
    sample.parent.mkdir(exist_ok=True)
    sample.write_text("", encoding="utf-8")
    assert main([str(tmp_path)]) == 1


def test_a_finding_names_its_file_and_line(tmp_path: Path) -> None:
    sample = tmp_path / "sample.py"
    sample.write_text("import os\n\n\nos.environ['X']\n", encoding="utf-8")
    assert list(findings(sample)) == [f"{sample}:4: reads the environment"]


def test_the_edge_of_the_process_may_read_the_environment_and_catch_all(tmp_path: Path) -> None:
    sample = tmp_path / "entrypoints" / "run.py"
    sample.parent.mkdir()
    sample.write_text(BAD["environment"] + BAD["broad except"], encoding="utf-8")
    assert main([str(tmp_path)]) == 0


def test_the_settings_may_not_catch_all(tmp_path: Path) -> None:
    sample = tmp_path / "settings.py"
    sample.write_text(BAD["environment"] + BAD["broad except"], encoding="utf-8")
    assert [line.split(": ", 1)[1] for line in findings(sample)] == ["a broad except outside a process edge"]


def test_our_own_source_passes() -> None:
    assert main([str(ROOT / "src")]) == 0
