"""The pages of cases and answers over a real store; what came from outside is text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from console_samples import HOSTILE, NOW_MS, World, csrf_of, page, words_of
from guardian.cases.stage import CaseStage
from guardian.console.case_pages import PER_PAGE
from guardian.domain.case import Disposition
from guardian.domain.label import EventName
from guardian.entrypoints.http import medians
from guardian.features.definition import NAMES
from guardian.learning.train import train
from installation import Installation
from labelling import verdict

CASE = "/console/cases/C-0001"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.store.close()


def flag(world: World, *names: str, level: int = 1, **changes: Any) -> None:
    store = world.store
    stage = CaseStage(store.transactions, store.records, store.casebook, world.clock)
    facts = {"card_token": "card-1", "acquirer": "acq_a"} | changes
    stage.handle([verdict(world.transaction(name, level, **facts)) for name in names])


def post(client: TestClient, path: str, status: int = 303, **fields: str) -> Any:
    csrf = csrf_of(client.get("/console/cases").text)
    answer = client.post(path, data={"csrf": csrf, **fields})
    assert answer.status_code == status, answer.text[:300]
    return answer


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize("role", ["analyst", "viewer"])
def test_every_page_of_a_case_is_whole_for_everybody(world: World, lang: str, role: str) -> None:
    flag(world, "a", "b")
    flag(world, *(f"t{at}" for at in range(9)), level=2, card_token=None)
    for at in range(9):
        flag(world, f"burst-{at}", card_token=f"c{at}", card_bin="516220")
    world.view.cases.note("C-0001", "bia", HOSTILE)
    world.view.cases.close("C-0002", "bia", Disposition.FRAUD)
    client = world.client(role, lang=lang)
    for show in ("queue", "mine", "closed", HOSTILE):
        page(client, f"/console/cases?show={show}&level=WARNING")
        html = page(client, f"{CASE}?show={show}")
        assert "<script>alert" not in html
    for name in ("C-0002", "C-0003", "C-0007"):
        page(client, f"/console/cases/{name}")
    page(client, "/console/transactions/a?case=C-0001")
    page(client, "/console/quality")
    page(client, "/console/cases/C-9", 404)
    page(client, "/console/transactions/a?case=C-9", 404)


def test_the_queue_is_worst_first_and_says_how_many_wait(world: World) -> None:
    flag(world, "a")
    flag(world, "b", level=2, card_token="card-2")
    html = page(world.client(), "/console/cases")
    assert html.index("Card card-2") < html.index("Card card-1")
    assert '<span class="n">2</span>' in html
    assert "Card card-1" not in page(world.client(), "/console/cases?level=CRITICAL")
    assert "No cases here" in page(world.client(), "/console/cases?show=mine")


def test_a_long_queue_is_paged_by_time(world: World) -> None:
    for at in range(PER_PAGE + 1):
        flag(world, f"t{at}", card_token=f"card-{at}")
    html = page(world.client(), "/console/cases")
    older = html.split('data-older href="')[1].split('"')[0].replace("&amp;", "&")
    assert words_of(page(world.client(), f"/console/cases{older}")).count("1 transaction ") == 1


def test_a_case_is_taken_noted_and_decided_from_its_page(world: World) -> None:
    flag(world, "a", "b")
    ana, bia = world.client(name="ana"), world.client(name="bia")
    assert post(ana, f"{CASE}/claim").headers["location"] == f"{CASE}?done=claimed"
    assert "ana has it" in page(bia, CASE)
    assert 'data-open="decide"' not in page(bia, CASE)
    post(bia, f"{CASE}/claim", 409)
    post(bia, f"{CASE}/note", text=f"{HOSTILE}\nsecond line")
    post(ana, f"{CASE}/release")
    post(ana, f"{CASE}/close", disposition="fraud", seen="1")
    html = page(bia, CASE)
    assert "closed: fraud" in words_of(html)
    assert words_of(html.split('id="case-members"')[1].split("</table>")[0]).count("fraud") == 1
    assert "second line" in html
    assert "Labels kept: 1" in words_of(html)


@pytest.mark.parametrize(
    "fields",
    [{}, {"disposition": "fraud"}, {"disposition": "x", "seen": "1"}, {"disposition": "fraud", "seen": "9"}],
)
def test_a_form_that_says_nothing_decides_nothing(world: World, fields: dict[str, str]) -> None:
    flag(world, "a")
    post(world.client(), f"{CASE}/close", 422, **fields)
    post(world.client(), f"{CASE}/note", 422, text="  ")
    assert world.view.shelf.case("C-0001").disposition is None


def test_deeds_need_the_scope_and_the_token_of_the_form(world: World) -> None:
    flag(world, "a")
    post(world.client("viewer"), f"{CASE}/claim", 403)
    assert world.client().post(f"{CASE}/claim", data={"csrf": "x"}).status_code == 403
    assert world.client().post("/console/transactions/a/answer", data={}).status_code == 403
    assert world.client(None).post(f"{CASE}/claim").status_code == 303
    assert world.view.shelf.case("C-0001").owner is None


def test_a_transaction_is_answered_and_shows_what_was_said(world: World) -> None:
    flag(world, "a", merchant_id="M 1/é")
    client = world.client()
    place = {"merchant": "M 1/é", "source": "live", "case": "C-0001"}
    answer = post(client, "/console/transactions/a/answer", finding="confirmed", **place)
    assert answer.headers["location"] == "/console/transactions/a?done=answered&case=C-0001"
    world.clock.advance(5)
    post(client, "/console/transactions/a/answer", finding="false", **place)
    html = words_of(page(client, answer.headers["location"]))
    assert "Stands: not fraud" in html
    assert html.count("answered here") == 2
    post(client, "/console/transactions/a/answer", 422, finding="maybe")
    post(client, "/console/transactions/gone/answer", 404, finding="false")
    assert len(world.view.answers.history(EventName("live", "M 1/é", "a"))) == 2


def test_a_transaction_stands_beside_those_of_its_merchant_or_its_case(world: World) -> None:
    flag(world, "a", "b")
    world.transaction("calm")
    assert "Of the merchant, up to this one" in page(world.client(), "/console/transactions/calm")
    html = page(world.client(), "/console/transactions/b?case=C-0001")
    assert html.count("data-href") == 2
    assert html.count('aria-selected="true"') == 1


def test_the_usual_range_has_a_tick_at_its_median_where_the_model_is_known(world: World) -> None:
    flag(world, "a")
    assert page(world.client(), "/console/transactions/a").count("ch-med") == 2, "once for the phone"


def test_medians_are_those_of_the_model_that_judged(tmp_path: Path) -> None:
    guardian = Installation(tmp_path)
    features = np.random.default_rng(1).normal(size=(6_000, len(NAMES))).astype(np.float32)
    version = guardian.parts.registry.save(train(features, NOW_MS, seed=0))
    of = medians(guardian.parts)
    assert of(version).keys() == set(NAMES)
    assert of("") == of("gone") == {}
    guardian.close()


def test_what_a_case_held_may_be_gone(world: World) -> None:
    flag(world, "a")
    world.store.transactions.purge("live", NOW_MS + 1)
    assert "no longer kept" in page(world.client(), CASE)
