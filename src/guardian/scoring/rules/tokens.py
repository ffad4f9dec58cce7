"""The words of an expression, each with its line and column."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from guardian.domain.errors import Unparsable

LONGEST: Final = 4_096
KEYWORDS: Final = frozenset({"and", "or", "not", "in", "list", "between", "is", "missing"})
FUNCTIONS: Final = ("abs", "min", "max")
NUMBER, TEXT, NAME, KEYWORD, SIGN, END = "number", "text", "name", "keyword", "sign", "end"
_WORD = re.compile(
    r"""(?P<blank>[ \t\r\n]+|\#[^\n]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?![0-9A-Za-z_.]))
      | (?P<text>"[^"\n]*"|'[^'\n]*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign><=|>=|==|!=|[<>+\-*/(),])""",
    re.VERBOSE,
)
_HINTS = {"=": "use == to compare", "&": "use the word and", "|": "use the word or", "!": "use the word not"}


class Token(NamedTuple):
    """A word, and where it begins."""

    kind: str
    text: str
    line: int
    column: int


def tokens(text: str) -> Iterator[Token]:
    """All words, and the end. Raises Unparsable where no word can begin, or when the text is too long."""
    if len(text.encode()) > LONGEST:
        raise Unparsable(f"The expression is too long: at most {LONGEST} bytes.", 1, 1)
    at, line, begins = 0, 1, 0
    while at < len(text):
        found = _WORD.match(text, at)
        column = at - begins + 1
        if found is None:
            raise Unparsable(_trouble(text, at), line, column)
        kind, word = str(found.lastgroup), found.group()
        if kind != "blank":
            yield Token(KEYWORD if word in KEYWORDS else kind, word, line, column)
        if "\n" in word:
            line += word.count("\n")
            begins = at + word.rindex("\n") + 1
        at = found.end()
    yield Token(END, "", line, at - begins + 1)


def _trouble(text: str, at: int) -> str:
    """What is wrong at that place; the text itself is not repeated."""
    sign = text[at]
    if sign in "\"'":
        return "This text has no closing quote on its line."
    if sign.isdigit():
        return "This is no number: write digits, with a point before decimals."
    hint = _HINTS.get(sign)
    return "This sign has no meaning here" + (f": {hint}." if hint else ".")
