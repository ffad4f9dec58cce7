"""Frauds of known kind among the traffic: stolen cards on a spree or slowly, card testing, refund abuse.

Numbers of a fraud are drawn so that none gives itself away by a single one of them: amounts, hours
and merchants overlap with those of everybody.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from operator import itemgetter

import msgspec
import numpy as np

from guardian.domain.clock import DAY_MS, HOUR_MS, MINUTE_MS
from guardian.domain.transaction import LIVE, Transaction
from guardian.simulation.profile import Population, population
from guardian.simulation.traffic import HIGHEST_AMOUNT, LOWEST_AMOUNT, TICKET_SD, repeatable_ids

_FRAUDS = 4
KNOWN_AFTER_MS = 7 * DAY_MS
"""When the complaint of the cardholder has come."""


class Fraud(msgspec.Struct, frozen=True):
    """One transaction of a fraud."""

    transaction: Transaction
    kind: str


class _Thief(msgspec.Struct, frozen=True):
    """Who draws: the traffic's population, and when the fraud begins."""

    rng: np.random.Generator
    world: Population
    start_ms: int
    source: str

    def somewhere(self) -> int:
        """Any merchant, large or small alike: thieves do not follow the crowd."""
        return int(self.rng.integers(len(self.world.merchants)))

    def somebody(self) -> int:
        """A card of the population."""
        return int(self.rng.integers(len(self.world.card_tokens)))

    def one(self, at_ms: int, merchant: int, card: int, **facts: object) -> Transaction:
        """A transaction; what `facts` say counts."""
        world, rng = self.world, self.rng
        ticket = np.exp(world.log_tickets[merchant] + TICKET_SD * rng.standard_normal())
        denied = rng.random() < float(facts.pop("denied", 0.12))  # type: ignore[arg-type]
        amount = float(facts.pop("times", 1.0)) * ticket  # type: ignore[arg-type]
        usual: dict[str, object] = {
            "transaction_id": repeatable_ids([at_ms], rng)[0],
            "merchant_id": world.merchants[merchant],
            "status": "denied" if denied else "approved",
            "amount_minor": int(np.clip(amount, LOWEST_AMOUNT, HIGHEST_AMOUNT)),
            "event_ms": at_ms,
            "received_ms": at_ms,
            "source": self.source,
            "auth_code": "51" if denied else "00",
            "card_bin": world.card_bins[card],
            "card_token": world.card_tokens[card],
            "acquirer": world.acquirers[int(world.acquirer_cumulative.searchsorted(rng.random()))],
            "issuer": world.card_issuers[card],
            "mcc": world.mccs[merchant],
            "merchant_type": world.merchant_types[merchant],
            "country": "BR",
        }
        return msgspec.convert(usual | facts, Transaction)


Draw = Callable[[_Thief], Iterator[Transaction]]


def _spree(thief: _Thief) -> Iterator[Transaction]:
    """A stolen card at many merchants within hours, at twice the usual tickets."""
    at_ms, card = thief.start_ms, thief.somebody()
    for _ in range(int(thief.rng.integers(3, 15))):
        yield thief.one(at_ms, thief.somewhere(), card, denied=0.25, times=2.0)
        at_ms += int(thief.rng.exponential(12 * MINUTE_MS)) + 1


def _takeover(thief: _Thief) -> Iterator[Transaction]:
    """Somebody else's account, used now and then for days, at half more than the usual tickets."""
    at_ms, card = thief.start_ms, thief.somebody()
    for _ in range(int(thief.rng.integers(4, 10))):
        yield thief.one(at_ms, thief.somewhere(), card, denied=0.18, times=1.5)
        at_ms += int(thief.rng.exponential(14 * HOUR_MS)) + 1


def _card_testing(thief: _Thief) -> Iterator[Transaction]:
    """Small tries with unseen cards of one BIN at one merchant; most are denied."""
    at_ms, merchant, card = thief.start_ms, thief.somewhere(), thief.somebody()
    for _ in range(int(thief.rng.integers(25, 80))):
        tried = thief.one(at_ms, merchant, card, denied=0.85, card_token=f"card_{thief.rng.bytes(8).hex()}")
        amount = int(thief.rng.integers(100, 1_500))
        yield msgspec.structs.replace(tried, amount_minor=amount)
        at_ms += int(thief.rng.exponential(20_000)) + 1


def _refund_abuse(thief: _Thief) -> Iterator[Transaction]:
    """One merchant refunds one card again and again within a day."""
    at_ms, merchant, card = thief.start_ms, thief.somewhere(), thief.somebody()
    for _ in range(int(thief.rng.integers(6, 16))):
        yield thief.one(at_ms, merchant, card, status="refunded", auth_code=None, denied=0.0)
        at_ms += int(thief.rng.exponential(80 * MINUTE_MS)) + 1


KINDS: dict[str, tuple[float, Draw]] = {
    "spree": (0.5, _spree),
    "takeover": (0.2, _takeover),
    "card_testing": (0.2, _card_testing),
    "refund_abuse": (0.1, _refund_abuse),
}
"""How often each begins, as a share of all, and how it goes."""


class Frauds:
    """About `a_day` frauds a day among the traffic of that seed, in the order of their events."""

    def __init__(self, a_day: float, seed: int, span_ms: tuple[int, int], source: str = LIVE) -> None:
        rng = np.random.default_rng([seed, _FRAUDS])
        start_ms, end_ms = span_ms
        count = int(rng.poisson(a_day * (end_ms - start_ms) / DAY_MS))
        shares = np.array([share for share, _ in KINDS.values()])
        kinds = rng.choice(list(KINDS), count, p=shares).tolist()
        world = population(seed)
        found = [
            (one.event_ms, one.transaction_id, Fraud(one, kind))
            for kind, at_ms in zip(kinds, rng.integers(start_ms, end_ms, count).tolist(), strict=True)
            for one in KINDS[kind][1](_Thief(rng, world, at_ms, source))
            if one.event_ms < end_ms
        ]
        self.events = [fraud for _, _, fraud in sorted(found, key=itemgetter(0, 1))]
        self._times = [fraud.transaction.event_ms for fraud in self.events]

    def among(self, rows: list[Transaction], minute_ms: int) -> list[Transaction]:
        """The rows of a minute with what thieves did in it, in the order of arrival."""
        first, last = (bisect_left(self._times, at_ms) for at_ms in (minute_ms, minute_ms + MINUTE_MS))
        if first == last:
            return rows
        own = [fraud.transaction for fraud in self.events[first:last]]
        return sorted([*rows, *own], key=lambda one: one.received_ms)
