"""A running system with a clock of its own, and a Chromium that looks at it."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn

from guardian.bootstrap import build, entrance
from guardian.domain.clock import HOUR_MS, MINUTE_MS, SetClock, floor_minute, from_iso, iso
from guardian.domain.transaction import LIVE
from guardian.domain.window import BY_STATUS, MinuteCounts
from guardian.entrypoints.http import Door, application
from guardian.entrypoints.worker import Worker
from guardian.pipeline import STAGES
from guardian.security.identity import ROLES, Principal
from guardian.settings import load

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

START_MS = from_iso("2026-11-19T05:30:14Z")
HISTORY_HOURS = 50
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
PATIENCE_S = 20.0


def usual(minute_ms: int) -> dict[str, int]:
    """A calm minute; it wavers, the same way every time."""
    at = minute_ms // MINUTE_MS
    return {
        "approved": 100 + at * 7 % 13,
        "denied": 8 + at * 5 % 5,
        "failed": at % 7 // 5,
        "reversed": at % 2,
    }


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait for it, but not for ever."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.02)


class Running:
    """The door and all stages of one installation; time passes only when a test says so."""

    def __init__(self, folder: Path) -> None:
        self.clock = SetClock(START_MS)
        settings = load({}, data_dir=folder)
        self.parts = msgspec.structs.replace(build(settings, "browser"), clock=self.clock)
        self.entrance = entrance(self.parts)
        self._remember_two_days()
        self.worker = Worker(self.parts, STAGES)
        self.worker.start()
        self.door = application(self.parts, settings)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._server = uvicorn.Server(
            uvicorn.Config(self.door.app, port=port, log_config=None, lifespan="off", access_log=False)
        )
        self._thread = threading.Thread(target=self._serve, args=(self.door,))
        self._thread.start()
        until(lambda: self._server.started, "the door opens")
        until(self._all_judged, "the history is judged")
        token = self.entrance.tokens.issue(Principal("tests", ROLES["admin"]), 10**6)
        self._headers = {"authorization": f"Bearer {token}"}

    def _remember_two_days(self) -> None:
        first = floor_minute(START_MS) - HISTORY_HOURS * HOUR_MS
        minutes = range(first, floor_minute(START_MS), MINUTE_MS)
        counts = [MinuteCounts(LIVE, at, BY_STATUS, usual(at), at + MINUTE_MS) for at in minutes]
        self.parts.store.minutes.replace(counts)

    def _all_judged(self) -> bool:
        newest_ms = floor_minute(self.clock.now_ms()) - MINUTE_MS
        return bool(self.parts.store.minutes.points(LIVE, ["*"], newest_ms, newest_ms + MINUTE_MS))

    def _serve(self, door: Door) -> None:
        async def serve() -> None:
            watching = asyncio.create_task(door.tower.watch())
            await self._server.serve()
            watching.cancel()

        asyncio.run(serve())

    def ask(self, method: str, path: str, **given: Any) -> httpx2.Response:
        """The answer of the door to an administrator's program."""
        return httpx2.request(method, self.url + path, headers=self._headers, **given)

    def minute(self, counts: Mapping[str, int] | None = None) -> None:
        """One more minute passes, with these counts, and is judged."""
        minute_ms = floor_minute(self.clock.now_ms())
        self.clock.advance(MINUTE_MS - 12_000)
        given = dict(usual(minute_ms) if counts is None else counts)
        body = {"minute": iso(minute_ms), "by": BY_STATUS, "counts": given}
        assert self.ask("POST", "/counts", json=body).status_code == 202

        def counted() -> bool:
            return minute_ms in self.parts.store.minutes.counts(
                LIVE, BY_STATUS, minute_ms, minute_ms + 1
            ) or (not given and self.parts.store.minutes.progress()[0].event_ms > minute_ms)

        until(counted, "the minute is counted")
        self.clock.advance(12_000)
        until(self._all_judged, "the minute is judged")

    def incident(self) -> str:
        """The id of an open incident, after as many bad minutes as it takes."""
        for _ in range(6):
            found = self.ask("GET", "/incidents").json()["items"]
            open_ids = [one["id"] for one in found if one["resolved_at"] is None]
            if open_ids:
                return str(open_ids[0])
            self.minute({"approved": 12, "denied": 90})
        raise AssertionError("six bad minutes made no incident")

    def link(self, name: str = "marina", role: str = "analyst") -> str:
        """A link that logs in once."""
        return f"{self.url}/login/once/{self.entrance.users.once(name, role)}"

    def close(self) -> None:
        """Stop everything."""
        self.close_door()
        self.worker.stop()
        self.parts.bus.close()
        self.parts.store.close()

    def close_door(self) -> None:
        """The server goes away, as in a crash."""
        self.door.stream.closing = True
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


class Seen:
    """What the browser complained of."""

    def __init__(self, page: Any, tolerates: str) -> None:
        self.complaints: list[str] = []
        self._tolerates = tolerates
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and message.text != self._tolerates:
            self.complaints.append(message.text)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium of this machine; its driver's event loop must end before another test's begins."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine (set CHROMIUM to its path)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def guardian(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The running system all browser tests look at."""
    running = Running(tmp_path_factory.mktemp("guardian"))
    yield running
    running.close()


@pytest.fixture
def visit(chromium: Any, guardian: Running) -> Iterator[Callable[..., Any]]:
    """Opens a page of a fresh browser, logged in, and holds it to silence in the console."""
    contexts, watched = [], []

    def opened(
        path: str = "/console/overview", role: str | None = "analyst", tolerates: str = "", **options: Any
    ) -> Any:
        context = chromium.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        context.set_default_timeout(PATIENCE_S * 1000)
        contexts.append(context)
        page = context.new_page()
        watched.append(Seen(page, tolerates))
        if role is not None:
            page.goto(guardian.link(f"a-{role}", role))
        page.goto(guardian.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [seen.complaints for seen in watched if seen.complaints] == []
