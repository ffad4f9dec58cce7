"""The gates of the test run itself: warnings are errors, and CI does not skip what it can have."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPS = "import pytest\n@pytest.mark.{marker}\ndef test_it():\n    pytest.skip('it is not here')\n"


def run(folder: Path, sample: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a sample with our configuration and our conftest in a project of its own."""
    tests = folder / "project" / "tests"
    tests.mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tests.parent)
    shutil.copy(ROOT / "tests" / "conftest.py", tests)
    (tests / "test_sample.py").write_text(sample, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "pytest_timeout"],
        cwd=tests.parent,
        env=kept | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_warning_fails(tmp_path: Path) -> None:
    found = run(tmp_path, "import warnings\ndef test_it():\n    warnings.warn('old', DeprecationWarning)\n")
    assert found.returncode == 1
    assert "DeprecationWarning: old" in found.stdout


def test_a_file_left_open_fails(tmp_path: Path) -> None:
    found = run(tmp_path, "def test_it():\n    open(__file__)\n")
    assert found.returncode == 1
    assert "unclosed file" in found.stdout


def test_an_unknown_marker_fails(tmp_path: Path) -> None:
    found = run(tmp_path, "import pytest\n@pytest.mark.slowly\ndef test_it():\n    pass\n")
    assert found.returncode not in {0, 5}
    assert "'slowly' not found in `markers`" in found.stdout


@pytest.mark.parametrize("marker", ["browser", "shared"])
def test_a_skip_is_allowed_and_its_reason_printed(marker: str, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    found = run(tmp_path, SKIPS.format(marker=marker))
    assert found.returncode == 0
    assert "it is not here" in found.stdout


@pytest.mark.parametrize("marker", ["browser", "shared"])
def test_in_ci_a_skip_of_what_can_be_had_fails(marker: str, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    found = run(tmp_path, SKIPS.format(marker=marker), CI="true")
    assert found.returncode == 1
    assert "1 failed" in found.stdout.splitlines()[-1]
    assert "it is not here" in found.stdout


def test_in_ci_development_data_that_are_not_there_may_be_skipped(tmp_path: Path) -> None:
    sample = "import pytest\n@pytest.mark.shared\ndef test_it(shared_data):\n    pass\n"
    found = run(tmp_path, sample, CI="true")
    assert found.returncode == 0
    assert "the development data (../shared) is not beside the project" in found.stdout


def test_in_ci_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    sample = "import pytest\n@pytest.mark.browser\n@pytest.mark.xfail\ndef test_it():\n    assert False\n"
    assert run(tmp_path, sample, CI="true").returncode == 0
