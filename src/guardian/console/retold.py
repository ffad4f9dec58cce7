"""What the machine wrote down in English, told again in the reader's language.

Titles, timelines and reasons are kept as the sentences that `alerting`, `incidents` and `watching`
write; a sentence that is not one of theirs, such as a person's note, stays as it is.
"""

import re
from collections.abc import Sequence

from guardian.console.formats import SYMBOLS, Formats
from guardian.domain.anomaly import WHOLE_SYSTEM
from guardian.domain.clock import from_iso
from guardian.watching.reasons import NAMED

_NUMBER = r"(\d[\d,]*(?:\.\d+)?(?:e-\d+)?)"
_SENTENCES: Sequence[tuple[str, str, Sequence[str]]] = (
    (r"Detected: (.+)", "told.detected", ("told",)),
    (r"Joined: (.+)", "told.joined", ("told",)),
    (r"Now: (.+)", "told.now", ("told",)),
    (r"Triaged as (P\d)", "told.triaged", ("to",)),
    (r"Raised from (P\d) to (P\d)", "told.raised", ("before", "to")),
    (r"Resolved: every alert is over", "told.over", ()),
    (r"Re-opened: it came back", "told.reopened", ()),
    (r"Acknowledged", "told.acknowledged", ()),
    (r"From the file of rules", "told.seeded", ()),
    (
        rf"Fired {_NUMBER} times in {_NUMBER} transactions, far above the {_NUMBER} of its backtest",
        "told.limited",
        ("observed", "count", "expected"),
    ),
    (
        rf"Fired {_NUMBER} times in {_NUMBER} transactions, far above 5 % of the traffic",
        "told.limited_blind",
        ("observed", "count"),
    ),
    (r"Resolved", "told.resolved", ()),
    (r"(.+), and (\d+) more", "told.more", ("told", "count")),
    (r"(.+); (\d+) % is (.+)", "told.carried", ("told", "share", "where")),
    (rf"(.+): {_NUMBER} a minute, expected {_NUMBER}", "told.rate", ("series", "observed", "expected")),
    (
        rf"(.+): {_NUMBER} in one minute, usual {_NUMBER}–{_NUMBER}\.",
        "told.minute",
        ("series", "observed", "low", "high"),
    ),
    (
        rf"(.+): {_NUMBER} a minute over (\d+) minutes, usual {_NUMBER}–{_NUMBER}\.",
        "told.window",
        ("series", "observed", "count", "low", "high"),
    ),
    (r"(\d+) % of the change: (.+)\.", "told.share", ("share", "where")),
    (r"No acquirer, merchant, BIN or code stands out\.", "told.everywhere", ()),
    (
        rf"At risk an hour: ([A-Z]{{3}}) {_NUMBER} \({_NUMBER} to {_NUMBER}\)\.",
        "told.money",
        ("currency", "money", "low", "high"),
    ),
    (rf"{_NUMBER} came after their minute was judged: data are late\.", "told.late", ("count",)),
    (rf"A backlog catches up: {_NUMBER} were missing just before\.", "told.catch_up", ("count",)),
    (r"(\d+) % repeat an earlier one: same merchant, BIN and amount\.", "told.duplicates", ("share",)),
    (
        rf"Minutes swing around their usual sum, {_NUMBER} times: a sender's clock is wrong\.",
        "told.clock_skew",
        ("count",),
    ),
    (r"Another open anomaly explains it: it calls nobody\.", "told.explained", ()),
    (
        rf"In shadow until (\S+): {_NUMBER} false pages in a week, where (\d+) are more than chance gives\.",
        "told.shadow",
        ("until", "count", "most"),
    ),
    (r"Nothing arrived at all\.", "told.nothing", ()),
    (r"None arrived at all\.", "told.none", ()),
    (r"Normal traffic does this less than once in 1,000 weeks\.", "told.rarest", ()),
    (rf"Normal traffic does this about once in {_NUMBER} weeks\.", "told.rare", ("weeks",)),
    (r"Normal traffic does this about (\d+) × a week\.", "told.weekly", ("count",)),
)
_PATTERNS = tuple((re.compile(pattern), key, names) for pattern, key, names in _SENTENCES)
_EVERYTHING = "all transactions"
_DIMENSIONS = {name: dimension for dimension, name in NAMED.items()}


def retold(text: str, formats: Formats) -> str:
    """The sentence in the reader's words and numbers."""
    for pattern, key, names in _PATTERNS:
        found = pattern.fullmatch(text)
        if found is not None:
            facts = zip(names, found.groups(), strict=True)
            return formats.language.say(key, **{name: _fact(name, said, formats) for name, said in facts})
    return text


def _fact(name: str, said: str, formats: Formats) -> str:
    if name == "told":
        return retold(said, formats)
    if name == "series":
        return formats.language.capital(WHOLE_SYSTEM if said.lower() == _EVERYTHING else said)
    if name == "where":
        return ", ".join(_value(part, formats) for part in said.split(", "))
    if name == "until":
        return f"{formats.day(from_iso(said))} {formats.clock(from_iso(said))}"
    if name == "currency":
        return SYMBOLS.get(said, said)
    return said if name in ("before", "to") else formats.short(float(said.replace(",", "")))


def _value(said: str, formats: Formats) -> str:
    """`code 59` in the reader's words; what does not begin with a dimension stays."""
    named, _, value = said.partition(" ")
    dimension = _DIMENSIONS.get(named)
    return said if dimension is None else formats.language.value(dimension, value)
