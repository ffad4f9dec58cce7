"""How a judged transaction lies in a row: what is looked for as columns, the rest packed."""

from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np

from guardian.domain.identifiers import transaction_key
from guardian.domain.transaction import Transaction
from guardian.storage.base import Judged, StoredTransaction, StoredVerdict

PLACE_BITS = 22
SLOTS = 1 << PLACE_BITS
_LAST_MS = (1 << 63 - PLACE_BITS) - 2  # September 2039: what fits into a signed 64-bit place, with one spare
NO_PLACE = (1 << 63) - 1
"""Above every place."""
PLAIN = (
    "source", "merchant_id", "transaction_id", "status", "amount_minor", "currency", "auth_code", "card_bin",
)  # fmt: skip
PACKED = (
    "event_ms", "received_ms", "given_id", "card_token", "user_id", "acquirer", "issuer", "mcc",
    "merchant_type", "country", "original_id",
)  # fmt: skip
COLUMNS = ("place", "key", "position", *PLAIN, "ml_score", "zscore", "level", "features", "rest")
_plain = attrgetter(*PLAIN)
_packed = attrgetter(*PACKED)


class _OfVerdict(msgspec.Struct, frozen=True, array_like=True):
    score: float
    method: int
    rules: str
    model_version: str
    processing_ms: float
    rules_version: str = ""
    """Rows of before it was kept read as empty."""


class _Rest(msgspec.Struct, frozen=True, array_like=True):
    """What is not searched by, in MessagePack: half the columns cost SQLite half the time."""

    transaction: tuple[Any, ...]
    verdict: _OfVerdict


class _Beginning(msgspec.Struct, frozen=True, array_like=True):
    """As much of `rest` as the acquirer needs: what follows is not decoded."""

    transaction: tuple[Any, ...]


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(_Rest)
_beginning = msgspec.msgpack.Decoder(_Beginning)
_ACQUIRER = PACKED.index("acquirer")


def place_of_time(ms: int) -> int:
    """The first place of that millisecond; a time beyond the range lies at its end, exact only in `rest`."""
    return max(-_LAST_MS, min(ms, _LAST_MS)) << PLACE_BITS


def place_before(ms: int) -> int:
    """The place that everything before that millisecond lies under."""
    return NO_PLACE if ms > _LAST_MS else place_of_time(ms)


def to_rows(judged: Judged) -> Iterator[tuple[Any, ...]]:
    """Column by column, zipped once."""
    of = judged.transactions
    verdicts = zip(
        judged.score.tolist(),
        judged.method.tolist(),
        judged.rules,
        repeat(judged.model_version),
        repeat(judged.processing_ms),
        repeat(judged.rules_version),
        strict=False,
    )
    return zip(
        [place_of_time(one.event_ms) | at % SLOTS for one, at in zip(of, judged.positions, strict=True)],
        [transaction_key(one.transaction_id) for one in of],
        judged.positions,
        *zip(*map(_plain, of), strict=True),
        judged.ml_score.tolist(),
        judged.zscore.tolist(),
        judged.level.tolist(),
        _packed_features(judged),
        map(_encode, zip(map(_packed, of), verdicts, strict=True)),
        strict=True,
    )


def _packed_features(judged: Judged) -> list[bytes]:
    raw = np.ascontiguousarray(judged.features, dtype="<f4").tobytes()
    width = judged.features.shape[1] * 4
    return [raw[row * width : (row + 1) * width] for row in range(len(judged.features))]


def acquirer_of(rest: bytes) -> str | None:
    """The acquirer of a row, from its packed half."""
    found: str | None = _beginning.decode(rest).transaction[_ACQUIRER]
    return found


def unpacked(rest: Sequence[bytes], names: Sequence[str]) -> list[list[Any]]:
    """Of packed halves the fields of those names, a list for each."""
    takes = [_taken(name) for name in names]
    halves = [_decoder.decode(one) for one in rest]
    return [[take(half) for half in halves] for take in takes]


def _taken(name: str) -> Callable[[_Rest], Any]:
    if name not in PACKED:
        return attrgetter(f"verdict.{name}")
    place = PACKED.index(name)
    return lambda half: half.transaction[place]


def from_row(row: Sequence[Any]) -> StoredTransaction:
    """What was kept, from the columns in the order of COLUMNS."""
    by = dict(zip(COLUMNS, row, strict=True))
    rest = _decoder.decode(by["rest"])
    facts = dict(zip(PACKED, rest.transaction, strict=True)) | {name: by[name] for name in PLAIN}
    verdict = StoredVerdict(
        ml_score=by["ml_score"],
        zscore=by["zscore"],
        score=rest.verdict.score,
        level=by["level"],
        method=rest.verdict.method,
        rules=tuple(filter(None, rest.verdict.rules.split(","))),
        features=tuple(np.frombuffer(by["features"], dtype="<f4").tolist()),
        model_version=rest.verdict.model_version,
        processing_ms=rest.verdict.processing_ms,
        rules_version=rest.verdict.rules_version,
    )
    return StoredTransaction(Transaction(**facts), verdict)
