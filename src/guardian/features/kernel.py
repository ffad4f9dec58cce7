"""From events to features, one event at a time: each value holds what was known at that event."""

from math import exp, log
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from guardian.features.windows import (
    AMOUNT,
    COUNT,
    COUNT_1M,
    EXTRA,
    FAILURES,
    SUMS_1H,
    SUMS_24H,
    Rings,
    deviation,
    first_pair,
    learn_amount,
    newest,
    record,
)

MERCHANT_MEMORY, CARD_MEMORY = 500.0, 50.0
MERCHANT_NEEDED, CARD_NEEDED = 20.0, 5.0
RATE_PRIOR = 10.0
LARGEST_RATIO = 100.0
NEW_MERCHANTS_MS = 3.0 * 86_400_000.0
LATEST = 0.2
"""Weight of the newest of a card's merchants in their mean volume."""
USUAL = 0.001
NEVER_MS = 30 * 86_400_000
_ANGLES = 2.0 * np.pi * np.arange(1_440) / 1_440
HOUR_SIN, HOUR_COS = np.sin(_ANGLES), np.cos(_ANGLES)


class Events(NamedTuple):
    """A batch of events in order: row numbers (-1: no such key), times in ms, amounts, outcomes."""

    merchants: NDArray[np.int32]
    bins: NDArray[np.int32]
    cards: NDArray[np.int32]
    event_ms: NDArray[np.int64]
    amounts: NDArray[np.float32]
    outcomes: NDArray[np.uint8]


class State(NamedTuple):
    """All that is remembered: rings of merchants, BINs and cards, and which pairs have met."""

    merchants: Rings
    bins: Rings
    cards: Rings
    pairs: NDArray[np.int64]
    usual: NDArray[np.float64]
    """(1,): mean volume of the merchants of the newest thousand events, where a new card begins."""


@njit(cache=True, nogil=True)
def burst(cells: NDArray[np.float32], known_ms: int, lately: float) -> float:
    """The last hour (`lately` events) against a usual hour of the last day; 1 until 2 h are known."""
    hours = known_ms / 3_600_000.0
    if hours < 2.0:
        return 1.0
    before = max(cells[SUMS_24H] - lately, 0.0)
    return float(min((lately + 5.0) / (before / (min(hours, 23.5) - 1.0) + 5.0), LARGEST_RATIO))


@njit(cache=True, nogil=True)
def minute_burst(cells: NDArray[np.float32], known_ms: int, hour: float) -> float:
    """The last minute against a minute of the last hour (`hour` events); 1 until 10 min are known."""
    minutes = known_ms / 60_000.0
    if minutes < 10.0:
        return 1.0
    lately = cells[COUNT_1M]
    before = max(hour - lately, 0.0)
    return float(min((lately + 3.0) / (before / (min(minutes, 57.5) - 1.0) + 3.0), LARGEST_RATIO))


@njit(cache=True, nogil=True)
def of_place(rings: Rings, row: int, out: NDArray[np.float32]) -> None:
    """Burst of 1 h, failure rate of 1 h and share of first-seen cards of a merchant or BIN.

    Both shares are of (events + 10): a handful of events says little.
    """
    cells, head, stamps = rings.cells[row], rings.heads[row, 1], rings.stamps[row]
    hour = cells[SUMS_1H]
    out[0] = burst(cells, stamps[1] - stamps[0], hour)
    out[1] = cells[SUMS_1H + FAILURES] / (hour + RATE_PRIOR)
    out[2] = newest(cells, head, EXTRA) / (newest(cells, head, COUNT) + RATE_PRIOR)


@njit(cache=True, nogil=True)
def of_merchant(rings: Rings, row: int, out: NDArray[np.float32]) -> None:
    """Columns 4 to 7."""
    cells, stamps = rings.cells[row], rings.stamps[row]
    out[4] = minute_burst(cells, stamps[1] - stamps[0], cells[SUMS_1H])
    of_place(rings, row, out[5:8])


