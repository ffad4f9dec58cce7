"""A dead-man's switch: an outside monitor hears from Guardian only while it really judges."""

import msgspec

from guardian.alerting.targets import target
from guardian.alerting.webhook import Sender
from guardian.domain.clock import Clock, iso
from guardian.domain.errors import GuardianError
from guardian.observability.logs import get_logger

SILENT_MS = 180_000
"""A live minute is judged at most 130 s after it begins; beyond three minutes something stands still."""
_log = get_logger(__name__)


def monitor_silent(last_judged_ms: int | None, now_ms: int, limit_ms: int = SILENT_MS) -> bool:
    """Whether the monitor itself has stopped: no minute was judged lately, or none ever."""
    return last_judged_ms is None or now_ms - last_judged_ms > limit_ms


class Heartbeat:
    """Posts a sign of life at most every `interval_s` seconds, and none while the monitor is silent."""

    def __init__(self, url: str, sender: Sender, clock: Clock, interval_s: int) -> None:
        target(url)
        self._url = url
        self._sender = sender
        self._clock = clock
        self._interval_ms = interval_s * 1000
        self._tried_ms: int | None = None

    def beat(self, last_judged_ms: int | None) -> bool:
        """Tell that minutes are judged, when it is time to; whether the receiver has taken it."""
        now_ms = self._clock.now_ms()
        if last_judged_ms is None or monitor_silent(last_judged_ms, now_ms) or not self._is_time(now_ms):
            return False
        self._tried_ms = now_ms
        body = {
            "type": "guardian.heartbeat",
            "timestamp": iso(now_ms),
            "data": {"last_judged_at": iso(last_judged_ms)},
        }
        try:
            status = self._sender.send(self._url, f"msg_heartbeat_{now_ms}", msgspec.json.encode(body))
        except GuardianError as failure:
            _log.warning("heartbeat_not_taken", reason=str(failure))
            return False
        if not 200 <= status < 300:
            _log.warning("heartbeat_not_taken", status=status)
        return 200 <= status < 300

    def _is_time(self, now_ms: int) -> bool:
        # a clock set back must not keep us quiet
        return self._tried_ms is None or not 0 <= now_ms - self._tried_ms < self._interval_ms
