"""Starting processes: the door, a worker, everything supervised."""

import asyncio
import errno
import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import SOCK_STREAM, create_server, getaddrinfo, socket

import typer

from guardian.bootstrap import build, entrance
from guardian.domain.errors import Unavailable
from guardian.domain.transaction import Transaction
from guardian.entrypoints.embedded import Part, Supervisor, alone_on, leave_with_parent
from guardian.entrypoints.worker import Worker, chosen
from guardian.observability.logs import configure, get_logger
from guardian.pipeline import Parts
from guardian.security.identity import ROLES, Principal
from guardian.settings import Http, Settings

ACCESS = "access.json"
ACCESS_TTL_S = 30 * 86_400
OWN_DESCRIPTORS = 500
"""Files of the log and the store, beside the connections."""
_log = get_logger(__name__)


def run_all(settings: Settings, demo: bool) -> None:
    """The door and the workers on this machine, and simulated traffic if wanted, until Ctrl-C."""
    configure(settings.observability.log_level)
    refuse_taken_port(settings.http)
    parts = build(settings, "supervisor")
    with alone_on(parts.folder):
        _run_all(settings, parts, demo)


def _run_all(settings: Settings, parts: Parts, demo: bool) -> None:
    doors = entrance(parts)
    url = settings.http.base_url or f"http://{settings.http.host}:{settings.http.port}"
    code = doors.users.once("admin", "admin")
    machine = Principal("local", ROLES["admin"], "machine")
    token = doors.tokens.issue(machine, ACCESS_TTL_S)
    _write_access(parts.folder / ACCESS, {"url": url, "token": token, "demo": demo})
    data = ["--data", str(settings.data_dir), "--parent", str(os.getpid())]
    typer.echo(f"\n  Transaction Guardian\n  Log in, once: {url}/login/once/{code}\n", err=True)
    running = [
        Part("door", ["api", "--port", str(settings.http.port), *data]),
        Part("worker", ["work", *data]),
    ]
    if demo:
        running.append(Part("demo", ["demo", *data]))
    Supervisor(running, os.environ, parts.metrics.restarted).run()
    (parts.folder / ACCESS).unlink(missing_ok=True)


def refuse_taken_port(http: Http) -> None:
    """Raises Unavailable when nobody can listen there, so that it is said once and in words."""
    try:
        family = getaddrinfo(http.host, http.port, type=SOCK_STREAM)[0][0]
        create_server((http.host, http.port), family=family).close()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            words = f"Port {http.port} is taken. End what listens there, or choose another with --port."
        else:
            words = (
                f"Nobody can listen at {http.host}:{http.port}: {error.strerror}. See GUARDIAN_HTTP__HOST."
            )
        raise Unavailable(words) from error


def run_door(settings: Settings, parent: int | None) -> None:
    """The HTTP door until SIGTERM."""
    import uvicorn
    import uvloop

    from guardian.entrypoints.http import application
    from guardian.entrypoints.protocol import BoundedProtocol, sweep

    configure(settings.observability.log_level)
    if parent is not None:
        leave_with_parent(parent)
    refuse_taken_port(settings.http)
    _allow_descriptors(BoundedProtocol.crowd + OWN_DESCRIPTORS)
    parts = build(settings, "door")
    door = application(parts, settings)

    class Server(uvicorn.Server):
        """Ends the streams first: they never end by themselves."""

        async def shutdown(self, sockets: list[socket] | None = None) -> None:
            door.stream.closing = True
            await super().shutdown(sockets)

    async def serve() -> None:
        config = uvicorn.Config(
            door.app,
            host=settings.http.host,
            port=settings.http.port,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=10,
            http=BoundedProtocol,
            ws="none",
            lifespan="off",
        )
        server = Server(config)
        beside = [
            asyncio.create_task(door.tower.watch()),
            asyncio.create_task(sweep(server.server_state.connections)),
        ]
        await server.serve()
        for task in beside:
            task.cancel()

    try:
        uvloop.run(serve())
    finally:
        parts.bus.close()
        _log.info("door_stopped")


def _allow_descriptors(wanted: int) -> None:
    """Many systems start programs with 1024 and allow far more: a crowd must not keep us from our files."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))


def run_worker(settings: Settings, stages: Sequence[str], parent: int | None) -> int:
    """Stages until SIGTERM; 1 when one of them could not go on."""
    configure(settings.observability.log_level)
    if parent is not None:
        leave_with_parent(parent)
    parts = build(settings, "worker")
    worker = Worker(parts, chosen(stages))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: worker.ask_to_stop())
    worker.start()
    worker.wait(parts.metrics.leave)
    worker.stop()
    parts.bus.close()
    _log.info("worker_stopped", failed=worker.failed)
    return 1 if worker.failed else 0


def compile_kernels() -> None:
    """Run every compiled function once; the compiler keeps the result beside the source."""
    from guardian.scoring.judge import ForestJudge
    from guardian.scoring.rules.ruleset import load_rules
    from guardian.watching.ahead import look_ahead
    from guardian.watching.asked import Asked
    from guardian.watching.detector import StreamDetector
    from guardian.watching.segments.detector import SegmentDetector
    from guardian.watching.state import new_state

    started = time.monotonic()
    ForestJudge(load_rules()).judge([Transaction("t", "m", "approved", 100, 0, 0)])
    StreamDetector("warm-up").judge(0, {"approved": 1}, {})
    look_ahead(new_state(), 0, new_state().expected[None])
    SegmentDetector("warm-up", Asked()).judge(0, {"status": ["approved"]}, 1.0)
    typer.echo(f"Compiled in {time.monotonic() - started:.0f} s.", err=True)


def _write_access(path: Path, facts: Mapping[str, object]) -> None:
    """Where the commands of this machine find the running system; for its owner alone."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    part.replace(path)
