"""Segments on simulated traffic: an acquirer down and card tests on one BIN found in time, and clean days."""

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
from msgspec.structs import replace

from guardian.domain.cause import DIMENSIONS
from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.simulation.traffic import Traffic, repeatable_ids
from guardian.watching.asked import Asked
from guardian.watching.segments.detector import SegmentDetector

START_MS = 20_100 * DAY_MS
SEED = 900_000
RATES = (40.0, 200.0, 1_000.0)
"""Transactions a minute, the mean of a day: that of the demo, and more."""
LEARNT_DAYS = 3
WITHIN_MINUTES = 5
TESTS = 30
ASKED = Asked(dimensions=("acquirer", "merchant_id", "card_bin"))
Rows = list[Transaction]
Disturb = Callable[[Rows, int, np.random.Generator], Rows]


class Case(msgspec.Struct, frozen=True):
    """One incident: what it is, the segment it happens to, and after how many minutes that was named."""

    kind: str
    where: Mapping[str, str]
    minutes: int | None


def acquirer_denies(rows: Rows, minute: int, rng: np.random.Generator) -> Rows:
    """An acquirer of 8 % answers nothing: its approvals become denials with code 91."""
    del minute, rng
    lost = ("acq_e", "approved")
    return [
        replace(row, status="denied", auth_code="91") if (row.acquirer, row.status) == lost else row
        for row in rows
    ]


def acquirer_vanishes(rows: Rows, minute: int, rng: np.random.Generator) -> Rows:
    """Nothing of an acquirer of 8 % comes any more."""
    del minute, rng
    return [row for row in rows if row.acquirer != "acq_e"]


def card_tests(rows: Rows, minute: int, rng: np.random.Generator) -> Rows:
    """Thirty tries of cards of one BIN within five minutes, at one merchant, most of them denied."""
    if minute >= WITHIN_MINUTES or not rows:
        return rows
    tries = TESTS // WITHIN_MINUTES
    names = repeatable_ids([row.event_ms for row in rows[:1]] * tries, rng)
    return rows + [
        replace(
            rows[0],
            transaction_id=name,
            merchant_id="m_tested",
            card_bin=TESTED_BIN,
            card_token=f"card_{name[-12:]}",
            status="denied" if rng.random() < 0.85 else "approved",
            auth_code="14",
        )
        for name in names
    ]


TESTED_BIN = "400000"
KINDS: Mapping[str, tuple[Disturb, tuple[str, ...]]] = {
    "acquirer of 8 % denies": (acquirer_denies, ("acquirer",)),
    "acquirer of 8 % vanishes": (acquirer_vanishes, ("acquirer",)),
    "30 card tests on a BIN": (card_tests, ("card_bin", "merchant_id")),
}


def columns(rows: Sequence[Transaction]) -> dict[str, list[str | None]]:
    """As the detector is fed."""
    return {name: [getattr(row, name) for row in rows] for name in DIMENSIONS}


def learnt(traffic: Traffic) -> bytes:
    """A detector that has seen three clean days."""
    detector = SegmentDetector(ASKED)
    for at_ms in range(START_MS, START_MS + LEARNT_DAYS * DAY_MS, MINUTE_MS):
        detector.judge(at_ms, columns(traffic.minute(at_ms)), traffic.expected(at_ms))
    return detector.to_bytes()
