"""The expression language: what holds, what is unknown, and what is refused at which line and column."""

import numpy as np
import pytest

from guardian.domain.errors import Unparsable
from guardian.scoring.rules.columns import Batch
from guardian.scoring.rules.parse import parse
from guardian.scoring.rules.plan import Plan
from guardian.scoring.rules.syntax import Compare, Field, Number
from rule_samples import AT, features, fires, transaction

CARD = {"card_token": "c"}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("amount == 100", True),
        ("amount > 100", False),
        ("100 >= amount", True),
        ("amount != 100", False),
        ("amount between 99.99 and 100", True),
        ("amount not between 99 and 101", False),
        ("amount in (99, 100)", True),
        ("card_count_1h >= 10", True),
        ("card_count_1h < 10.5 and card_count_1h <= 9", False),
        ("merchant_amount_z == 0.1", True),
        ('status == "approved"', True),
        ("status != 'approved'", False),
        ('"approved" == status', True),
        ('status in ("denied", "approved")', True),
        ('status in ("a", "b", "c", "d", "e", "approved")', True),
        ('status in ("a", "b", "c", "d", "e", "f")', False),
        ('status not in ("denied")', True),
        ("not (amount > 100 or status == 'denied')", True),
        ("amount * 2 - 50 > 100 + 49", True),
        ("-amount < -99", True),
        ("-(1 + 1) < card_count_1h", True),
        ("abs(0 - amount) == 100", True),
        ("max(amount, card_count_1h, 5) == 100", True),
        ("min(amount, card_count_1h) == 10", True),
        ("amount / card_count_1h == 10", True),
        ("amount / (card_count_1h - 10) > 0", False),
        ("not amount / (card_count_1h - 10) > 0", False),
        ("country is missing and status is not missing", True),
        ("bin_burst_1h is missing and card_count_1h is not missing", True),
        ("hour == 12", True),
        ("# only large ones\namount >= 50 # in major units", True),
    ],
)
def test_a_condition_holds_or_not(when: str, expected: bool) -> None:
    values = {"card_count_1h": 10.0, "merchant_amount_z": 0.1}
    assert fires(when, transaction(**CARD), **values) is expected


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ('country == "BR"', False),
        ('country != "BR"', False),
        ('not country == "BR"', False),
        ('country == "BR" or amount > 1', True),
        ('country == "BR" and amount > 1', False),
        ('not (country == "BR" and amount > 1000)', True),
        ("card_count_1h < 5", False),
        ("not card_count_1h < 5", False),
        ("bin_burst_1h != 7", False),
        ("card_count_1h + amount > 0", False),
        ("max(card_count_1h, amount) > 0", False),
        ("card_count_1h < 5 or merchant_burst_1h < 5", True),
    ],
)
def test_what_is_missing_is_unknown_and_unknown_does_not_fire(when: str, expected: bool) -> None:
    assert fires(when) is expected


def test_an_exception_excuses_only_where_it_is_known_to_hold() -> None:
    assert not fires("amount > 1", transaction(country="BR"), unless='country == "BR"')
    assert fires("amount > 1", transaction(country="PT"), unless='country == "BR"')
    assert fires("amount > 1", transaction(), unless='country == "BR"')
    assert not fires("amount > 1000", transaction(), unless='country == "BR"')


