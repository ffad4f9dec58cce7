"""Who gets in, what a form needs, and what is said when it cannot be."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.testclient import TestClient

from alerting_samples import NOW, alert
from console_samples import World, csrf_of, served
from guardian.console.routes import own_path
from guardian.domain.errors import Unavailable
from guardian.incidents.lifecycle import opened, resolved
from guardian.incidents.stats import Stats
from guardian.security.sessions import COOKIE, TTL_S

ACKNOWLEDGE = "/console/incidents/INC-0001/acknowledge"
RESOLVE = "/console/incidents/INC-0001/resolve"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.incidents.insert(opened("INC-0001", alert("denied"), NOW))
    yield made
    made.store.close()


def csrf(client: TestClient) -> str:
    html = client.get("/console/incidents").text
    return csrf_of(html)


@pytest.mark.parametrize(
    ("path", "login"),
    [
        ("/console/alerts", "/login?next=/console/alerts"),
        ("/console/alerts?state=open", "/login?next=/console/alerts%3Fstate%3Dopen"),
        ("/console/nowhere", "/login?next=/console/nowhere"),
    ],
)
def test_a_stranger_is_sent_to_the_login_and_back(world: World, path: str, login: str) -> None:
    answer = world.client(None).get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, login)


def test_a_session_that_ended_sends_the_whole_page_to_the_login(world: World) -> None:
    client = world.client()
    world.clock.advance(1000 * TTL_S)
    headers = {"hx-request": "true", "hx-current-url": "http://g/console/alerts?state=open"}
    answer = client.get("/console/fragments/overview", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login?next=/console/alerts%3Fstate%3Dopen"
    nowhere = client.get("/console/fragments/overview", headers={"hx-request": "true"})
    assert nowhere.headers["hx-redirect"] == "/login?next=/console/overview"
    assert client.post(ACKNOWLEDGE).headers["location"] == "/login?next=/console/overview"


def test_a_deed_is_done_written_down_and_told_once(world: World) -> None:
    client = world.client()
    answer = client.post(ACKNOWLEDGE, data={"csrf": csrf(client)})
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/console/incidents/INC-0001?done=acknowledged",
    )
    assert '<i class="mk done"></i>Acknowledged</div>' in client.get(answer.headers["location"]).text
    assert client.post(RESOLVE, data={"csrf": csrf(client)}).headers["location"].endswith("?done=resolved")
    written = [(one.actor, one.action, one.target) for one in world.store.audit.read()]
    assert written == [
        ("marina", "incident acknowledge", "INC-0001"),
        ("marina", "incident resolve", "INC-0001"),
    ]
    assert "toast-slot" not in client.get("/console/incidents/INC-0001?done=<b>anything").text


@pytest.mark.parametrize("token", ["", "0" * 64, "x" * 200, "ü"])
def test_a_form_of_another_session_changes_nothing(world: World, token: str) -> None:
    answer = world.client().post(ACKNOWLEDGE, data={"csrf": token})
    assert answer.status_code == 403
    assert "The form is no longer valid" in answer.text
    assert world.store.audit.read() == []


def test_a_token_of_somebody_else_is_no_token(world: World) -> None:
    other = csrf(world.client(name="bia"))
    assert world.client().post(ACKNOWLEDGE, data={"csrf": other}).status_code == 403


def test_a_viewer_may_not_act_even_with_a_sound_form(world: World) -> None:
    client = world.client("viewer")
    answer = client.post(ACKNOWLEDGE, data={"csrf": csrf(client)})
    assert answer.status_code == 403
    assert "You may look, but not do this." in answer.text
    assert world.store.audit.read() == []


def test_a_machine_has_no_pages(world: World) -> None:
    assert world.client("machine").get("/console/overview").status_code == 403


@pytest.mark.parametrize("lang", ["en", "pt-BR"])
@pytest.mark.parametrize(
    "path",
    [
        "/console/nowhere",
        "/console/a/b/c",
        "/console/incidents/x",
        "/console/anomalies/x",
        "/console/transactions/x",
    ],
)
def test_what_is_not_there_has_a_page_that_says_so(world: World, lang: str, path: str) -> None:
    answer = world.client(lang=lang).get(path)
    assert answer.status_code == 404
    assert ("Nothing is kept" if lang == "en" else "Nada está guardado") in answer.text
    assert "There is no" not in answer.text


def test_who_was_slower_reads_that_it_has_changed(world: World) -> None:
    kept, version = world.incidents.get("INC-0001") or pytest.fail("no incident")
    world.incidents.update(resolved(kept, "bia", NOW), version)
    client = world.client()
    answer = client.post(ACKNOWLEDGE, data={"csrf": csrf(client)})
    assert answer.status_code == 409
    assert "Somebody was faster" in answer.text


def test_a_cursor_that_is_not_ours_is_refused(world: World) -> None:
    answer = world.client().get("/console/incidents?cursor=foreign")
    assert answer.status_code == 422
    assert "foreign" not in answer.text


def test_a_store_that_does_not_answer_offers_to_try_again(world: World) -> None:
    def locked() -> Stats:
        raise Unavailable("The store is locked.")

    world.app = served(msgspec.structs.replace(world.view, stats=locked), world.sessions)
    answer = world.client().get("/console/overview?hours=1")
    assert answer.status_code == 503
    assert 'href="/console/overview?hours=1">Try again' in answer.text
    assert "Nothing is lost" in answer.text


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("/console/alerts?state=open", True),
        ("//evil.example", False),
        ("/\\evil.example", False),
        ("https://evil.example", False),
        ("/a\\b", False),
        ("/line\nbreak", False),
        ("console", False),
        ("", False),
    ],
)
def test_only_paths_of_our_own_are_gone_back_to(target: str, allowed: bool) -> None:
    assert own_path(target) == (target if allowed else "/console/overview")


def test_preferences_are_remembered_and_only_known_ones(world: World) -> None:
    answer = world.client(None).get("/console/preferences?lang=pt-BR&theme=light&next=/console/alerts")
    assert answer.headers["location"] == "/console/alerts"
    cookies = answer.headers.get_list("set-cookie")
    assert [one.split(";")[0] for one in cookies] == ["lang=pt-BR", "theme=light"]
    odd = world.client(None).get("/console/preferences?lang=xx&theme=<b>&next=//evil")
    assert (odd.headers["location"], odd.headers.get("set-cookie")) == ("/console/overview", None)
    assert 'data-theme="light"' in world.client(theme="light").get("/console/alerts").text
    assert "data-theme=" not in world.client(theme="pink").get("/console/alerts").text.split(">")[1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Log in to see what is going on."),
        ("?error=1", "User or password do not match."),
        ("?error=link", "This link has been used or is too old."),
    ],
)
def test_the_login_page_says_what_was_wrong(world: World, query: str, said: str) -> None:
    html = world.client(None).get(f"/login{query}").text
    assert said in html
    assert ('role="alert"' in html) == bool(query)
    assert ('aria-invalid="true"' in html) == (query == "?error=1"), "a used link is not a wrong password"


def test_the_login_page_keeps_where_to_go_and_nothing_foreign(world: World) -> None:
    assert 'name="next" value="/console/alerts"' in world.client(None).get("/login?next=/console/alerts").text
    assert 'name="next" value="/console/overview"' in world.client(None).get("/login?next=//evil").text


def test_a_forged_cookie_is_nobody(world: World) -> None:
    client = world.client(None)
    client.cookies[COOKIE] = "forged"
    assert client.get("/console/overview").status_code == 303


def test_our_files_are_served_beside_the_pages(world: World) -> None:
    client = world.client(None)
    assert client.get("/console/static/guardian.css").status_code == 200
    assert client.get("/console/static/nothing.css").status_code == 404


def test_the_vendored_files_are_the_published_ones() -> None:
    from hashlib import sha256

    from guardian.console.desk import FOLDER

    folder = FOLDER / "static" / "vendor"
    rows = [
        line.split(" | ") for line in (folder / "VENDORED.md").read_text().splitlines() if ".min." in line
    ]
    assert len(rows) == 4
    for row in rows:
        name, digest = row[0].removeprefix("| "), row[4].removesuffix(" |")
        assert sha256((folder / name).read_bytes()).hexdigest() == digest, name
