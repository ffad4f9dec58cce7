"""The guard of every route: a bearer token or a console session, and the scope it needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Protocol

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from guardian.domain.errors import Forbidden, Unauthenticated
from guardian.security.identity import SCOPES, Principal
from guardian.security.tokens import Tokens

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="bearerAuth",
    bearerFormat="JWT",
    description="Scopes: " + "; ".join(f"`{scope}`: {what}" for scope, what in SCOPES.items()) + ".",
)
Dependency = Callable[..., Awaitable[Principal]]


class BrowserSession(Protocol):
    """What the guard asks of console sessions."""

    def principal(self, request: Request) -> Principal | None:
        """Who is logged in with this browser."""
        ...

    def check_csrf(self, request: Request, token: str) -> None:
        """Raises Forbidden unless the token belongs to the session."""
        ...


class Guard:
    """Lets in whom a token or a session proves, when the scope is theirs."""

    def __init__(self, tokens: Tokens, sessions: BrowserSession) -> None:
        self._tokens = tokens
        self._sessions = sessions

    def principal_of_bearer(self, header: bytes) -> Principal:
        """Whose Authorization header it is. Raises Unauthenticated."""
        kind, _, token = header.partition(b" ")
        if kind.lower() != b"bearer":
            raise Unauthenticated("Send a token: Authorization: Bearer …")
        return self._tokens.verify(token.strip().decode("latin-1"))

    def requires(self, scope: str) -> Dependency:
        """A dependency that answers who asks. Raises Unauthenticated or Forbidden."""

        async def principal(
            request: Request,
            credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer, scopes=[scope])],
        ) -> Principal:
            found = self._principal(request, credentials)
            if not found.allows(scope):
                raise Forbidden(f"This needs the scope {scope}.")
            return found

        return principal

    def _principal(self, request: Request, credentials: HTTPAuthorizationCredentials | None) -> Principal:
        if credentials is not None:
            return self._tokens.verify(credentials.credentials)
        found = self._sessions.principal(request)
        if found is None:
            raise Unauthenticated("Send a token: Authorization: Bearer …")
        if request.method not in SAFE:
            self._sessions.check_csrf(request, request.headers.get("x-csrf-token", ""))
        return found
