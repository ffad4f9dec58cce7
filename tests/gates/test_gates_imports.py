"""Import is silent: no socket, no file written, no process, no thread, in any of our modules."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# loaded beforehand: what libraries do when they are imported is their affair
LIBRARIES = (
    "fastapi",
    "httpx2",
    "numba",
    "prometheus_client",
    "pyarrow.parquet",
    "pydantic_settings",
    "sklearn.ensemble",
    "structlog",
    "typer",
    "uvicorn",
    "uvloop",
)
# an audit hook sees what any code does; what stands here is what an import of ours must not do
WATCH = """
import importlib, os, pkgutil, sys, threading

LOUD = {"socket.__new__", "socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen",
        "os.mkdir", "os.remove", "os.rename", "os.fork", "os.posix_spawn", "_thread.start_new_thread"}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
heard, ours = [], os.path.realpath(sys.argv[1])

def asked_by_us():
    frame = sys._getframe(2)
    while frame is not None:
        if os.path.realpath(frame.f_code.co_filename).startswith(ours):
            return True
        frame = frame.f_back
    return False

def hear(event, given):
    loud = event in LOUD or (event == "open" and isinstance(given[2], int) and given[2] & WRITES)
    # __pycache__ belongs to Python and to the compiler of the kernels; a number was opened by name before
    known = event == "open" and isinstance(given[0], int)
    if loud and not known and "__pycache__" not in str(given[:1]) and asked_by_us():
        heard.append(f"{event} {given[:1]}")

for name in sys.argv[2:]:
    importlib.import_module(name)
sys.path.insert(0, os.path.dirname(ours))
sys.addaudithook(hear)
package = importlib.import_module(os.path.basename(ours))
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
heard += [f"thread {one.name}" for one in threading.enumerate() if one is not threading.main_thread()]
print("\\n".join(heard))
sys.exit(1 if heard else 0)
"""


def listen(package: Path, *libraries: str) -> subprocess.CompletedProcess[str]:
    """Import every module of a package in a process of its own and say what was heard."""
    return subprocess.run(
        [sys.executable, "-c", WATCH, str(package), *libraries],
        capture_output=True,
        text=True,
        check=False,
    )


def test_our_modules_are_silent() -> None:
    found = listen(ROOT / "src" / "guardian", *LIBRARIES)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_module_that_is_not_silent_fails(tmp_path: Path) -> None:
    package = tmp_path / "loud"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "socket_at_import.py").write_text("import socket\nsocket.socket().close()\n", encoding="utf-8")
    (package / "file_at_import.py").write_text(
        f"open({str(tmp_path / 'file')!r}, 'w').close()\n", encoding="utf-8"
    )
    (package / "thread_at_import.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
        encoding="utf-8",
    )
    found = listen(package)
    assert found.returncode == 1
    for event in ("socket.__new__", "open", "thread Thread-1"):
        assert event in found.stdout
