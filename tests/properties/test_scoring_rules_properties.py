"""For all expressions and rows: columns say what a slow reading of a row says; no text breaks the reader."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from guardian.domain.errors import Unparsable
from guardian.domain.transaction import Transaction
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.scoring.rules.fields import needs
from guardian.scoring.rules.parse import parse
from guardian.scoring.rules.syntax import (
    All,
    Arithmetic,
    Call,
    Compare,
    Field,
    Missing,
    Not,
    Number,
    OneOf,
    Some,
)
from guardian.scoring.rules.written import read_rule, written
from rule_samples import rule, ruleset, transaction

NUMBERS = ("amount", "hour", "merchant_burst_1h", "card_count_1h", "bin_burst_1h")
numbers = st.recursive(
    st.sampled_from(NUMBERS) | st.integers(0, 9).map(str),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | inner.map(lambda of: f"-{of}")
        | inner.map(lambda of: f"abs({of})")
        | st.tuples(st.sampled_from(("min", "max")), inner, inner).map(
            lambda of: f"{of[0]}({of[1]}, {of[2]})"
        )
    ),
    max_leaves=4,
)
texts = st.sampled_from(
    ('country == "BR"', 'country != "BR"', 'card_bin in ("1", "2")', 'status == "denied"')
)
comparisons = st.tuples(numbers, st.sampled_from(("<", "<=", ">", ">=", "==", "!=")), numbers).map(" ".join)
missing = st.sampled_from((*NUMBERS, "country", "card_bin")).map(lambda name: f"{name} is missing")
conditions = st.recursive(
    comparisons | texts | missing,
    lambda inner: (
        st.tuples(inner, st.sampled_from(("and", "or")), inner).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
        | inner.map(lambda of: f"not ({of})")
    ),
    max_leaves=6,
)
rows = st.builds(
    transaction,
    amount_minor=st.integers(0, 10).map(lambda n: n * 100),
    event_ms=st.integers(0, 9).map(lambda n: n * 3_600_000),
    country=st.sampled_from((None, "BR", "PT")),
    card_bin=st.sampled_from((None, "1", "3")),
    card_token=st.sampled_from((None, "c")),
    status=st.sampled_from(("approved", "denied")),
)
streams = st.lists(st.tuples(rows, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5)


def number(node: object, one: Transaction, row: np.ndarray) -> float:
    match node:
        case Number(value):
            return value
        case Field("amount"):
            return one.amount_minor / 100
        case Field("hour"):
            return float(one.event_ms % 86_400_000 // 3_600_000)
        case Field(name):
            needed = needs(name)
            known = not needed or any(getattr(one, text) is not None for text in needed)
            return float(row[INDEX[name]]) if known else math.nan
        case Call(name, given_):
            found = [number(part, one, row) for part in given_]
            if any(map(math.isnan, found)):
                return math.nan
            return abs(found[0]) if name == "abs" else {"min": min, "max": max}[name](found)
        case Arithmetic(sign, left, right):
            a, b = number(left, one, row), number(right, one, row)
            if sign == "/" and b == 0:
                return math.nan
            worked = {"+": a + b, "-": a - b, "*": a * b}
            return a / b if sign == "/" else worked[sign]
    raise AssertionError(node)


def truth(node: object, one: Transaction, row: np.ndarray) -> bool | None:
    match node:
        case Compare(sign, left, right):
            a, b = number(left, one, row), number(right, one, row)
            if math.isnan(a) or math.isnan(b):
                return None
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b, "!=": a != b}[sign]
        case OneOf(field, values):
            value = getattr(one, field)
            return None if value is None else value in values
        case Missing(field) if field in NUMBERS:
            return math.isnan(number(Field(field), one, row))
        case Missing(field):
            return getattr(one, field) is None
        case Not(of):
            inner = truth(of, one, row)
            return None if inner is None else not inner
        case All(of) | Some(of):
            found = [truth(part, one, row) for part in of]
            decides = isinstance(node, Some)
            return decides if decides in found else None if None in found else not decides
    raise AssertionError(node)


@settings(max_examples=200)
@given(when=conditions, stream=streams)
def test_columns_say_what_a_reading_of_each_row_says(
    when: str, stream: list[tuple[Transaction, int, int]]
) -> None:
    try:
        tree = parse(when)
    except Unparsable:
        return  # two constants, or a division by zero that is seen before
    features = np.zeros((len(stream), FEATURE_COUNT), np.float32)
    for place, (_, burst, count) in enumerate(stream):
        features[place, INDEX["merchant_burst_1h"]] = features[place, INDEX["bin_burst_1h"]] = burst
        features[place, INDEX["card_count_1h"]] = count
    transactions = [one for one, _, _ in stream]
    whole = ruleset(rule(when)).decide(transactions, features).fired
    expected = [truth(tree, one, row) is True for one, row in zip(transactions, features, strict=True)]
    assert [text == "one" for text in whole] == expected
    alone = [
        ruleset(rule(when)).decide([one], row[None]).fired[0]
        for one, row in zip(transactions, features, strict=True)
    ]
    assert alone == whole


@given(text=st.text(alphabet="amount stus()<>=!+-*/.,'\"0129\n#andornotinlistbetwiisg", max_size=60))
def test_no_text_breaks_the_reader_of_expressions(text: str) -> None:
    try:
        parse(text)
    except Unparsable as error:
        assert error.line >= 1
        assert error.column >= 1


@given(text=st.text(alphabet="id: name{}[]pten\n-|>&*!\t'\"#,?xwhamou", max_size=80))
def test_no_text_breaks_the_reader_of_rules(text: str) -> None:
    try:
        read_rule(text, {})
    except Unparsable as error:
        assert error.line >= 1
        assert error.column >= 1


@given(when=conditions, name=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=20))
def test_what_is_written_is_read_back(when: str, name: str) -> None:
    one = rule(when)
    one = type(one)(one.id, type(one.name)(name, name), one.severity, one.recommendation, when)
    try:
        assert read_rule(written(one), {}) == one
    except Unparsable:
        parse_fails = False
        try:
            parse(when)
        except Unparsable:
            parse_fails = True
        assert parse_fails
