"""What the topics share: how much to do, and the systems under load, started when first needed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import TypeVar

from benchmarks.load import Order, Outcome, driven
from benchmarks.systems import Guardian, Storing, System, running_guardian, running_rival, wait_until
from benchmarks.table import Figure

Measured = TypeVar("Measured")
Topic = Callable[["Bench"], Iterator[Figure]]
WARM_ROWS = 20_000
MODEL_S = 60.0


class Bench:
    """One run. The systems stay up between topics, so that later ones meet a store with rows in it."""

    def __init__(self, folder: Path, quick: bool, stack: ExitStack) -> None:
        self.folder = folder
        self.quick = quick
        self._stack = stack
        self._numbers = 0

    @property
    def rounds(self) -> int:
        """How often ours and the rival's are measured in turn."""
        return 1 if self.quick else 3

    @cached_property
    def guardian(self) -> Guardian:
        """The running system, warm: a forest scores."""
        guardian = self._stack.enter_context(running_guardian(self.folder / "guardian"))
        with Storing(guardian) as storing:
            storing.wait_for(driven(self.order(guardian, rows=500, requests=WARM_ROWS // 500)).accepted)
        wait_until(guardian.has_model, MODEL_S, "a forest is trained")
        return guardian

    @cached_property
    def rival(self) -> System:
        """FastAPI + pydantic, warm."""
        rival = self._stack.enter_context(running_rival(self.folder))
        driven(self.order(rival, requests=1_000))
        return rival

    def order(self, system: System, **wanted: float) -> Order:
        """A load on that system whose ids were never sent before."""
        first, self._numbers = self._numbers, self._numbers + 10_000_000
        return Order(port=system.port, token=system.token, first=first, **wanted)  # type: ignore[arg-type]

    def in_turn(
        self, ours: Callable[[], Measured], theirs: Callable[[], Measured]
    ) -> tuple[list[Measured], list[Measured]]:
        """Both, A B A B."""
        pairs = [(ours(), theirs()) for _ in range(self.rounds)]
        return [one for one, _ in pairs], [one for _, one in pairs]


def middle(values: list[Measured], of: Callable[[Measured], float]) -> float:
    """The median of one figure over the rounds."""
    return median(map(of, values))


def sound(outcome: Outcome) -> Outcome:
    """The outcome when every answer was a 202. Raises ValueError: other answers are cheaper to give."""
    if set(outcome.statuses) != {202}:
        raise ValueError(f"Not every answer was 202: {outcome.statuses}")
    return outcome
