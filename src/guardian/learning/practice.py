"""Holding a fire drill: read what live traffic was, degrade copies of it, keep what was found."""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly, Finding
from guardian.domain.clock import DAY_MS, MINUTE_MS, Clock, floor_minute
from guardian.domain.drill import Drill
from guardian.domain.errors import Refused
from guardian.domain.transaction import LIVE
from guardian.learning.drill import Outcome, caught, practised, starts, tallied
from guardian.learning.drill_segments import MINUTES, Traffic, largest, practised_segments
from guardian.simulation.counts_incidents import FIRST_START, LAST_START
from guardian.simulation.profile import DAY_MINUTES
from guardian.storage.base import MinuteStore, RecordQuery, Records, SampleStore
from guardian.watching.anomalies import anomaly_collection
from guardian.watching.asked import Asked
from guardian.watching.cases import Cases
from guardian.watching.drills import drill_collection
from guardian.watching.segments.stage import ROWS, ROWS_A_MINUTE
from guardian.watching.stream import COUNTS
from guardian.watching.stretch import taken

LEAST_DAYS: Final = 3
SEGMENT_DAYS: Final = 3
"""Of them the last one holds the drills."""
LONGEST_ANOMALY_MS: Final = DAY_MS
READ_AT_ONCE: Final = 500
Tell = Callable[[str], None]


class Practice:
    """Reads, and writes nothing but the record of the drill (and cases that have come to their end)."""

    def __init__(
        self, minutes: MinuteStore, samples: SampleStore, records: Records, asked: Asked, clock: Clock
    ) -> None:
        self._minutes = minutes
        self._samples = samples
        self._anomalies = anomaly_collection(records)
        self._cases = Cases(minutes, records, clock)
        self._drills = drill_collection(records)
        self._asked = asked
        self._clock = clock

    def hold(self, days: int, seed: int, tell: Tell = lambda _: None) -> Drill:
        """A drill on the last so many days of live traffic. Raises Refused where there is too little."""
        since_ms, until_ms = self._span(days)
        traffic = taken(self._minutes, LIVE, since_ms, until_ms)
        busy = list(self._busy(since_ms, until_ms))
        begin = starts(traffic, busy, self._asked.calendar, seed)
        if not begin:
            raise Refused(
                "A drill needs hours by day with traffic in which nothing was wrong; there are none."
            )
        tell(
            f"{len(begin)} hours of live traffic are degraded, {len(traffic) // DAY_MINUTES} days are learnt."
        )
        outcomes = list(practised(traffic, begin, self._asked.budget_decades, seed))
        if not outcomes:
            raise Refused("No drill could be held: in all of these hours the detector pages by itself.")
        tell(f"{len(outcomes)} drills on all traffic; now segments.")
        outcomes.extend(self._segments(since_ms, until_ms, busy))
        cases = self._cases.all()
        drill = Drill(
            at_ms=self._clock.now_ms(),
            since_ms=since_ms,
            until_ms=until_ms,
            seed=seed,
            practised=tuple(tallied(outcomes)),
            cases=tuple(caught(cases, self._asked.budget_decades)),
        )
        self._drills.insert(drill)
        return drill

    def _span(self, days: int) -> tuple[int, int]:
        live = next((one for one in self._minutes.progress() if one.source == LIVE), None)
        until_ms = floor_minute(live.event_ms) if live is not None else 0
        since_ms = max(live.first_minute_ms, until_ms - days * DAY_MS) if live is not None else 0
        if until_ms - since_ms < LEAST_DAYS * DAY_MS:
            there = (until_ms - since_ms) / DAY_MS
            raise Refused(f"A drill needs {LEAST_DAYS} days of live traffic; there are {there:.1f}.")
        return since_ms, until_ms

    def _busy(self, since_ms: int, until_ms: int) -> Iterator[tuple[int, int]]:
        """Spans in which something paged that nobody called false."""
        query = RecordQuery("", source=LIVE, since_ms=since_ms - LONGEST_ANOMALY_MS, limit=READ_AT_ONCE)
        for one in self._anomalies.every(query):
            if one.paged and not _false(one):
                yield one.start_ms, one.over_ms or until_ms

    def _segments(self, since_ms: int, until_ms: int, busy: Sequence[tuple[int, int]]) -> Iterator[Outcome]:
        since_ms = max(since_ms, until_ms - SEGMENT_DAYS * DAY_MS)
        if not any(one.source == LIVE and one.kind != COUNTS for one in self._minutes.progress()):
            return iter(())
        usual = self._samples.sample(LIVE, until_ms - DAY_MS, until_ms, ROWS)
        points = self._minutes.points(LIVE, [WHOLE_SYSTEM], since_ms, until_ms)
        expected = {point.minute_ms: point.expected for point in points}

        def read(minute_ms: int) -> Traffic:
            sample = self._samples.sample(LIVE, minute_ms, minute_ms + MINUTE_MS, ROWS_A_MINUTE)
            return Traffic(sample.columns, expected.get(minute_ms, 0.0) * sample.rate)

        def fit(minute_ms: int) -> bool:
            by_day = FIRST_START <= self._asked.calendar.day(minute_ms)[1] < LAST_START
            end_ms = minute_ms + MINUTES * MINUTE_MS
            return by_day and not any(start < end_ms and minute_ms < end for start, end in busy)

        targets = largest(usual.columns, self._asked.dimensions)
        span = range(since_ms, until_ms, MINUTE_MS)
        return practised_segments(read, span, until_ms - DAY_MS, targets, self._asked, fit)


def _false(anomaly: Anomaly) -> bool:
    return anomaly.answer is not None and anomaly.answer.finding == Finding.FALSE
