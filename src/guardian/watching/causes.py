"""Why a series left its range: which merchants, BINs, acquirers, codes carry it, and the money at risk."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.cause import DIMENSIONS, Cause, Money, Step
from guardian.domain.clock import HOUR_MS, MINUTE_MS
from guardian.domain.segment import segment_of
from guardian.domain.transaction import APPROVED
from guardian.domain.window import BY_CODE, series_of
from guardian.storage.base import Sample, SampleStore
from guardian.watching.scan import Codes, Found, Rows, narrowing, segments

BEFORE_MS = HOUR_MS
ROWS = 20_000
LEAST_BEFORE = 30
OF_ALL_TRAFFIC = 20.0
"""Weight, in rows, of all traffic's shares beside those of the series."""
LOST = frozenset({"denied", "failed"})
"""Statuses whose excess is approvals lost."""
CENTRAL_99, CENTRAL_95 = 2.576, 1.96
_CODES = series_of(BY_CODE, "")
Mask = NDArray[np.bool_]


class CauseFinder:
    """Compares the transactions of an anomaly's window with those of the hour before it began."""

    def __init__(self, samples: SampleStore) -> None:
        self._samples = samples

    def cause_of(self, anomaly: Anomaly) -> Cause | None:
        """None where only counts are known, or too few transactions came before. Raises Unavailable."""
        end_ms = anomaly.minute_ms + MINUTE_MS
        since_ms = end_ms - anomaly.window_minutes * MINUTE_MS
        start_ms = min(anomaly.start_ms, since_ms)
        before = self._samples.sample(anomaly.source, start_ms - BEFORE_MS, start_ms, ROWS)
        if len(before.currencies) < LEAST_BEFORE:
            return None
        return cause(anomaly, self._samples.sample(anomaly.source, since_ms, end_ms, ROWS), before)


class _Seen(msgspec.Struct, frozen=True):
    """A sample as numbers, and which of its rows are of the anomaly's series."""

    amounts: NDArray[np.float64]
    currencies: NDArray[np.str_]
    codes: Mapping[str, Codes]
    ours: Mask
    approved: Mask


def cause(anomaly: Anomaly, now: Sample, before: Sample) -> Cause:
    """The segments and the money of an anomaly, given all that came in its window and before it."""
    numbers = {name: _numbered(before.columns[name], now.columns[name]) for name in DIMENSIONS}
    seen, known = _seen(anomaly, now, numbers), _seen(anomaly, before, numbers)
    rows = Rows(
        now={name: codes[seen.ours] for name, codes in seen.codes.items()},
        before={name: codes[known.ours] for name, codes in known.codes.items()},
        usual={
            name: _usual(known.codes[name], known.ours, len(numbers[name]))
            for name in _free(anomaly, numbers)
        },
    )
    expected = max(anomaly.expected * anomaly.window_minutes * now.rate, 0.5)
    found = segments(rows, expected)
    values = {name: list(of) for name, of in numbers.items()}
    scale = (int(seen.ours.sum()) - expected, expected, now.rate * anomaly.window_minutes)
    return Cause(
        change=round(anomaly.observed - anomaly.expected, 3),
        segments=tuple(_steps(narrowing(rows, expected, one), values, scale) for one in found),
        money=_money(anomaly, seen, known, found[0] if found else None),
    )


def _numbered(*columns: Sequence[str | None]) -> dict[str, int]:
    """A number for each value that occurs."""
    known = dict.fromkeys(value for column in columns for value in column if value is not None)
    return {value: number for number, value in enumerate(known)}


def _seen(anomaly: Anomaly, sample: Sample, numbers: Mapping[str, Mapping[str, int]]) -> _Seen:
    rows, about = len(sample.currencies), _about(anomaly)
    return _Seen(
        amounts=np.array(sample.amounts_minor, np.float64),
        currencies=np.array(sample.currencies, np.str_),
        codes={
            name: np.fromiter(
                (-1 if value is None else of[value] for value in sample.columns[name]), np.intp, rows
            )
            for name, of in numbers.items()
        },
        ours=np.logical_and.reduce([np.ones(rows, bool), *(_is(*pair, sample) for pair in about.items())]),
        approved=_is("status", APPROVED, sample),
    )


