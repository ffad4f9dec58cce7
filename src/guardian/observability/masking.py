"""Card numbers are found and masked, wherever they would be written down."""

import re
import unicodedata
from collections.abc import Iterator
from math import isfinite
from typing import Any

SHORTEST, LONGEST = 13, 19
HIDDEN = "***"
# Up to five signs of any kind may stand between two digits; letters end a number
_RUN = re.compile(rf"[0-9](?:[\W_]{{0,5}}[0-9]){{{SHORTEST - 1},}}")
_GROUP = re.compile("[0-9]+")
# A UUID of RFC 9562 (its version and variant are where they must be) with at least one letter
_UUID = re.compile(
    r"(?<![0-9a-f])(?=[0-9-]{0,35}[a-f])"
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
_NO_UUID = "x" * 36
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_THIRTEEN = b"0" * SHORTEST
_SIGNS = bytes(one for one in range(128) if not chr(one).isalnum())
_SECRET_KEYS = re.compile(
    r"passw|secret|token|authorization|cookie|cvv|cvc|^pin$|track|api_?key", re.IGNORECASE
)
_FIRST_DIGITS = "2345689"
_YEARS = "20"
"""No card begins like this, but times and numbered files of this century do."""
Span = tuple[int, int]


def may_hold_pan(body: bytes) -> bool:
    """A quick look at raw JSON: False only when no card number can be in it."""
    if b"\\" in body or not body.isascii():  # escapes can hide digits and separators
        return True
    return _THIRTEEN in body.translate(_AS_ZEROS, _SIGNS)


def looks_like_pan(text: str) -> bool:
    """13 to 19 digits, with or without separators, that pass the Luhn check of ISO/IEC 7812-1."""
    return len(text) >= SHORTEST and next(_card_numbers(_plain(text)), None) is not None


def mask_text(text: str) -> str:
    """The text with every card number reduced to its first six and last four digits."""
    if len(text) < SHORTEST:
        return text
    plain = _plain(text)
    found = _merged(_card_numbers(plain))
    if not found:
        return text
    pieces, done = [], 0
    for start, end in found:
        digits = "".join(_GROUP.findall(plain[start:end]))
        pieces += [plain[done:start], digits[:6], "****", digits[-4:]]
        done = end
    return "".join([*pieces, plain[done:]])


def mask_event(value: Any, key: str = "") -> Any:
    """A value of a log line, walked through; what stands under a secret's name is hidden whole."""
    if key and _SECRET_KEYS.search(key):
        return HIDDEN
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return _mask_number(value)
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, bytes):
        return mask_text(value.decode("utf-8", "replace"))
    if isinstance(value, dict):
        return {mask_text(str(name)): mask_event(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_event(inner) for inner in value]
    return mask_text(repr(value))  # the renderer would write it down as this, unmasked


def _mask_number(value: float) -> float | str:
    """Fractions hold no card number; whole numbers of 13 to 19 digits may. JSON knows no infinity."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    whole = str(int(value)) if 1e12 <= abs(value) < 1e19 else ""
    return mask_text(whole) if looks_like_pan(whole) else value


def _plain(text: str) -> str:
    """ASCII digits for the digits of every alphabet, without characters of no width."""
    if text.isascii():
        return text
    seen = (one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return "".join(str(unicodedata.digit(one, one)) for one in seen)


def _card_numbers(plain: str) -> Iterator[Span]:
    """Where card numbers stand; they begin and end with a group of digits, whatever stands beside."""
    if _THIRTEEN not in plain.encode("ascii", "ignore").translate(_AS_ZEROS, _SIGNS):
        return
    without_ids = _UUID.sub(_NO_UUID, plain)
    for run in _RUN.finditer(without_ids):
        groups = [group.span() for group in _GROUP.finditer(without_ids, *run.span())]
        for first, (start, _) in enumerate(groups):
            digits = ""
            for begin, end in groups[first : first + LONGEST]:
                digits += plain[begin:end]
                if len(digits) > LONGEST:
                    break
                if _is_pan(digits):
                    yield start, end


def _merged(spans: Iterator[Span]) -> list[Span]:
    """Overlapping spans as one, so that together they never show more than one would."""
    found: list[Span] = []
    for start, end in spans:
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _is_pan(digits: str) -> bool:
    if len(digits) < SHORTEST or digits[0] not in _FIRST_DIGITS or digits.startswith(_YEARS):
        return False
    if len(set(digits)) == 1:
        return False
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0
