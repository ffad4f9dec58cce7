"""The pages of rules: the list, the editor with its errors, moves by two people, lists and snoozes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console_samples import NOW_MS, World, csrf_of, formats, page, words_of
from guardian.console.retold_rules import _PORTUGUESE, retold_error
from guardian.console.rule_lists import entries_of, text_of, until_of
from guardian.console.rule_table import bars
from guardian.domain.clock import DAY_MS
from guardian.domain.errors import Invalid, Unparsable
from guardian.scoring.rules.lists import Entry, NamedList
from guardian.scoring.rules.parse import parse
from guardian.scoring.rules.report import Day, Report

TEXT = """id: small
name: {pt: Valores pequenos, en: Small amounts}
severity: WARNING
recommendation: {pt: veja, en: look}
when: amount < 5
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.rules.book.current()
    yield made
    made.store.close()


def send(client: TestClient, path: str, **fields: object) -> tuple[int, str]:
    csrf = csrf_of(client.get("/console/rules/-/new").text)
    answer = client.post(path, data={"csrf": csrf, **{name: str(value) for name, value in fields.items()}})
    return answer.status_code, answer.headers.get("location", answer.text)


def drafted(world: World) -> tuple[TestClient, TestClient]:
    ana, bea = world.client("analyst", "ana"), world.client("operator", "bea")
    found = send(ana, "/console/rules/-/edit", text=TEXT, wish="save")
    assert found == (303, "/console/rules/small?done=saved")
    return ana, bea


def state(world: World) -> str:
    return str(world.rules.get("small")[0].newest.state)


def test_the_list_shows_every_rule_and_what_waits_for_the_reader_first(world: World) -> None:
    ana, bea = drafted(world)
    html = page(ana, "/console/rules")
    assert "8 rules are live" in html
    assert "Card testing on a BIN" in html
    assert "Teste de cartões em um BIN" in page(world.client(lang="pt-BR"), "/console/rules")
    assert send(ana, "/console/rules/small/moves", move="submit") == (303, "/console/rules/small?done=moved")
    assert "Review small" in page(bea, "/console/rules")
    assert "Review small" not in page(ana, "/console/rules")
    only = page(bea, "/console/rules?state=review")
    assert "waits for you" in only
    assert "Card velocity" not in only
    assert "No rule stands there" in page(bea, "/console/rules?state=trial")


def test_a_text_that_is_not_understood_comes_back_with_line_and_column(world: World) -> None:
    bad = TEXT.replace("when: amount < 5", "when: |\n  amount < 5\n  and amuont > 1")
    status, html = send(world.client(), "/console/rules/-/edit", text=bad, wish="save")
    assert status == 422
    assert "Line 7, column 7" in words_of(html)
    assert "did you mean amount" in html
    assert "and amuont &gt; 1" in html
    status, html = send(world.client(lang="pt-BR"), "/console/rules/-/edit", text=bad, wish="check")
    assert "Linha 7, coluna 7" in words_of(html)
    assert "Não há campo com este nome; você quis dizer amount." in html
    status, html = send(world.client(), "/console/rules/-/edit", text=TEXT, wish="check")
    assert (status, "parses, all fields known" in html) == (200, True)


def test_a_backtest_is_shown_beside_the_text(world: World) -> None:
    for number in range(3):
        world.transaction(f"t{number}", amount_minor=100)
    status, html = send(world.client(), "/console/rules/-/edit", text=TEXT, wish="backtest", days=30)
    assert status == 200
    words = words_of(html)
    assert "live traffic of 30 days, 3 transactions" in words
    assert "Would have fired 3" in words
    assert "Matches nearly everything" in words
    assert "NORMAL WARNING 3" in words


def test_two_people_bring_a_rule_live_and_one_key_takes_it_back(world: World) -> None:
    ana, bea = drafted(world)
    send(ana, "/console/rules/small/moves", move="submit", reason="ready")
    html = page(ana, "/console/rules/small")
    assert 'value="shadow"' not in html
    assert "takes a second person" in html
    assert send(ana, "/console/rules/small/moves", move="shadow", reason="mine")[0] == 403
    assert state(world) == "in_review"
    send(bea, "/console/rules/small/moves", move="part", percent=25, reason="a quarter")
    assert "25" in page(bea, "/console/rules/small")
    assert 'data-key-press="z"' in page(ana, "/console/rules/small")
    send(bea, "/console/rules/small/moves", move="live")
    assert state(world) == "live"
    assert "Without a reason, from the console" in page(ana, "/console/rules/small")
    send(ana, "/console/rules/small/moves", move="roll_back", version=1)
    assert state(world) == "rolled_back"
    assert send(ana, "/console/rules/small/moves", move="dance")[0] == 422


