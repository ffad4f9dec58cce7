"""Segments on simulated traffic: an acquirer down and card tests on one BIN found in time, and clean days."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import replace

from guardian.domain.cause import DIMENSIONS
from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.transaction import Transaction
from guardian.simulation.traffic import Traffic, repeatable_ids
from guardian.watching.asked import Asked
from guardian.watching.segments.detector import SegmentDetector

START_MS = 20_100 * DAY_MS
SEED = 920_000
"""Used for nothing else."""
RATES = (40.0, 200.0, 1_000.0)
"""Transactions a minute, the mean of a day: that of the demo, and more."""
LEARNT_DAYS = 3
BY_DAY = range(7, 22, 3)
"""Hours in which incidents begin."""
WITHIN_MINUTES = 5
TRIES_A_MINUTE = 6
LARGEST_DOWN = "acq_e"
"""The acquirer with 8 % of the traffic."""
ASKED = Asked(dimensions=("acquirer", "merchant_id", "card_bin"))
Rows = list[Transaction]
Disturb = Callable[[Rows, str, np.random.Generator], Rows]


class Outcome(msgspec.Struct, frozen=True):
    """One incident: its kind, and whether its segment was named within five minutes."""

    kind: str
    named: bool


def acquirer_denies(rows: Rows, _: str, __: np.random.Generator) -> Rows:
    """An acquirer of 8 % answers nothing: its approvals become denials with code 91."""
    lost = (LARGEST_DOWN, "approved")
    return [
        replace(row, status="denied", auth_code="91") if (row.acquirer, row.status) == lost else row
        for row in rows
    ]


def acquirer_vanishes(rows: Rows, _: str, __: np.random.Generator) -> Rows:
    """Nothing of an acquirer of 8 % comes any more."""
    return [row for row in rows if row.acquirer != LARGEST_DOWN]


def card_tests(rows: Rows, card_bin: str, rng: np.random.Generator) -> Rows:
    """Six of thirty tries of cards of one BIN, most of them denied, over the merchants of the minute."""
    names = repeatable_ids([row.event_ms for row in rows[:1]] * TRIES_A_MINUTE, rng)
    return rows + [
        replace(
            rows[int(rng.integers(len(rows)))],
            transaction_id=name,
            card_bin=card_bin,
            card_token=f"card_{name[-12:]}",
            status="denied" if rng.random() < 0.85 else "approved",
            auth_code="14",
        )
        for name in names
    ]


KINDS: Mapping[str, tuple[Disturb, str]] = {
    "acquirer of 8 % denies": (acquirer_denies, "acquirer"),
    "acquirer of 8 % vanishes": (acquirer_vanishes, "acquirer"),
    "30 card tests on a BIN": (card_tests, "card_bin"),
}


def columns(rows: Sequence[Transaction]) -> dict[str, list[str | None]]:
    """As the detector is fed."""
    return {name: [getattr(row, name) for row in rows] for name in DIMENSIONS}


def watched(rate: float, number: int, days: int) -> dict[str, Any]:
    """A detector over clean days, and incidents that branch off from them: false pages, what was named."""
    traffic, rng = Traffic(rate, SEED + number), np.random.default_rng(SEED + number)
    detector, pages, outcomes = SegmentDetector("live", ASKED), 0, list[Outcome]()
    for at_ms in range(START_MS, START_MS + days * DAY_MS, MINUTE_MS):
        day, hour = divmod((at_ms - START_MS) // HOUR_MS, 24)
        if day >= LEARNT_DAYS and hour in BY_DAY and at_ms % HOUR_MS == 0:
            outcomes.extend(incidents(detector, traffic, at_ms + int(rng.integers(60)) * MINUTE_MS, rng))
        judged = detector.judge(at_ms, columns(traffic.minute(at_ms)), traffic.expected(at_ms))
        pages += len(judged.found)
    return {"rate": rate, "days": days - 1, "pages": pages, "outcomes": outcomes}


def incidents(
    learnt: SegmentDetector, traffic: Traffic, start_ms: int, rng: np.random.Generator
) -> Iterator[Outcome]:
    """One of each kind, each on a copy of the detector, which is fed cleanly up to its start."""
    for kind, (disturb, key) in KINDS.items():
        detector = SegmentDetector.from_bytes(learnt.to_bytes(), ASKED)
        since_ms = detector.next_minute_ms or start_ms
        usual = [row for at_ms in range(since_ms, start_ms, MINUTE_MS) for row in traffic.minute(at_ms)]
        for at_ms in range(since_ms, start_ms, MINUTE_MS):
            detector.judge(at_ms, columns(traffic.minute(at_ms)), traffic.expected(at_ms))
        known = sorted({row.card_bin for row in usual or traffic.minute(start_ms) if row.card_bin})
        truth = LARGEST_DOWN if key == "acquirer" else str(rng.choice(known))
        named = False
        for at_ms in range(start_ms, start_ms + WITHIN_MINUTES * MINUTE_MS, MINUTE_MS):
            rows = disturb(traffic.minute(at_ms), truth, rng)
            found = detector.judge(at_ms, columns(rows), traffic.expected(at_ms)).found
            named = named or any(one.where.get(key) == truth for one in found)
        yield Outcome(kind, named)


def segment_rows(results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Per rate: false pages a week, and per kind how many there were and how many were named in time."""
    rows = []
    for rate in RATES:
        mine = [one for one in results if one["rate"] == rate]
        outcomes = [outcome for one in mine for outcome in one["outcomes"]]
        weeks = sum(one["days"] for one in mine) / 7
        of_kinds = {kind: [one.named for one in outcomes if one.kind == kind] for kind in KINDS}
        rows.append(
            {
                "name": f"{rate:g} a minute",
                "weeks": weeks,
                "pages_a_week": sum(one["pages"] for one in mine) / weeks if weeks else 0.0,
                "kinds": {
                    kind: {"incidents": len(some), "named": sum(some)} for kind, some in of_kinds.items()
                },
            }
        )
    return rows
