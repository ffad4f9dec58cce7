"""One whole installation in this process: the door without a network, and the stages driven by hand."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import anyio
import httpx2

from alerting_samples import SECRET, Received
from guardian.bootstrap import build, entrance
from guardian.domain.clock import MINUTE_MS, Clock, iso
from guardian.entrypoints.http import application
from guardian.pipeline import STAGES, Parts
from guardian.security.identity import ROLES, Principal
from guardian.settings import load

A_MINUTE = 40
BY_HAND = ("heartbeat", "keep-house")
"""Stages that follow the clock and not what comes in."""


class Installation:
    """The real parts, embedded; a test turns the clock and says when the stages work."""

    def __init__(self, folder: Path, clock: Clock | None = None, **settings: Any) -> None:
        given = load({}, data_dir=folder, **settings)
        self.parts: Parts = build(given, "test", clock)
        self.door = application(self.parts, given)
        tokens = entrance(self.parts).tokens
        self.tokens = {role: tokens.issue(Principal(role, scopes), 86_400) for role, scopes in ROLES.items()}
        self.runners = {stage.name: stage.build(self.parts) for stage in STAGES}

    def ask(self, method: str, path: str, role: str | None = "admin", **given: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {self.tokens[role]}"} if role else {}
        headers |= given.pop("headers", {})

        async def call() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.door.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://guardian") as client:
                return await client.request(method, path, headers=headers, **given)

        return anyio.run(call)

    def items(self, path: str, **params: str) -> list[dict[str, Any]]:
        """What a list holds."""
        found: list[dict[str, Any]] = self.ask("GET", path, "viewer", params=params).json()["items"]
        return found

    def work(self) -> None:
        """Let every stage do what is due, in the order of the table."""
        for name, runner in self.runners.items():
            while name not in BY_HAND and runner.step(0.02):
                pass

    def close(self) -> None:
        for runner in self.runners.values():
            runner.close()
        self.parts.bus.close()
        self.parts.store.close()


def minute_of(minute_ms: int) -> list[dict[str, str]]:
    """Calm traffic: one in ten is denied."""
    return [
        {
            "transaction_id": f"{minute_ms}-{n}",
            "merchant_id": f"m{n % 5}",
            "status": "denied" if n % 10 == 0 else "approved",
            "amount": f"{10 + n}.00",
            "timestamp": iso(minute_ms + n * (MINUTE_MS // A_MINUTE)),
        }
        for n in range(A_MINUTE)
    ]


def verified(received: Received) -> dict[str, Any]:
    """The body, once it is proved to be ours as Standard Webhooks says, written down here once more."""
    name, moment = received.headers["webhook-id"], received.headers["webhook-timestamp"]
    key = base64.b64decode(SECRET.partition("_")[2])
    content = b".".join((name.encode(), moment.encode(), received.body))
    expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    assert received.headers["webhook-signature"].split(" ") == [f"v1,{expected}"]
    body: dict[str, Any] = json.loads(received.body)
    return body