def test_amounts_are_in_major_units_of_their_currency() -> None:
    assert fires("amount == 10000", transaction(currency="JPY"))
    assert fires("amount == 10", transaction(currency="KWD"))
    assert fires("amount == 0.1", transaction(amount_minor=10))


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("", 1, 1, "A condition is missing"),
        ("amount", 1, 1, "a condition is expected"),
        ("amount > ", 1, 10, "Expected a field, a number"),
        ('amount >= "x"', 1, 8, "A number cannot be compared with a text"),
        ("amount > 1 and\n  amuont > 2", 2, 3, "did you mean amount"),
        ("status == denied", 1, 11, "a text stands in quotes"),
        ('status > "x"', 1, 8, "compared by ==, != and in alone"),
        ("status == merchant_id", 1, 8, "compared with a text in quotes"),
        ('"a" == "a"', 1, 5, "compared with a text in quotes"),
        ('status = "x"', 1, 8, "use == to compare"),
        ("amount > 1 & amount < 2", 1, 12, "use the word and"),
        ("amount > 1 ; amount", 1, 12, "no meaning here."),
        ("1 < amount < 3", 1, 12, "x between a and b"),
        ("(amount > 1) == (amount > 2)", 1, 14, "Conditions are not compared"),
        ("amount > 1 and not amount", 1, 20, "a condition is expected"),
        ("amount + status > 1", 1, 10, "a number is expected"),
        ("amount between 1 and status", 1, 22, "a number is expected"),
        ("amount not > 1", 1, 12, "Expected in or between"),
        ("amount / 0 > 1", 1, 10, "divides by zero"),
        ("amount / (2 - 2) > 1", 1, 11, "divides by zero"),
        ("1 == 1", 1, 3, "two constants"),
        ("amount in (1, 'x')", 1, 15, "Expected a number"),
        ("status in (1)", 1, 12, "Expected a text in quotes"),
        ("status in (merchant_id)", 1, 12, "Expected a text in quotes"),
        ("status in list(nobody)", 1, 16, "no list of this name"),
        ("status in list(3)", 1, 16, "Expected the name of a list"),
        ("merchant_id in list(donatoins)", 1, 21, "did you mean donations"),
        ("card_bin in list(donations)", 1, 1, "This list is about merchant_id"),
        ("amount > 1 amount", 1, 12, "join conditions by and, or"),
        ("(amount > 1", 1, 12, r"Expected \) here"),
        ("1 is missing", 1, 1, "A field is expected"),
        ("amount / 2 is missing", 1, 1, "A field is expected"),
        ("amount is here", 1, 11, "Expected missing here"),
        ("abs(amount, 1) > 2", 1, 1, "Abs takes one"),
        ("min(amount) > 2", 1, 1, "min and max take two"),
        ("sqrt(amount) > 2", 1, 1, "no function of this name"),
        ("'abc", 1, 1, "no closing quote"),
        ("amount > 1e5", 1, 10, "This is no number"),
        ("amount > " + "9" * 400, 1, 10, "too large"),
        ("amount > " + "9" * 200 + "*" + "9" * 200, 1, 210, "too large"),
        ("__import__('os')", 1, 1, "no function of this name"),
        ("amount.__class__ == 1", 1, 7, "no meaning here"),
        ("(" * 3_000, 1, 22, "too deep: at most 20"),
        ("not " * 300 + "amount > 1", 1, 85, "too deep"),
        ("-" * 50 + "amount < 1", 1, 22, "too deep"),
        ("+".join(["amount"] * 30) + " > 1", 1, 1, "too deep"),
        (" or ".join(f"amount > {n}" for n in range(90)), 1, 981, "costs too much: at most 200"),
        ("status in (" + ",".join(f"'{n}'" for n in range(400)) + ")", 1, 1096, "put values into a list"),
        ("amount > 1" + " " * 4_096, 1, 1, "too long: at most 4096"),
    ],
)
def test_what_is_wrong_is_told_with_line_and_column(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(Unparsable, match=message) as caught:
        parse(text, {"donations": "merchant_id"})
    assert (caught.value.line, caught.value.column) == (line, column)
    assert caught.value.placed().startswith(f"{line}:{column}: ")


def test_what_several_conditions_share_is_one_step() -> None:
    plan = Plan({})
    first = plan.add(parse("amount > 5 and status == 'denied'"))
    assert plan.add(parse("status == 'denied' and 5 < amount")) != first
    assert plan.add(parse("amount > 5 and status == 'denied'")) == first
    assert plan.add(Compare(">", Field("amount"), Number(5.0))) < first


def test_dear_steps_are_left_out_where_cheap_ones_decide() -> None:
    class Counted(Batch):
        asked: tuple[str, ...] = ()

        def text(self, name):  # type: ignore[no-untyped-def]
            self.asked = (*self.asked, name)
            return super().text(name)

    plan = Plan({})
    step = plan.add(parse("acquirer == 'a' and merchant_burst_1h > 3"))
    columns = Counted([transaction()], features())
    with np.errstate(all="ignore"):
        true, unknown = plan.run(columns).value(step)
    assert (true.tolist(), unknown, columns.asked) == ([False], None, ())


def test_an_unknown_kind_of_node_is_a_bug() -> None:
    with pytest.raises(TypeError):
        Plan({}).add("amount > 1")  # type: ignore[arg-type]


def test_the_hour_is_that_of_the_event_in_utc() -> None:
    assert fires("hour == 13", transaction(event_ms=AT + 3_600_000))
