"""What the console shows of the hours to come, and how forecasts held."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console_samples import JUDGED_MS, USUAL, World, point
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.forecast import Forecast
from guardian.watching.outlook import Outlook


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.calm()
    yield made
    made.store.close()


def chart(world: World, query: str) -> dict[str, Any]:
    body: dict[str, Any] = world.client().get(f"/console/data/series?{query}").json()
    return body


def words_of(world: World, path: str, lang: str = "en") -> str:
    html = world.client(lang=lang).get(f"/console/{path}").text
    return re.sub(r"[ \n]+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.mark.parametrize(("hours", "minutes"), [(1, 20), (3, 60), (8, 160)])
def test_a_chart_goes_on_for_a_third_of_the_time_before(world: World, hours: int, minutes: int) -> None:
    world.foretold()
    body = chart(world, f"hours={hours}&series=denied&series=reversed")
    denied, unknown = body["lanes"]
    first = JUDGED_MS // 1000 + 60
    assert body["ahead"] == [*range(first, first + minutes * 60, 60)]
    assert denied["ahead"] == [[float(one) for one in USUAL["denied"]]] * minutes
    assert unknown["ahead"] == [None] * minutes


def test_nothing_is_drawn_after_the_present_before_it_can_be_forecast(world: World) -> None:
    assert chart(world, "hours=3")["ahead"] == []
    assert "came as forecast" not in words_of(world, "overview")
    assert ' class="ch-fc"' not in world.client().get("/console/overview").text
    world.outlooks.keep(Outlook(Forecast("live", JUDGED_MS + MINUTE_MS, {})))
    assert chart(world, "hours=3")["ahead"] == [], "the first day is learnt"
    assert ' class="ch-fc"' not in world.client().get("/console/overview").text


def test_the_chart_of_an_anomaly_and_an_old_picture_show_no_forecast(world: World) -> None:
    world.foretold()
    assert chart(world, f"since={JUDGED_MS - HOUR_MS}")["ahead"] == []
    world.clock.advance(HOUR_MS)
    assert chart(world, "hours=3")["ahead"] == []
    assert "coming" not in world.client().get("/console/minutes").text


def test_the_overview_says_what_is_forecast_and_how_much_of_it_came(world: World) -> None:
    world.foretold()
    assert ' class="ch-fc"' in world.client().get("/console/overview").text
    assert "99.4\u202f% of minutes came as forecast" in words_of(world, "overview")
    assert "99,4\u202f% dos minutos vieram como previsto" in words_of(world, "overview", "pt-BR")


def test_the_table_has_the_coming_quarters_of_an_hour_on_top(world: World) -> None:
    world.store.minutes.keep_points([point("denied", 13, JUDGED_MS - MINUTE_MS)])
    world.foretold()
    rows = re.findall(r"<tr>.*?</tr>", world.client().get("/console/minutes").text, re.DOTALL)[1:]
    foretold = [row for row in rows if "forecast" in row]
    assert rows[: len(foretold)] == foretold
    assert len(foretold) == 12
    assert "4–22" in foretold[0]


def test_the_quality_page_tells_how_every_series_held(world: World) -> None:
    assert "Nothing measured yet." in words_of(world, "quality")
    assert "Nada medido ainda." in words_of(world, "quality", "pt-BR")
    world.foretold()
    html = words_of(world, "quality")
    assert "99.4\u202f% of 9\u202f482 minutes came inside their range since" in html
    assert "; 99\u202f% is meant" in html
    assert re.search(r"Denied 100 99 99\.0\u202f%", html)
    assert "Minutes of disturbances count too." in html
