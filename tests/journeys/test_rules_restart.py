"""Rules across a restart, a kill between keeping and publishing, and a ruleset that is damaged."""

from pathlib import Path
from typing import Any

import msgspec

from guardian.domain.clock import MINUTE_MS, SetClock
from guardian.scoring.rules.book import RULE_KIND, RULESET_KIND
from guardian.scoring.rules.lifecycle import RuleLife, State
from installation import Installation
from rule_samples import AT

RULE = {
    "id": "tiny",
    "name": {"pt": "mínimo", "en": "tiny"},
    "severity": "CRITICAL",
    "recommendation": {"pt": "veja", "en": "look"},
    "when": "amount < 5",
}


def verdict(guardian: Installation, name: str) -> dict[str, Any]:
    body = {"transaction_id": name, "merchant_id": "m", "status": "approved", "amount": "1.00"}
    assert guardian.ask("POST", "/transaction", "machine", json=body).status_code == 202
    guardian.work()
    found: dict[str, Any] = guardian.ask("GET", f"/transaction/{name}", "viewer").json()["verdict"]
    return found


def fired(guardian: Installation, name: str) -> list[str]:
    return [one["rule_id"] for one in verdict(guardian, name)["rules"]]


def move(guardian: Installation, name: str, role: str) -> None:
    body = {"move": name, "reason": "why"}
    assert guardian.ask("POST", "/rules/tiny/moves", role, json=body).status_code == 200


def test_a_rule_goes_on_after_a_restart_and_old_verdicts_keep_their_words(tmp_path: Path) -> None:
    first = Installation(tmp_path, SetClock(AT))
    before = verdict(first, "t1")
    assert first.ask("POST", "/rules", "analyst", json=RULE).status_code == 201
    for name, role in (("submit", "analyst"), ("shadow", "operator"), ("live", "operator")):
        move(first, name, role)
    first.close()
    second = Installation(tmp_path, SetClock(AT))
    now = verdict(second, "t2")
    assert [one["rule_id"] for one in now["rules"]] == ["tiny"]
    assert now["alert_level"] == "CRITICAL"
    assert now["recommendation"] == "look"
    move(second, "roll_back", "analyst")
    second.close()
    third = Installation(tmp_path, SetClock(AT))
    assert fired(third, "t3") == []
    again = third.ask("GET", "/transaction/t2", "viewer").json()["verdict"]
    assert (again["rules"], again["recommendation"]) == (now["rules"], "look")
    assert third.ask("GET", "/transaction/t1", "viewer").json()["verdict"]["rules"] == before["rules"] == []
    third.close()


def test_what_was_kept_before_a_kill_is_published_within_a_minute(tmp_path: Path) -> None:
    clock = SetClock(AT)
    guardian = Installation(tmp_path, clock)
    records = guardian.parts.store.records
    kept = records.get(RULE_KIND, "card_velocity_1h")
    assert kept is not None
    life = msgspec.json.decode(kept.doc, type=RuleLife)
    paused = (msgspec.structs.replace(life.newest, state=State.PAUSED),)
    records.update(
        msgspec.structs.replace(kept, doc=msgspec.json.encode(msgspec.structs.replace(life, versions=paused)))
    )
    assert (
        guardian.parts.rules.current().get("card_velocity_1h") is not None
    )  # killed before it was published
    clock.advance(MINUTE_MS)
    guardian.runners["keep-house"].step(0.0)
    assert guardian.parts.rules.current().get("card_velocity_1h") is None
    guardian.close()


def test_a_damaged_ruleset_does_not_stop_the_judging_at_a_start(tmp_path: Path) -> None:
    first = Installation(tmp_path, SetClock(AT))
    records, version = first.parts.store.records, str(first.parts.rules.current_version())
    kept = records.get(RULESET_KIND, version)
    assert kept is not None
    records.update(msgspec.structs.replace(kept, doc=b"{"))
    first.close()
    second = Installation(tmp_path, SetClock(AT))
    assert verdict(second, "t1")["rules_version"] == version  # made again from the records, it is the same
    second.close()
