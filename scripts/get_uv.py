"""Prints a uv that works; puts one into .tools/bin when there is none: by pip, venv or from the index."""

import hashlib
import io
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOOLS = Path(__file__).resolve().parent.parent / ".tools"
UV = TOOLS / "bin" / "uv"
TIMEOUT_S = 120
SIMPLE_API = "application/vnd.pypi.simple.v1+json"
BY_HAND = "Install uv by hand (https://docs.astral.sh/uv/) so that `uv --version` works, then try again."


class Failed(Exception):
    """This way does not lead to a uv; the message says why."""


def works(command: str) -> bool:
    """Whether this uv runs: a version manager may leave a shim on PATH that does not."""
    try:
        return subprocess.run([command, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run(*command: str) -> None:
    """Run a command, or fail with the last line it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(said[-1] if said else f"exit code {done.returncode}")


def by_pip() -> None:
    """With the pip of this Python, into a folder of our own."""
    run(sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(TOOLS / "pip"), "uv")
    place(TOOLS / "pip" / "bin" / "uv")


def by_venv() -> None:
    """With the pip of a fresh environment, where this Python has none itself."""
    run(sys.executable, "-m", "venv", "--clear", str(TOOLS / "venv"))
    run(str(TOOLS / "venv" / "bin" / "python"), "-m", "pip", "install", "--quiet", "uv")
    place(TOOLS / "venv" / "bin" / "uv")


def by_index() -> None:
    """Straight from the package index: newest wheel of this machine, its SHA-256 checked, unpacked."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    try:
        files = json.loads(fetch(f"{index}/uv/", SIMPLE_API))["files"]
        wheel = newest(files)
        data = fetch(urllib.parse.urljoin(f"{index}/uv/", wheel["url"]))
    except (OSError, ValueError, KeyError) as error:
        raise Failed(f"{index}: {error}") from error
    UV.parent.mkdir(parents=True, exist_ok=True)
    unpacked = TOOLS / "uv"
    unpacked.write_bytes(binary_of(data, wheel["hashes"]["sha256"]))
    unpacked.chmod(0o755)
    place(unpacked)


def fetch(url: str, accept: str = "*/*") -> bytes:
    """The body of an HTTPS answer."""
    context = ssl.create_default_context(cafile=os.environ.get("PIP_CERT"))
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context) as answer:
        return bytes(answer.read())


def newest(files: list[dict[str, Any]]) -> dict[str, Any]:
    """The wheel of the highest final version for this system and processor."""
    system = "macosx" if sys.platform == "darwin" else "manylinux"
    tag = re.compile(rf"uv-(\d+)\.(\d+)\.(\d+)-py3-none-{system}\S*_{re.escape(platform.machine())}\.whl")
    found = [
        (tuple(map(int, match.groups())), file["filename"], file)
        for file in files
        if (match := tag.fullmatch(file["filename"])) and not file.get("yanked")
    ]
    if not found:
        raise Failed(f"there is no wheel for {sys.platform} on {platform.machine()}")
    return max(found, key=lambda one: one[:2])[2]


def binary_of(wheel: bytes, sha256: str) -> bytes:
    """The program inside a wheel whose checksum is right."""
    if hashlib.sha256(wheel).hexdigest() != sha256:
        raise Failed("the download does not match its checksum")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        name = next(name for name in archive.namelist() if name.endswith("/scripts/uv"))
        return archive.read(name)


def place(binary: Path) -> None:
    """Make the binary callable as .tools/bin/uv."""
    UV.parent.mkdir(parents=True, exist_ok=True)
    UV.unlink(missing_ok=True)
    UV.symlink_to(os.path.relpath(binary, UV.parent))


WAYS: dict[str, Callable[[], None]] = {"pip": by_pip, "venv": by_venv, "package index": by_index}


def set_up() -> None:
    """Try one way after the other. Raises SystemExit with every reason when none leads there."""
    reasons = []
    for name, way in WAYS.items():
        try:
            way()
        except (Failed, OSError) as error:
            reasons.append(f"  {name}: {error}")
            continue
        if works(str(UV)):
            return
        reasons.append(f"  {name}: what it installed does not run")
    sys.exit("\n".join(["uv could not be set up:", *reasons, BY_HAND]))


def main() -> None:
    """Print the uv to use."""
    if shutil.which("uv") and works("uv"):
        print("uv")
        return
    if not works(str(UV)):
        print("Fetching uv into .tools ...", file=sys.stderr)
        set_up()
    print(UV)


if __name__ == "__main__":
    main()
