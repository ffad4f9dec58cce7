"""The invented world that traffic is drawn from: the day, statuses, codes, acquirers, merchants, cards."""

import math

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

DAY_MINUTES = 1_440
STATUSES = ("approved", "denied", "failed", "reversed", "backend_reversed", "refunded")
RARE_SHARES = (0.003, 0.006, 0.002, 0.004)
"""Shares of all but approved and denied, in the order of STATUSES."""
DENIED_BY_DAY, DENIED_AT_NIGHT = 0.09, 0.15
DENIED_CODES = {
    "51": 0.42,
    "59": 0.07,
    "05": 0.16,
    "14": 0.06,
    "57": 0.09,
    "91": 0.05,
    "96": 0.03,
    "54": 0.06,
    "61": 0.04,
    "65": 0.02,
}
ACQUIRERS = {
    "acq_a": 0.34,
    "acq_b": 0.22,
    "acq_c": 0.15,
    "acq_d": 0.11,
    "acq_e": 0.08,
    "acq_f": 0.05,
    "acq_g": 0.03,
    "acq_h": 0.02,
}
# trade, its merchant category code, usual ticket in cents, share of the merchants
TRADES = (
    ("grocery", "5411", 7_800, 0.20),
    ("restaurant", "5812", 5_200, 0.18),
    ("fuel", "5541", 14_500, 0.09),
    ("pharmacy", "5912", 6_100, 0.11),
    ("fashion", "5651", 18_900, 0.12),
    ("electronics", "5732", 64_000, 0.06),
    ("travel", "4722", 92_000, 0.04),
    ("digital", "5815", 3_400, 0.10),
    ("transport", "4121", 2_300, 0.10),
)
MERCHANTS, BINS, CARDS, ISSUERS = 400, 300, 40_000, 24

# (hour, relative volume): a quiet night, a steep morning, a plateau and the evening's fall
_ANCHORS = (
    (0.0, 0.26),
    (2.0, 0.08),
    (4.0, 0.028),
    (6.0, 0.10),
    (8.0, 0.42),
    (9.5, 0.70),
    (11.0, 0.88),
    (14.0, 0.92),
    (17.0, 1.0),
    (19.0, 0.90),
    (21.0, 0.68),
    (23.0, 0.38),
    (24.0, 0.26),
)
_SMOOTHING_MINUTES = 35.0
LOWEST = 0.03


def day_curve() -> Floats:
    """Relative volume per minute of the day, shape (1440,), from 0.03 (about 04 h) to 1 (about 17 h)."""
    hours, volumes = zip(*_ANCHORS, strict=True)
    minutes = np.arange(DAY_MINUTES)
    rough = np.interp(minutes / 60.0, hours, np.log(volumes))
    distance = np.minimum(minutes, DAY_MINUTES - minutes)
    kernel = np.exp(-0.5 * (distance / _SMOOTHING_MINUTES) ** 2)
    smooth = np.fft.irfft(np.fft.rfft(rough) * np.fft.rfft(kernel / kernel.sum()), DAY_MINUTES)
    scaled = (smooth - smooth.max()) / (smooth.max() - smooth.min()) * -math.log(LOWEST)
    return np.asarray(np.exp(scaled), dtype=np.float64)


def denied_share() -> Floats:
    """Share of denials per minute of the day, shape (1440,): 9 % at 10 h rising to 15 % at 22 h."""
    phase = (np.arange(DAY_MINUTES) / 60.0 - 22.0) / 24.0
    middle, swing = (DENIED_BY_DAY + DENIED_AT_NIGHT) / 2, (DENIED_AT_NIGHT - DENIED_BY_DAY) / 2
    return np.asarray(middle + swing * np.cos(2 * np.pi * phase), dtype=np.float64)


class Population(msgspec.Struct, frozen=True):
    """Merchants and cards; the lists are columns of one table each, the floats cumulative shares."""

    merchants: list[str]
    merchant_types: list[str]
    mccs: list[str]
    log_tickets: Floats
    merchant_cumulative: Floats
    card_tokens: list[str]
    card_bins: list[str]
    card_issuers: list[str]
    codes: list[str]
    code_cumulative: Floats
    acquirers: list[str]
    acquirer_cumulative: Floats


def cumulative(shares: Floats) -> Floats:
    """Running sums that end at exactly one, for drawing by `searchsorted`."""
    sums = np.cumsum(shares / shares.sum())
    sums[-1] = 1.0
    return np.asarray(sums, dtype=np.float64)


def population(seed: int) -> Population:
    """The same merchants and cards for the same seed."""
    rng = np.random.default_rng([seed, 0])
    trades = np.searchsorted(cumulative(np.array([t[3] for t in TRADES])), rng.random(MERCHANTS)).tolist()
    tickets = np.log([TRADES[trade][2] for trade in trades]) + rng.normal(0.0, 0.3, MERCHANTS)
    bins = _bins(rng)
    bin_of_card = np.searchsorted(cumulative(rng.pareto(1.5, BINS) + 0.2), rng.random(CARDS)).tolist()
    issuer_of_bin = rng.integers(ISSUERS, size=BINS).tolist()
    return Population(
        merchants=[f"M{number:04d}" for number in range(1, MERCHANTS + 1)],
        merchant_types=[TRADES[trade][0] for trade in trades],
        mccs=[TRADES[trade][1] for trade in trades],
        log_tickets=tickets,
        merchant_cumulative=cumulative(rng.pareto(1.3, MERCHANTS) + 0.15),
        card_tokens=[f"card_{number:05x}" for number in rng.permutation(1 << 20)[:CARDS].tolist()],
        card_bins=[bins[one] for one in bin_of_card],
        card_issuers=[f"issuer_{issuer_of_bin[one] + 1:02d}" for one in bin_of_card],
        codes=list(DENIED_CODES),
        code_cumulative=cumulative(np.array(list(DENIED_CODES.values()))),
        acquirers=list(ACQUIRERS),
        acquirer_cumulative=cumulative(np.array(list(ACQUIRERS.values()))),
    )


def _bins(rng: np.random.Generator) -> list[str]:
    """Invented, well-formed: six digits that begin as the large brands' do."""
    numbers = rng.choice(np.arange(400_000, 560_000), BINS, replace=False)
    return [str(number) for number in numbers.tolist()]
