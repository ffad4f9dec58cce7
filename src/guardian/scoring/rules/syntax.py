"""An expression once it is understood: a tree of few kinds of nodes, equal when they mean the same."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from guardian.scoring.rules.fields import AMOUNT, HOUR, NUMBERS, needs

Comparison = Literal["<", "<=", ">", ">=", "==", "!="]


class _Node(msgspec.Struct, frozen=True, gc=False):
    pass


class Number(_Node, frozen=True, gc=False):
    """A number as written."""

    value: float


class Field(_Node, frozen=True, gc=False):
    """A numeric column."""

    name: str


class Arithmetic(_Node, frozen=True, gc=False):
    """Two numbers make one; whatever is not finite is unknown."""

    sign: Literal["+", "-", "*", "/"]
    left: "Numeric"
    right: "Numeric"


class Call(_Node, frozen=True, gc=False):
    """abs of one, min or max of several numbers."""

    name: Literal["abs", "min", "max"]
    given: tuple["Numeric", ...]


class Compare(_Node, frozen=True, gc=False):
    """Two numbers; unknown when either is."""

    sign: Comparison
    left: "Numeric"
    right: "Numeric"


class OneOf(_Node, frozen=True, gc=False):
    """A text is one of these; unknown when it is missing."""

    field: str
    values: tuple[str, ...]


class Listed(_Node, frozen=True, gc=False):
    """A text is in the list of that name, by an entry that had not expired then."""

    field: str
    name: str


class Missing(_Node, frozen=True, gc=False):
    """A field is missing; this is always known."""

    field: str


class Not(_Node, frozen=True, gc=False):
    """The opposite; unknown stays unknown."""

    of: "Truth"


class All(_Node, frozen=True, gc=False):
    """False when any is false, else unknown when any is."""

    of: tuple["Truth", ...]


class Some(_Node, frozen=True, gc=False):
    """True when any is true, else unknown when any is."""

    of: tuple["Truth", ...]


Node = Number | Field | Arithmetic | Call | Compare | OneOf | Listed | Missing | Not | All | Some
Numeric = Number | Field | Arithmetic | Call
Truth = Compare | OneOf | Listed | Missing | Not | All | Some


def fields_of(node: Node) -> Iterator[str]:
    """Every field that the node names, numbers and texts."""
    match node:
        case Field(name) | OneOf(field=name) | Listed(field=name) | Missing(name):
            yield name
        case Arithmetic(_, left, right) | Compare(_, left, right):
            yield from (*fields_of(left), *fields_of(right))
        case Call(_, given):
            yield from (name for part in given for name in fields_of(part))
        case Not(of):
            yield from fields_of(of)
        case All(parts) | Some(parts):
            yield from (name for part in parts for name in fields_of(part))


def texts_needed(node: Node) -> set[str]:
    """The texts that must be read to work the node out; the source is known without."""
    found: set[str] = set()
    for name in fields_of(node):
        found |= {"currency"} if name == AMOUNT else set(needs(name)) if name in NUMBERS else {name}
    return found - {"source"}


def has_features(node: Node) -> bool:
    """Whether it looks at any feature."""
    return any(name in NUMBERS and name not in (AMOUNT, HOUR) for name in fields_of(node))
