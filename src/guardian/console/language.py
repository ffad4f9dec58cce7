"""Which language a reader gets, and the words in it."""

from collections.abc import Mapping

import msgspec

from guardian.console import (
    words_case_en,
    words_case_pt,
    words_en,
    words_pt,
    words_rule_en,
    words_rule_pt,
    words_watch_en,
    words_watch_pt,
)
from guardian.domain.anomaly import WHOLE_SYSTEM, Anomaly
from guardian.domain.segment import segment_of

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {**words_en.WORDS, **words_watch_en.WORDS, **words_case_en.WORDS, **words_rule_en.WORDS},
    "pt-BR": {**words_pt.WORDS, **words_watch_pt.WORDS, **words_case_pt.WORDS, **words_rule_pt.WORDS},
}
DEFAULT = "en"
CODE_PREFIX = "auth_"


class Language(msgspec.Struct, frozen=True):
    """The words of one language; ids, codes and levels stay as they are in both."""

    code: str

    def word(self, key: str) -> str:
        """The words of a key. Raises KeyError when there are none: a test keeps both complete."""
        return WORDS[self.code][key]

    def say(self, key: str, **facts: object) -> str:
        """The words of a key with facts filled in."""
        return self.word(key).format(**facts)

    def plural(self, key: str, count: int, shown: str) -> str:
        """The words of `key.one` or `key.many`, with the number as it is written."""
        return self.say(f"{key}.one" if count == 1 else f"{key}.many", n=shown)

    def status(self, status: str) -> str:
        """What people call a status or a series; its own name when there is no word."""
        if status == WHOLE_SYSTEM:
            return self.word("series.all")
        where = segment_of(status)
        if where:
            return ", ".join(self.value(name, value) for name, value in where.items())
        if status.startswith(CODE_PREFIX):
            return self.say("series.code", code=status.removeprefix(CODE_PREFIX))
        return WORDS[self.code].get(f"status.{status}", status)

    def value(self, dimension: str, value: str) -> str:
        """What people call a value: a status by its word, others after the name of the dimension."""
        return (
            self.status(value) if dimension == "status" else f"{self.word(f'dimension.{dimension}')} {value}"
        )

    def one(self, status: str) -> str:
        """The status of a single transaction; its own name when there is no word."""
        return WORDS[self.code].get(f"one.{status}", status)

    def title(self, anomaly: Anomaly) -> str:
        """What left its range, and to which side."""
        return self.say(f"anomaly.{anomaly.direction}", what=self.capital(anomaly.series))

    def capital(self, series: str) -> str:
        """The name of a series at the beginning of a line."""
        name = self.status(series)
        return name[:1].upper() + name[1:]


def choose(cookie: str | None, accept: str) -> Language:
    """The cookie's language, else the first of Accept-Language that is ours, else English."""
    if cookie is not None and cookie in WORDS:
        return Language(cookie)
    for part in accept.split(","):
        wanted = part.split(";")[0].strip().lower()
        for code in WORDS:
            if wanted and wanted.split("-")[0] == code.split("-")[0].lower():
                return Language(code)
    return Language(DEFAULT)
