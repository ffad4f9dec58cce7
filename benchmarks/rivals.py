"""What Guardian is measured against: the usual way to do the same thing, or less."""

from collections import deque
from typing import Annotated, Literal

from fastapi import FastAPI
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from guardian.domain.transaction import Transaction

WINDOWS_MS = (60_000, 3_600_000, 86_400_000)


class Payment(BaseModel):
    """The fields of the benchmark's traffic, each checked for its form."""

    model_config = ConfigDict(extra="forbid")
    transaction_id: Annotated[str, Field(min_length=1, max_length=64)]
    timestamp: AwareDatetime
    status: Literal["approved", "denied", "failed", "reversed", "backend_reversed", "refunded", "processing"]
    amount: Annotated[str, Field(max_length=20)]
    merchant_id: Annotated[str, Field(min_length=1, max_length=50)]
    auth_code: Annotated[str, Field(max_length=10)]
    card_bin: Annotated[str, Field(min_length=6, max_length=8)]
    card_token: Annotated[str, Field(max_length=64)]


class Payments(BaseModel):
    """A batch."""

    transactions: list[Payment]


def fastapi_app() -> FastAPI:
    """Validates and appends to a list: no token, no disk, no duplicate check, no score, no store."""
    app = FastAPI(openapi_url=None)
    kept: deque[Payment] = deque(maxlen=10_000)  # one that grew for ever would cost it garbage collection

    @app.post("/transaction", status_code=202)
    async def single(payment: Payment) -> dict[str, str]:
        kept.append(payment)
        return {"status": "queued", "transaction_id": payment.transaction_id}

    @app.post("/transactions/batch", status_code=202)
    async def batch(payments: Payments) -> dict[str, int]:
        kept.extend(payments.transactions)
        return {"accepted": len(payments.transactions)}

    return app


class _Window:
    """Events of one key within one span, with their sums."""

    def __init__(self, span_ms: int) -> None:
        self._span_ms = span_ms
        self._events: deque[tuple[int, float, int]] = deque()
        self._amount = 0.0
        self._failures = 0

    def take_in(self, at_ms: int, amount: float, failed: int) -> tuple[int, float, float]:
        """(count, mean amount, failure rate) with this event."""
        events = self._events
        events.append((at_ms, amount, failed))
        self._amount += amount
        self._failures += failed
        while events[0][0] <= at_ms - self._span_ms:
            _, gone, had_failed = events.popleft()
            self._amount -= gone
            self._failures -= had_failed
        count = len(events)
        return count, self._amount / count, self._failures / count


class Deques:
    """Count, mean and failure rate of 1 min, 1 h and 24 h per merchant, BIN and card in plain Python."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[_Window, ...]] = {}

    def take_in(self, transactions: list[Transaction]) -> list[list[tuple[int, float, float]]]:
        """The features of each event."""
        return [self._one(one) for one in transactions]

    def _one(self, one: Transaction) -> list[tuple[int, float, float]]:
        amount, failed = one.amount_minor / 100, int(one.status in {"denied", "failed"})
        features = []
        for key in (f"m{one.merchant_id}", f"b{one.card_bin}", f"c{one.card_token}"):
            windows = self._windows.get(key)
            if windows is None:
                windows = self._windows[key] = tuple(map(_Window, WINDOWS_MS))
            features += [window.take_in(one.event_ms, amount, failed) for window in windows]
        return features
