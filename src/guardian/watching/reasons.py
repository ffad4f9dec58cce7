"""Why an anomaly was raised and what carries it, in a few short sentences with numbers."""

from collections.abc import Iterable

from msgspec.structs import replace

from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly, Nature
from guardian.domain.cause import Cause, Money, Step
from guardian.domain.clock import iso
from guardian.domain.transaction import currency_exponent
from guardian.watching.shadow import Shadow

NAMED = {
    "status": "status",
    "auth_code": "code",
    "acquirer": "acquirer",
    "merchant_id": "merchant",
    "card_bin": "BIN",
}


def number(value: float) -> str:
    """Three significant digits at most, thousands grouped."""
    if value >= 100:
        return f"{round(value):,}"
    return f"{value:.1f}".rstrip("0").rstrip(".") if value >= 1 else f"{value:.2g}"


def rarity(score: float) -> str:
    """The calibrated score in words: 0 decades is once a week on quiet traffic."""
    if score >= 3:
        return "Normal traffic does this less than once in 1,000 weeks."
    weeks = 10**score
    often = f"once in {number(weeks)} weeks" if weeks >= 1.5 else f"{max(1, round(1 / weeks))} × a week"
    return f"Normal traffic does this about {often}."


def reasons(name: str, rates: tuple[float, float, float], window: int, score: float) -> tuple[str, ...]:
    """`rates` are observed, low and high a minute over the window of so many minutes."""
    observed, low, high = rates
    subject = "all transactions" if name == WHOLE_SYSTEM else name
    over = "in one minute" if window == 1 else f"a minute over {window} minutes"
    said = [f"{subject}: {number(observed)} {over}, usual {number(low)}–{number(high)}."]
    if observed == 0:
        said.append("Nothing arrived at all." if name == WHOLE_SYSTEM else "None arrived at all.")
    return (*said, rarity(score))


def explained(anomaly: Anomaly, cause: Cause | None, nature: tuple[Nature, float] | None = None) -> Anomaly:
    """The anomaly with its nature and cause, also told in its reasons."""
    if cause is None and nature is None:
        return anomaly
    natural = natures(*nature) if nature is not None else ()
    caused = told(cause) if cause is not None else ()
    return replace(
        anomaly,
        nature=nature[0] if nature is not None else None,
        cause=cause,
        reasons=(*anomaly.reasons, *natural, *caused),
    )


def natures(nature: Nature, shown: float) -> Iterable[str]:
    """What the disturbance is; of silence the numbers speak already."""
    if nature is Nature.LATE:
        yield f"{number(shown)} came after their minute was judged: data are late."
    elif nature is Nature.CATCH_UP:
        yield f"A backlog catches up: {number(shown)} were missing just before."
    elif nature is Nature.DUPLICATES:
        yield f"{percent(shown)} repeat an earlier one: same merchant, BIN and amount."
    elif nature is Nature.CLOCK_SKEW:
        yield f"Minutes swing around their usual sum, {number(shown)} times: a sender's clock is wrong."


def explained_by_others(anomaly: Anomaly) -> Anomaly:
    """The anomaly as one that calls nobody, and why."""
    said = "Another open anomaly explains it: it calls nobody."
    return replace(anomaly, paged=False, reasons=(*anomaly.reasons, said))


def told(cause: Cause) -> Iterable[str]:
    """Where the change lies, the heaviest part first, and the money."""
    for steps in cause.segments:
        yield f"{percent(steps[-1].share)} of the change: {where(steps)}."
    if not cause.segments:
        yield "No acquirer, merchant, BIN or code stands out."
    if cause.money is not None:
        yield at_risk(cause.money)


def in_shadow(found: Shadow) -> str:
    """Why nobody is called."""
    return (
        f"In shadow until {iso(found.until_ms)}: {number(found.false_pages)} false pages in a week, "
        f"where {found.allowed} are more than chance gives."
    )


def percent(share: float) -> str:
    """A share of one in whole per cent."""
    return f"{round(share * 100)} %"


def where(steps: Iterable[Step]) -> str:
    """`code 59, acquirer acq_b, BIN 516220`."""
    return ", ".join(f"{NAMED[step.dimension]} {step.value}" for step in steps)


def at_risk(money: Money) -> str:
    """An estimate has two significant digits."""
    most, low, high = (
        f"{estimated(minor, money.currency):,}"
        for minor in (money.per_hour_minor, money.low_minor, money.high_minor)
    )
    return f"At risk an hour: {money.currency} {most} ({low} to {high})."


def estimated(minor: int, currency: str) -> int:
    """Minor units as an estimate in whole units."""
    return estimate(minor / 10 ** currency_exponent(currency))


def estimate(value: float) -> int:
    """Rounded to two significant digits, and to whole units."""
    whole = round(value)
    return round(whole, 2 - len(str(abs(whole))))
