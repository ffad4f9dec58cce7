"""Rules: reading, checking and matching."""

from pathlib import Path

import numpy as np
import pytest

from guardian.domain.errors import Misconfigured
from guardian.domain.transaction import Transaction
from guardian.domain.verdict import AlertLevel
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.scoring.rules import load_rules, parse_rules

RULE = """
version: 1
rules:
  - id: one
    name: {{pt: um, en: one}}
    severity: WARNING
    recommendation: {{pt: pare, en: stop}}
    condition: [{condition}]
"""


def transaction(**fields: object) -> Transaction:
    defaults: dict[str, object] = {
        "transaction_id": "t",
        "merchant_id": "m",
        "status": "approved",
        "amount_minor": 10_000,
        "event_ms": 1,
        "received_ms": 1,
    }
    return Transaction(**(defaults | fields))


def features(**values: float) -> np.ndarray:
    row = np.zeros((1, FEATURE_COUNT), np.float32)
    for name, value in values.items():
        row[0, INDEX[name]] = value
    return row


def fires(condition: str, one: Transaction, row: np.ndarray) -> bool:
    return bool(parse_rules(RULE.format(condition=condition)).fired([one], row)[0, 0])


def test_the_rules_guardian_starts_with_are_sound_and_in_both_languages() -> None:
    rules = load_rules()
    assert 5 <= len(rules.rules) <= 8
    assert rules.critical.sum() == 1
    for rule in rules.rules:
        assert all((rule.name.pt, rule.name.en, rule.recommendation.pt, rule.recommendation.en))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{field: card_count_1h, op: '>=', value: 10}", True),
        ("{field: card_count_1h, op: '>', value: 10}", False),
        ("{field: card_count_1h, op: '==', value: 10}", True),
        ("{field: card_count_1h, op: '!=', value: 10}", False),
        ("{field: card_count_1h, op: '<', value: 10.5}", True),
        ("{field: card_count_1h, op: '<=', value: 9}", False),
        ("{field: amount, op: '==', value: 100}", True),
        ("{field: amount, op: '>', value: 100}", False),
        ("{field: status, op: '==', value: approved}", True),
        ("{field: status, op: '!=', value: approved}", False),
        ("{field: status, op: in, value: [denied, approved]}", True),
        ("{field: country, op: not_in, value: [BR]}", True),
        ("{field: card_count_1h, op: '>=', value: 10}, {field: status, op: '==', value: denied}", False),
    ],
)
def test_a_rule_fires_when_all_its_conditions_hold(condition: str, expected: bool) -> None:
    row = features(card_count_1h=10, log_amount=np.log1p(100.0))
    assert fires(condition, transaction(), row) is expected


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("", "Rule one has no condition"),
        ("{field: moon, op: '==', value: full}", "Rule one: there is no field moon"),
        ("{field: card_count_1h, op: in, value: 3}", "Rule one: card_count_1h is a number"),
        (
            "{field: card_count_1h, op: '>', value: many}",
            "Rule one: card_count_1h must be compared with a number",
        ),
        ("{field: status, op: '>', value: denied}", "Rule one: status is text"),
        ("{field: status, op: in, value: denied}", "Rule one: status needs a list"),
        ("{field: status, op: '==', value: [denied]}", "Rule one: status needs a list"),
        ("{field: mcc, op: '==', value: 5411}", "Rule one: mcc must be compared with text"),
        ("{field: status, op: '=='}", "Rule one: .*value"),
        ("{field: status, op: '==', value: a, extra: b}", "Rule one: .*extra"),
    ],
)
def test_a_wrong_rule_is_named(condition: str, message: str) -> None:
    with pytest.raises(Misconfigured, match=message):
        parse_rules(RULE.format(condition=condition))


def test_ids_are_unique_and_without_commas() -> None:
    text = RULE.format(condition="{field: amount, op: '>', value: 1}")
    with pytest.raises(Misconfigured, match="same id"):
        parse_rules(text + text.split("rules:")[1])
    with pytest.raises(Misconfigured, match="without commas"):
        parse_rules(text.replace("id: one", "id: 'one,two'"))


def test_a_file_that_is_no_list_of_rules_is_refused() -> None:
    with pytest.raises(Misconfigured, match="not YAML"):
        parse_rules("rules: [")
    with pytest.raises(Misconfigured, match="not as expected"):
        parse_rules("version: 2\nrules: []")


def test_rules_are_read_from_a_file_and_a_missing_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(RULE.format(condition="{field: amount, op: '>', value: 1}"))
    assert [rule.id for rule in load_rules(path).rules] == ["one"]
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_rules(tmp_path / "none.yaml")


def test_fired_rules_are_told_in_the_language_asked_for() -> None:
    rules = load_rules()
    english, gone = rules.describe(["card_testing_bin", "removed"], "en")
    assert (english.severity, english.recommendation[:8]) == (AlertLevel.CRITICAL, "Throttle")
    assert gone.rule_id == "removed"
    assert rules.describe(["card_testing_bin"], "pt-BR")[0].recommendation.startswith("Limite")
    assert rules.get("card_testing_bin") is not None
    assert rules.get("removed") is None


def test_no_rules_never_fire() -> None:
    rules = parse_rules("version: 1\nrules: []")
    assert rules.fired([transaction()], features()).shape == (0, 1)
