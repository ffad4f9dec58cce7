"""Who comes in: people and programs prove themselves, and it is written down."""

import msgspec

from guardian.domain.clock import Clock
from guardian.domain.errors import Unauthenticated
from guardian.observability.masking import mask_text
from guardian.security.identity import Principal
from guardian.security.sessions import Sessions
from guardian.security.tokens import Tokens
from guardian.security.users import Users
from guardian.storage.base import AuditLog


class Entrance(msgspec.Struct, frozen=True):
    """What the doors of people and programs share."""

    users: Users
    sessions: Sessions
    tokens: Tokens
    audit: AuditLog
    clock: Clock

    def prove(self, name: str, secret: str, action: str) -> Principal:
        """Who that is; written down either way. Raises Unauthenticated, TooMany or Unavailable.

        A try while the name is locked is not written: it costs nothing and could fill the disk.
        """
        try:
            principal = self.users.authenticate(name, secret)
        except Unauthenticated:
            self.note(name, f"{action} failed")
            raise
        self.note(principal.subject, action)
        return principal

    def note(self, actor: str, action: str) -> None:
        """Write the event into the audit log."""
        shown = mask_text(actor[:64].encode("utf-8", "replace").decode())
        self.audit.append(self.clock.now_ms(), shown, action, "session", {})
