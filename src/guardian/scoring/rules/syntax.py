"""An expression once it is understood: a tree of few kinds of nodes, equal when they mean the same."""

from typing import Literal

import msgspec

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


Numeric = Number | Field | Arithmetic | Call
Truth = Compare | OneOf | Listed | Missing | Not | All | Some
