"""Rules as YAML, and the ruleset that decides: parts, lists, snoozes, words."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from guardian.domain.errors import Invalid, Misconfigured, Unparsable
from guardian.domain.verdict import AlertLevel
from guardian.scoring.rules.definition import Rule, Words
from guardian.scoring.rules.lists import Entry, NamedList, Snooze, refuse_bad_list, refuse_bad_snooze
from guardian.scoring.rules.ruleset import Deployed, RuleSet, load_rules, place_of, rules_text
from guardian.scoring.rules.written import read_rule, read_rules, written
from rule_samples import AT, features, rule, ruleset, told, transaction

ONE = """id: one
name: {pt: um, en: one}
severity: WARNING
recommendation: {pt: pare, en: stop}
when: amount >= 100
"""


def listed(name: str, *values: str, field: str = "merchant_id", until_ms: int = 0) -> NamedList:
    return NamedList(name, field, tuple(Entry(value, f"because {value}", until_ms) for value in values))


def snooze(**changes: object) -> Snooze:
    facts = {"snooze_id": "s1", "rule_id": "one", "field": "merchant_id", "value": "m", "until_ms": AT + 1}
    return Snooze(**(facts | {"reason": "a sale", "by": "ana"} | changes))  # type: ignore[arg-type]


def test_the_rules_guardian_starts_with_are_sound_and_in_both_languages() -> None:
    rules = [one.rule for one in load_rules().contents.deployed]
    assert [one.id for one in rules if one.severity == "CRITICAL"] == ["card_testing_bin"]
    assert len(rules) == 8
    for one in rules:
        assert read_rule(written(one), {}) == one


@pytest.mark.parametrize(
    ("rule_id", "values", "fields"),
    [
        (
            "card_testing_bin",
            {"bin_new_cards_10m": 0.5, "bin_failure_rate_1h": 0.35, "merchant_new_cards_10m": 0.4},
            {"amount_minor": 5_000},
        ),
        (
            "card_testing_merchant",
            {"merchant_new_cards_10m": 0.5, "merchant_failure_rate_1h": 0.4, "merchant_burst_1h": 3},
            {},
        ),
        ("card_velocity_1h", {"card_count_1h": 10}, {}),
        (
            "card_spree_new_merchants",
            {"card_new_merchants_1h": 4, "card_count_1h": 5, "card_count_24h": 5},
            {},
        ),
        ("amount_far_above_usual", {"merchant_amount_z": 5}, {"amount_minor": 50_000}),
        ("repeated_denials_card", {"card_failures_1h": 5}, {"status": "failed"}),
        ("merchant_failing", {"merchant_failure_rate_1h": 0.7}, {"status": "denied"}),
        ("refund_abuse_card", {"card_reversals_24h": 4}, {"status": "refunded"}),
    ],
)
def test_each_of_them_fires_at_its_bounds_and_not_below(
    rule_id: str, values: dict[str, float], fields: dict[str, object]
) -> None:
    rules = load_rules()
    one = transaction(card_token="c", card_bin="516220", **fields)
    assert told(rules, one, values) == rule_id
    for name, value in values.items():
        assert told(rules, one, values | {name: value - 0.01}) == ""


@pytest.mark.parametrize(
    ("change", "line", "column", "message"),
    [
        (("amount >= 100", "amuont >= 100"), 5, 7, "Rule one: when: .*did you mean amount"),
        (("amount >= 100", '"amuont >= 100"'), 5, 8, "did you mean amount"),
        (("amount >= 100", "|\n  amount >= 100\n  and amuont > 1"), 7, 7, "did you mean amount"),
        (("amount >= 100", ">\n  amount >= 100\n  and amuont > 1"), 5, 7, "did you mean amount"),
        (("when: ", "unless: amount > x\nwhen: "), 5, 18, "unless"),
        (("id: one", "id: 'one,two'"), 1, 1, "letters, digits"),
        (("id: one", "id: block.one"), 1, 1, "are taken"),
        (("pt: um", "pt: ''"), 1, 1, "pt and en"),
        (("en: one", "en: no"), 2, 20, "put it in quotes"),
        (("severity: WARNING", "severity: LOUD"), 3, 11, "not one of those allowed"),
        (("severity", "severty"), 3, 1, "No such name belongs here"),
        (("severity: WARNING\n", ""), 1, 1, "missing required field"),
        (("when: amount >= 100", "when: 3"), 5, 7, "Expected `str`"),
        (("when: ", "id: two\nwhen: "), 5, 1, "given twice"),
        (("{pt: um", "{? [x] : um"), 2, 10, "plain name"),
        (("{pt: um, en: one}", "[pt: um"), 3, 9, "not YAML"),
        (("{pt: um, en: one}", "&bomb {pt: um, en: one}"), 2, 7, "Anchors and aliases"),
        (("{pt: um, en: one}", "*bomb"), 2, 7, "Anchors and aliases"),
        (("{pt: um, en: one}", "!!python/object:os.system {}"), 2, 7, "Tags are not read"),
        (("{pt: um, en: one}", "[" * 2_000), 2, 14, "nested too deeply"),
        (("id: one", "id: \x00"), 1, 1, "signs that no text has"),
        (("amount >= 100", "x" * 17_000), 1, 1, "too long: at most 16 kB"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_line_and_column(
    change: tuple[str, str], line: int, column: int, message: str
) -> None:
    with pytest.raises(Unparsable, match=message) as caught:
        read_rule(ONE.replace(*change, 1), {})
    assert (caught.value.line, caught.value.column) == (line, column)


def test_what_is_no_rule_at_all_is_refused() -> None:
    for text in ("", "just words", "- id: one"):
        with pytest.raises(Unparsable, match="names with values"):
            read_rule(text, {})


def test_a_file_holds_rules_of_version_2_each_with_an_id_of_its_own() -> None:
    entry = "  - " + ONE.replace("\n", "\n    ").rstrip() + "\n"
    assert [one.id for one in read_rules("version: 2\nrules:\n" + entry, {})] == ["one"]
    with pytest.raises(Unparsable, match="same id") as caught:
        read_rules("version: 2\nrules:\n" + entry * 2, {})
    assert caught.value.line == 8
    with pytest.raises(Unparsable, match="not one of those allowed"):
        read_rules("version: 1\nrules: []", {})
    with pytest.raises(Unparsable, match="Expected `int`"):
        read_rules("version: '2'\nrules: []", {})
    many = "".join(entry.replace("id: one", f"id: r{n}") for n in range(501))
    with pytest.raises(Unparsable, match="at most 500"):
        read_rules("version: 2\nrules:\n" + many, {})


def test_rules_are_read_from_a_file_and_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text("version: 2\nrules:\n  - " + ONE.replace("\n", "\n    ").rstrip())
    assert load_rules(path).get("one") is not None
    path.write_text("version: 2\nrules: [")
    with pytest.raises(Misconfigured, match="2:9: This is not YAML"):
        load_rules(path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        rules_text(tmp_path / "none.yaml")


def test_a_version_names_the_content_and_nothing_else() -> None:
    assert load_rules().version == load_rules().version
    assert len(load_rules().version) == 12
    assert ruleset(rule()).version != ruleset(rule(severity="CRITICAL")).version


def test_severity_decides_between_warning_and_critical() -> None:
    rules = ruleset(rule(rule_id="low"), rule("amount > 50", "high", severity="CRITICAL"))
    decided = rules.decide(
        [transaction(), transaction(amount_minor=6_000), transaction(amount_minor=1)],
        np.repeat(features(), 3, axis=0),
    )
    assert decided.fired == ["low,high", "high", ""]
    assert decided.warned.tolist() == [True, False, False]
    assert decided.critical.tolist() == [True, True, False]


def test_a_rule_in_shadow_is_told_and_does_not_count() -> None:
    rules = ruleset(Deployed(rule(), 3, "shadow"), Deployed(rule("amount > 50"), 2, "live"))
    decided = rules.decide([transaction()], features())
    assert decided.fired == ["~one,one"]
    assert (decided.warned[0], rules.versions) == (True, {"one": 2, "~one": 3})
    assert not ruleset(Deployed(rule(), 1, "shadow")).decide([transaction()], features()).warned[0]


def test_a_part_is_the_same_transactions_every_time_and_the_live_version_keeps_the_rest() -> None:
    trial, old = Deployed(rule(), 2, "part", 30), Deployed(rule("amount > 50"), 1, "live")
    many = [transaction(transaction_id=f"t{n}") for n in range(1_000)]
    alone = [told(ruleset(trial), one) for one in many]
    assert 250 < alone.count("one") < 350
    assert set(alone) == {"one", "~one"}
    assert alone == [told(ruleset(trial), one) for one in many]
    wider = msgspec.structs.replace(trial, percent=60)
    assert all(
        told(ruleset(wider), one) == "one" for one, was in zip(many, alone, strict=True) if was == "one"
    )
    both = [told(ruleset(trial, old), one) for one in many]
    assert set(both) == {"one,~one", "~one,one"}
    assert [place_of(one) < 30 for one in many] == [text == "one,~one" for text in both]


def test_a_list_holds_until_an_entry_ends_by_the_time_of_the_event() -> None:
    condition = rule("merchant_id in list(donations)")
    assert told(ruleset(condition, lists=(listed("donations", "m"),)), transaction()) == "one"
    assert told(ruleset(condition, lists=(listed("donations", "x"),)), transaction()) == ""
    ending = ruleset(condition, lists=(listed("donations", "m", until_ms=AT + 1),))
    assert told(ending, transaction()) == "one"
    assert told(ending, transaction(event_ms=AT + 1)) == ""
    absent = rule("user_id not in list(friends)")
    assert told(ruleset(absent, lists=(listed("friends", "u", field="user_id"),)), transaction()) == ""


def test_the_block_list_is_critical_with_its_reason_in_both_languages() -> None:
    rules = ruleset(lists=(listed("block.merchant_id", "m"),))
    decided = rules.decide([transaction(), transaction(merchant_id="x")], np.repeat(features(), 2, axis=0))
    assert decided.fired == ["block.merchant_id", ""]
    assert decided.critical.tolist() == [True, False]
    [english] = rules.describe(["block.merchant_id"], transaction(), "en")
    assert english.severity is AlertLevel.CRITICAL
    assert english.recommendation == "On the block list: because m"
    [portuguese] = rules.describe(["block.merchant_id"], transaction(), "pt")
    assert portuguese.recommendation.startswith("Na lista de bloqueio")


def test_the_allow_list_keeps_rules_from_counting_and_says_so_but_never_a_block() -> None:
    allowed = listed("allow.card_bin", "516220", field="card_bin")
    one = transaction(card_bin="516220")
    rules = ruleset(rule(severity="CRITICAL"), lists=(allowed,))
    decided = rules.decide([one], features())
    assert decided.fired == ["~one,allow.card_bin"]
    assert not decided.critical[0]
    [told_of] = rules.describe(decided.fired[0].split(","), one, "en")
    assert (told_of.severity, told_of.recommendation[:17]) == (AlertLevel.NORMAL, "On the allow list")
    both = ruleset(rule(), lists=(allowed, listed("block.merchant_id", "m")))
    assert both.decide([one], features()).critical[0]


def test_a_snoozed_firing_does_not_count_until_the_time_given() -> None:
    rules = ruleset(rule(), snoozes=(snooze(),))
    assert told(rules, transaction()) == "~one"
    assert told(rules, transaction(merchant_id="other")) == "one"
    assert told(rules, transaction(event_ms=AT + 1)) == "one"
    assert told(ruleset(rule(), snoozes=(snooze(rule_id="two"),)), transaction()) == "one"


def test_fired_rules_are_told_in_the_language_asked_for() -> None:
    rules = load_rules()
    english, gone = rules.describe(["card_testing_bin", "removed", "~card_velocity_1h"], transaction(), "en")
    assert (english.severity, english.recommendation[:8]) == (AlertLevel.CRITICAL, "Throttle")
    assert (gone.rule_id, gone.severity) == ("removed", AlertLevel.WARNING)
    assert rules.describe(["card_testing_bin"], transaction(), "pt")[0].recommendation.startswith("Limite")
    assert Words("um", "one").of("pt-BR") == "um"
    assert rules.get("removed") is None


def test_no_rules_never_fire() -> None:
    assert ruleset().decide([transaction()], features()).fired == [""]
    assert ruleset(rule()).decide([], np.zeros((0, 20), np.float32)).fired == []


def test_ten_thousand_entries_are_no_burden_and_more_are_refused() -> None:
    many = listed("donations", *(f"m{n}" for n in range(10_000)))
    refuse_bad_list(many)
    rules = ruleset(rule("merchant_id in list(donations)"), lists=(many,))
    assert told(rules, transaction(merchant_id="m9999")) == "one"
    with pytest.raises(Invalid, match="at most 10000"):
        refuse_bad_list(listed("donations", *map(str, range(10_001))))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (listed("Donations", "m"), "small letters"),
        (listed("block", "m"), "block.FIELD"),
        (listed("block.card_bin", "m"), "block.FIELD"),
        (listed("donations", "m", field="status"), "about one of"),
        (listed("donations", "m", "m"), "stands twice"),
        (listed("donations", " "), "1 to 500"),
    ],
)
def test_a_bad_list_is_refused(bad: NamedList, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        refuse_bad_list(bad)


def test_a_bad_snooze_is_refused() -> None:
    refuse_bad_snooze(snooze())
    for change in ({"field": "status"}, {"reason": ""}, {"value": "x" * 501}):
        with pytest.raises(Invalid):
            refuse_bad_snooze(snooze(**change))


def test_a_ruleset_whose_list_is_gone_is_refused() -> None:
    with pytest.raises(Unparsable, match="no list of this name"):
        ruleset(rule("merchant_id in list(donations)"))


def test_a_rule_is_the_same_from_json_and_yaml() -> None:
    one: Rule = rule(unless="amount > 1000")
    assert read_rule(msgspec.json.encode(one).decode(), {}) == one
    assert isinstance(ruleset(one), RuleSet)
