"""More than can be taken is refused with a time to come back; nothing that was accepted is lost."""

import threading
from collections import Counter
from pathlib import Path

import anyio
import httpx2
import msgspec
import pytest

from guardian.bootstrap import build, entrance, guard
from guardian.bus.base import TRANSACTIONS
from guardian.bus.log import LogBus
from guardian.entrypoints.http import application
from guardian.ingestion import hot
from guardian.ingestion.accept import Acceptor
from guardian.ingestion.bodies import Bodies
from guardian.security.identity import ROLES, Principal
from guardian.settings import Ingestion, load
from journeys.test_door_journey import GOOD

BACKLOG, ROWS, CALLERS = 4 << 20, 1_000, 120
BODY = msgspec.json.encode({"transactions": [GOOD] * ROWS})


class StuckDisk:
    """Syncs only once it is let."""

    def __init__(self) -> None:
        self.free = threading.Event()

    def __call__(self, descriptor: int) -> None:
        self.free.wait(60)


async def nobody(scope: object, receive: object, send: object) -> None:
    raise AssertionError("the fast path answers by itself")


def test_a_flood_onto_a_stuck_disk_is_refused_before_memory_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hot, "BACKLOG_BYTES", BACKLOG)
    disk, parts = StuckDisk(), build(load({}, data_dir=tmp_path / "data"), "test")
    bus = LogBus(tmp_path / "bus", sync=disk)
    doors = entrance(parts)
    acceptor = Acceptor(("approved",), parts.clock, frozenset)
    app = hot.Ingest(nobody, acceptor, bus, guard(doors), Bodies())  # type: ignore[arg-type]
    token = doors.tokens.issue(Principal("till", ROLES["machine"]), 600)
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    answers: list[httpx2.Response] = []
    highest = 0

    async def flood() -> None:
        nonlocal highest
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x", timeout=120) as client:

            async def call() -> None:
                nonlocal highest
                answers.append(await client.post("/transactions/batch", content=BODY, headers=headers))
                highest = max(highest, bus.backlog_bytes(TRANSACTIONS))
                if answers[-1].status_code == 503:
                    refused.set()

            refused = anyio.Event()
            async with anyio.create_task_group() as group:
                for _ in range(CALLERS):
                    group.start_soon(call)
                with anyio.move_on_after(60):
                    await refused.wait()
                disk.free.set()

    anyio.run(flood)
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) == {202, 503}
    later = [answer for answer in answers if answer.status_code == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in later)
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in later)
    batch_bytes = 400 * ROWS
    assert highest < BACKLOG + batch_bytes
    reader = bus.subscribe(TRANSACTIONS, "check")
    assert reader.lag() == statuses[202] * ROWS
    reader.close()
    bus.close()
    parts.bus.close()
    parts.store.close()


def test_when_nobody_judges_any_more_the_door_closes_until_somebody_does(tmp_path: Path) -> None:
    settings = load({}, data_dir=tmp_path, ingestion=Ingestion(lag_records=5))
    parts = build(settings, "test")
    door = application(parts, settings)
    token = entrance(parts).tokens.issue(Principal("till", ROLES["machine"]), 600)

    def post() -> httpx2.Response:
        async def call() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=door.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://x") as client:
                headers = {"authorization": f"Bearer {token}"}
                return await client.post("/transaction", json=GOOD, headers=headers)

        return anyio.run(call)

    assert [post().status_code for _ in range(6)] == [202] * 6
    door.tower.look()
    refused = post()
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.headers["content-type"] == "application/problem+json"
    assert door.tower.problems()
    parts.store.transactions.advance(0, 6)
    door.tower.look()
    assert post().status_code == 202
    parts.bus.close()
    parts.store.close()