def test_a_new_version_is_shown_against_the_live_one(world: World) -> None:
    ana, bea = drafted(world)
    send(ana, "/console/rules/small/moves", move="submit")
    send(bea, "/console/rules/small/moves", move="shadow")
    send(bea, "/console/rules/small/moves", move="live")
    assert 'id="changes"' not in page(bea, "/console/rules/small")
    _, revision = world.rules.get("small")
    edit = {"rule_id": "small", "revision": revision, "wish": "save"}
    send(ana, "/console/rules/-/edit", text=TEXT.replace("< 5", "< 6"), **edit)
    html = page(bea, "/console/rules/small")
    assert "v2 against v1, which is live" in html
    assert (
        '<span class="ln bad">when: amount &lt; 5</span><span class="ln add">when: amount &lt; 6</span>'
        in html
    )


def test_of_two_who_edit_the_second_keeps_the_text_and_is_told(world: World) -> None:
    ana, _ = drafted(world)
    edit = {"rule_id": "small", "revision": 0, "wish": "save"}
    assert send(ana, "/console/rules/-/edit", text=TEXT.replace("5", "6"), **edit)[0] == 303
    status, html = send(ana, "/console/rules/-/edit", text=TEXT.replace("5", "7"), **edit)
    assert status == 409
    assert "amount &lt; 7" in html
    assert "changed meanwhile" in html
    status, html = send(ana, "/console/rules/-/edit", text=TEXT, wish="save")
    assert status == 409  # the id is taken
    status, html = send(
        ana, "/console/rules/-/edit", text=TEXT.replace("small", "other"), **{**edit, "revision": 1}
    )
    assert (status, "keeps its id" in html) == (422, True)


def test_lists_and_snoozes_are_written_and_end(world: World) -> None:
    ana, _ = drafted(world)
    lists = "/console/rules/-/lists"
    made = send(
        ana, lists, name="donations", field="merchant_id", entries="m1; a charity\nm2; another; 2026-12-24"
    )
    assert made == (303, f"{lists}?done=listed")
    assert "m1; a charity" in page(ana, f"{lists}?list=donations")
    assert send(ana, lists, name="donations", field="merchant_id", entries="m1")[0] == 422
    snooze = {"rule_id": "small", "field": "merchant_id", "value": "m1", "reason": "a sale"}
    assert send(ana, "/console/rules/-/snoozes", until="2030-01-01T00:00", **snooze)[1].endswith("snoozed")
    assert "SN-0001" in page(ana, lists)
    assert send(ana, "/console/rules/-/snoozes", until="soon", **snooze)[0] == 422
    assert send(ana, "/console/rules/-/snoozes/end", snooze_id="SN-0001")[1].endswith("woken")
    assert send(ana, f"{lists}/remove", name="donations")[1].endswith("unlisted")
    assert "No lists yet" in page(ana, lists)


def test_a_viewer_reads_and_changes_nothing(world: World) -> None:
    drafted(world)
    viewer = world.client("viewer")
    html = page(viewer, "/console/rules/small")
    assert "readonly" in html
    assert 'name="wish"' not in html
    assert "list-form" not in page(viewer, "/console/rules/-/lists")
    assert send(viewer, "/console/rules/-/edit", text=TEXT, wish="save")[0] == 403
    assert page(viewer, "/console/rules/nothing", 404)


def test_lists_are_lines() -> None:
    entries = (Entry("m1", "a charity"), Entry("m2", "another", 1_798_081_200_000))
    text = text_of(NamedList("donations", "merchant_id", entries))
    assert entries_of(f"\n{text}\n", formats()) == entries
    assert text_of(None) == ""
    assert until_of("2026-12-24T00:00", formats()) == 1_798_081_200_000  # of São Paulo
    assert until_of(" ", formats()) is None
    for bad in ("m1", "; why", "a; b; c; d"):
        with pytest.raises(Invalid, match="Line 1"):
            entries_of(bad, formats())
    with pytest.raises(Invalid, match="a time such as"):
        entries_of("a; b; soon", formats())


def test_bars_fill_the_height_at_most() -> None:
    days = (Day(NOW_MS - NOW_MS % DAY_MS, 1, 0, 3), Day(NOW_MS - NOW_MS % DAY_MS + DAY_MS, 0, 0, 2))
    report = Report(NOW_MS, NOW_MS + DAY_MS, 9, 6, None, days, (), 0, 0, 0, 0, "", 0, 1)
    first, second = bars(report)
    assert (first.y, first.height, second.height, first.fired) == (0.0, 88.0, 44.0, 4)
    assert first.x < second.x < 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "amount",
        "amount > 'x'",
        "amuont > 1",
        "zzz > 1",
        "amount / 0 > 1",
        "status in list(x)",
        "(" * 50,
        "1 < amount < 2",
    ],
)
def test_what_is_wrong_is_told_in_portuguese_too(text: str) -> None:
    with pytest.raises(Unparsable) as caught:
        parse(text)
    assert retold_error(caught.value, "en") == caught.value.detail
    assert retold_error(caught.value, "pt-BR") != caught.value.detail
    named = Unparsable(f"Rule one: when: {caught.value.detail}", 1, 1)
    assert retold_error(named, "pt-BR").startswith("Regra one: when: ")


def test_what_nobody_translated_stays_as_it_is() -> None:
    assert retold_error(Unparsable("Something new.", 1, 1), "pt-BR") == "Something new."
    assert all(told and "!" not in told.replace("!=", "") for told in _PORTUGUESE.values())
