"""Who asks, and what they may do."""

from typing import Literal

import msgspec

SCOPES = {
    "read": "look at everything",
    "write": "send transactions, counts and labels",
    "operate": "work on alerts, silences, incidents and hand-over",
    "rules:write": "draft rules",
    "rules:review": "review rules",
    "runbooks:execute": "ask for a runbook",
    "runbooks:approve": "approve a runbook",
    "admin": "users, keys, reset, erase, and everything else",
}
_ANALYST = frozenset({"read", "operate", "rules:write", "runbooks:execute"})
ROLES = {
    "machine": frozenset({"write"}),
    "viewer": frozenset({"read"}),
    "analyst": _ANALYST,
    "operator": _ANALYST | {"rules:review", "runbooks:approve"},
    "admin": frozenset(SCOPES),
}


class Principal(msgspec.Struct, frozen=True):
    """A person or a machine whose identity is proved."""

    subject: str
    scopes: frozenset[str]
    kind: Literal["person", "machine"] = "person"

    def allows(self, scope: str) -> bool:
        """Whether it holds the scope; admin holds every one."""
        return scope in self.scopes or "admin" in self.scopes
