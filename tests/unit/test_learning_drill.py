"""Fire drills on minute counts: what is injected, where, and what is found of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from drill_samples import DAYS, FIRST_MS, clean, stretch_of
from guardian.domain.calendar import Calendar
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.drill import Practised
from guardian.domain.transaction import DEFAULT_STATUSES
from guardian.learning.drill import AFTER_START, Outcome, degraded, practised, sizes, starts, tallied
from guardian.simulation.counts_incidents import SWEEP
from guardian.simulation.profile import DAY_MINUTES
from guardian.watching.stretch import HIGHEST, Stretch

NOON = 2 * DAY_MINUTES + 12 * 60
ZONE = Calendar("UTC")


def hours(first: int = NOON) -> Stretch:
    return stretch_of(clean()).part(first, first + AFTER_START)


def hit(of: Stretch, kind: str, severity: float, minutes: int = 20) -> Stretch | None:
    means = of.by_status.astype(float)
    return degraded(of, means, kind, severity, minutes, np.random.default_rng(1))


def rows_of(budget_decades: float) -> dict[tuple[str, float], Practised]:
    outcomes = practised(stretch_of(clean()), [NOON - 60, NOON + 60], budget_decades, seed=1)
    return {(one.kind, one.severity): one for one in tallied(outcomes)}


def test_what_is_large_is_found_at_once_and_what_is_small_is_not() -> None:
    rows = rows_of(0.0)
    assert len(rows) == sum(len(sizes(kind)) for kind in SWEEP)
    for must in (("outage_total", 1.0), ("missing_minutes", 30.0), ("partial_outage", 0.5)):
        assert (rows[must].share, rows[must].too_rarely) == (1.0, False)
    assert rows["outage_total", 1.0].delay_minutes == 0
    assert rows["reversed_surge", 0.5].share < 1.0
    assert next(iter(rows)) == ("outage_total", 1.0), "in the order of the kinds"


def test_a_deaf_detector_finds_nothing() -> None:
    rows = rows_of(1e6)
    assert sum(one.found for one in rows.values()) == 0
    assert rows["outage_total", 1.0].too_rarely


def test_the_same_seed_gives_the_same_drills() -> None:
    one, again = (list(practised(stretch_of(clean()), [NOON], 0.0, seed=4)) for _ in range(2))
    assert one == again


def test_no_drill_begins_where_the_detector_would_page_undisturbed() -> None:
    traffic = stretch_of(clean())
    traffic = traffic.part(0, len(traffic))
    traffic.by_status[NOON + 30 : NOON + 60] = 0
    assert list(practised(traffic, [NOON], 0.0, seed=1)) == []
    assert list(practised(traffic, [NOON + 45], 0.0, seed=1)) == [], "and none while it has an alarm"


def test_starts_are_by_day_after_what_is_learnt_and_away_from_trouble() -> None:
    traffic = stretch_of(clean())
    chosen = starts(traffic, [], ZONE, seed=3)
    assert len(chosen) == len(set(chosen)) == 24
    assert min(chosen) >= NOON - 5 * 60
    assert max(chosen) < DAYS * DAY_MINUTES - AFTER_START
    bad = FIRST_MS + NOON * MINUTE_MS
    after = starts(traffic, [(bad, bad + HOUR_MS)], ZONE, seed=3)
    assert after
    assert not any(NOON - AFTER_START <= one < NOON + 120 for one in after)
    assert starts(traffic, [(0, bad * 2)], ZONE, seed=3) == []


def test_no_drill_begins_in_a_hole_or_in_a_history_too_short() -> None:
    whole = stretch_of(clean())
    assert starts(whole.part(0, 2 * DAY_MINUTES), [], ZONE, seed=0) == []
    holed = whole.part(0, len(whole))
    holed.by_status[NOON - 120 : NOON] = 0
    assert not any(NOON - 60 < one <= NOON for one in starts(holed, [], ZONE, seed=0))
    holed.by_status[:] = 0
    assert starts(holed, [], ZONE, seed=0) == []


def test_when_nothing_arrives_statuses_and_codes_of_its_own_do_not_either() -> None:
    of = hours()
    extra = np.column_stack([of.by_status, np.full(len(of), 7)])
    coded = np.column_stack([of.by_code, of.by_status[:, 0]])
    of = replace(of, statuses=(*of.statuses, "chargeback"), by_status=extra, codes=(*of.codes, "00"))
    after = hit(replace(of, by_code=coded), "missing_minutes", 20.0)
    assert after is not None
    assert after.by_status[:20].sum() == after.by_code[:20].sum() == 0
    assert (after.by_status[20:] == extra[20:]).all()


def test_codes_of_approvals_do_not_thin_out_those_of_denials() -> None:
    of = hours()
    coded = replace(of, codes=(*of.codes, "00"), by_code=np.column_stack([of.by_code, of.by_status[:, 0]]))
    plain, with_approvals = hit(of, "auth59_burst", 8.0), hit(coded, "auth59_burst", 8.0)
    assert plain is not None
    assert with_approvals is not None
    fifty_nine = of.codes.index("59")
    assert (plain.by_code[:, fifty_nine] == with_approvals.by_code[:, fifty_nine]).all()
    assert plain.by_code[:20, fifty_nine].sum() > 3 * of.by_code[:20, fifty_nine].sum()


def test_an_installation_without_the_codes_of_the_simulation_has_drills_of_its_own_mix() -> None:
    foreign = replace(hours(), codes=("R1", "R2", "R3", "R4", "R5", "R6", "R7"))
    assert hit(foreign, "auth59_burst", 8.0) is None, "nothing is called suspected fraud here"
    after = hit(foreign, "denial_spike_bin", 2.0)
    assert after is not None
    more = (after.by_code - foreign.by_code)[:20].sum(axis=0)
    assert more[0] > more[-1] > 0, "the usual codes, as often as usual"
    assert more.sum() == (after.by_status - foreign.by_status)[:20, 1].sum()


def test_denials_without_codes_are_degraded_as_well() -> None:
    bare = replace(hours(), codes=(), by_code=np.zeros((AFTER_START, 0), np.int64))
    after = hit(bare, "denial_spike_bin", 2.0)
    assert after is not None
    assert after.by_status[:20, 1].sum() > 2 * bare.by_status[:20, 1].sum()


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    most=st.sampled_from([0, 1, 40, 10**6, HIGHEST]),
    codes=st.integers(0, 5),
    kind=st.sampled_from(list(SWEEP)),
)
def test_whatever_the_counts_what_is_degraded_is_counts(seed: int, most: int, codes: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    names = tuple(f"c{n}" for n in range(codes))
    of = Stretch(
        FIRST_MS,
        DEFAULT_STATUSES,
        names,
        rng.integers(0, most, (AFTER_START, len(DEFAULT_STATUSES)), endpoint=True),
        rng.integers(0, most, (AFTER_START, codes), endpoint=True),
    )
    before = of.part(0, len(of))
    after = hit(of, kind, sizes(kind)[-1])
    assert list(of.minutes()) == list(before.minutes())
    if after is not None:
        assert (after.by_status.shape, after.by_code.shape) == (of.by_status.shape, of.by_code.shape)
        assert min(after.by_status.min(), after.by_code.min(initial=0)) >= 0


def test_a_tally_has_the_share_its_interval_and_the_median_of_those_found() -> None:
    delays = [1, 2, 9, None]
    (row,) = tallied([Outcome("slow_drift", 0.3, "", delay) for delay in delays])
    assert (row.drills, row.found, row.delay_minutes) == (4, 3, 2)
    assert row.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert row.line()["too_rarely"] is False
    (never,) = tallied([Outcome("outage_total", 1.0, "", None)] * 20)
    assert (never.delay_minutes, never.too_rarely) == (None, True)
    assert never.interval[0] == 0.0
