"""Minute counts without the single transactions behind them: hundreds of days in seconds, to measure with."""

import math
from itertools import accumulate

import msgspec
import numpy as np

from guardian.simulation.profile import DAY_MINUTES, STATUSES, Floats, Ints
from guardian.simulation.traffic import (
    DAY_FACTOR_SD,
    DENIED_SD,
    LEVEL_SD,
    LEVEL_TAU_MINUTES,
    RARE_SD,
    SHARE_TAU_MINUTES,
)

APPROVED, DENIED, FAILED, REVERSED, BACKEND_REVERSED, REFUNDED = range(len(STATUSES))
RARE_SHARES = (0.00003, 0.0058, 0.0013, 0.0018)
"""Of all transactions, in the order of STATUSES from FAILED on: a failure is next to never seen."""
CODES = ("51", "05", "59", "57", "14", "91", "54")
CODE_SHARES = (0.515, 0.160, 0.122, 0.080, 0.063, 0.040, 0.020)
"""Of all denials."""
DENIED_SHARE, DENIED_RISE = 0.09, 0.08
DENIED_DISPERSION = 0.006
"""Variance of denials is mean + 0.006 mean²: 1.2 times the mean at the day's peak."""


class Wander(msgspec.Struct, frozen=True):
    """How far traffic strays from its usual day: standard deviations of logs; `clumping` of backend reversals
    is their variance over their mean, less one.
    """

    day: float = DAY_FACTOR_SD
    level: float = LEVEL_SD
    denied: float = DENIED_SD
    rare: float = RARE_SD
    clumping: float = 0.0


class Counts(msgspec.Struct, frozen=True):
    """Minutes from a midnight on. Incidents change `by_status` and `by_code` in place."""

    by_status: Ints
    """(minutes, 6) in the order of STATUSES; other statuses may follow."""
    by_code: Ints
    """(minutes, codes) denials in the order of `codes`; they sum to the denials."""
    means: Floats
    """What was expected of `by_status`, wander included."""
    codes: tuple[str, ...] = CODES
    code_shares: tuple[float, ...] = CODE_SHARES


def usual_day(curve: Floats) -> Floats:
    """Means per minute of the day and status, shape (1440, 6); `curve` is of approvals, shape (1440,)."""
    distance = np.abs(np.arange(DAY_MINUTES) / 60.0 - 1.5)
    from_night = np.minimum(distance, 24.0 - distance)
    denied = DENIED_SHARE + DENIED_RISE * np.exp(-0.5 * (from_night / 2.5) ** 2)
    rare = np.broadcast_to(np.array(RARE_SHARES), (DAY_MINUTES, len(RARE_SHARES)))
    others = np.column_stack([denied, rare])
    approved = 1.0 - others.sum(axis=1, keepdims=True)
    means: Floats = np.concatenate([approved, others], axis=1) * (curve[:, None] / approved)
    return means


def clean_counts(curve: Floats, days: int, seed: int, wander: Wander | None = None) -> Counts:
    """Days without incidents, the same for the same seed."""
    rng = np.random.default_rng([seed, 11])
    spread = wander or Wander()
    minutes = days * DAY_MINUTES
    level = np.exp(stray(rng, minutes, spread.level, LEVEL_TAU_MINUTES))
    level *= np.repeat(np.exp(rng.normal(0.0, spread.day, days)), DAY_MINUTES)
    means = np.tile(usual_day(curve), (days, 1)) * level[:, None]
    for status in range(DENIED, len(STATUSES)):
        sd = spread.denied if status == DENIED else spread.rare
        means[:, status] *= np.exp(stray(rng, minutes, sd, SHARE_TAU_MINUTES))
    noisy = means.copy()
    noisy[:, DENIED] *= rng.gamma(1 / DENIED_DISPERSION, DENIED_DISPERSION, minutes)
    if spread.clumping > 0:
        shape = np.maximum(means[:, BACKEND_REVERSED] / spread.clumping, 1e-9)
        noisy[:, BACKEND_REVERSED] = rng.gamma(shape, spread.clumping)
    by_status = rng.poisson(noisy)
    return Counts(by_status, rng.multinomial(by_status[:, DENIED], CODE_SHARES), means)


def stray(rng: np.random.Generator, minutes: int, spread: float, tau_minutes: float) -> Floats:
    """An AR(1) of stationary deviation `spread`, shape (minutes,)."""
    keep = math.exp(-1.0 / tau_minutes)
    steps = rng.normal(0.0, spread * math.sqrt(1.0 - keep * keep), minutes)
    steps[0] = rng.normal(0.0, spread)
    return np.fromiter(accumulate(steps.tolist(), lambda value, step: keep * value + step), float, minutes)
