"""A series that breaks the page budget goes into shadow: it is judged on, and pages nobody. Pure."""

from collections.abc import Sequence
from math import exp

import msgspec

from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import DAY_MS
from guardian.watching.budget import Page, pages

SPAN_MS = 7 * DAY_MS
BEYOND_CHANCE = 0.01
FEWEST = 3
WEIGHT = {Finding.FALSE: 1.0, Finding.EXPECTED: 0.0, Finding.CONFIRMED: 0.0}
UNANSWERED = 0.25
"""A page nobody answered for is held for false in one case of four."""


class Shadow(msgspec.Struct, frozen=True):
    """So many false pages, of a week, where `allowed` would already be beyond chance; until when, at most."""

    false_pages: float
    allowed: int
    until_ms: int


def allowed(a_week: float) -> int:
    """The fewest pages a week that chance gives in less than 1 % of weeks, when so many are asked for."""
    at_most, term, count = exp(-a_week), exp(-a_week), 0
    while 1 - at_most >= BEYOND_CHANCE:
        count += 1
        term *= a_week / count
        at_most += term
    return max(FEWEST, count + 1)


def shadow(history: Sequence[Anomaly], a_week: float, now_ms: int) -> Shadow | None:
    """Whether the series of this history, of any age, has broken a budget of so many false pages a week."""
    recent = [one for one in pages(history) if one.at_ms > now_ms - SPAN_MS]
    most, false = allowed(a_week), sum(map(_false, recent))
    if false < most:
        return None
    return Shadow(false, most, _until(recent, most) + SPAN_MS)


def _false(page: Page) -> float:
    return UNANSWERED if page.finding is None else WEIGHT[page.finding]


def _until(recent: Sequence[Page], most: int) -> int:
    """When the page was that must grow old for the rest to be fewer than `most`."""
    left = sum(map(_false, recent))
    for page in recent:
        left -= _false(page)
        if left < most:
            return page.at_ms
    return recent[-1].at_ms
