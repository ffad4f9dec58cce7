"""Each deployable runs with the extras it declares: the others' libraries are hidden from it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "argon2-cffi": "argon2",
    "pyjwt": "jwt",
    "python-multipart": "python_multipart",
    "scikit-learn": "sklearn",
}
HIDE = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(f"{name} is not installed with this extra", name=name)

sys.meta_path.insert(0, Hidden())
"""
WORKER = (
    HIDE
    + """
from pathlib import Path
from guardian.bootstrap import build
from guardian.entrypoints.run import run_worker
from guardian.entrypoints.worker import Worker, chosen
from guardian.settings import load

parts = build(load({}, data_dir=Path(sys.argv[2])), "worker")
worker = Worker(parts, chosen([]))
worker.start()
worker.stop()
sys.exit(worker.failed)
"""
)
DOOR = (
    HIDE
    + """
from pathlib import Path
from guardian.bootstrap import build
from guardian.entrypoints.http import application
from guardian.settings import load

settings = load({}, data_dir=Path(sys.argv[2]))
application(build(settings, "door"), settings)
"""
)


def libraries(extra: str) -> set[str]:
    """The modules that come with an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [line.partition(">")[0].partition("[")[0] for line in project["optional-dependencies"][extra]]
    return {PACKAGES.get(name, name) for name in names}


def started(code: str, hidden: set[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, ",".join(hidden), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


@pytest.mark.parametrize(
    ("code", "missing"), [(WORKER, ("api", "import")), (DOOR, ("worker", "import"))], ids=["worker", "door"]
)
def test_a_deployable_starts_without_what_belongs_to_the_others(
    code: str, missing: tuple[str, ...], tmp_path: Path
) -> None:
    hidden = set().union(*map(libraries, missing))
    assert len(hidden) > 1
    found = started(code, hidden, tmp_path)
    assert found.returncode == 0, found.stderr


def test_a_deployable_without_its_own_extra_does_not_start(tmp_path: Path) -> None:
    found = started(DOOR, libraries("api"), tmp_path)
    assert found.returncode == 1
    assert "is not installed with this extra" in found.stderr
