"""The invented traffic: its day, its shares, and that it can be had again."""

from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.observability.masking import looks_like_pan
from guardian.simulation.profile import day_curve, denied_share, population
from guardian.simulation.traffic import Traffic, minutes_between

DAY = 20_000 * DAY_MS


def rows_of(traffic: Traffic, start_ms: int, minutes: int) -> list:
    return [
        row for m in minutes_between(start_ms, start_ms + minutes * MINUTE_MS) for row in traffic.minute(m)
    ]


def test_the_day_is_quiet_at_four_steep_until_eleven_and_highest_about_five() -> None:
    curve = day_curve()
    assert curve.shape == (1_440,)
    assert 3.5 < curve.argmin() / 60 < 4.5
    assert 16 < curve.argmax() / 60 < 18
    assert curve.min() == pytest.approx(0.03)
    assert curve.max() == pytest.approx(1.0)
    assert curve[11 * 60] > 0.8
    assert np.abs(np.diff(np.log(curve), append=np.log(curve[0]))).max() < 0.02


def test_denials_rise_in_the_evening() -> None:
    share = denied_share()
    assert share[10 * 60] == pytest.approx(0.09)
    assert share[22 * 60] == pytest.approx(0.15)


def test_the_population_is_well_formed_and_the_same_for_a_seed() -> None:
    world = population(3)
    assert world.merchants == population(3).merchants
    assert world.card_bins != population(4).card_bins
    assert len(set(world.card_bins)) > 250
    assert all(len(one) == 6 and one.isdigit() for one in world.card_bins)
    assert len(set(world.card_tokens)) == len(world.card_tokens)
    assert not any(looks_like_pan(one) for one in world.card_tokens[:1_000])


@settings(max_examples=8)
@given(st.integers(0, 1_000), st.integers(0, 3 * 1_440))
def test_a_minute_is_the_same_whatever_was_asked_before(seed: int, minute: int) -> None:
    at_ms = DAY + minute * MINUTE_MS
    wandering = Traffic(20, seed)
    for other in (0, 1_441, 4_000):
        wandering.minute(DAY + other * MINUTE_MS)
    assert wandering.minute(at_ms + 999) == Traffic(20, seed).minute(at_ms)


def test_a_minute_holds_its_own_times_in_order_and_ids_of_version_seven() -> None:
    at_ms = DAY + 15 * 60 * MINUTE_MS
    rows = Traffic(300, 5).minute(at_ms)
    times = [row.event_ms for row in rows]
    assert times == sorted(times)
    assert times[0] >= at_ms
    assert times[-1] < at_ms + MINUTE_MS
    assert all(row.received_ms == row.event_ms and not row.given_id for row in rows)
    assert all(UUID(row.transaction_id).version == 7 for row in rows)
    assert [int(row.transaction_id[:8] + row.transaction_id[9:13], 16) for row in rows] == times
    assert len({row.transaction_id for row in rows}) == len(rows)


def test_rate_and_shares_are_as_asked() -> None:
    rows = rows_of(Traffic(60, 11), DAY, 1_440)
    statuses = Counter(row.status for row in rows)
    assert len(rows) == pytest.approx(60 * 1_440, rel=0.2)
    assert 0.85 < statuses["approved"] / len(rows) < 0.90
    assert 0.09 < statuses["denied"] / len(rows) < 0.15
    for status, share in {"failed": 0.003, "reversed": 0.006, "backend_reversed": 0.002}.items():
        assert statuses[status] / len(rows) == pytest.approx(share, rel=0.5)
    codes = Counter(row.auth_code for row in rows if row.status == "denied")
    assert codes.most_common(1)[0][0] == "51"
    assert {row.auth_code for row in rows if row.status == "approved"} == {"00"}
    assert len({row.acquirer for row in rows}) == 8
    assert all(row.amount_minor >= 100 for row in rows)


def test_the_level_wanders_by_a_few_percent_and_joins_at_midnight() -> None:
    traffic = Traffic(1_000, 2)
    curve = day_curve() * 1_000 / day_curve().mean()
    ratio = np.log([traffic.expected(DAY + m * MINUTE_MS) / curve[m] for m in range(1_440)])
    assert 0.005 < ratio.std() < 0.06
    assert np.abs(np.diff(ratio)).max() < 0.03


def test_the_clock_of_the_day_can_be_set_on() -> None:
    usual = Traffic(1_000, 2).expected(DAY + 4 * 60 * MINUTE_MS)
    moved = Traffic(1_000, 2, shift_minutes=11 * 60)
    assert usual < 100
    assert moved.expected(DAY + 4 * 60 * MINUTE_MS) > 1_000
    assert moved.expected(DAY + 17 * 60 * MINUTE_MS) < 100


def test_another_source_can_be_named() -> None:
    assert {row.source for row in Traffic(100, 1, source="trial").minute(DAY + 12 * 60 * MINUTE_MS)} == {
        "trial"
    }
