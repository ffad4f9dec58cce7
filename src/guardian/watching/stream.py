"""When a minute may be judged: a pure function of what a source has sent and what the clock says."""

from guardian.domain.clock import MINUTE_MS, floor_minute
from guardian.domain.transaction import LIVE
from guardian.storage.base import Progress

COUNTS = "counts"


class StreamWatch:
    """A minute of a source is ready

    - once event time has passed its end by `lateness_ms` (a count of minute M is event time M + 60 s);
    - on the live source also when nothing has come for `lateness_ms` and the wall clock has passed
      its end by as much; not while records wait to be counted, which from here looks like silence;
    - up to and including the last one, when the source is closed.
    """

    def __init__(self, source: str, lateness_ms: int = 10_000) -> None:
        self._live = source == LIVE
        self._lateness_ms = lateness_ms

    def ready_until(self, progress: Progress, now_ms: int, waiting: bool = False) -> int:
        """Every minute that starts before this one can be judged; `waiting`: records do, uncounted."""
        ready = floor_minute(progress.event_ms - self._lateness_ms)
        if progress.closed:
            ready = end_of_last_minute(progress)
        elif self._live and not waiting and now_ms - progress.received_ms >= self._lateness_ms:
            ready = max(ready, floor_minute(now_ms - self._lateness_ms))
        return ready


def end_of_last_minute(progress: Progress) -> int:
    """The end of the minute that holds the newest event; the event time of a count is that end."""
    last_ms = progress.event_ms - 1 if progress.kind == COUNTS else progress.event_ms
    return floor_minute(last_ms) + MINUTE_MS
