"""The page budget: what each shift used of it, and what people said of the pages. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log10
from typing import TypeVar

import msgspec

from guardian.domain.anomaly import Anomaly, Finding
from guardian.domain.clock import MINUTE_MS

ONE_PAGE_MINUTES = 15
"""What is told within it of the first is felt as one page."""
Told = TypeVar("Told")


def decades(false_pages_per_shift: float, shifts_a_day: int) -> float:
    """The budget as the detector takes it: 0 decades is one page a week over all series."""
    return round(-log10(false_pages_per_shift * shifts_a_day * 7), 6) + 0.0


class Page(msgspec.Struct, frozen=True):
    """Anomalies that called somebody within a quarter of an hour, and what they were found to be."""

    at_ms: int
    series: str
    finding: Finding | None


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Pages by what they were found to be."""

    confirmed: int
    expected: int
    false: int
    unanswered: int

    @property
    def pages(self) -> int:
        """All of them."""
        return self.confirmed + self.expected + self.false + self.unanswered


class ShiftPages(Tally, frozen=True, kw_only=True):
    """The pages of one shift."""

    start_ms: int
    end_ms: int


class SeriesPages(Tally, frozen=True, kw_only=True):
    """The pages that a series began."""

    series: str


def one_page(told: Iterable[Told], minute: Callable[[Told], int]) -> list[list[Told]]:
    """What is told, in order of its minutes, as it is felt: a quarter of an hour of it is one page."""
    groups: list[list[Told]] = []
    for one in told:
        if groups and minute(one) - minute(groups[-1][0]) < ONE_PAGE_MINUTES:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def pages(anomalies: Iterable[Anomaly]) -> list[Page]:
    """What called somebody, oldest first."""
    paged = sorted((one for one in anomalies if one.paged), key=lambda one: one.minute_ms)
    groups = one_page(paged, lambda one: one.minute_ms // MINUTE_MS)
    return [Page(group[0].minute_ms, group[0].series, _finding(group)) for group in groups]


def by_shift(spans: Iterable[tuple[int, int]], paged: Sequence[Page]) -> list[ShiftPages]:
    """How many pages each shift had."""
    return [
        ShiftPages(
            start_ms=start_ms,
            end_ms=end_ms,
            **_tally(one for one in paged if start_ms <= one.at_ms < end_ms),
        )
        for start_ms, end_ms in spans
    ]


def by_series(paged: Sequence[Page]) -> list[SeriesPages]:
    """The series that called most often first."""
    rows = [
        SeriesPages(series=series, **_tally(one for one in paged if one.series == series))
        for series in {one.series for one in paged}
    ]
    return sorted(rows, key=lambda one: (-one.pages, one.series))


def _tally(paged: Iterable[Page]) -> dict[str, int]:
    counts = Counter("unanswered" if one.finding is None else str(one.finding) for one in paged)
    return {name: counts[name] for name in Tally.__struct_fields__}


def _finding(group: Sequence[Anomaly]) -> Finding | None:
    """The gravest that was said of any of them."""
    said = {one.answer.finding for one in group if one.answer is not None}
    return next((finding for finding in Finding if finding in said), None)
