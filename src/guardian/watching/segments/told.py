"""What is told already: a merchant of an acquirer that is down is no page of its own. Pure."""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.anomaly import Anomaly
from guardian.domain.segment import segment_of
from guardian.domain.window import BY_CODE, series_of
from guardian.storage.base import Sample
from guardian.watching.segments.detector import Found
from guardian.watching.segments.parameters import MATERIAL, SLOPE
from guardian.watching.tail import tail

_CODES = series_of(BY_CODE, "")


class Known(msgspec.Struct, frozen=True):
    """A part of the traffic of which it is known that it has too many or too few."""

    where: dict[str, str]
    rising: bool


def known(anomaly: Anomaly) -> list[Known]:
    """What an anomaly says of segments: its own, or those that carry its change."""
    rising, own = anomaly.direction == "up", segment_of(anomaly.series)
    if own:
        return [Known(own, rising)]
    about = {} if anomaly.series.startswith(_CODES) or anomaly.series == "*" else {"status": anomaly.status}
    paths = anomaly.cause.segments if anomaly.cause is not None else ()
    return [Known(about | {step.dimension: step.value for step in path}, rising) for path in paths]


def left(found: Found, told: Sequence[Known], now: Sample, before: Sample) -> float:
    """The score, in decades, of what the known segments do not explain; `before` is the usual traffic.

    Of a rise their transactions are taken away; to a fall what they usually have is added.
    """
    sample = now if found.rising else before
    mine = _matching(found.where | ({"status": found.status} if found.status else {}), sample)
    taken = np.zeros(len(mine), bool)
    for one in told:
        if one.rising == found.rising:
            taken |= _matching(one.where, sample)
    part = float((mine & taken).sum() / max(1, mine.sum()))
    change = -part * found.observed if found.rising else part * found.expected
    seen = found.observed + change
    if abs(seen - found.expected) < MATERIAL:
        return -np.inf
    scores = [tail(X, found.expected, found.variance, found.rising) for X in (found.observed, seen)]
    return found.score - SLOPE * (scores[0] - scores[1])


def _matching(where: Mapping[str, str | None], sample: Sample) -> NDArray[np.bool_]:
    mask = np.ones(len(sample.currencies), bool)
    for name, value in where.items():
        mask &= np.fromiter((one == value for one in sample.columns[name]), bool, len(mask))
    return mask
