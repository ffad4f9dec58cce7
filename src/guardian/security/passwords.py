"""Passwords as Argon2id hashes, a few at a time: each takes its share of memory and a core."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from guardian.domain.errors import Invalid, Unavailable

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
AT_ONCE = 2
WAITING = 8
"""More would hold the threads that everything else is answered by."""
PATIENCE_S = 10.0


class Passwords:
    """Hashes and compares; `at_once` bounds the memory that a crowd at the door can take."""

    def __init__(
        self, hasher: PasswordHasher | None = None, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S
    ) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = BoundedSemaphore(at_once) if at_once else Semaphore(0)
        self._patience_s = patience_s
        self._places = BoundedSemaphore(at_once + WAITING)

    def hash(self, password: str) -> str:
        """What to keep of a password. Raises Invalid or Unavailable."""
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise Invalid(f"password: expected {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.")
        with self._turn():
            return self._hasher.hash(_bytes(password))

    def matches(self, password_hash: str, password: str) -> bool:
        """Whether it is that password; takes as long when it is not. Raises Unavailable."""
        with self._turn():
            try:
                right = self._hasher.verify(password_hash, _bytes(password[:LONGEST_PASSWORD]))
            except (VerificationError, InvalidHashError):
                return False
        return right and len(password) <= LONGEST_PASSWORD

    @contextmanager
    def _turn(self) -> Iterator[None]:
        refusal = Unavailable("Too many people log in at once.", retry_after_s=2)
        if not self._places.acquire(blocking=False):
            raise refusal
        try:
            if not self._turns.acquire(timeout=self._patience_s):
                raise refusal
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def _bytes(password: str) -> bytes:
    """UTF-8; a lone surrogate is a wrong password like any other, not a failure of ours."""
    return password.encode("utf-8", "surrogatepass")
