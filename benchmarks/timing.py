"""Processor time of work in this process, ours and the rival's in turn."""

import time
from collections.abc import Callable
from statistics import median

Work = Callable[[], object]


def cpu_us(work: Work, items: int, least_s: float) -> float:
    """CPU microseconds per item, over as many turns as fill `least_s`; one turn when it is 0."""
    started, turns, spent = time.process_time(), 0, -1.0
    while spent < least_s:
        work()
        turns += 1
        spent = time.process_time() - started
    return spent / (turns * items) * 1e6


def in_turn(ours: Work, theirs: Work, items: int, rounds: int, least_s: float = 0.3) -> tuple[float, float]:
    """Medians of both, A B A B; each has run once before it counts."""
    ours(), theirs()
    pairs = [(cpu_us(ours, items, least_s), cpu_us(theirs, items, least_s)) for _ in range(rounds)]
    return median(one for one, _ in pairs), median(one for _, one in pairs)