def _about(anomaly: Anomaly) -> dict[str, str]:
    """The columns and values of the series' transactions; none where they are those of the whole system."""
    if anomaly.series == WHOLE_SYSTEM:
        return {}
    if anomaly.series.startswith(_CODES):
        return {"auth_code": anomaly.series.removeprefix(_CODES)}
    return segment_of(anomaly.series) or {"status": anomaly.series}


def _free(anomaly: Anomaly, numbers: Mapping[str, Mapping[str, int]]) -> list[str]:
    """The dimensions that the series does not settle: a code is one of its status."""
    about = _about(anomaly)
    settled = {*about, *(("status",) if "auth_code" in about else ())}
    return [name for name in DIMENSIONS if len(numbers[name]) > 1 and name not in settled]


def _is(column: str, value: str, sample: Sample) -> Mask:
    return np.array([one == value for one in sample.columns[column]], bool)


def _usual(codes: Codes, ours: Mask, values: int) -> NDArray[np.float64]:
    """Shares in the series, leaning on those in all traffic; a value never seen has half a row."""
    own, every = (np.bincount(some[some >= 0], minlength=values) for some in (codes[ours], codes))
    share = (every + 0.5) / (len(codes) + 0.5 * values)
    return np.asarray((own + OF_ALL_TRAFFIC * share) / (ours.sum() + OF_ALL_TRAFFIC), np.float64)


def _steps(
    path: Sequence[Found], values: Mapping[str, Sequence[str]], scale: tuple[float, float, float]
) -> tuple[Step, ...]:
    """`scale`: the whole change and the whole expectation in rows, and rows a count a minute has."""
    change, expected, rows_a_minute = scale
    return tuple(
        Step(
            dimension=(last := found.where[-1])[0],
            value=values[last[0]][last[1]],
            extra=round(found.extra / rows_a_minute, 3),
            share=round(min(1.0, found.extra / change), 3),
            usual=round(found.expected / expected, 4),
        )
        for found in path
    )


def _money(anomaly: Anomaly, seen: _Seen, known: _Seen, segment: Found | None) -> Money | None:
    """The lost approvals are Poisson around an uncertain expectation, their ticket a mean of its rows."""
    lost = _lost_a_minute(anomaly, known)
    amounts, currency, part = _tickets(*_losing(anomaly, seen, known, segment))
    if lost <= 0.0 or not len(amounts):
        return None
    window = anomaly.window_minutes
    spread = (anomaly.high - anomaly.low) * window / (2 * CENTRAL_99)
    of_count = sqrt(anomaly.observed * window + spread**2) / (
        abs(anomaly.observed - anomaly.expected) * window
    )
    mean = float(amounts.mean())
    of_ticket = float(amounts.std()) / sqrt(len(amounts)) / mean if mean else 0.0
    per_hour, wide = lost * 60 * mean * part, CENTRAL_95 * sqrt(of_count**2 + of_ticket**2)
    return Money(
        currency, round(per_hour), round(per_hour * max(0.0, 1 - wide)), round(per_hour * (1 + wide))
    )


def _lost_a_minute(anomaly: Anomaly, known: _Seen) -> float:
    """Approvals that did not come: excess denials and failures, or those among what is missing."""
    change = anomaly.observed - anomaly.expected
    if anomaly.direction == "up":
        return change if anomaly.status in LOST or anomaly.series.startswith(_CODES) else 0.0
    ours = known.ours.sum()
    return -change * float((known.ours & known.approved).sum() / ours) if ours else 0.0


def _losing(anomaly: Anomaly, seen: _Seen, known: _Seen, segment: Found | None) -> tuple[_Seen, Mask]:
    """The rows whose tickets stand for the lost ones: those refused now, or those approved before."""
    sample = seen if anomaly.direction == "up" else known
    rows = sample.ours.copy()
    if segment is not None:
        rows[sample.ours] = segment.now if sample is seen else segment.before
    return sample, rows if sample is seen else rows & sample.approved


def _tickets(sample: _Seen, rows: Mask) -> tuple[NDArray[np.float64], str, float]:
    """Amounts in the currency of most rows, that currency, and its part of the rows."""
    if not rows.any():
        return sample.amounts[rows], "", 0.0
    currency, count = Counter(sample.currencies[rows].tolist()).most_common(1)[0]
    return sample.amounts[rows & (sample.currencies == currency)], currency, count / int(rows.sum())
