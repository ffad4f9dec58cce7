"""Labels that came before their transaction find it."""

from typing import Final

from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.label import Seen, attached
from guardian.domain.transaction import LIVE
from guardian.storage.base import EventStore
from guardian.storage.labels import LabelStore

EVERY_MS: Final = MINUTE_MS
AT_ONCE: Final = 5_000


class Attaching:
    """Once a minute it looks at the next few thousand labels that wait, and after the last at the first."""

    def __init__(self, labels: LabelStore, events: EventStore, clock: Clock) -> None:
        self._labels = labels
        self._events = events
        self._clock = clock
        self._after = 0
        self._due_ms = 0

    def turn(self) -> int:
        """How many labels found their transaction. Raises Unavailable."""
        now_ms = self._clock.now_ms()
        if now_ms < self._due_ms:
            return 0
        self._due_ms = now_ms + EVERY_MS
        waiting = self._labels.pending(self._after, AT_ONCE)
        self._after = waiting[-1][0] if len(waiting) == AT_ONCE else 0
        seen = self._events.seen(list({one.transaction_id for _, one in waiting}))
        found: dict[int, Seen] = {}
        for number, one in waiting:
            try:
                event = attached(one, seen.get(one.transaction_id, ()), LIVE)
            except LookupError:
                continue  # several fit: it waits until somebody names the merchant
            if event is not None:
                found[number] = event
        if found:
            self._labels.attach(found)
        return len(found)
