"""Starting processes: the door, a worker, everything supervised."""

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import socket

import msgspec
import typer

from guardian.bootstrap import build, entrance
from guardian.bus.base import TRANSACTIONS, Bus, Message
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS, floor_minute
from guardian.domain.transaction import Transaction
from guardian.entrypoints.embedded import Part, Supervisor, leave_with_parent
from guardian.entrypoints.worker import Worker, chosen
from guardian.observability.logs import configure, get_logger
from guardian.security.identity import ROLES, Principal
from guardian.settings import Settings
from guardian.simulation.live import LiveTraffic
from guardian.simulation.traffic import Traffic

ACCESS = "access.json"
ACCESS_TTL_S = 30 * 86_400
DEMO_RATE, DEMO_SEED, DEMO_DAYS = 60.0, 20_261_124, 14
DEMO_ORDER = "simulate.json"
DEMO_STARTS_AT = 15 * 60
DEMO_PAUSE_S = 0.25
_log = get_logger(__name__)


def run_all(settings: Settings, demo: bool) -> None:
    """The door and the workers on this machine, and simulated traffic if wanted, until Ctrl-C."""
    configure(settings.observability.log_level)
    parts = build(settings, "supervisor")
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
    Supervisor(running, os.environ).run()
    (parts.folder / ACCESS).unlink(missing_ok=True)


def run_door(settings: Settings, parent: int | None) -> None:
    """The HTTP door until SIGTERM."""
    import uvicorn
    import uvloop

    from guardian.entrypoints.http import application

    configure(settings.observability.log_level)
    if parent is not None:
        leave_with_parent(parent)
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
            h11_max_incomplete_event_size=64 << 10,
            limit_concurrency=2_000,
            lifespan="off",
        )
        watching = asyncio.create_task(door.tower.watch())
        await Server(config).serve()
        watching.cancel()

    try:
        uvloop.run(serve())
    finally:
        parts.bus.close()
        _log.info("door_stopped")


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
    from guardian.scoring.rules import load_rules
    from guardian.watching.detector import StreamDetector

    started = time.monotonic()
    ForestJudge(load_rules()).judge([Transaction("t", "m", "approved", 100, 0, 0)])
    StreamDetector("warm-up").judge(0, {"approved": 1}, {})
    typer.echo(f"Compiled in {time.monotonic() - started:.0f} s.", err=True)


def run_demo(settings: Settings, parent: int | None) -> None:
    """Two simulated weeks where nothing is stored yet, then simulated live traffic until SIGTERM."""
    configure(settings.observability.log_level)
    if parent is not None:
        leave_with_parent(parent)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    parts = build(settings, "demo")
    now_ms = parts.clock.now_ms()
    traffic = Traffic(DEMO_RATE, DEMO_SEED, shift_minutes=_demo_shift(parts.folder / "demo.json", now_ms))
    if not parts.store.transactions.position(0):
        _log.info("demo_history_begins", days=DEMO_DAYS)
        for hour_ms in range(floor_minute(now_ms) - DEMO_DAYS * DAY_MS, floor_minute(now_ms), HOUR_MS):
            minutes = range(hour_ms, min(hour_ms + HOUR_MS, floor_minute(now_ms)), MINUTE_MS)
            _publish(parts.bus, [one for minute_ms in minutes for one in traffic.minute(minute_ms)])
        _log.info("demo_history_ends")
    live = LiveTraffic(traffic, parts.folder / DEMO_ORDER, parts.clock)
    while not stop.wait(DEMO_PAUSE_S):
        _publish(parts.bus, live.due(parts.clock.now_ms()))
    parts.bus.close()


def _demo_shift(path: Path, now_ms: int) -> int:
    """Minutes to add to the clock so that the demo's first start falls into its busy afternoon; kept."""
    if not path.exists():
        minute_of_day = now_ms // MINUTE_MS % (24 * 60)
        path.write_text(json.dumps({"shift_minutes": DEMO_STARTS_AT - minute_of_day}), encoding="utf-8")
    shift: int = json.loads(path.read_text(encoding="utf-8"))["shift_minutes"]
    return shift


def _publish(bus: Bus, transactions: Sequence[Transaction]) -> None:
    if transactions:
        bus.publish(
            TRANSACTIONS, [Message(one.merchant_id, msgspec.json.encode(one)) for one in transactions]
        )


def _write_access(path: Path, facts: Mapping[str, object]) -> None:
    """Where the commands of this machine find the running system; for its owner alone."""
    part = path.with_suffix(".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(facts, file)
    part.replace(path)
