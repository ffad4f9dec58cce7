"""What there is to learn from: transactions of the last week, and those of which something was said."""

from collections.abc import Iterator, Mapping
from itertools import islice, pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS
from guardian.domain.label import EventName
from guardian.domain.transaction import LIVE
from guardian.features.definition import FEATURE_COUNT, INDEX
from guardian.storage.base import Span, Transactions
from guardian.storage.stores import Stores

TRAINING_ROWS = 20_000
WEEK_MS = 7 * DAY_MS
HOURS = 168
LEAST_FRAUDS = 50
"""Fewer known frauds would be learnt by heart."""
SPAN_MS = 90 * DAY_MS
MATURE_MS = 14 * DAY_MS
"""By then most chargebacks have come: what nobody complained about is taken for legitimate."""
MOST_LABELS = 100_000
SPELLS = 24
"""Pieces of the history, evenly spread, of each of which the first block is read."""
UNLABELLED_ROWS = 60_000
_AT_ONCE = 500


class Lessons(msgspec.Struct, frozen=True):
    """Features (n, F) of transactions, which of them were fraud, and how many like it each stands for."""

    features: NDArray[np.float32]
    fraud: NDArray[np.bool_]
    weight: NDArray[np.float64]


def usual(store: Stores, now_ms: int) -> NDArray[np.float32]:
    """(n, F) of about 20 000 live transactions spread evenly over those of the last week.

    A day's hours must be there as often as they are: what only some hours show is not unusual at others.
    Before a whole day is known, none is told from another.
    """
    week = Span(LIVE, now_ms - WEEK_MS, now_ms + 1)
    share = TRAINING_ROWS / max(TRAINING_ROWS, sum(store.minutes.totals(*_of(week)).values()))
    parts = [np.empty((0, FEATURE_COUNT), np.float32)]
    times: list[int] = []
    for spell in spells(week, HOURS):
        wanted = round(share * sum(store.minutes.totals(*_of(spell)).values()))
        block = next(iter(store.transactions.history(spell, (), FEATURE_COUNT)), None)
        if block is not None:
            parts.append(block.features[evenly(len(block.features), max(1, wanted))])
            times += [int(block.event_ms[0]), int(block.event_ms[-1])]
    return hours_as_known(np.concatenate(parts), times[-1] - times[0] if times else 0)


def hours_as_known(features: NDArray[np.float32], covered_ms: int) -> NDArray[np.float32]:
    """The rows as they are once they cover a day; before, their hours are spread evenly over it."""
    if covered_ms >= DAY_MS:
        return features
    spread = features.copy()
    angles = np.arange(len(features)) * (2.0 * np.pi / max(1, len(features)))
    spread[:, INDEX["hour_sin"]], spread[:, INDEX["hour_cos"]] = np.sin(angles), np.cos(angles)
    return spread


def evenly(rows: int, wanted: int) -> NDArray[np.int64]:
    """At most so many of the places 0 to rows - 1, evenly spread, the newest among them."""
    return np.unique(np.linspace(rows - 1, 0, min(rows, wanted)).astype(np.int64))


def spells(span: Span, count: int) -> Iterator[Span]:
    """The span in that many pieces."""
    edges = [span.since_ms + (span.until_ms - span.since_ms) * place // count for place in range(count + 1)]
    for since_ms, until_ms in pairwise(edges):
        yield Span(span.source, since_ms, until_ms)


def _of(span: Span) -> tuple[str, int, int]:
    return span.source, span.since_ms, span.until_ms


def labelled(store: Stores, now_ms: int) -> Lessons | None:
    """What is known of live transactions at that moment; None while too few frauds are.

    Only what was flagged is looked at by people, so the ripe rest is taken along, as legitimate.
    """
    standing = store.labels.labelled(LIVE, now_ms - SPAN_MS, now_ms, now_ms)
    fraud_of = {one.name: one.is_fraud for one in islice(standing, MOST_LABELS)}
    if sum(fraud_of.values()) < LEAST_FRAUDS:
        return None
    told = list(_of_events(store.transactions, fraud_of))
    ripe = Span(LIVE, now_ms - SPAN_MS, now_ms - MATURE_MS)
    rest = np.concatenate([np.empty((0, FEATURE_COUNT), np.float32), *_unlabelled(store, fraud_of, ripe)])
    fraud = [fraud for _, of_some in told for fraud in of_some]
    totals = store.minutes.totals(*_of(ripe))
    share = max(1.0, sum(totals.values()) / max(1, len(rest)))
    return Lessons(
        np.concatenate([*(features for features, _ in told), rest]),
        np.array(fraud + [False] * len(rest), np.bool_),
        np.concatenate([np.ones(len(fraud)), np.full(len(rest), share)]),
    )


def _of_events(
    transactions: Transactions, fraud_of: Mapping[EventName, bool]
) -> Iterator[tuple[NDArray[np.float32], list[bool]]]:
    names = sorted(fraud_of)
    for start in range(0, len(names), _AT_ONCE):
        stored = transactions.stored(names[start : start + _AT_ONCE])
        kept = [(name, one.verdict.features) for name, one in sorted(stored.items())]
        sound = [(name, features) for name, features in kept if len(features) == FEATURE_COUNT]
        rows = np.array([features for _, features in sound], np.float32)
        yield rows.reshape(len(sound), FEATURE_COUNT), [fraud_of[name] for name, _ in sound]


def _unlabelled(
    store: Stores, fraud_of: Mapping[EventName, bool], span: Span
) -> Iterator[NDArray[np.float32]]:
    """Rows of the span that nobody said anything of, thinned evenly to a bounded number."""
    for spell in spells(span, SPELLS):
        names = ("transaction_id", "merchant_id")
        block = next(iter(store.transactions.history(spell, names, FEATURE_COUNT)), None)
        if block is not None:
            free = np.flatnonzero([name not in fraud_of for name in block.names(span.source)])
            yield block.features[free[:: max(1, -(-len(free) * SPELLS // UNLABELLED_ROWS))]]
