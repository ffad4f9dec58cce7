"""A worker: stages of the table, each in a thread, until told to stop."""

import threading
import time
from collections.abc import Callable, Sequence

from guardian.domain.errors import Conflict, Misconfigured, Unavailable
from guardian.observability.logs import get_logger
from guardian.pipeline import STAGES, Parts, Runner, Stage

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 10.0
JOIN_S = 30.0
REPORT_S = 5.0
LAG_S = 1.0
_log = get_logger(__name__)


def chosen(names: Sequence[str]) -> tuple[Stage, ...]:
    """The rows of those names, or all. Raises Misconfigured for an unknown one."""
    known = {stage.name: stage for stage in STAGES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Misconfigured(f"Unknown stage. Known: {', '.join(known)}.")
    return tuple(known[name] for name in names) if names else STAGES


class Worker:
    """Runs stages; when one cannot go on, all stop and `failed` says so (a supervisor starts anew)."""

    def __init__(self, parts: Parts, stages: Sequence[Stage]) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self.failed = False
        self._lag_due = 0.0
        self._threads = [
            threading.Thread(target=self._run, args=(stage,), name=stage.name) for stage in stages
        ]

    def start(self) -> None:
        """Start every stage."""
        for thread in self._threads:
            thread.start()

    def ask_to_stop(self) -> None:
        """Let `wait` return."""
        self._stop.set()

    def stop(self) -> None:
        """Let every stage finish what it has begun."""
        self._stop.set()
        for thread in self._threads:
            thread.join(JOIN_S)

    def wait(self, report: Callable[[], None]) -> None:
        """Block until stopped or failed, reporting every few seconds."""
        while not self._stop.wait(REPORT_S):
            report()

    def _run(self, stage: Stage) -> None:
        try:
            runner = stage.build(self._parts)
            try:
                self._turns(stage, runner)
            finally:
                runner.close()
        except Exception:
            _log.exception("stage_failed", stage=stage.name)
            self.failed = True
            self._stop.set()

    def _turns(self, stage: Stage, runner: Runner) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stop.is_set():
            try:
                runner.step(stage.pause_s)
                pause_s = FIRST_PAUSE_S
                if stage.name == "score" and time.monotonic() > self._lag_due:
                    self._lag_due = time.monotonic() + LAG_S
                    self._parts.metrics.queue_size(runner.lag())
            except (Unavailable, Conflict) as failure:
                _log.warning("stage_waits", stage=stage.name, reason=str(failure), pause_s=pause_s)
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
