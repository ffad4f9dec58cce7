"""A model as plain arrays and facts about itself; what is read back is checked before it is used."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest, new
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from guardian.domain.errors import Poisoned

FORMAT = 3
HOURS = 24
FOREST, BOOSTED = "forest.", "boosted."
_HEAPS: dict[str, Any] = {"thresholds": np.float32, "columns": np.uint8, "leaves": np.float64}
_USUAL: dict[str, Any] = {
    "tail_scores": np.float64,
    "tail_decades": np.float64,
    "low": np.float32,
    "median": np.float32,
    "high": np.float32,
    "hours": np.float64,
    "bulk": np.float64,
}
Arrays = dict[str, NDArray[np.generic]]


class Heaps(msgspec.Struct, frozen=True):
    """T trees as perfect heaps of depth D.

    `thresholds` and `columns` (T, 2^D - 1) say which way to go: from node h to 2h + 1, one further when the
    value of its column is above its threshold; `leaves` (T, 2^D) what the end of each way says.
    """

    thresholds: NDArray[np.float32]
    columns: NDArray[np.uint8]
    leaves: NDArray[np.float64]


class ModelArtefact(msgspec.Struct, frozen=True):
    """An isolation forest, what is usual, and boosted trees once enough frauds were labelled.

    The leaves of the `forest` are path lengths, `scale` = 1 / (T c(samples)); those of `boosted` add up to
    the log-odds of fraud. `tail_scores` rises with `tail_decades`: -log10 of the share of training rows
    that scored at least so. `low`, `median` and `high` hold the 5 %, 50 % and 95 % quantiles of each
    feature, `hours` (24,) the decades by which each hour (UTC) is quieter than the busiest, `bulk` the
    50 % and 95 % quantiles of the evidence of all detectors. `version` is given by the registry.
    """

    features: tuple[str, ...]
    created_ms: int
    rows: int
    scale: float
    forest: Heaps
    tail_scores: NDArray[np.float64]
    tail_decades: NDArray[np.float64]
    low: NDArray[np.float32]
    median: NDArray[np.float32]
    high: NDArray[np.float32]
    hours: NDArray[np.float64]
    bulk: NDArray[np.float64]
    boosted: Heaps | None = None
    version: str = ""


class _Facts(msgspec.Struct, frozen=True):
    """The part of the file that is not arrays."""

    format: int
    features: tuple[str, ...]
    created_ms: int
    rows: int
    scale: float
    version: str
    signature: str = ""


def to_bytes(artefact: ModelArtefact, key: bytes) -> bytes:
    """The file of a model: npz without pickles, signed (HMAC-SHA256) over all that it says."""
    arrays = _packed(artefact, _USUAL, "") | _packed(artefact.forest, _HEAPS, FOREST)
    if artefact.boosted is not None:
        arrays |= _packed(artefact.boosted, _HEAPS, BOOSTED)
    unsigned = _Facts(
        FORMAT,
        artefact.features,
        artefact.created_ms,
        artefact.rows,
        artefact.scale,
        artefact.version,
    )
    facts = msgspec.structs.replace(unsigned, signature=_signature(unsigned, arrays, key))
    buffer = io.BytesIO()
    described = np.frombuffer(msgspec.json.encode(facts), np.uint8)
    np.savez_compressed(buffer, facts=described, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def from_bytes(content: bytes, features: tuple[str, ...], key: bytes) -> ModelArtefact:
    """Read a model for these features. Raises Poisoned when it is damaged, unsigned or made for others."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files if name != "facts"}
            facts = msgspec.json.decode(file["facts"].tobytes(), type=_Facts)
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise Poisoned("The model cannot be read.") from error
    if facts.format != FORMAT:
        raise Poisoned("The model is of another format.")
    if facts.features != features:
        raise Poisoned("The model was made for other features.")
    unsigned = msgspec.structs.replace(facts, signature="")
    if not compare_digest(facts.signature, _signature(unsigned, arrays, key)):
        raise Poisoned("The model is not signed with the key of this installation.")
    usual, forest, boosted = (_part(arrays, prefix) for prefix in ("", FOREST, BOOSTED))
    trees = [forest, boosted] if boosted else [forest]
    if not (_sound(usual, len(features)) and all(_sound_heaps(one, len(features)) for one in trees)):
        raise Poisoned("The model contradicts itself.")
    return ModelArtefact(
        features=facts.features,
        created_ms=facts.created_ms,
        rows=facts.rows,
        scale=facts.scale,
        version=facts.version,
        forest=Heaps(**forest),
        boosted=Heaps(**boosted) if boosted else None,
        **usual,
    )


def _packed(of: Any, kinds: Mapping[str, Any], prefix: str) -> Arrays:
    return {prefix + name: np.ascontiguousarray(getattr(of, name), kind) for name, kind in kinds.items()}


def _part(arrays: Arrays, prefix: str) -> dict[str, Any]:
    """The arrays under that prefix, without it."""
    inside = len(prefix)
    return {name[inside:]: array for name, array in arrays.items() if name[: name.find(".") + 1] == prefix}


def _signature(facts: _Facts, arrays: Arrays, key: bytes) -> str:
    digest = new(key, msgspec.json.encode(facts), sha256)
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _sound(usual: Arrays, features: int) -> bool:
    return (
        _kinds(usual) == _USUAL
        and all(usual[name].shape == (features,) for name in ("low", "median", "high"))
        and usual["hours"].shape == (HOURS,)
        and usual["bulk"].shape == (2,)
        and usual["tail_scores"].shape == usual["tail_decades"].shape
        and usual["tail_scores"].ndim == 1
        and usual["tail_scores"].size >= 2
    )


def _sound_heaps(heaps: Arrays, features: int) -> bool:
    """A kernel without bounds checks walks these arrays, so nothing may point outside."""
    if _kinds(heaps) != _HEAPS:
        return False
    inner, columns, leaves = heaps["thresholds"], heaps["columns"], heaps["leaves"]
    return (
        inner.ndim == leaves.ndim == 2
        and inner.shape == columns.shape
        and leaves.shape == (inner.shape[0], inner.shape[1] + 1)
        and leaves.shape[1].bit_count() == 1
        and bool((np.asarray(columns, np.uint8) < features).all())
    )


def _kinds(arrays: Arrays) -> dict[str, type]:
    return {name: array.dtype.type for name, array in arrays.items()}
