"""The routes of rules, lists and snoozes in a whole installation, two people at work."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from guardian.domain.clock import SetClock, iso
from installation import Installation
from rule_samples import AT

RULE = {
    "id": "small",
    "name": {"pt": "pequeno", "en": "small"},
    "severity": "WARNING",
    "recommendation": {"pt": "veja", "en": "look"},
    "when": "amount < 5",
}
YAML = """id: small
name: {pt: pequeno, en: small}
severity: WARNING
recommendation: {pt: veja, en: look}
when: |
  amount < 5
  and amuont > 1
"""


@pytest.fixture(scope="module")
def guardian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("guardian"), SetClock(AT))
    yield made
    made.close()


@pytest.fixture
def rule_id(guardian: Installation, request: pytest.FixtureRequest) -> str:
    name = f"r{abs(hash(request.node.name)) % 10**8}"
    assert guardian.ask("POST", "/rules", "analyst", json=RULE | {"id": name}).status_code == 201
    return name


def move(guardian: Installation, rule_id: str, name: str, role: str, **given: Any) -> httpx2.Response:
    body = {"move": name, "reason": "why"} | given
    return guardian.ask("POST", f"/rules/{rule_id}/moves", role, json=body)


def test_a_rule_is_drafted_reviewed_by_a_second_person_tried_and_live(
    guardian: Installation, rule_id: str
) -> None:
    kept = guardian.ask("GET", f"/rules/{rule_id}", "viewer").json()
    assert (kept["state"], kept["revision"], kept["versions"][0]["authors"]) == ("draft", 0, ["analyst"])
    assert move(guardian, rule_id, "submit", "analyst", revision=0).json()["state"] == "in_review"
    assert move(guardian, rule_id, "shadow", "analyst").status_code == 403
    assert move(guardian, rule_id, "part", "operator", percent=20).json()["versions"][0]["percent"] == 20
    assert move(guardian, rule_id, "live", "operator").json()["state"] == "live"
    history = guardian.ask("GET", f"/rules/{rule_id}/history", "viewer").json()["items"]
    assert [one["what"] for one in history] == ["live", "part", "submit", "drafted"]
    assert rule_id in {one["id"] for one in guardian.items("/rules")}
    assert move(guardian, rule_id, "roll_back", "analyst").json()["state"] == "rolled_back"


def test_nobody_approves_their_own(guardian: Installation) -> None:
    assert guardian.ask("POST", "/rules", "operator", json=RULE | {"id": "own"}).status_code == 201
    assert move(guardian, "own", "submit", "operator").status_code == 200
    refused = move(guardian, "own", "shadow", "operator")
    assert (refused.status_code, refused.json()["detail"][:26]) == (403, "Nobody approves their own ")
    assert move(guardian, "own", "shadow", "admin").status_code == 200


def test_an_edit_names_the_revision_it_read(guardian: Installation, rule_id: str) -> None:
    body = RULE | {"id": rule_id, "when": "amount < 4", "revision": 0}
    edited = guardian.ask("PUT", f"/rules/{rule_id}", "analyst", json=body)
    assert edited.json()["versions"][0]["rule"]["when"] == "amount < 4"
    assert guardian.ask("PUT", f"/rules/{rule_id}", "analyst", json=body).status_code == 409
    other = guardian.ask("PUT", "/rules/other", "analyst", json=body)
    assert (other.status_code, other.json()["detail"]) == (
        422,
        "A rule keeps its id; write another rule instead.",
    )


def test_a_wrong_text_is_a_problem_with_line_and_column(guardian: Installation) -> None:
    problem = guardian.ask("POST", "/rules/check", "analyst", json={"text": YAML})
    assert problem.status_code == 422
    assert problem.headers["content-type"] == "application/problem+json"
    found = problem.json()
    assert (found["line"], found["column"]) == (7, 7)
    assert "did you mean amount" in found["detail"]
    sound = guardian.ask("POST", "/rules/check", "analyst", json={"text": YAML.replace("amuont", "amount")})
    assert sound.json()["rule"]["when"] == "amount < 5\nand amount > 1\n"
    refused = guardian.ask("POST", "/rules", "analyst", json=RULE | {"id": "bad", "when": "amount / 0 > 1"})
    assert (refused.status_code, refused.json()["line"], refused.json()["column"]) == (422, 1, 10)
    assert guardian.ask("GET", "/rules/bad", "viewer").status_code == 404


def test_a_backtest_reads_what_is_stored(guardian: Installation) -> None:
    answer = guardian.ask("POST", "/rules/backtest", "analyst", json={"rule": RULE, "days": 30})
    assert answer.status_code == 200
    assert answer.json()["fired_by_live_version"] is None


def test_lists_and_snoozes_are_made_used_and_removed(guardian: Installation, rule_id: str) -> None:
    entries = [{"value": "m1", "reason": "a charity", "until": iso(AT + 1_000)}]
    body = {"field": "merchant_id", "entries": entries}
    assert guardian.ask("PUT", "/lists/donations", "analyst", json=body).json()["size"] == 1
    assert guardian.ask("GET", "/lists/donations", "viewer").json()["entries"] == entries
    assert guardian.items("/lists") == [
        {"name": "donations", "field": "merchant_id", "size": 1, "entries": None}
    ]
    assert guardian.ask("GET", "/lists/none", "viewer").status_code == 404
    pan = {"field": "card_token", "entries": [{"value": "4111111111111111", "reason": "x"}]}
    assert guardian.ask("PUT", "/lists/cards", "analyst", json=pan).status_code == 422
    assert guardian.ask("DELETE", "/lists/donations", "analyst").json() == {"status": "removed"}
    snooze = {"rule_id": rule_id, "field": "merchant_id", "value": "m1", "reason": "a sale"}
    made = guardian.ask("POST", "/snoozes", "analyst", json=snooze | {"until": iso(AT + 60_000)})
    assert made.status_code == 201
    assert [one["id"] for one in guardian.items("/snoozes")] == [made.json()["id"]]
    assert guardian.ask("DELETE", f"/snoozes/{made.json()['id']}", "analyst").status_code == 200
    assert guardian.items("/snoozes") == []


def test_a_viewer_reads_and_does_nothing_else(guardian: Installation) -> None:
    for method, path in (
        ("POST", "/rules"),
        ("POST", "/rules/check"),
        ("POST", "/rules/backtest"),
        ("PUT", "/rules/x"),
        ("POST", "/rules/x/moves"),
        ("PUT", "/lists/x"),
        ("DELETE", "/lists/x"),
        ("POST", "/snoozes"),
        ("DELETE", "/snoozes/SN-0001"),
    ):
        assert guardian.ask(method, path, "viewer", json={}).status_code == 403, path
