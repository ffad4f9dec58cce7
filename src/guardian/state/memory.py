"""Short-lived state of one process, in memory."""

from threading import Lock

from guardian.domain.clock import Clock
from guardian.state.base import Rate

SWEEP_AT = 1_024


class MemoryState:
    """Everything in dictionaries under one lock; expired entries are swept as they grow."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._values: dict[str, tuple[bytes, int]] = {}
        self._counts: dict[str, tuple[int, int]] = {}
        self._arrivals: dict[str, int] = {}
        self._sweep_at = SWEEP_AT

    def incr(self, key: str, window_ms: int, by: int = 1) -> int:
        now_ms = self._clock.now_ms()
        with self._lock:
            count, until_ms = self._counts.get(key, (0, 0))
            if until_ms <= now_ms:
                count, until_ms = 0, now_ms + window_ms
            self._counts[key] = count + by, until_ms
            self._sweep(now_ms)
            return count + by

    def get(self, key: str) -> bytes | None:
        with self._lock:
            return self._alive(key, self._clock.now_ms())

    def put(self, key: str, value: bytes, ttl_ms: int) -> None:
        now_ms = self._clock.now_ms()
        with self._lock:
            self._values[key] = value, now_ms + ttl_ms
            self._sweep(now_ms)

    def add(self, key: str, value: bytes, ttl_ms: int) -> bool:
        now_ms = self._clock.now_ms()
        with self._lock:
            if self._alive(key, now_ms) is not None:
                return False
            self._values[key] = value, now_ms + ttl_ms
            self._sweep(now_ms)
            return True

    def remove(self, key: str, value: bytes) -> bool:
        with self._lock:
            if self._alive(key, self._clock.now_ms()) != value:
                return False
            del self._values[key]
            return True

    def take(self, key: str, rate: Rate) -> int:
        """The generic cell rate algorithm (ITU-T I.371): one number per key, the next due arrival."""
        now_ms = self._clock.now_ms()
        with self._lock:
            due_ms = max(self._arrivals.get(key, 0), now_ms)
            wait_ms = due_ms - (rate.burst - 1) * rate.every_ms - now_ms
            if wait_ms > 0:
                return wait_ms
            self._arrivals[key] = due_ms + rate.every_ms
            self._sweep(now_ms)
            return 0

    def _alive(self, key: str, now_ms: int) -> bytes | None:
        found = self._values.get(key)
        return None if found is None or found[1] <= now_ms else found[0]

    def _sweep(self, now_ms: int) -> None:
        """Drop what has expired whenever the rest has doubled: a constant cost per call."""
        if len(self._values) + len(self._counts) + len(self._arrivals) < self._sweep_at:
            return
        self._values = {key: one for key, one in self._values.items() if one[1] > now_ms}
        self._counts = {key: one for key, one in self._counts.items() if one[1] > now_ms}
        self._arrivals = {key: due_ms for key, due_ms in self._arrivals.items() if due_ms > now_ms}
        left = len(self._values) + len(self._counts) + len(self._arrivals)
        self._sweep_at = max(SWEEP_AT, 2 * left)
