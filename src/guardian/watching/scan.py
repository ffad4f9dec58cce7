"""Which values of a series' dimensions carry its change: a penalised Poisson scan over conjunctions.

The score is the expectation-based Poisson statistic (Neill 2005): c ln(c/b) + b - c for a segment of
c seen and b expected. Each further value costs ln(number of values it was picked from) + 1, as in
penalised subset scans (Speakman et al. 2016), so that noise never narrows a segment.
"""

from collections.abc import Iterator, Mapping
from math import log
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]
Numbers = TypeVar("Numbers", float, Floats)
BEAM = 6
LEAST_SCORE = 6.0
"""About one in 400 before the choice among values, which the penalty pays for."""
LEAST_SHARE = 0.1
MOST_SEGMENTS = 3
PRIOR = 60.0
"""Weight, in rows, of what is expected of a value before any row of its segment was seen."""


class Rows(msgspec.Struct, frozen=True):
    """Rows of a series now and before: per dimension the value of each as a number, -1 for none."""

    now: Mapping[str, Codes]
    before: Mapping[str, Codes]
    usual: Mapping[str, Floats]
    """Per dimension the usual share of each value in the series, above 0."""


class Found(msgspec.Struct, frozen=True):
    """A segment: its values in the order they were found, what was seen and expected, and its score."""

    where: tuple[tuple[str, int], ...]
    seen: int
    expected: float
    score: float
    now: NDArray[np.bool_]
    before: NDArray[np.bool_]

    @property
    def extra(self) -> float:
        """Rows beyond the expected ones."""
        return self.seen - self.expected


def segments(rows: Rows, expected: float) -> list[Found]:
    """At most three disjoint segments, the heaviest first. `expected` is in rows of `now`."""
    whole = _whole(rows, expected)
    change = whole.extra
    found: list[Found] = []
    rest = whole
    while len(found) < MOST_SEGMENTS and abs(rest.extra) > LEAST_SHARE * abs(change):
        best = _best(rows, rest, up=change > 0)
        if best.where == () or best.score < LEAST_SCORE or best.extra / change < LEAST_SHARE:
            break
        found.append(best)
        rest = _rest(rest, best)
    return found


def narrowing(rows: Rows, expected: float, segment: Found) -> list[Found]:
    """The segment step by step: first the value that keeps most of the change, then the next."""
    left = list(segment.where)
    step, path = _whole(rows, expected), []
    while left:
        step = max((_narrowed(rows, step, *one) for one in left), key=lambda one: abs(one.extra))
        left.remove(step.where[-1])
        path.append(step)
    return path


def score(seen: Numbers, expected: Numbers) -> Numbers:
    """The log likelihood ratio of each count against its Poisson mean (above 0), both ways; any one shape."""
    ratio: Numbers = seen * np.log(np.maximum(seen, 0.5) / expected) + expected - seen
    return ratio


def _whole(rows: Rows, expected: float) -> Found:
    now, before = (np.ones(len(next(iter(part.values()))), bool) for part in (rows.now, rows.before))
    return Found((), len(now), expected, score(len(now), expected), now, before)


def _rest(whole: Found, part: Found) -> Found:
    now, before = whole.now & ~part.now, whole.before & ~part.before
    seen, expected = int(now.sum()), max(whole.expected - part.expected, 0.5)
    return Found((), seen, expected, score(seen, expected), now, before)


def _best(rows: Rows, whole: Found, up: bool) -> Found:
    best, beam = whole, [whole]
    while beam:
        children = {frozenset(one.where): one for parent in beam for one in _children(rows, parent, up)}
        beam = sorted(children.values(), key=lambda one: -one.score)[:BEAM]
        best = max([best, *beam], key=lambda one: one.score)
    return best


def _children(rows: Rows, parent: Found, up: bool) -> Iterator[Found]:
    """The most telling values of each further dimension, within the parent."""
    used = {dimension for dimension, _ in parent.where}
    for dimension in rows.usual:
        if dimension in used:
            continue
        seen, expected = _counts(rows, parent, dimension)
        scores = score(seen, expected)
        scores[(seen > expected) != up] = 0.0
        for value in np.argsort(scores)[-BEAM:].tolist():
            if scores[value] > 0.0:
                yield _narrowed(rows, parent, dimension, value)


def _narrowed(rows: Rows, parent: Found, dimension: str, value: int) -> Found:
    where = (*parent.where, (dimension, value))
    now = parent.now & (rows.now[dimension] == value)
    before = parent.before & (rows.before[dimension] == value)
    seen, expected = int(now.sum()), float(_expected(parent, before.sum(), rows.usual[dimension][value]))
    penalty = sum(log(len(rows.usual[name])) + 1.0 for name, _ in where)
    return Found(where, seen, expected, float(score(seen, expected)) - penalty, now, before)


def _counts(rows: Rows, parent: Found, dimension: str) -> tuple[Floats, Floats]:
    """Rows seen and expected of each value within the parent."""
    usual = rows.usual[dimension]
    known = _tally(rows.before[dimension][parent.before], len(usual))
    return _tally(rows.now[dimension][parent.now], len(usual)), _expected(parent, known, usual)


def _expected(parent: Found, known: Numbers, usual: Numbers) -> Numbers:
    """Rows of a value within the parent, when so many came before and it usually has that share."""
    rows: Numbers = parent.expected * (known + PRIOR * usual) / (parent.before.sum() + PRIOR)
    return rows


def _tally(codes: Codes, size: int) -> Floats:
    return np.bincount(codes[codes >= 0], minlength=size).astype(np.float64)
