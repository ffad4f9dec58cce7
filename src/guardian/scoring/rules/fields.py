"""What an expression may name: numbers, texts, and of which columns a number needs to be known."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from guardian.features.definition import NAMES

AMOUNT: Final = "amount"
HOUR: Final = "hour"
"""Hour of the day in UTC, 0 to 23."""
NUMBERS: Final = (AMOUNT, HOUR, *NAMES)
TEXTS: Final = (
    "status",
    "currency",
    "merchant_id",
    "merchant_type",
    "mcc",
    "auth_code",
    "card_bin",
    "card_token",
    "user_id",
    "acquirer",
    "issuer",
    "country",
    "source",
    "original_id",
)
LISTABLE: Final = ("merchant_id", "card_bin", "card_token", "user_id", "acquirer", "issuer", "country", "mcc")
"""What lists hold, and snoozes name."""
_NEEDS: Final = {"card_": ("card_token", "user_id"), "bin_": ("card_bin",)}


def needs(number: str) -> tuple[str, ...]:
    """Of these texts one must be there for the number to be known; none when it always is."""
    return next((texts for prefix, texts in _NEEDS.items() if number.startswith(prefix)), ())


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint at the known name that is most alike."""
    found = get_close_matches(name, list(known), 1, 0.6)
    return f"; did you mean {found[0]}" if found else otherwise
