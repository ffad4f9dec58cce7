"""When a new model is due, and a process of its own to fit it."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from guardian.domain.clock import DAY_MS, MINUTE_MS, Clock
from guardian.domain.errors import Misconfigured, Poisoned, Refused, Unavailable
from guardian.domain.transaction import LIVE
from guardian.learning.lessons import Lessons, labelled, usual
from guardian.models.artefact import ModelArtefact
from guardian.models.base import ModelRegistry
from guardian.observability.logs import get_logger
from guardian.storage.stores import Stores

FIRST_ROWS = 5_000
SOONEST_MS = 10 * MINUTE_MS
BEHIND_MS = 60 * MINUTE_MS
"""So far behind the clock something is still to come: a part of a history would be taken for all."""
Fit = Callable[[NDArray[np.float32], Lessons | None, int], ModelArtefact]
_log = get_logger(__name__)


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


def apart(features: NDArray[np.float32], known: Lessons | None, now_ms: int) -> ModelArtefact:
    """A model, fitted in another process: that holds up nobody's verdict, and its libraries' 80 MB go again.

    Raises what `train` and `learn` raise, and Unavailable when the process dies.
    """
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            return pool.submit(fitted, features, known, now_ms).result()
    except BrokenProcessPool as error:
        raise Unavailable("The process that trains the model died.") from error


def fitted(features: NDArray[np.float32], known: Lessons | None, now_ms: int) -> ModelArtefact:
    """What is usual, and what frauds look like where enough are known. Raises what `train`, `learn` raise."""
    from guardian.learning.supervised import learn
    from guardian.learning.train import train

    boosted = None if known is None else learn(known)
    return replace(train(features, now_ms, seed=0), boosted=boosted)


class Retraining:
    """Has a new model fitted whenever one is due, and promotes it."""

    def __init__(self, store: Stores, registry: ModelRegistry, clock: Clock, fit: Fit = apart) -> None:
        self._fit = fit
        self._store = store
        self._registry = registry
        self._clock = clock

    def turn(self) -> int:
        """Retrain if due; how many models were promoted. A history that still comes in is awaited first."""
        live = next((one for one in self._store.minutes.progress() if one.source == LIVE), None)
        if live is None or self._clock.now_ms() - live.event_ms > BEHIND_MS:
            return 0
        champion = self._champion()
        created_ms = None if champion is None else champion.created_ms
        stored = self._store.transactions.position(0)
        if not due(created_ms, live.first_minute_ms, stored, live.event_ms):
            return 0
        artefact = self._fitted(live.event_ms)
        if artefact is None:
            return 0
        if artefact.boosted is None and champion is not None:
            artefact = replace(artefact, boosted=champion.boosted)
        version = self._registry.save(artefact)
        self._registry.promote(version)
        _log.info("model_promoted", version=version, rows=artefact.rows, fraud=artefact.boosted is not None)
        return 1

    def _fitted(self, newest_ms: int) -> ModelArtefact | None:
        features, known = usual(self._store, newest_ms), labelled(self._store, self._clock.now_ms())
        try:
            return self._fit(features, known, newest_ms)
        except Refused:
            return None
        except Misconfigured as failure:  # what labels say can wait, what is usual cannot
            _log.error("labels_not_learnt", reason=str(failure))
            return self._fit(features, None, newest_ms)

    def _champion(self) -> ModelArtefact | None:
        version = self._registry.champion()
        if version is None:
            return None
        try:
            return self._registry.load(version)
        except Poisoned:
            return None
