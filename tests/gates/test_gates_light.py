"""A process loads what it does and no more: memory is paid in every one of them."""

import subprocess
import sys

import pytest

HEAVY = ("lightgbm", "numba", "sklearn", "scipy", "pyarrow")


def loaded(module: str) -> list[str]:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "module", ["guardian.entrypoints.cli, guardian.entrypoints.run", "guardian.entrypoints.http"]
)
def test_the_supervisor_and_the_door_load_no_compiled_code(module: str) -> None:
    assert loaded(module) == []


def test_what_is_loaded_is_seen() -> None:
    assert loaded("scipy") == ["scipy"]
