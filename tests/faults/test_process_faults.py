"""The real processes killed in the middle of a load: what was answered 202 is stored, exactly once."""

import random
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
import pytest

from installation import Installation
from load import Load, each_is_stored_once, row_of, settle
from running import Running, alive, running, until

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]
STOP_S = 20.0
"""So long it may take to stop on a busy machine, whoever is still listening."""
TINY = 512
"""No file may grow beyond so many bytes: like a full disk to everything that matters."""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("system")) as started:
        yield started


@pytest.mark.timeout(3_600)
def test_what_was_accepted_survives_the_death_of_every_process(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rounds: int = request.config.getoption("--rounds")
    draw = random.Random(rounds)
    with running(tmp_path) as system:
        with Load(system) as load:
            for _ in range(rounds):
                load.wait_for(draw.choice((1, 200, 1_000, 3_000)))
                system.kill()
                system.start()
            load.wait_for(500)
        settle(system)
        each_is_stored_once(tmp_path, load)


@pytest.mark.parametrize("name", ["worker", "door"])
def test_a_part_that_is_killed_is_started_again_and_nothing_is_lost_or_doubled(
    system: Running, name: str
) -> None:
    with Load(system) as load:
        load.wait_for(500)
        dead = system.part(name)
        assert dead is not None
        dead.kill()
        until(lambda: system.restarted(name, dead), f"the {name} to be started again")
        load.wait_for(500)
    settle(system)
    each_is_stored_once(system.folder, load)
    for event in ("part_died", "part_restarted"):
        assert name in [one["part"] for one in system.events(event)]
    assert f'guardian_stage_restarts_total{{part="{name}"}}' in system.ask("GET", "/metrics").text


@contextmanager
def no_file_grows(process: psutil.Process | None) -> Iterator[None]:
    """The process meets a disk that takes no more; any user may do this to a process of theirs."""
    assert process is not None
    _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
    process.rlimit(psutil.RLIMIT_FSIZE, (TINY, hard))
    try:
        yield
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY if hard < 0 else hard, hard))


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limiting a running process needs Linux")
def test_a_disk_that_takes_no_more_refuses_loses_nothing_and_recovers(system: Running) -> None:
    worker = system.part("worker")
    deaths = len(system.events("part_died"))
    settle(system)
    with Load(system) as load:
        with no_file_grows(worker):
            for said in ("stage_waits", "metrics_not_left"):
                until(lambda: bool(system.events(said)), f"the worker to say {said}")  # noqa: B023
            with no_file_grows(system.part("door")):
                until(lambda: refused(system), "the door to refuse")
                assert system.ask("GET", "/transactions").json()["items"]
                assert system.ask("GET", "/stats").status_code == 200
        load.wait_for(200)
    settle(system)
    each_is_stored_once(system.folder, load)
    assert len(system.events("part_died")) == deaths


def refused(system: Running) -> bool:
    """Whether the door answers 503 and says when to come back."""
    answer = system.ask("POST", "/transaction", json=row_of("while-it-is-full", 0))
    assert answer.status_code in (202, 503)
    return answer.status_code == 503 and int(answer.headers["retry-after"]) > 0


def test_told_to_stop_it_drains_and_leaves_nobody_behind(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        processes = [system.supervisor, *system.supervisor.children(recursive=True)]
        with (
            Load(system) as load,
            httpx2.stream("GET", f"{system.url}/stream", headers=system.headers()) as listener,
        ):
            assert next(listener.iter_lines()) == "retry: 2000"
            load.wait_for(500)
            asked = time.monotonic()
            system.terminate()
            code = system.wait()
            took_s = time.monotonic() - asked
        assert code == 0
        assert not any(map(alive, processes))
        assert took_s < STOP_S
        rest = Installation(tmp_path)
        rest.work()
        rest.close()
        each_is_stored_once(tmp_path, load)


def test_parts_leave_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        parts = system.supervisor.children(recursive=True)
        assert len(parts) == 2
        system.supervisor.send_signal(signal.SIGKILL)
        system.wait()
        until(lambda: not any(map(alive, parts)), "the parts to leave")
