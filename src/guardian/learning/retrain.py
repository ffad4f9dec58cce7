"""When a new forest is due, and a process of its own to fit it."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS, MINUTE_MS
from guardian.domain.errors import Unavailable
from guardian.models.artefact import ModelArtefact

FIRST_ROWS = 5_000
SOONEST_MS = 10 * MINUTE_MS


def due(champion_created_ms: int | None, first_ms: int, stored_rows: int, now_ms: int) -> bool:
    """The first as soon as 5 000 rows are kept, then whenever the history has doubled, at least daily.

    What is usual over an hour or a day is not known yet to a forest of the first minutes. `first_ms` is
    where the history begins.
    """
    if stored_rows < FIRST_ROWS:
        return False
    if champion_created_ms is None:
        return True
    return now_ms >= due_at(champion_created_ms, first_ms)


def due_at(created_ms: int, first_ms: int) -> int:
    """When the successor of a model is due."""
    return created_ms + min(DAY_MS, max(SOONEST_MS, created_ms - first_ms))


def apart(features: NDArray[np.float32], now_ms: int, seed: int) -> ModelArtefact:
    """`train` in another process: fitting holds up nobody's verdict, and its libraries' 80 MB go again.

    Raises what `train` raises, and Unavailable when the process dies.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(_train, features, now_ms, seed).result()
    except BrokenProcessPool as error:
        raise Unavailable("The process that trains the forest died.") from error


def _train(features: NDArray[np.float32], now_ms: int, seed: int) -> ModelArtefact:
    from guardian.learning.train import train

    return train(features, now_ms, seed)
