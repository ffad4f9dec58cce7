"""A judge at work takes up what has been published; what cannot be read leaves the last good ruleset."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from guardian.domain.errors import NotFound, Poisoned, Unavailable
from guardian.observability.logs import get_logger
from guardian.scoring.rules.book import RuleBook
from guardian.scoring.rules.ruleset import RuleSet

EVERY_S: Final = 2.0
_log = get_logger(__name__)


class Ruled(Protocol):
    """Whoever decides by rules."""

    @property
    def rules_version(self) -> str:
        """The ruleset in use."""
        ...

    def take_up(self, rules: RuleSet) -> None:
        """Use these from the next batch on."""
        ...


class Uptake:
    """Looks every two seconds at most; a ruleset that was refused is told of once."""

    def __init__(self, book: RuleBook, judge: Ruled, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._book = book
        self._judge = judge
        self._monotonic = monotonic
        self._due = monotonic() + EVERY_S
        self._refused = ""

    def look(self) -> None:
        """Take up the ruleset that was published last, if it is due to look and it is another one."""
        now = self._monotonic()
        if now < self._due:
            return
        self._due = now + EVERY_S
        try:
            version = self._book.current_version()
            if version not in (None, self._judge.rules_version, self._refused):
                self._take(str(version))
        except Unavailable as failure:
            _log.warning("rules_not_looked_at", reason=str(failure))

    def _take(self, version: str) -> None:
        try:
            self._judge.take_up(self._book.load(version))
        except (NotFound, Poisoned) as failure:
            self._refused = version
            _log.error("ruleset_refused", version=version, reason=str(failure))
        else:
            self._refused = ""
            _log.info("ruleset_taken_up", version=version)
