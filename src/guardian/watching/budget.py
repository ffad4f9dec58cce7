"""The page budget: what each shift used of it, and what people said of the pages. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log10

import msgspec

from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import MINUTE_MS

ONE_PAGE_MS = 15 * MINUTE_MS
"""What pages within it is felt as one page."""
WORST_FIRST = (Finding.CONFIRMED, Finding.EXPECTED, Finding.FALSE)


def decades(false_pages_per_shift: float, shifts_a_day: int) -> float:
    """The budget as the detector takes it: 0 decades is one page a week over all series."""
    return round(-log10(false_pages_per_shift * shifts_a_day * 7), 6) + 0.0


class Page(msgspec.Struct, frozen=True):
    """Anomalies that called somebody within a quarter of an hour, and what they were found to be."""

    at_ms: int
    series: str
    finding: Finding | None


class ShiftPages(msgspec.Struct, frozen=True):
    """One shift and its pages by finding."""

    start_ms: int
    end_ms: int
    confirmed: int
    expected: int
    false: int
    unanswered: int


def pages(anomalies: Iterable[Anomaly]) -> list[Page]:
    """What called somebody, oldest first."""
    groups: list[list[Anomaly]] = []
    for one in sorted((one for one in anomalies if one.paged), key=lambda one: one.minute_ms):
        if groups and one.minute_ms - groups[-1][0].minute_ms < ONE_PAGE_MS:
            groups[-1].append(one)
        else:
            groups.append([one])
    return [Page(group[0].minute_ms, group[0].series, _finding(group)) for group in groups]


def by_shift(spans: Iterable[tuple[int, int]], paged: Sequence[Page]) -> list[ShiftPages]:
    """How many pages each shift had."""
    rows = []
    for start_ms, end_ms in spans:
        found = Counter(one.finding for one in paged if start_ms <= one.at_ms < end_ms)
        rows.append(
            ShiftPages(
                start_ms,
                end_ms,
                confirmed=found[Finding.CONFIRMED],
                expected=found[Finding.EXPECTED],
                false=found[Finding.FALSE],
                unanswered=found[None],
            )
        )
    return rows


def _finding(group: Sequence[Anomaly]) -> Finding | None:
    said = {one.answer.finding for one in group if one.answer is not None}
    return next((finding for finding in WORST_FIRST if finding in said), None)