@njit(cache=True, nogil=True)
def of_card(rings: Rings, row: int, out: NDArray[np.float32]) -> None:
    """Columns 11 to 17."""
    cells = rings.cells[row]
    day = cells[SUMS_24H]
    out[11] = cells[SUMS_1H]
    out[12] = day
    out[13] = log(1.0 + cells[SUMS_24H + AMOUNT])
    out[14] = cells[SUMS_1H + FAILURES]
    out[15] = cells[SUMS_24H + FAILURES] / (day + 2.0)
    out[16] = cells[SUMS_1H + EXTRA]
    out[17] = cells[SUMS_24H + EXTRA]


@njit(cache=True, nogil=True)
def wander_of_card(state: State, card: int, new: int, event_ms: int, out: NDArray[np.float32]) -> None:
    """Columns 20 to 22, before the event is recorded: how the card goes from merchant to merchant."""
    history, stamps = state.cards.history[card], state.cards.stamps[card]
    if stamps[1] == 0:
        history[3] = state.usual[0]
    else:
        passed = max(event_ms - stamps[1], 0)
        history[4] = history[4] * exp(-passed / NEW_MERCHANTS_MS) + new
    since = event_ms - stamps[3] if stamps[3] != 0 else NEVER_MS
    out[20] = new
    out[21] = history[4]
    out[22] = log(min(max(since, 0), NEVER_MS) / 3_600_000.0 + 0.01)
    if new == 1:
        stamps[3] = max(stamps[3], event_ms)


@njit(cache=True, nogil=True)
def of_volume(state: State, merchant: int, card: int, out: NDArray[np.float32]) -> None:
    """Columns 23 to 25, once the merchant has recorded the event."""
    cells = state.merchants.cells[merchant]
    day = cells[SUMS_24H]
    volume = log(1.0 + day)
    out[23], out[24] = volume, state.usual[0]
    out[25] = cells[SUMS_24H + EXTRA] / (day + RATE_PRIOR)
    if card >= 0:
        history = state.cards.history[card]
        history[3] += LATEST * (volume - history[3])
        out[24] = history[3]
    state.usual[0] += USUAL * (volume - state.usual[0])


@njit(cache=True, nogil=True)
def of_amount(state: State, merchant: int, card: int, out: NDArray[np.float32]) -> None:
    """Columns 1 to 3, against the histories as they were before this event."""
    log_amount = out[0]
    out[1] = deviation(state.merchants, merchant, log_amount, MERCHANT_NEEDED)
    if card >= 0:
        history = state.cards.history
        out[2] = deviation(state.cards, card, log_amount, CARD_NEEDED)
        out[3] = (log_amount - history[card, 1]) * history[card, 0] / (history[card, 0] + 2.0)


@njit(cache=True, nogil=True)
def follow(state: State, events: Events, out: NDArray[np.float32], remember: bool) -> None:
    """Take in the events in order and write their features to `out` (n, 26).

    `remember` False leaves the pairs alone; the caller then hands in copies of all the rest.
    """
    out[:] = 0.0
    for event in range(events.event_ms.shape[0]):
        merchant, bin_row, card = events.merchants[event], events.bins[event], events.cards[event]
        event_ms, outcome = events.event_ms[event], events.outcomes[event]
        amount = events.amounts[event]
        row = out[event]
        row[0] = log(1.0 + amount)
        of_amount(state, merchant, card, row)
        unseen = new_pair = 0
        if card >= 0:
            unseen = 1 if state.cards.stamps[card, 1] == 0 else 0
            new_pair = first_pair(
                state.pairs, state.merchants.stamps[merchant, 2], state.cards.stamps[card, 2], remember
            )
            wander_of_card(state, card, new_pair, event_ms, row)
            record(state.cards, card, event_ms, amount, outcome, new_pair)
            of_card(state.cards, card, row)
        record(state.merchants, merchant, event_ms, amount, outcome, unseen)
        of_merchant(state.merchants, merchant, row)
        of_volume(state, merchant, card, row)
        if bin_row >= 0:
            record(state.bins, bin_row, event_ms, amount, outcome, unseen)
            of_place(state.bins, bin_row, row[8:11])
        else:
            row[8] = 1.0
        if outcome == 0:
            learn_amount(state.merchants, merchant, row[0], MERCHANT_MEMORY)
            if card >= 0:
                learn_amount(state.cards, card, row[0], CARD_MEMORY)
        minute = event_ms // 60_000 % 1_440
        row[18], row[19] = HOUR_SIN[minute], HOUR_COS[minute]
