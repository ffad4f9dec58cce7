"""Traffic by the minute: deterministic for a seed and a minute, whatever was asked before."""

import math
from itertools import accumulate

import numpy as np

from guardian.domain.clock import MINUTE_MS, floor_minute
from guardian.domain.transaction import LIVE, Transaction
from guardian.simulation.profile import (
    CARDS,
    DAY_MINUTES,
    RARE_SHARES,
    STATUSES,
    Floats,
    day_curve,
    denied_share,
    population,
)

DAY_FACTOR_SD = 0.06
LEVEL_SD, LEVEL_TAU_MINUTES = 0.025, 90.0
DENIED_SD, RARE_SD, SHARE_TAU_MINUTES = 0.04, 0.15, 120.0
TICKET_SD = 0.55
CARD_SKEW = 1.2
LOWEST_AMOUNT, HIGHEST_AMOUNT = 100, 99_000_000
_WANDER, _ROWS = 1, 2
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
_KEPT_DAYS = 4


class Traffic:
    """`rate_per_minute` is the mean over a day; `shift_minutes` is added to the clock of the day."""

    def __init__(self, rate_per_minute: float, seed: int, source: str = LIVE, shift_minutes: int = 0) -> None:
        curve = day_curve()
        self._level = np.roll(curve * (rate_per_minute / curve.mean()), -shift_minutes)
        self._denied = np.roll(denied_share(), -shift_minutes)
        self._seed = seed
        self._source = source
        self._world = population(seed)
        self._code_of = _code_of(self._world.codes)
        self._days: dict[int, tuple[Floats, Floats]] = {}

    def minute(self, minute_ms: int) -> list[Transaction]:
        """The transactions of the minute that holds `minute_ms`, in event order."""
        minute_ms = floor_minute(minute_ms)
        day, place = divmod(minute_ms // MINUTE_MS, DAY_MINUTES)
        level, shares = self._day(day)
        rng = np.random.default_rng([self._seed, _ROWS, minute_ms // MINUTE_MS])
        count = int(rng.poisson(level[place]))
        return self._rows(rng, count, minute_ms, shares[place])

    def expected(self, minute_ms: int) -> float:
        """The mean number of transactions of that minute."""
        day, place = divmod(floor_minute(minute_ms) // MINUTE_MS, DAY_MINUTES)
        return float(self._day(day)[0][place])

    def _rows(
        self, rng: np.random.Generator, count: int, minute_ms: int, shares: Floats
    ) -> list[Transaction]:
        world = self._world
        drawn = rng.random((6, count))
        times = np.sort((drawn[0] * MINUTE_MS).astype(np.int64) + minute_ms).tolist()
        statuses = shares.searchsorted(drawn[1]).tolist()
        merchants = world.merchant_cumulative.searchsorted(drawn[2])
        # some cards are frequent, none beyond some thirty transactions a day at the rate of the demo
        cards = (drawn[3] ** CARD_SKEW * CARDS).astype(np.int64).tolist()
        codes = world.code_cumulative.searchsorted(drawn[4]).tolist()
        acquirers = world.acquirer_cumulative.searchsorted(drawn[5]).tolist()
        tickets = np.exp(world.log_tickets[merchants] + TICKET_SD * rng.standard_normal(count))
        amounts = tickets.clip(LOWEST_AMOUNT, HIGHEST_AMOUNT).astype(np.int64).tolist()
        source = self._source
        code_of = self._code_of
        return [
            Transaction(
                name,
                world.merchants[merchant],
                STATUSES[status],
                amount,
                at_ms,
                at_ms,
                "BRL",
                source,
                False,
                code_of[status][code],
                world.card_bins[card],
                world.card_tokens[card],
                None,
                world.acquirers[acquirer],
                world.card_issuers[card],
                world.mccs[merchant],
                world.merchant_types[merchant],
                "BR",
            )
            for name, merchant, status, amount, at_ms, code, card, acquirer in zip(
                repeatable_ids(times, rng),
                merchants.tolist(),
                statuses,
                amounts,
                times,
                codes,
                cards,
                acquirers,
                strict=True,
            )
        ]

    def _day(self, day: int) -> tuple[Floats, Floats]:
        """Mean counts (1440,) and cumulative status shares (1440, 6) of a day, kept for a few days."""
        if day not in self._days:
            if len(self._days) >= _KEPT_DAYS:
                del self._days[next(iter(self._days))]
            self._days[day] = self._draw_day(day)
        return self._days[day]

    def _draw_day(self, day: int) -> tuple[Floats, Floats]:
        before, factor = self._noise(day - 1)[0], self._noise(day)[1]
        noise = np.concatenate([before, self._noise(day)[0]])
        level = self._level * factor * np.exp(_wander(noise[:, 0], LEVEL_SD, LEVEL_TAU_MINUTES))
        denied = self._denied * np.exp(_wander(noise[:, 1], DENIED_SD, SHARE_TAU_MINUTES))
        rare = [
            share * np.exp(_wander(noise[:, 2 + column], RARE_SD, SHARE_TAU_MINUTES))
            for column, share in enumerate(RARE_SHARES)
        ]
        others = np.stack([denied, *rare], axis=1)
        shares = np.concatenate([1.0 - others.sum(axis=1, keepdims=True), others], axis=1)
        sums = np.cumsum(shares, axis=1)
        sums[:, -1] = 1.0
        return level, sums

    def _noise(self, day: int) -> tuple[Floats, float]:
        rng = np.random.default_rng([self._seed, _WANDER, day])
        factor = math.exp(rng.normal(0.0, DAY_FACTOR_SD))
        return rng.normal(size=(DAY_MINUTES, 2 + len(RARE_SHARES))), factor


def _wander(noise: Floats, spread: float, tau_minutes: float) -> Floats:
    """AR(1) of stationary deviation `spread` over two days of unit noise; the first day runs it in."""
    keep = math.exp(-1.0 / tau_minutes)
    steps = (noise * (spread * math.sqrt(1.0 - keep * keep))).tolist()
    path = list(accumulate(steps, lambda value, step: keep * value + step))
    return np.asarray(path[-DAY_MINUTES:], dtype=np.float64)


def _code_of(codes: list[str]) -> list[list[str | None]]:
    """Per status, the auth code for each drawn code: 00 when approved, none where nobody authorised."""
    table: list[list[str | None]] = [["00"] * len(codes), list(codes)]
    return table + [[None] * len(codes) for _ in STATUSES[2:]]


def repeatable_ids(times_ms: list[int], rng: np.random.Generator) -> list[str]:
    """A UUIDv7 for each time, with the random bits of `rng`; the text form made for many at once."""
    noise = rng.bytes(10 * len(times_ms)).hex()
    names = []
    for start, at_ms in zip(range(0, len(noise), 20), times_ms, strict=True):
        stamp, bits = f"{at_ms:012x}", noise[start : start + 20]
        names.append(f"{stamp[:8]}-{stamp[8:]}-7{bits[:3]}-{_VARIANT[bits[3]]}{bits[4:7]}-{bits[7:19]}")
    return names


def minutes_between(start_ms: int, end_ms: int) -> range:
    """The starts of the minutes from the one that holds `start_ms` up to, not with, `end_ms`."""
    return range(floor_minute(start_ms), end_ms, MINUTE_MS)
