"""What a rule says: one schema for YAML, the API and the console."""

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from guardian.domain.errors import Unparsable
from guardian.observability.masking import looks_like_pan
from guardian.scoring.rules.parse import parse
from guardian.scoring.rules.syntax import Truth

RULE_ID: Final = r"^[A-Za-z][A-Za-z0-9_.-]{0,59}$"
LONGEST_WORDS: Final = 500
_ID = re.compile(RULE_ID)
RESERVED: Final = ("block.", "allow.")


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text in both languages."""

    pt: str
    en: str

    def of(self, language: str) -> str:
        """The text in that language; English unless it is Portuguese."""
        return self.pt if language.startswith("pt") else self.en


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Fires where `when` holds, and `unless` is not known to hold."""

    id: str
    name: Words
    severity: Literal["WARNING", "CRITICAL"]
    recommendation: Words
    when: str
    unless: str = ""


class Conditions(msgspec.Struct, frozen=True):
    """The expressions of a rule, understood."""

    when: Truth
    unless: Truth | None


def understood(rule: Rule, lists: Mapping[str, str]) -> Conditions:
    """The rule's expressions; `lists` names the field of each list. Raises Unparsable, naming the part."""
    _refuse_bad_words(rule)
    unless = _part(rule, "unless", lists) if rule.unless.strip() else None
    return Conditions(_part(rule, "when", lists), unless)


def _part(rule: Rule, name: Literal["when", "unless"], lists: Mapping[str, str]) -> Truth:
    try:
        return parse(getattr(rule, name), lists)
    except Unparsable as error:
        raise InPart(name, error) from error


class InPart(Unparsable):
    """An error inside `when` or `unless`, by its place in that text."""

    def __init__(self, part: str, error: Unparsable) -> None:
        super().__init__(f"{part}: {error.detail}", error.line, error.column)
        self.part = part


def _refuse_bad_words(rule: Rule) -> None:
    """Raises Unparsable for an id of the wrong form, and for names or recommendations left out."""
    if not _ID.match(rule.id):
        raise Unparsable("The id takes letters, digits, . _ and - (at most 60, a letter first).", 1, 1)
    if rule.id.startswith(RESERVED):
        raise Unparsable("Ids that begin with block. or allow. are taken by those lists.", 1, 1)
    if looks_like_pan(f"{rule.when} {rule.unless}"):
        raise Unparsable("This looks like a full card number; use the token or the BIN.", 1, 1)
    for words in (rule.name, rule.recommendation):
        if not all(0 < len(text.strip()) <= LONGEST_WORDS for text in (words.pt, words.en)):
            raise Unparsable(
                f"Name and recommendation need 1 to {LONGEST_WORDS} characters in pt and en.", 1, 1
            )
