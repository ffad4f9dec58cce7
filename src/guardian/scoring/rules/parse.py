"""Expressions read by recursive descent; types and cost are checked on the way.

truth      = part { "or" part }          part = test { "and" test }
test       = "not" test | sum [ sign sum | ["not"] "in" members | ["not"] "between" sum "and" sum
                              | "is" ["not"] "missing" ]
sum        = product { ("+" | "-") product }      product = unary { ("*" | "/") unary }
unary      = "-" unary | number | text | field | function "(" sum { "," sum } ")" | "(" truth ")"
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final, NoReturn, cast

import msgspec

from guardian.domain.errors import Unparsable
from guardian.scoring.rules.fields import NUMBERS, TEXTS, nearest
from guardian.scoring.rules.syntax import (
    All,
    Arithmetic,
    Call,
    Compare,
    Field,
    Listed,
    Missing,
    Not,
    Number,
    Numeric,
    OneOf,
    Some,
    Truth,
)
from guardian.scoring.rules.tokens import END, FUNCTIONS, KEYWORD, NAME, NUMBER, SIGN, TEXT, Token, tokens

MOST_NODES: Final = 200
DEEPEST: Final = 20
TRUTH: Final = "truth"
COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
_MIRRORED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_PICK: Final = {"min": min, "max": max}
_KINDS: Final = {NUMBER: "a number", TEXT: "a text", TRUTH: "a condition"}
_FIELD_OF_TEXT: Final = "field"


class _Part(msgspec.Struct, frozen=True):
    """A piece that has been understood: its kind, its node, how deep it is and where it began."""

    kind: str
    node: object
    depth: int
    at: Token
    form: str = ""


def parse(text: str, lists: Mapping[str, str] | None = None) -> Truth:
    """The condition of a text; `lists` names the field that each list is about.

    Raises Unparsable with line and column: what cannot be read, unknown names, wrong types, too much.
    """
    return _Parser(text, lists or {}).whole()


class _Parser:
    def __init__(self, text: str, lists: Mapping[str, str]) -> None:
        self._tokens = list(tokens(text))
        self._place = 0
        self._lists = lists
        self._nodes = 0
        self._nested = 0

    def whole(self) -> Truth:
        """All of it, which must be a condition."""
        if self._next.kind == END:
            _fail(self._next, "A condition is missing here.")
        found = self._truth()
        if self._next.kind != END:
            _fail(self._next, "The condition is complete before this; join conditions by and, or.")
        return self._condition(found)

    # conditions

    def _truth(self) -> _Part:
        return self._joined("or", Some, self._all)

    def _all(self) -> _Part:
        return self._joined("and", All, self._test)

    def _joined(self, word: str, join: type[All] | type[Some], one: Callable[[], _Part]) -> _Part:
        first = one()
        if not self._ahead(word):
            return first
        parts = [first]
        while self._took(word):
            parts.append(one())
        terms: list[Truth] = []
        for part in parts:
            condition = self._condition(part)
            terms += condition.of if isinstance(condition, join) else [condition]
        return self._made(TRUTH, join(tuple(dict.fromkeys(terms))), parts)

    def _test(self) -> _Part:
        at = self._next
        if self._took("not"):
            with_in = self._deeper(self._test)
            return self._not(with_in, at)
        left = self._sum()
        return self._tested(left)

    def _tested(self, left: _Part) -> _Part:
        word = self._next
        if word.text in COMPARISONS and word.kind == SIGN:
            return self._compared(left, self._take(), self._sum())
        if self._took("is"):
            opposite = self._took("not")
            self._expect("missing")
            found = self._made(TRUTH, Missing(self._field(left)), [left])
            return self._not(found, left.at) if opposite else found
        opposite = self._ahead("not") and self._took("not")
        if self._took("in"):
            found = self._member(left)
        elif self._took("between"):
            found = self._between(left)
        elif opposite:
            _fail(self._next, "Expected in or between after not.")
        else:
            return left
        return self._not(found, left.at) if opposite else found

    def _compared(self, left: _Part, sign: Token, right: _Part) -> _Part:
        if self._next.text in COMPARISONS:
            _fail(self._next, "One comparison at a time; for a range write: x between a and b.")
        if TRUTH in (left.kind, right.kind):
            _fail(sign, "Conditions are not compared; join them by and, or, not.")
        if left.kind != right.kind:
            _fail(sign, f"{_KINDS[left.kind]} cannot be compared with {_KINDS[right.kind]}.")
        if left.kind == TEXT:
            return self._same_text(left, sign, right)
        return self._made(TRUTH, _comparison(left, sign, right), [left, right])

    def _same_text(self, left: _Part, sign: Token, right: _Part) -> _Part:
        if sign.text not in ("==", "!="):
            _fail(sign, "Texts are compared by ==, != and in alone.")
        if (left.form, right.form) == ("", _FIELD_OF_TEXT):
            left, right = right, left
        if left.form != _FIELD_OF_TEXT or right.form == _FIELD_OF_TEXT:
            _fail(sign, "A text field is compared with a text in quotes.")
        found = self._made(TRUTH, OneOf(str(left.node), (str(right.node),)), [left])
        return self._not(found, left.at) if sign.text == "!=" else found

    def _member(self, left: _Part) -> _Part:
        if self._took("list"):
            return self._listed(left)
        self._expect("(")
        members = [self._unary()]
        while self._took(","):
            members.append(self._unary())
        self._expect(")")
        for member in members:
            if member.kind != left.kind or member.form == _FIELD_OF_TEXT:
                expected = "a text in quotes" if left.kind == TEXT else "a number"
                _fail(member.at, f"Expected {expected}, as what stands before in.")
        if left.kind == TEXT:
            values = tuple(sorted({str(member.node) for member in members}))
            return self._made(TRUTH, OneOf(self._field(left), values), [left])
        equal = Token(SIGN, "==", left.at.line, left.at.column)
        each = (_comparison(left, equal, member) for member in members)
        return self._made(TRUTH, Some(tuple(dict.fromkeys(each))), [left, *members])

    def _listed(self, left: _Part) -> _Part:
        self._expect("(")
        name = self._take()
        if name.kind != NAME:
            _fail(name, "Expected the name of a list.")
        field = self._lists.get(name.text)
        if field is None:
            _fail(name, f"There is no list of this name{nearest(name.text, self._lists)}.")
        self._expect(")")
        if self._field(left) != field:
            _fail(left.at, f"This list is about {field}.")
        return self._made(TRUTH, Listed(field, name.text), [left])

    def _between(self, left: _Part) -> _Part:
        low = self._sum()
        self._expect("and")
        high = self._sum()
        for part in (left, low, high):
            self._number(part)
        bounds = (_comparison(left, _sign(">=", left), low), _comparison(left, _sign("<=", left), high))
        return self._made(TRUTH, All(bounds), [left, low, high])

    def _not(self, part: _Part, at: Token) -> _Part:
        condition = self._condition(part)
        opposite = condition.of if isinstance(condition, Not) else Not(condition)
        return self._made(TRUTH, opposite, [part], at)

    # numbers

    def _sum(self) -> _Part:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> _Part:
        return self._chain(("*", "/"), self._unary)

    def _chain(self, signs: tuple[str, ...], one: Callable[[], _Part]) -> _Part:
        left = one()
        while self._next.kind == SIGN and self._next.text in signs:
            sign, right = self._take(), one()
            node = _calculated(sign, self._number(left), self._number(right), right)
            left = self._made(NUMBER, node, [left, right])
        return left

    def _unary(self) -> _Part:
        at = self._next
        if not self._took("-"):
            return self._primary()
        of = self._number(negated := self._deeper(self._unary))
        node = Number(-of.value) if isinstance(of, Number) else Arithmetic("-", Number(0.0), of)
        return self._made(NUMBER, node, [negated], at)

    def _primary(self) -> _Part:
        word = self._take()
        if word.kind == NUMBER:
            return self._made(NUMBER, Number(_finite(float(word.text), word)), (), word)
        if word.kind == TEXT:
            return self._made(TEXT, word.text[1:-1], (), word)
        if word.text == "(" and word.kind == SIGN:
            inner = self._deeper(self._truth)
            self._expect(")")
            return inner
        if word.kind != NAME:
            _fail(word, "Expected a field, a number, a text in quotes or a parenthesis.")
        return self._call(word) if self._ahead("(") else self._named(word)

    def _named(self, word: Token) -> _Part:
        if word.text in NUMBERS:
            return self._made(NUMBER, Field(word.text), (), word)
        if word.text not in TEXTS:
            hint = nearest(word.text, (*NUMBERS, *TEXTS), "; a text stands in quotes")
            _fail(word, f"There is no field of this name{hint}.")
        part = self._made(TEXT, word.text, (), word)
        return msgspec.structs.replace(part, form=_FIELD_OF_TEXT)

    def _call(self, word: Token) -> _Part:
        if word.text not in FUNCTIONS:
            _fail(word, f"There is no function of this name; there are {', '.join(FUNCTIONS)}.")
        self._expect("(")
        given = [self._deeper(self._sum)]
        while self._took(","):
            given.append(self._deeper(self._sum))
        self._expect(")")
        if (len(given) == 1) != (word.text == "abs"):
            _fail(word, "abs takes one number, min and max take two or more.")
        node = _called(word.text, tuple(map(self._number, given)))
        return self._made(NUMBER, node, given, word)

    # words

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        word = self._next
        if word.kind != END:
            self._place += 1
        return word

    def _ahead(self, text: str) -> bool:
        return self._next.kind in (KEYWORD, SIGN) and self._next.text == text

    def _took(self, text: str) -> bool:
        ahead = self._ahead(text)
        self._place += ahead
        return ahead

    def _expect(self, text: str) -> None:
        if not self._took(text):
            _fail(self._next, f"Expected {text} here.")

    # checks

    def _made(self, kind: str, node: object, parts: Sequence[_Part], at: Token | None = None) -> _Part:
        began = at or parts[0].at
        depth = 1 + max((part.depth for part in parts), default=0)
        self._nodes += len(node.values) if isinstance(node, OneOf) else 1
        if self._nodes > MOST_NODES:
            _fail(
                began, f"The expression costs too much: at most {MOST_NODES} parts; put values into a list."
            )
        if depth > DEEPEST:
            _fail(began, f"The expression is too deep: at most {DEEPEST} levels.")
        return _Part(kind, node, depth, began)

    def _deeper(self, one: Callable[[], _Part]) -> _Part:
        self._nested += 1
        if self._nested > DEEPEST:
            _fail(self._next, f"The expression is too deep: at most {DEEPEST} levels.")
        found = one()
        self._nested -= 1
        return found

    def _condition(self, part: _Part) -> Truth:
        if part.kind != TRUTH:
            _fail(part.at, f"This is {_KINDS[part.kind]} where a condition is expected; compare it.")
        return cast("Truth", part.node)

    def _number(self, part: _Part) -> Numeric:
        if part.kind != NUMBER:
            _fail(part.at, f"This is {_KINDS[part.kind]} where a number is expected.")
        return cast("Numeric", part.node)

    def _field(self, part: _Part) -> str:
        if part.kind == NUMBER and isinstance(part.node, Field):
            return part.node.name
        if part.form != _FIELD_OF_TEXT:
            _fail(part.at, "A field is expected here.")
        return str(part.node)


def _comparison(left: _Part, sign: Token, right: _Part) -> Compare:
    """With a constant on the right, so that equal comparisons look equal."""
    one, other = cast("Numeric", left.node), cast("Numeric", right.node)
    if isinstance(one, Number) and isinstance(other, Number):
        _fail(sign, "This compares two constants; name a field.")
    if isinstance(one, Number):
        return Compare(_MIRRORED[sign.text], other, one)  # type: ignore[arg-type]
    return Compare(sign.text, one, other)  # type: ignore[arg-type]


def _calculated(sign: Token, left: Numeric, right: Numeric, at: _Part) -> Numeric:
    """Constants are worked out now; a divisor that is always 0 is refused."""
    if sign.text == "/" and isinstance(right, Number) and right.value == 0:
        _fail(at.at, "This divides by zero.")
    if not (isinstance(left, Number) and isinstance(right, Number)):
        return Arithmetic(sign.text, left, right)  # type: ignore[arg-type]
    one, other = left.value, right.value
    worked = {"+": one + other, "-": one - other, "*": one * other}
    return Number(_finite(one / other if sign.text == "/" else worked[sign.text], sign))


def _called(name: str, given: tuple[Numeric, ...]) -> Numeric:
    constants = [one.value for one in given if isinstance(one, Number)]
    if len(constants) == len(given):
        return Number(abs(constants[0]) if name == "abs" else _PICK[name](constants))
    return Call(name, given)  # type: ignore[arg-type]


def _finite(value: float, at: Token) -> float:
    if not isfinite(value):
        _fail(at, "This number is too large.")
    return value


def _sign(text: str, part: _Part) -> Token:
    return Token(SIGN, text, part.at.line, part.at.column)


def _fail(at: Token, detail: str) -> NoReturn:
    raise Unparsable(detail[0].upper() + detail[1:], at.line, at.column)
