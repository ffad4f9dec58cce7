"""Bodies become transactions: good rows are kept when others are bad."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from guardian.domain.clock import Clock
from guardian.domain.errors import Conflict, Invalid, Refused, Unreadable
from guardian.domain.identifiers import Identifiers
from guardian.domain.transaction import Transaction
from guardian.ingestion.schema import TransactionIn, normalise, refuse, texts
from guardian.observability.masking import looks_like_pan, may_hold_pan

MAX_ROWS = 10_000


class _Rows(msgspec.Struct, forbid_unknown_fields=True):
    transactions: list[TransactionIn]


class _RawRows(msgspec.Struct, forbid_unknown_fields=True):
    transactions: list[msgspec.Raw]


class Rejected(msgspec.Struct, frozen=True):
    """A row that was not taken, and why; never what it held."""

    index: int
    errors: Sequence[dict[str, str]]


class Accepted(msgspec.Struct, frozen=True):
    """What became of a batch."""

    transactions: Sequence[Transaction]
    rejected: Sequence[Rejected]


_row_decoder = msgspec.json.Decoder(TransactionIn)
_rows_decoder = msgspec.json.Decoder(_Rows)
_raw_decoder = msgspec.json.Decoder(_RawRows)


class Acceptor:
    """Validates and normalises; `counts_sources` names sources that send counts instead (409)."""

    def __init__(
        self, statuses: Iterable[str], clock: Clock, counts_sources: Callable[[], frozenset[str]]
    ) -> None:
        self._statuses = frozenset(statuses)
        self._clock = clock
        self._counts_sources = counts_sources
        self._new_id = Identifiers().new

    def one(self, body: bytes) -> Transaction:
        """The transaction of a single body. Raises Unreadable, Invalid or Conflict."""
        return self._normalise(_decode_row(body), _unusual(body), self._clock.now_ms())

    def many(self, body: bytes, lines: bool) -> Accepted:
        """The transactions of a batch, as a JSON object or as NDJSON lines.

        Raises Unreadable when the whole cannot be read, Invalid when it is empty or too long.
        """
        unusual = _unusual(body)
        rows: Sequence[TransactionIn | Refused] | None = _fast_rows(body, lines)
        if rows is None:
            rows = _slow_rows(body, lines)
        if not rows:
            raise Invalid("Expected at least one transaction.")
        if len(rows) > MAX_ROWS:
            raise Invalid("Expected at most 10 000 transactions in a batch.")
        now_ms = self._clock.now_ms()
        taken: list[Transaction] = []
        rejected: list[Rejected] = []
        for index, row in enumerate(rows):
            try:
                if not isinstance(row, TransactionIn):
                    raise row
                taken.append(self._normalise(row, unusual, now_ms))
            except Refused as refusal:
                rejected.append(Rejected(index, _errors(refusal)))
        return Accepted(taken, rejected)

    def _normalise(self, row: TransactionIn, unusual: bool, now_ms: int) -> Transaction:
        if unusual:
            for name, text in texts(row).items():
                if looks_like_pan(text):
                    raise refuse(f"/{name}", "card_number", "Looks like a full card number; send a token.")
                if not text.isprintable():
                    raise refuse(f"/{name}", "printable", "Expected printable characters.")
        if row.source in self._counts_sources():
            raise Conflict("This source sends counts; it cannot send transactions too.")
        return normalise(row, self._statuses, now_ms, self._new_id)


def _unusual(body: bytes) -> bool:
    """Whether a text of it may be a card number or hold a sign that cannot be printed.

    In JSON such signs are escaped or not ASCII, which is looked at closely anyway; DEL is neither.
    """
    return may_hold_pan(body) or b"\x7f" in body


def _errors(refusal: Refused) -> list[dict[str, str]]:
    return [dict(error) for error in refusal.errors] or [
        {"pointer": "", "code": "refused", "detail": refusal.detail}
    ]


def _fast_rows(body: bytes, lines: bool) -> Sequence[TransactionIn] | None:
    """All rows in one go, or None when at least one of them is bad."""
    try:
        if not lines:
            return _rows_decoder.decode(body).transactions
        rows = _row_decoder.decode_lines(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    # msgspec takes two documents in one line for two lines
    return rows if len(rows) == body.count(b"\n") + (not body.endswith(b"\n")) else None


def _slow_rows(body: bytes, lines: bool) -> Sequence[TransactionIn | Refused]:
    """Row by row, each bad one as its refusal."""
    raws: Iterable[bytes]
    if lines:
        raws = [line for line in body.split(b"\n") if line.strip()]
    else:
        try:
            raws = [bytes(raw) for raw in _raw_decoder.decode(body).transactions]
        except msgspec.ValidationError as error:
            raise Invalid("The batch is not valid.", [_located(error)]) from error
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise Unreadable("The body is not valid JSON.") from error
    return [_row_or_refusal(raw) for raw in raws]


def _row_or_refusal(raw: bytes) -> TransactionIn | Refused:
    try:
        return _decode_row(raw)
    except Refused as refusal:
        return refusal


def _decode_row(body: bytes) -> TransactionIn:
    try:
        return _row_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid("The transaction is not valid.", [_located(error)]) from error
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("The body is not valid JSON.") from error


def _located(error: msgspec.ValidationError) -> dict[str, str]:
    """Where and what was expected. The name of an unknown field is input and stays out."""
    text, _, path = str(error).partition(" - at ")
    pointer = path.strip("`$").replace(".", "/").replace("[", "/").replace("]", "")
    if text.startswith("Object contains unknown field"):
        return {"pointer": "", "code": "unknown_field", "detail": "There is a field this form does not have."}
    code = "missing" if "missing required field" in text else "type"
    return {"pointer": pointer, "code": code, "detail": text.replace("`", "")}
