"""Local users and machine clients: Argon2id hashes, roles, lock-out, one-time log-in links."""

import secrets
from collections.abc import Callable
from hashlib import sha256

import msgspec
from argon2 import PasswordHasher

from guardian.domain.clock import MINUTE_MS, Clock
from guardian.domain.errors import Conflict, Invalid, NotFound, Unauthenticated, Unavailable
from guardian.security.identity import ROLES, Principal
from guardian.security.lockout import Strangers, Tries, count_try
from guardian.security.passwords import Passwords
from guardian.storage.base import Record, RecordQuery, Records
from guardian.storage.collection import Collection

USER, ONCE = "user", "once"
ONCE_MS = 15 * MINUTE_MS
ATTEMPTS = 20
WRONG = "User or password do not match."


class User(msgspec.Struct, frozen=True):
    """A local user; a machine client is a user of the role machine."""

    name: str
    role: str
    password_hash: str
    created_ms: int
    disabled: bool = False
    failures: int = 0
    locked_until_ms: int = 0

    def principal(self) -> Principal:
        """Who this is to the guard."""
        if self.role == "machine":
            return Principal(self.name, ROLES[self.role], "machine")
        return Principal(self.name, ROLES[self.role])


class _Once(msgspec.Struct, frozen=True):
    digest: str
    subject: str
    role: str
    expires_ms: int


class Users:
    """The users of this installation."""

    def __init__(self, records: Records, clock: Clock, hasher: PasswordHasher | None = None) -> None:
        self._records = records
        self._clock = clock
        self._passwords = Passwords(hasher)
        self._strangers = Strangers()
        self._users = Collection(
            records, USER, User, lambda u: Record(USER, u.name, u.created_ms, b"", state=u.role)
        )
        self._once = Collection(records, ONCE, _Once, lambda o: Record(ONCE, o.digest, o.expires_ms, b""))
        self._nobody = self._passwords.hash(secrets.token_hex())

    def create(self, name: str, role: str, password: str) -> User:
        """Add a user. Raises Invalid or Conflict."""
        if role not in ROLES:
            raise Invalid(f"role: expected one of {', '.join(ROLES)}.")
        if not _is_name(name):
            raise Invalid("name: expected 1 to 64 printable characters.")
        user = User(name, role, self._passwords.hash(password), self._clock.now_ms())
        if not self._users.insert(user):
            raise Conflict("A user of that name exists.")
        return user

    def set_password(self, name: str, password: str) -> None:
        """Change it, and lift a lock. Raises Invalid or NotFound."""
        fresh = self._passwords.hash(password)
        self._change(name, lambda user: _with_tries(user, Tries(), password_hash=fresh))

    def disable(self, name: str) -> None:
        """Let nobody in under that name any more. Raises NotFound."""
        self._change(name, lambda user: msgspec.structs.replace(user, disabled=True))

    def all(self) -> list[User]:
        """Every user, newest first."""
        found: list[User] = []
        cursor: str | None = None
        while True:
            page = self._users.find(RecordQuery(USER, limit=500, cursor=cursor))
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                return found

    def authenticate(self, name: str, password: str) -> Principal:
        """Who that is. Raises Unauthenticated, or TooMany after five failures, for 15 minutes.

        A try is counted before it is looked at: many at the same time get no more than five. A
        name that nobody has costs the same work and locks the same way.
        """
        user = self._counted(name)
        kept = self._nobody if user is None else user.password_hash
        right = self._passwords.matches(kept, password)
        if user is None or user.disabled or not right:
            raise Unauthenticated(WRONG)
        self._change(name, lambda known: _with_tries(known, Tries()))
        return user.principal()

    def once(self, subject: str, role: str) -> str:
        """A code that logs in once within 15 minutes; only its hash is kept. Raises Invalid."""
        if role not in ROLES:
            raise Invalid(f"role: expected one of {', '.join(ROLES)}.")
        now_ms = self._clock.now_ms()
        for old in self._once.find(RecordQuery(ONCE, until_ms=now_ms)).items:
            self._records.delete(ONCE, old.digest)
        code = secrets.token_urlsafe(24)
        self._once.insert(_Once(_digest(code), subject, role, now_ms + ONCE_MS))
        return code

    def redeem(self, code: str) -> Principal:
        """Who the code lets in; it is gone afterwards. Raises Unauthenticated."""
        found = self._once.get(_digest(code))
        refusal = Unauthenticated("This link has been used or has expired.")
        if found is None or not self._records.delete(ONCE, _digest(code)):
            raise refusal
        if found[0].expires_ms <= self._clock.now_ms():
            raise refusal
        return Principal(found[0].subject, ROLES[found[0].role])

    def _counted(self, name: str) -> User | None:
        """The user with this try counted, None for a name that nobody has. Raises TooMany."""
        now_ms = self._clock.now_ms()
        if not _is_name(name) or self._users.get(name) is None:
            self._strangers.count_try(name, now_ms)
            return None

        def counted(user: User) -> User:
            return _with_tries(user, count_try(Tries(user.failures, user.locked_until_ms), now_ms))

        return self._change(name, counted)

    def _change(self, name: str, change: Callable[[User], User]) -> User:
        """Read, change and write until nobody else came between. Raises NotFound or Unavailable."""
        for _ in range(ATTEMPTS):
            found = self._users.get(name)
            if found is None:
                raise NotFound("There is no user of that name.")
            changed = change(found[0])
            try:
                self._users.update(changed, found[1])
            except Conflict:
                continue
            return changed
        raise Unavailable("This user is being changed by others.")


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= 64 and name.isprintable() and not name.isspace()


def _with_tries(user: User, tries: Tries, password_hash: str | None = None) -> User:
    return msgspec.structs.replace(
        user,
        password_hash=password_hash or user.password_hash,
        failures=tries.failures,
        locked_until_ms=tries.locked_until_ms,
    )


def _digest(code: str) -> str:
    return sha256(code.encode("utf-8", "surrogatepass")).hexdigest()
