"""Failed tries: five in a row close a name for a while."""

from collections import OrderedDict
from threading import Lock

import msgspec

from guardian.domain.clock import MINUTE_MS
from guardian.domain.errors import TooMany

TRIES = 5
PAUSE_MS = 15 * MINUTE_MS
STRANGERS = 1_000


class Tries(msgspec.Struct, frozen=True):
    """Tries in a row under one name, and until when no other is looked at."""

    failures: int = 0
    locked_until_ms: int = 0


def count_try(tries: Tries, now_ms: int) -> Tries:
    """The tries with one more. Raises TooMany while the name is locked."""
    if tries.locked_until_ms > now_ms:
        wait_s = (tries.locked_until_ms - now_ms) // 1000 + 1
        minutes = -(-(tries.locked_until_ms - now_ms) // MINUTE_MS)
        raise TooMany(f"Too many failed tries; try again in {minutes} minutes.", retry_after_s=wait_s)
    if tries.failures + 1 < TRIES:
        return Tries(tries.failures + 1)
    return Tries(0, now_ms + PAUSE_MS)


class Strangers:
    """Tries under names that nobody has, so that a lock does not tell which names exist."""

    def __init__(self) -> None:
        self._tries: OrderedDict[str, Tries] = OrderedDict()
        self._lock = Lock()

    def count_try(self, name: str, now_ms: int) -> None:
        """Count one more. Raises TooMany while the name is locked."""
        with self._lock:
            self._tries[name] = count_try(self._tries.get(name, Tries()), now_ms)
            if len(self._tries) > STRANGERS:
                self._tries.popitem(last=False)
