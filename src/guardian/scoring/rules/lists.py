"""Named lists of values, and snoozes of a rule for one card, merchant or the like."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from guardian.domain.errors import Invalid
from guardian.observability.masking import looks_like_pan
from guardian.scoring.rules.fields import LISTABLE

BLOCK, ALLOW = "block", "allow"
FOR_EVER_MS: Final = (1 << 63) - 1
MOST_ENTRIES: Final = 10_000
LONGEST: Final = 500
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A value, why it is there, and when it ends by the transaction's own time; 0 is never."""

    value: str
    reason: str
    until_ms: int = 0


class NamedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values of one field. Those called block.FIELD and allow.FIELD act by themselves."""

    name: str
    field: str
    entries: tuple[Entry, ...]

    @property
    def acts(self) -> str:
        """block, allow, or nothing: what a hit does without any rule."""
        kind = self.name.partition(".")[0]
        return kind if kind in (BLOCK, ALLOW) else ""

    @property
    def expiries(self) -> dict[str, int]:
        """By value, when it ends."""
        return {one.value: one.until_ms or FOR_EVER_MS for one in self.entries}

    def reason_of(self, value: str | None) -> str:
        """Why the value is there; empty when it is not."""
        return next((one.reason for one in self.entries if one.value == value), "")


class Snooze(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Firings of a rule for this value do not count until then, by the transaction's own time."""

    snooze_id: str
    rule_id: str
    field: str
    value: str
    until_ms: int
    reason: str
    by: str


def refuse_bad_list(one: NamedList) -> None:
    """Raises Invalid: name and field must fit, values be unique and short, each with a reason."""
    refuse_bad_field(one.field)
    plain = _NAME.fullmatch(one.name) and one.name not in (BLOCK, ALLOW)
    if not (plain or one.name in (f"{BLOCK}.{one.field}", f"{ALLOW}.{one.field}")):
        raise Invalid(
            "A list is named by small letters, digits and _; those that act are block.FIELD and allow.FIELD."
        )
    if len(one.entries) > MOST_ENTRIES:
        raise Invalid(f"A list holds at most {MOST_ENTRIES} entries.")
    if len({entry.value for entry in one.entries}) != len(one.entries):
        raise Invalid("A value stands twice in the list.")
    _refuse_bad_texts(text for entry in one.entries for text in (entry.value, entry.reason))


def refuse_bad_snooze(one: Snooze) -> None:
    """Raises Invalid for a field that no list could hold, or a value or reason left out."""
    refuse_bad_field(one.field)
    _refuse_bad_texts((one.value, one.reason))


def refuse_bad_field(field: str) -> None:
    """Raises Invalid unless lists and snoozes may be about it."""
    if field not in LISTABLE:
        raise Invalid(f"Lists and snoozes are about one of {', '.join(LISTABLE)}.")


def _refuse_bad_texts(texts: Iterable[str]) -> None:
    for text in texts:
        if not 0 < len(text.strip()) <= LONGEST:
            raise Invalid(f"Every value and reason needs 1 to {LONGEST} characters.")
        if looks_like_pan(text):
            raise Invalid("This looks like a full card number; use the token or the BIN.")
