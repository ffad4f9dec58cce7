"""The worker of cases: what is told is put into cases, and what nobody told is looked for now and then."""

from guardian.bus.consumer import Consumer
from guardian.cases.chores import Chores
from guardian.domain.verdict import Verdict


class Reviewing:
    """Runs the stage and its chores."""

    def __init__(self, consumer: Consumer[Verdict], chores: Chores) -> None:
        self._consumer = consumer
        self._chores = chores

    def step(self, wait_s: float) -> int:
        """One batch of verdicts, then what is due."""
        return self._consumer.step(wait_s) + self._chores.turn()

    def lag(self) -> int:
        """Verdicts that were not handled yet."""
        return self._consumer.lag()

    def close(self) -> None:
        """Let go; what was not handled is told again."""
        self._consumer.close()
