"""Ingest at saturation, single and in batches: until the answer, and until judged and stored."""

from collections.abc import Iterator

import msgspec

from benchmarks.bench import Bench, middle, sound
from benchmarks.load import Order, driven
from benchmarks.systems import Guardian, Storing, System
from benchmarks.table import Figure, Target

RIVAL = "FastAPI"
ROWS = 500
PARTS = {"api": "door", "work": "worker"}
TARGETS = {"single": Target(12_000, 20_000), "batch": Target(45_000, 100_000)}


class Round(msgspec.Struct):
    """One load: transactions a second until answered and until stored, CPU microseconds of each."""

    accepted: float
    stored: float
    cpu_us: dict[str, float]
    generator_us: float


def load_guardian(guardian: Guardian, order: Order) -> Round:
    """Saturate the real system; over when everything accepted is stored, once. Raises ValueError if not."""
    before, rows = guardian.cpu_s_by_part(), guardian.stored()
    with Storing(guardian) as storing:
        outcome = sound(driven(order))
        kept = storing.wait_for(outcome.accepted)
    spent = {part: cpu - before.get(part, 0.0) for part, cpu in guardian.cpu_s_by_part().items()}
    if guardian.stored() - rows != outcome.accepted:
        raise ValueError(f"{outcome.accepted} were accepted, {guardian.stored() - rows} are stored.")
    return Round(
        outcome.accepted / (outcome.ended - outcome.started),
        outcome.accepted / (kept - outcome.started),
        {part: cpu / outcome.accepted * 1e6 for part, cpu in spent.items()},
        outcome.cpu_us / order.rows,
    )


def load_rival(rival: System, order: Order) -> Round:
    """Saturate the rival: what it has accepted is all it does."""
    before = rival.cpu_s()
    outcome = sound(driven(order))
    rate = outcome.accepted / (outcome.ended - outcome.started)
    cpu_us = (rival.cpu_s() - before) / outcome.accepted * 1e6
    return Round(rate, rate, {"rival": cpu_us}, outcome.cpu_us / order.rows)


def single(bench: Bench) -> Iterator[Figure]:
    """POST /transaction over 64 kept connections."""
    yield from _measured(bench, "single", seconds=2.0 if bench.quick else 5.0)


def batch(bench: Bench) -> Iterator[Figure]:
    """POST /transactions/batch, 500 each, over 8 kept connections."""
    rows = 100_000 if bench.quick else 200_000
    yield from _measured(bench, "batch", rows=ROWS, requests=rows // ROWS, connections=8)


def _measured(bench: Bench, kind: str, **wanted: float) -> Iterator[Figure]:
    guardian, rival = bench.guardian, bench.rival
    ours, theirs = bench.in_turn(
        lambda: load_guardian(guardian, bench.order(guardian, **wanted)),
        lambda: load_rival(rival, bench.order(rival, **wanted)),
    )
    name = f"ingest {kind}"
    rival_rate = middle(theirs, lambda one: one.accepted)
    yield Figure(
        f"{name}, until stored", "tx/s", middle(ours, lambda one: one.stored), rival_rate, RIVAL, True,
        TARGETS[kind], [one.stored for one in ours],
    )  # fmt: skip
    yield Figure(
        f"{name}, until 202", "tx/s", middle(ours, lambda one: one.accepted), rival_rate, RIVAL, True,
        rounds=[one.accepted for one in ours],
    )  # fmt: skip
    yield Figure(
        f"{name}, CPU of all processes", "us/tx", middle(ours, lambda one: sum(one.cpu_us.values())),
        middle(theirs, lambda one: sum(one.cpu_us.values())), RIVAL,
    )  # fmt: skip
    for part, called in PARTS.items():
        cpu_us = middle(ours, lambda one: one.cpu_us[part])  # noqa: B023 - called at once
        yield Figure(f"{name}, CPU of the {called}", "us/tx", cpu_us)
    yield Figure(f"{name}, CPU of the load generator", "us/tx", middle(ours, lambda one: one.generator_us))
