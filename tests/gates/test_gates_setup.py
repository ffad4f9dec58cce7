"""What sets a fresh machine up: finding a uv that works, and never trusting a download unchecked."""

import io
import platform
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import get_uv
import pytest

ROOT = Path(__file__).resolve().parents[2]
SYSTEM = "macosx_11_0" if sys.platform == "darwin" else "manylinux_2_17"
HERE = f"{SYSTEM}_{platform.machine()}"


def wheel_file(version: str, tag: str = HERE, yanked: bool = False) -> dict[str, Any]:
    """An entry of the index as PEP 691 lists it."""
    return {"filename": f"uv-{version}-py3-none-{tag}.whl", "url": "…", "hashes": {}, "yanked": yanked}


def test_the_newest_wheel_for_this_machine_is_taken() -> None:
    files = [
        wheel_file("0.9.30"),
        wheel_file("0.10.2"),
        wheel_file("0.11.0", tag="win_amd64"),
        wheel_file("0.12.0", yanked=True),
        wheel_file("0.13.0rc1"),
        {"filename": "uv-0.14.0.tar.gz"},
    ]
    assert get_uv.newest(files)["filename"] == f"uv-0.10.2-py3-none-{HERE}.whl"


def test_no_wheel_for_this_machine_is_said_so() -> None:
    with pytest.raises(get_uv.Failed, match="no wheel"):
        get_uv.newest([wheel_file("0.9.0", tag="win_amd64")])


def test_a_download_with_another_checksum_is_not_unpacked() -> None:
    wheel = io.BytesIO()
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("uv-1.0.0.data/scripts/uv", b"program")
    data = wheel.getvalue()
    assert get_uv.binary_of(data, sha256(data).hexdigest()) == b"program"
    with pytest.raises(get_uv.Failed, match="checksum"):
        get_uv.binary_of(data, "0" * 64)


def test_a_shim_that_fails_is_no_uv(tmp_path: Path) -> None:
    shim = tmp_path / "uv"
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    assert not get_uv.works(str(shim))
    assert not get_uv.works(str(tmp_path / "missing"))


def test_a_way_that_fails_says_the_last_line_it_heard() -> None:
    with pytest.raises(get_uv.Failed, match="no such index"):
        get_uv.run(sys.executable, "-c", "import sys; sys.exit('looking…\\nno such index')")


def test_when_no_way_leads_to_a_uv_every_reason_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed() -> None:
        raise get_uv.Failed("the index is closed")

    monkeypatch.setattr(get_uv, "WAYS", {"pip": closed, "package index": closed})
    with pytest.raises(SystemExit, match=r"pip: the index is closed\n.*package index: the index is closed\n"):
        get_uv.set_up()


def test_the_script_of_ci_is_sound_and_can_be_run() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
