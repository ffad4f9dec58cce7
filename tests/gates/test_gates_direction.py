"""The gate of direction fails on a bad import of each kind, in a copy of our own source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UPWARD = "Data flows down, imports point one way"
BAD = {
    "the foundation imports a stage": ("bus/base.py", "import guardian.scoring.base", UPWARD),
    "a stage imports a later one": ("ingestion/accept.py", "import guardian.watching.stage", UPWARD),
    "a package nobody listed": ("helping/__init__.py", "", UPWARD),
    "a noun knows a framework": ("domain/alert.py", "import numpy", "The nouns know no framework"),
    "a stage reads the settings": (
        "scoring/base.py",
        "import guardian.settings",
        "Settings are read by the doors alone",
    ),
    "a stage speaks SQLite": ("watching/stage.py", "import sqlite3", "SQLite is spoken in one place"),
    "a stage chooses its bus": (
        "alerting/notify.py",
        "import guardian.bus.log",
        "The composition root alone chooses a back end",
    ),
    "a stage scores with scikit-learn": (
        "scoring/judge.py",
        "import sklearn.ensemble",
        "scikit-learn trains and does nothing else",
    ),
    "a door reads tokens by itself": (
        "entrypoints/http.py",
        "import jwt",
        "Tokens and passwords are made and checked in one place",
    ),
    "siblings in a circle": ("domain/clock.py", "import guardian.domain.anomaly", "Siblings form no cycles"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_import_fails(kind: str, tmp_path: Path) -> None:
    place, line, contract = BAD[kind]
    shutil.copytree(ROOT / "src" / "guardian", tmp_path / "guardian", ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    sample = tmp_path / "guardian" / place
    sample.parent.mkdir(exist_ok=True)
    with sample.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    found = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1, found.stdout + found.stderr
    assert f"{contract} BROKEN" in " ".join(found.stdout.split())
