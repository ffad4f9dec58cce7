"""The pages over a real store: empty, learning, calm, in an incident; and what came from outside is text."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from alerting_samples import NOW, alert, anomaly, over
from console_samples import HOSTILE, JUDGED_MS, NOW_MS, World, csrf_of, page, point, words_of
from guardian.domain.cause import Cause, Money, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.verdict import AlertLevel
from guardian.incidents.lifecycle import acknowledged, opened, resolved
from guardian.storage.base import RecordQuery

PAGES = ("overview", "anomalies", "alerts", "incidents", "transactions", "minutes", "quality", "cases")
DENIED = "/console/anomalies/a-denied"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def in_trouble(world: World, acknowledged_by: str | None = None) -> None:
    world.calm(point("denied", 41))
    denied = alert("denied")
    claimed = msgspec.structs.replace(denied, incident_id="INC-0001", anomaly_ids=("a-denied",))
    incident = opened("INC-0001", claimed, NOW)
    if acknowledged_by:
        incident = acknowledged(incident, acknowledged_by, NOW + MINUTE_MS)
    world.trouble(incident, [claimed], [anomaly("a-denied"), over(anomaly("a-past", series="failed"))])


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("state", ["empty", "learning", "calm", "foretold", "trouble", "old"])
def test_every_page_is_whole_in_every_state(world: World, lang: str, state: str) -> None:
    if state == "learning":
        world.calm(
            *(point(name, learning=True) for name in ("*", "approved", "denied", "failed", "reversed"))
        )
    elif state in ("calm", "foretold", "old"):
        world.calm()
        if state == "foretold":
            world.foretold()
    elif state == "trouble":
        in_trouble(world)
    world.clock.advance(HOUR_MS if state == "old" else 0)
    client = world.client(lang=lang)
    for name in PAGES:
        html = page(client, f"/console/{name}")
        assert f'<html lang="{lang}">' in html
        assert html.startswith("<!doctype html>")
    assert page(client, "/console/fragments/lanes").count("data-lane") == 4
    assert 'id="now"' in page(client, "/console/fragments/overview")


def test_an_empty_console_says_why_and_where_to_look_next(world: World) -> None:
    client = world.client()
    assert "No transactions yet" in page(client, "/console/overview")
    assert "nothing received yet" in page(client, "/console/overview")
    assert "No anomalies found" in page(client, "/console/anomalies")
    assert "No alerts found" in page(client, "/console/alerts")
    assert "An incident opens by itself" in page(client, "/console/incidents")
    assert "Look at all times" in page(client, "/console/transactions")
    assert "A minute is judged a few seconds after it ends." in page(client, "/console/minutes")


def test_the_overview_in_an_incident_names_it_everywhere(world: World) -> None:
    in_trouble(world)
    html = words_of(page(world.client(), "/console/overview"))
    for said in (
        "Denied: 3.4 times the usual",
        "Open INC-0001",
        "P3 open 5 min",
        "waits for a person",
        "1 open now",
    ):
        assert said in html
    assert "Denied: 41 a minute, expected 19" in html
    portuguese = words_of(page(world.client(lang="pt-BR"), "/console/overview"))
    assert "Negadas: 41 por minuto, esperado 19" in portuguese
    assert "a minute" not in portuguese


def test_an_old_picture_has_grey_numbers_and_a_banner_beside_the_incident(world: World) -> None:
    in_trouble(world)
    world.clock.advance(HOUR_MS)
    html = page(world.client(), "/console/overview")
    assert html.count('class="kpi stale"') == 4
    assert 'class="banner warn sect"' in html
    assert "nothing since 08:59" in html
    assert "not live, 1 h old" in html


def test_silence_is_told_in_the_top_bar(world: World) -> None:
    world.counted(JUDGED_MS - 2 * MINUTE_MS)
    world.store.minutes.keep_points([point("*", 0)])
    assert "nothing received for 2 min" in page(world.client(), "/console/alerts")


def test_an_alert_leads_to_its_incident_and_to_its_anomaly(world: World) -> None:
    in_trouble(world)
    html = page(world.client(), "/console/alerts")
    assert 'data-href="/console/incidents/INC-0001"' in html
    assert '<a class="ttl" href="/console/incidents/INC-0001">' in html
    assert f'<a href="{DENIED}">' in html
    assert "Nothing matches" in page(world.client(), "/console/alerts?state=resolved")
    assert "INC-0001" in page(world.client(), "/console/alerts?level=WARNING&state=open")


def test_an_anomaly_tells_what_was_measured_and_why_in_the_readers_language(world: World) -> None:
    in_trouble(world)
    html = words_of(page(world.client(lang="pt-BR"), DENIED))
    assert "Negadas acima do esperado" in html
    assert "Negadas: 41 por minuto em 5 minutos, esperado 9–29." in html
    assert "aberta , acionou" in html
    past = page(world.client(), "/console/anomalies/a-past")
    assert "Back in range at 09:09." in past
    assert "No alert holds it" in past
    world.anomalies.insert(anomaly("a-file", source="file", reasons=()))
    other = page(world.client(), "/console/anomalies/a-file")
    assert "data-chart" not in other
    assert "No reasons were kept." in other


def test_an_incident_shows_its_stages_its_story_newest_first_and_its_deeds(world: World) -> None:
    in_trouble(world)
    html = page(world.client(), "/console/incidents/INC-0001")
    assert html.index("Triaged as P3") < html.index("Detected: Denied")
    assert html.count('action="/console/incidents/INC-0001/acknowledge"') == 2, "at the desk and on the phone"
    assert 'aria-current="step"><b>Triage</b>' in html
    assert f'data-since="{NOW - 65 * MINUTE_MS}" data-until=""' in html
    assert "Owner: nobody yet" in html


def test_an_incident_that_is_taken_on_offers_only_to_resolve_it(world: World) -> None:
    in_trouble(world, acknowledged_by="bia")
    html = page(world.client(), "/console/incidents/INC-0001")
    assert "/acknowledge" not in html
    assert 'action="/console/incidents/INC-0001/resolve"' in html
    assert "Owner: bia" in html


def test_a_closed_incident_is_history(world: World) -> None:
    closed = resolved(opened("INC-0002", alert("denied"), NOW), "bia", NOW + HOUR_MS)
    world.incidents.insert(closed)
    html = page(world.client(), "/console/incidents/INC-0002")
    assert "<form method" not in html.split('id="main"')[1].split('class="keys"')[0]
    assert "nobody did" in html
    assert 'class="pri off"' in page(world.client(), "/console/incidents")


def test_a_viewer_has_no_buttons_and_reads_why(world: World) -> None:
    in_trouble(world)
    html = page(world.client("viewer"), "/console/incidents/INC-0001")
    assert "/acknowledge" not in html
    assert "are for analysts; you are reading." in html


def test_long_lists_go_on(world: World) -> None:
    for number in range(51):
        world.anomalies.insert(anomaly(f"a{number:02d}", minute_ms=NOW - number))
    first = page(world.client(), "/console/anomalies?level=WARNING")
    assert first.count("data-key=") == 50
    older = re.search(r'data-older href="([^"]+)"', first)
    assert older is not None
    assert "level=WARNING" in older[1]
    assert page(world.client(), f"/console/anomalies{older[1].replace('&amp;', '&')}").count("data-key=") == 1


def test_a_transaction_is_explained_in_the_readers_language(world: World) -> None:
    world.transaction("t-1", level=1, auth_code="51", card_bin="522876", original_id="t-0", card_token="tok")
    english = page(world.client(), "/console/transactions/t-1")
    assert "recommended in en" in english
    assert "Card events, 1 h" in english
    assert english.count('<svg class="plot"') == 4, "two reasons, at the desk and on the phone"
    assert "fallback: no model was there" in english
    assert 'href="/console/transactions/t-0"' in english
    portuguese = words_of(page(world.client(lang="pt-BR"), "/console/transactions/t-1"))
    for said in (
        "recommended in pt-BR",
        "Transações do cartão, 1 h",
        "negada, código 51",
        "R$ 1\u202f141,20",
        "\u22120,5 a 4,5",
    ):
        assert said in portuguese


def test_a_normal_transaction_says_that_nothing_was_found(world: World) -> None:
    world.transaction("t-1")
    html = page(world.client(), "/console/transactions/t-1")
    assert "Nothing unusual was found." in html
    assert "none fired" in html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"t-1", "t-2"}),
        ("status=approved", {"t-2"}),
        ("merchant=M1", {"t-1"}),
        ("bin=522876", {"t-2"}),
        ("level=WARNING", {"t-1"}),
        ("level=NONSENSE&span=NONSENSE", {"t-1", "t-2"}),
        ("source=elsewhere", set()),
        ("span=15m", {"t-1", "t-2"}),
    ],
)
def test_transactions_are_filtered(world: World, query: str, found: set[str]) -> None:
    world.transaction("t-1", level=1)
    world.transaction("t-2", status="approved", merchant_id="M2", card_bin="522876")
    html = page(world.client(), f"/console/transactions?{query}")
    assert set(re.findall(r'data-key="([^"]+)"', html)) == found


def test_an_id_that_is_looked_up_leads_to_its_page(world: World) -> None:
    world.transaction("a/b ü")
    answer = world.client().get("/console/transactions?id=a/b ü")
    assert answer.headers["location"] == f"/console/transactions/{quote('a/b ü', safe='')}"
    assert 'id="tx-id">a/b ü<' in page(world.client(), answer.headers["location"])


def test_what_came_from_outside_is_written_as_text(world: World) -> None:
    world.transaction(HOSTILE, merchant_id=HOSTILE, status=HOSTILE, acquirer=HOSTILE, source="shop")
    hostile = alert(HOSTILE, level=AlertLevel.CRITICAL)
    incident = opened("INC-0001", hostile, NOW)
    world.calm(point(HOSTILE, 99))
    world.trouble(
        incident, [hostile], [anomaly("a1", series=HOSTILE, reasons=(HOSTILE,), level=AlertLevel.CRITICAL)]
    )
    client = world.client(name=HOSTILE)
    for path in (
        *(f"/console/{name}" for name in PAGES),
        f"/console/transactions?source=shop&merchant={quote(HOSTILE)}",
        f"/console/transactions/{quote(HOSTILE, safe='')}",
        "/console/anomalies/a1",
        "/console/incidents/INC-0001",
        f"/login?next=/{quote(HOSTILE)}",
    ):
        html = page(client, path)
        assert "<script>alert" not in html
        assert "alert('x')" not in html, "quotes are escaped too"


def test_charts_are_columns_of_minutes(world: World) -> None:
    in_trouble(world)
    client = world.client(lang="pt-BR")
    body = client.get("/console/data/series?series=denied&series=approved&hours=1").json()
    assert len(body["minutes"]) == 61
    assert body["minutes"][-1] == JUDGED_MS // 1000
    assert [one["label"] for one in body["lanes"]] == ["Negadas", "Aprovadas"]
    assert body["lanes"][0]["observed"][-1] == 41
    assert [one["id"] for one in body["lanes"][0]["marks"]] == ["a-denied"]
    assert body["silent_since"] is None
    open_end = client.get(f"/console/data/series?since={NOW - HOUR_MS}").json()
    assert open_end["minutes"][-1] == JUDGED_MS // 1000
    past = client.get(f"/console/data/series?since={NOW - HOUR_MS}&until={NOW - HOUR_MS // 2}").json()
    assert len(past["minutes"]) == 31
    world.clock.advance(HOUR_MS)
    old = client.get("/console/data/series?hours=3").json()
    assert old["silent_since"] == JUDGED_MS // 1000
    assert old["minutes"][-1] == (NOW_MS + HOUR_MS) // 60_000 * 60


@pytest.mark.parametrize(
    "query", ["since=x", "since=5&until=x", "since=9&until=5", f"since=0&until={30 * HOUR_MS}"]
)
def test_a_chart_of_no_time_or_too_much_is_refused(world: World, query: str) -> None:
    answer = world.client().get(f"/console/data/series?{query}")
    assert answer.status_code == 422
    assert "does not understand" in answer.text


def test_the_browser_is_told_what_to_draw_again(world: World) -> None:
    in_trouble(world)
    answer = world.client().get("/console/fragments/overview")
    assert answer.headers["x-lanes"] == "approved,denied,failed,reversed"
    assert answer.headers["x-charts"] == f"{JUDGED_MS}.1.a-denied"
    assert world.client().get("/console/alerts").headers["x-charts"] == answer.headers["x-charts"]


def test_an_anomaly_shows_the_tree_of_its_cause_and_the_money_at_risk(world: World) -> None:
    steps = (Step("acquirer", "acq_b", 21.0, 0.95, 0.271), Step("merchant_id", HOSTILE, 20.1, 0.913, 0.041))
    cause = Cause(22.0, (steps,), Money("BRL", 4_123_456, 3_504_000, 4_691_000))
    world.anomalies.insert(anomaly("a-cause", cause=cause))
    html = page(world.client(), "/console/anomalies/a-cause")
    text = words_of(html)
    assert "acquirer acq_b usually 27.1\u202f% of it" in text
    assert 'nd hit"><span class="break">merchant' in html
    assert HOSTILE not in html
    assert "everything else +1.9" in text
    assert "R$ 41\u202f000" in text
    portuguese = words_of(page(world.client(lang="pt-BR"), "/console/anomalies/a-cause"))
    assert "De onde vem" in portuguese
    assert "adquirente acq_b em geral 27,1\u202f% dela" in portuguese


def test_a_change_that_lies_everywhere_shows_no_branch(world: World) -> None:
    world.anomalies.insert(anomaly("a-even", cause=Cause(22.0, ())))
    text = words_of(page(world.client(), "/console/anomalies/a-even"))
    assert "No acquirer, merchant, BIN or code stands out: it is spread as usual." in text
    assert "At risk" not in text


def test_a_person_says_whether_a_page_was_right_and_the_quality_page_counts_it(world: World) -> None:
    in_trouble(world)
    client = world.client()
    assert "Nobody has said yet" in words_of(page(client, DENIED))
    before = words_of(page(client, "/console/quality"))
    assert "1 page has no answer yet." in before
    csrf = csrf_of(page(client, DENIED))
    done = client.post(f"{DENIED}/false", data={"csrf": csrf})
    assert (done.status_code, done.headers["location"]) == (303, f"{DENIED}?done=answered")
    assert "False alarm: marina at" in words_of(page(client, DENIED))
    after = page(client, "/console/quality?days=7")
    assert 'class="num tc">1<' in after
    assert "st-false" in after
    assert "no answer yet." not in words_of(after)


def test_an_answer_needs_the_form_s_own_token_and_the_scope(world: World) -> None:
    in_trouble(world)
    assert world.client().post(f"{DENIED}/false", data={"csrf": "wrong"}).status_code == 403
    reading = world.client("viewer")
    assert 'data-key-press="f"' not in page(reading, DENIED)
    own = csrf_of(page(reading, "/console/overview"))
    assert reading.post(f"{DENIED}/false", data={"csrf": own}).status_code == 403
    assert world.anomalies.find(RecordQuery("", states=("open",))).items[0].answer is None


def test_where_nothing_paged_the_quality_page_says_so_in_portuguese(world: World) -> None:
    html = words_of(page(world.client(lang="pt-BR"), "/console/quality?days=nonsense"))
    assert "Nada alarmou." in html
    assert "no máximo 1 por turno" in html
