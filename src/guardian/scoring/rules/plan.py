"""Conditions compiled to steps over columns; what several conditions share is worked out once a batch.

Kleene's three values: a truth is a mask of rows where it holds and one of rows where it is unknown
(None when it is known everywhere). Nothing raises: what cannot be worked out is unknown.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.scoring.rules.columns import Coded, Numbers, RuleColumns
from guardian.scoring.rules.fields import NUMBERS
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

Mask = NDArray[np.bool_]
Kleene = tuple[Mask, Mask | None]
Expiries = Mapping[str, int]
"""By value, the time in ms from which an entry no longer counts."""
Step = Callable[["Run"], Any]
_COMPARE: Final = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_WORK_OUT: Final = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_FEW: Final = 4
"""So many values are looked for one by one; more are looked up for each distinct text of the batch."""


class _Gaps(msgspec.Struct, frozen=True):
    """Where a field is unknown, asked once for all comparisons with it."""

    field: str


Node = Truth | Numeric | _Gaps


class Run:
    """One batch going through a plan."""

    __slots__ = ("_known", "_steps", "columns")

    def __init__(self, steps: Sequence[Step], columns: RuleColumns) -> None:
        self._steps = steps
        self._known: list[Any] = [None] * len(steps)
        self.columns = columns

    def value(self, step: int) -> Any:
        """What the step gives, worked out at most once."""
        found = self._known[step]
        if found is None:
            found = self._known[step] = self._steps[step](self)
        return found


class Plan:
    """The steps of any number of conditions. `lists` holds the entries of each named list."""

    def __init__(self, lists: Mapping[str, Expiries]) -> None:
        self._lists = lists
        self._steps: list[Step] = []
        self._costs: list[int] = []
        self._places: dict[Node, int] = {}

    def add(self, node: Node) -> int:
        """The step of a node; equal nodes share one."""
        place = self._places.get(node)
        if place is None:
            step, cost = self._step(node)
            place = self._places[node] = len(self._steps)
            self._steps.append(step)
            self._costs.append(cost)
        return place

    def run(self, columns: RuleColumns) -> Run:
        """A batch that is ready to be asked for steps; ask within `np.errstate(all="ignore")`."""
        return Run(self._steps, columns)

    def _step(self, node: Node) -> tuple[Step, int]:
        match node:
            case Number(value):
                return (lambda _: value), 0
            case Field(name):
                return (lambda run: run.columns.number(name)), 1
            case _Gaps(name):
                one = self.add(Field(name))
                return (lambda run: (_where_any(np.isnan(run.value(one))),)), 1
            case Arithmetic(sign, left, right):
                one, other = self.add(left), self.add(right)
                return (lambda run: _worked_out(sign, run.value(one), run.value(other))), self._sum(
                    one, other
                )
            case Call(name, given):
                places = [self.add(part) for part in given]
                return (lambda run: _called(name, list(map(run.value, places)))), self._sum(*places)
            case Compare(sign, left, Number(value)) if isinstance(left, Field):
                one, gaps = self.add(left), self.add(_Gaps(left.name))
                return (lambda run: _against(sign, run.value(one), value, run.value(gaps))), self._sum(one)
            case Compare(sign, left, right):
                one, other = self.add(left), self.add(right)
                return (lambda run: _compared(sign, run.value(one), run.value(other))), self._sum(one, other)
            case _:
                return self._truth_step(node)

    def _truth_step(self, node: Node) -> tuple[Step, int]:
        match node:
            case OneOf(field, values):
                return (lambda run: _one_of(run.columns.text(field), values)), 4
            case Listed(field, name):
                entries = self._lists[name]
                return (lambda run: _listed(run.columns, field, entries)), 6
            case Missing(field):
                return (lambda run: _missing(run.columns, field)), 3
            case Not(of):
                one = self.add(of)
                return (lambda run: _opposite(run.value(one))), self._sum(one)
            case All(of):
                return self._joined(of, _both)
            case Some(of):
                return self._joined(of, _either)
        raise TypeError(node)

    def _joined(
        self, of: Sequence[Truth], join: Callable[["Run", Sequence[int]], Kleene]
    ) -> tuple[Step, int]:
        """Cheap ones first: where they decide alone, the dear ones are never worked out."""
        places = sorted({self.add(one) for one in of}, key=lambda place: (self._costs[place], place))
        return (lambda run: join(run, places)), self._sum(*places)

    def _sum(self, *places: int) -> int:
        return 1 + sum(self._costs[place] for place in places)


def _both(run: Run, places: Sequence[int]) -> Kleene:
    true, unknown = run.value(places[0])
    for place in places[1:]:
        if not np.count_nonzero(true) and unknown is None:
            break
        also, doubtful = run.value(place)
        if unknown is None and doubtful is None:
            true = true & also
            continue
        possible = _or(true, unknown) & _or(also, doubtful)
        true = true & also
        unknown = _where_any(possible & ~true)
    return true, unknown


def _either(run: Run, places: Sequence[int]) -> Kleene:
    true, unknown = run.value(places[0])
    for place in places[1:]:
        also, doubtful = run.value(place)
        true = true | also
        if unknown is not None or doubtful is not None:
            unknown = _where_any((doubtful if unknown is None else _or(unknown, doubtful)) & ~true)
    return true, unknown


def _opposite(of: Kleene) -> Kleene:
    true, unknown = of
    return ~_or(true, unknown), unknown


def _or(one: Mask, other: Mask | None) -> Mask:
    return one if other is None else one | other


def _where_any(mask: Mask) -> Mask | None:
    return mask if np.count_nonzero(mask) else None


def _worked_out(sign: str, left: Numbers | float, right: Numbers | float) -> Numbers:
    """In float64; what is not finite, such as a division by zero, is unknown."""
    found = _WORK_OUT[sign](_wide(left), _wide(right))
    return np.where(np.isfinite(found), found, np.nan)


def _called(name: str, given: Sequence[Numbers | float]) -> Numbers:
    if name == "abs":
        return np.asarray(np.abs(_wide(given[0])))
    pick = np.minimum if name == "min" else np.maximum
    found = _wide(given[0])
    for one in given[1:]:
        found = pick(found, _wide(one))
    return np.asarray(found)


def _wide(value: Numbers | float) -> Any:
    return value.astype(np.float64, copy=False) if isinstance(value, np.ndarray) else value


def _against(sign: str, column: Numbers, value: float, gaps: tuple[Mask | None]) -> Kleene:
    """A column against a constant of its own type: 0.1 means what float32 keeps of it."""
    unknown = gaps[0]
    true = _COMPARE[sign](column, column.dtype.type(value))
    return (true if unknown is None or sign != "!=" else true & ~unknown), unknown


def _compared(sign: str, left: Numbers | float, right: Numbers | float) -> Kleene:
    one, other = _wide(left), _wide(right)
    unknown = _where_any(np.isnan(one) | np.isnan(other))
    true = _COMPARE[sign](one, other)
    return (true if unknown is None or sign != "!=" else true & ~unknown), unknown


def _one_of(column: Coded, values: Sequence[str]) -> Kleene:
    index, codes = column.index, column.codes
    unknown = column.missing()
    found = [index[value] for value in values if value in index]
    if not found:
        return np.zeros(len(codes), bool), unknown
    if len(found) <= _FEW:
        true = codes == found[0]
        for code in found[1:]:
            true |= codes == code
        return true, unknown
    wanted = np.zeros(len(index), bool)
    wanted[found] = True
    return wanted[codes], unknown


def _listed(columns: RuleColumns, field: str, entries: Expiries) -> Kleene:
    column = columns.text(field)
    unknown = column.missing()
    ends = [0 if value is None else entries.get(value, 0) for value in column.index]
    if not any(ends):
        return np.zeros(columns.rows, bool), unknown
    return np.array(ends, np.int64)[column.codes] > columns.event_ms(), unknown


def _missing(columns: RuleColumns, field: str) -> Kleene:
    """Of a number: where it is unknown."""
    if field in NUMBERS:
        return np.isnan(columns.number(field)), None
    missing = columns.text(field).missing()
    return (np.zeros(columns.rows, bool) if missing is None else missing), None
