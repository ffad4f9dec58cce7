"""A model as plain arrays and facts about itself; what is read back is checked before it is used."""

import io
import zipfile
import zlib
from hashlib import sha256

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Poisoned

FORMAT = 2
HOURS = 24
_ARRAYS = {
    "thresholds": np.float32,
    "columns": np.uint8,
    "leaves": np.float64,
    "tail_scores": np.float64,
    "tail_decades": np.float64,
    "low": np.float32,
    "median": np.float32,
    "high": np.float32,
    "hours": np.float64,
    "bulk": np.float64,
}


class ModelArtefact(msgspec.Struct, frozen=True):
    """An isolation forest of T trees as perfect heaps of depth D, and what is usual.

    `thresholds` and `columns` (T, 2^D - 1) say which way to go, `leaves` (T, 2^D) the path length
    that a leaf stands for, `scale` = 1 / (T c(samples)). `tail_scores` rises with `tail_decades`:
    -log10 of the share of training rows that scored at least so. `low`, `median` and `high` hold
    the 5 %, 50 % and 95 % quantiles of each feature, `hours` (24,) the decades by which each hour (UTC)
    is quieter than the busiest, `bulk` the 50 % and 95 % quantiles of the evidence of all detectors.
    `version` is given by the registry.
    """

    features: tuple[str, ...]
    created_ms: int
    rows: int
    scale: float
    thresholds: NDArray[np.float32]
    columns: NDArray[np.uint8]
    leaves: NDArray[np.float64]
    tail_scores: NDArray[np.float64]
    tail_decades: NDArray[np.float64]
    low: NDArray[np.float32]
    median: NDArray[np.float32]
    high: NDArray[np.float32]
    hours: NDArray[np.float64]
    bulk: NDArray[np.float64]
    version: str = ""

    @property
    def depth(self) -> int:
        """Steps from the root to a leaf."""
        return int(self.leaves.shape[1]).bit_length() - 1


class _Facts(msgspec.Struct, frozen=True):
    """The part of the file that is not arrays."""

    format: int
    features: tuple[str, ...]
    created_ms: int
    rows: int
    scale: float
    version: str
    sha256: str


def to_bytes(artefact: ModelArtefact) -> bytes:
    """The file of a model: npz without pickles, with a digest over all arrays."""
    arrays = {name: np.ascontiguousarray(getattr(artefact, name), kind) for name, kind in _ARRAYS.items()}
    facts = _Facts(
        FORMAT,
        artefact.features,
        artefact.created_ms,
        artefact.rows,
        artefact.scale,
        artefact.version,
        _digest(arrays),
    )
    buffer = io.BytesIO()
    described = np.frombuffer(msgspec.json.encode(facts), np.uint8)
    np.savez_compressed(buffer, facts=described, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def from_bytes(content: bytes, features: tuple[str, ...]) -> ModelArtefact:
    """Read a model for these features. Raises Poisoned when it is damaged or made for others."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
            facts = msgspec.json.decode(file["facts"].tobytes(), type=_Facts)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Poisoned("The model cannot be read.") from error
    if facts.format != FORMAT:
        raise Poisoned("The model is of another format.")
    if facts.features != features:
        raise Poisoned("The model was made for other features.")
    if facts.sha256 != _digest(arrays):
        raise Poisoned("The model does not match its digest.")
    _check_shapes(arrays, len(features))
    return ModelArtefact(
        features=facts.features,
        created_ms=facts.created_ms,
        rows=facts.rows,
        scale=facts.scale,
        version=facts.version,
        **arrays,
    )


def _digest(arrays: dict[str, NDArray[np.generic]]) -> str:
    digest = sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _check_shapes(arrays: dict[str, NDArray[np.generic]], features: int) -> None:
    """A kernel without bounds checks reads these arrays, so nothing may point outside."""
    inner, columns, leaves = (arrays[name] for name in ("thresholds", "columns", "leaves"))
    sound = (
        all(arrays[name].dtype == kind for name, kind in _ARRAYS.items())
        and inner.ndim == leaves.ndim == 2
        and inner.shape == columns.shape
        and leaves.shape == (inner.shape[0], inner.shape[1] + 1)
        and leaves.shape[1].bit_count() == 1
        and bool((np.asarray(columns, np.uint8) < features).all())
        and all(arrays[name].shape == (features,) for name in ("low", "median", "high"))
        and arrays["hours"].shape == (HOURS,)
        and arrays["bulk"].shape == (2,)
        and arrays["tail_scores"].shape == arrays["tail_decades"].shape
        and arrays["tail_scores"].ndim == 1
        and arrays["tail_scores"].size >= 2
    )
    if not sound:
        raise Poisoned("The model contradicts itself.")
