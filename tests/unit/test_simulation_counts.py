"""Minute counts without transactions, and the incidents put into them."""

import itertools

import numpy as np
import pytest

from guardian.simulation.counts import (
    APPROVED,
    BACKEND_REVERSED,
    CODES,
    DENIED,
    FAILED,
    Counts,
    Wander,
    clean_counts,
    usual_day,
)
from guardian.simulation.counts_incidents import PAIRS, SWEEP, Injected, days_of, inject, schedule
from guardian.simulation.incidents import KINDS
from guardian.simulation.profile import DAY_MINUTES, day_curve

CURVE = day_curve() * 300
NOON = DAY_MINUTES + 12 * 60


def disturbed(kind: str, severity: float, minutes: int) -> tuple[Counts, Counts, slice]:
    before, after = clean_counts(CURVE, 2, seed=7), clean_counts(CURVE, 2, seed=7)
    inject(after, [Injected(kind, severity, NOON, NOON + minutes - 1)], seed=7)
    return before, after, slice(NOON, NOON + minutes)


def test_the_same_seed_gives_the_same_counts() -> None:
    one, again, other = (clean_counts(CURVE, 1, seed) for seed in (1, 1, 2))
    assert (one.by_status == again.by_status).all()
    assert (one.by_status != other.by_status).any()


def test_codes_sum_to_the_denials_also_in_incidents() -> None:
    plan = schedule(3)
    counts = clean_counts(CURVE, days_of(plan), seed=3)
    inject(counts, plan, seed=3)
    assert (counts.by_code.sum(axis=1) == counts.by_status[:, DENIED]).all()
    assert (counts.by_status >= 0).all()


def test_the_curve_is_that_of_approvals() -> None:
    assert usual_day(CURVE)[:, APPROVED] == pytest.approx(CURVE)
    counts = clean_counts(CURVE, 40, seed=5)
    assert counts.by_status[:, APPROVED].sum() / 40 == pytest.approx(CURVE.sum(), rel=0.05)


def test_clumping_is_the_excess_of_variance_over_mean() -> None:
    for clumping in (0.0, 1.0):
        counts = clean_counts(CURVE, 30, seed=4, wander=Wander(clumping=clumping))
        residuals = counts.by_status - counts.means
        found = (residuals[:, BACKEND_REVERSED] ** 2).sum() / counts.means[:, BACKEND_REVERSED].sum()
        assert found == pytest.approx(1 + clumping, rel=0.1)


def test_a_plan_holds_every_pair_once_by_day_and_far_apart() -> None:
    plan = schedule(9)
    assert sorted((one.kind, one.severity) for one in plan) == sorted(PAIRS)
    assert all(7 * 60 <= one.start % DAY_MINUTES <= 22 * 60 for one in plan)
    assert all(one.start >= DAY_MINUTES for one in plan)
    assert all(later.start - earlier.end > 120 for earlier, later in itertools.pairwise(plan))


def test_the_sweep_has_twelve_kinds_that_the_simulation_knows() -> None:
    assert len(SWEEP) == 12
    assert set(SWEEP) <= set(KINDS)
    assert set(schedule(1)[0].statuses) <= {
        "approved",
        "denied",
        "failed",
        "reversed",
        "backend_reversed",
    } | {f"auth_{code}" for code in CODES}


def test_an_incident_changes_nothing_before_it_starts() -> None:
    for kind, severity in PAIRS:
        before, after, at = disturbed(kind, severity, 20 if kind != "short_stall" else round(severity) + 2)
        assert (before.by_status[: at.start] == after.by_status[: at.start]).all()
        assert (before.by_status != after.by_status).any() or severity < 0.1


def test_a_stall_and_a_wrong_clock_lose_nothing() -> None:
    for kind, severity, minutes in (("short_stall", 3.0, 5), ("clock_skew", 0.5, 40)):
        before, after, _ = disturbed(kind, severity, minutes)
        assert before.by_status.sum() == after.by_status.sum()


@pytest.mark.parametrize(
    ("kind", "severity", "status", "factor"),
    [
        ("outage_total", 1.0, APPROVED, 0.0),
        ("missing_minutes", 30.0, DENIED, 0.0),
        ("partial_outage", 0.3, APPROVED, 0.7),
        ("duplicate_storm", 0.5, APPROVED, 1.5),
        ("denial_spike_bin", 1.0, DENIED, 2.0),
        ("backend_reversed_surge", 30.0, BACKEND_REVERSED, 31.0),
    ],
)
def test_the_severity_is_the_size_of_the_effect(
    kind: str, severity: float, status: int, factor: float
) -> None:
    before, after, at = disturbed(kind, severity, 60)
    usual = before.means[at, status].sum()
    assert after.by_status[at, status].sum() / usual == pytest.approx(factor, rel=0.1, abs=0.02)


def test_failures_are_a_share_of_everything() -> None:
    before, after, at = disturbed("failed_surge", 0.03, 60)
    share = after.by_status[at, FAILED].sum() / before.means[at].sum()
    assert share == pytest.approx(0.03, rel=0.15)


def test_a_burst_of_59_is_of_that_code_alone() -> None:
    before, after, at = disturbed("auth59_burst", 4.0, 30)
    more = (after.by_code - before.by_code)[at].sum(axis=0)
    assert np.flatnonzero(more).tolist() == [CODES.index("59")]
