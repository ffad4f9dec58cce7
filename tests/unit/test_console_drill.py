"""The fire drill on the quality page and at GET /quality, in both languages; names from outside are text."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerting_samples import NOW
from console_samples import HOSTILE, World, page, words_of
from guardian.console.drill_table import drill_table
from guardian.console.language import WORDS
from guardian.domain.clock import DAY_MS
from guardian.domain.drill import CaseResult, Drill, Practised
from guardian.domain.segment import series_of_segment
from guardian.learning.drill import sizes
from guardian.learning.drill_segments import KINDS
from guardian.simulation.counts_incidents import SWEEP
from guardian.watching.drills import drill_collection
from guardian.watching.quality import quality_form

HELD = Drill(
    at_ms=NOW,
    since_ms=NOW - 14 * DAY_MS,
    until_ms=NOW,
    seed=0,
    practised=(
        Practised("outage_total", 1.0, "", 24, 24, 0.0),
        Practised("missing_minutes", 30.0, "", 24, 20, 2.0),
        Practised("partial_outage", 0.05, "", 24, 0, None),
        Practised("partial_outage", 0.2, "", 24, 23, 9.5),
        Practised("partial_outage", 0.5, "", 24, 24, 1.0),
        Practised("segment_denies", 1.0, "acquirer=acq_a", 8, 7, 1.0),
        Practised("segment_stops", 1.0, "acquirer=acq_a", 8, 3, 4.0),
        Practised("segment_denies", 1.0, series_of_segment({"merchant_id": HOSTILE}), 8, 8, 0.0),
    ),
    cases=(
        CaseResult("a-denied", "denied", NOW - DAY_MS, 3),
        CaseResult("a-gone", "auth_59", NOW - 2 * DAY_MS, None),
    ),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def test_before_the_first_drill_the_page_says_how_to_hold_one(world: World) -> None:
    text = words_of(page(world.client(), "/console/quality"))
    assert "No drill was held yet." in text
    assert "guardian drill" in text
    assert quality_form(world.view.quality(7)).drill is None


def test_the_last_drill_is_shown_with_what_was_found_and_how_soon(world: World) -> None:
    drills = drill_collection(world.store.records)
    drills.insert(replace(HELD, at_ms=NOW - DAY_MS, practised=HELD.practised[:1]))
    drills.insert(HELD)
    html = page(world.client(), "/console/quality")
    text = words_of(html)
    assert HOSTILE not in html
    assert "144 drills on a copy of live traffic," in text
    assert "something would be missed" in text
    assert "96\u202f% 20\u202f%: 9.5 min" in text
    assert "0\u202f% 5\u202f%: not seen" in text
    assert "83\u202f% 30 min: 2 min" in text
    assert "Acquirer acq_a 88\u202f% 1 min 38\u202f% 4 min" in text
    assert "23 of 24, 95\u202f%: 80\u202f% to 99\u202f%" in html
    assert 'href="/console/anomalies/a-gone"' in html
    assert "missed" in text


def test_it_is_told_in_portuguese_as_well(world: World) -> None:
    drill_collection(world.store.records).insert(HELD)
    text = words_of(page(world.client(lang="pt-BR"), "/console/quality"))
    assert "144 simulados em uma cópia do tráfego ao vivo," in text
    assert "96\u202f% 20\u202f%: 9,5 min" in text
    assert "algo passaria despercebido" in text


def test_every_kind_has_a_word_in_both_languages() -> None:
    kinds = {*SWEEP, *KINDS}
    for words in WORDS.values():
        assert {kind for kind in kinds if f"drill.{kind}" in words} == kinds


def test_the_table_has_three_sizes_and_a_gap_where_nothing_was_drilled() -> None:
    table = drill_table(HELD)
    assert [len(rows) for _, rows in table.kinds] == [3, 3, 3]
    assert table.kinds[0][1] == [None, None, HELD.practised[0]]
    assert table.segments[1][1] == [HELD.practised[7], None]
    assert all(len(sizes(kind)) <= 3 for kind in SWEEP)


def test_the_api_tells_the_last_drill(world: World) -> None:
    drill_collection(world.store.records).insert(HELD)
    form = quality_form(world.view.quality(7)).drill
    assert form is not None
    assert (form.at, form.drills, form.passed) == ("2026-03-01T12:00:00Z", 144, False)
    assert [one.too_rarely for one in form.practised[:2]] == [False, True]
    assert [(one.caught, one.delay_minutes) for one in form.cases] == [(True, 3), (False, None)]
