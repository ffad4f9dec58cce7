"""The port of browser sessions, as the pages need them."""

from typing import Protocol

from starlette.requests import Request

from guardian.security.identity import Principal


class Session(Protocol):
    """Promises: a principal is proved, never claimed; a token fits one session only."""

    def principal(self, request: Request) -> Principal | None:
        """Who is logged in with this browser; None when nobody is."""
        ...

    def csrf_token(self, request: Request) -> str:
        """The token that the forms of this session carry."""
        ...

    def check_csrf(self, request: Request, token: str) -> None:
        """Raises Forbidden unless the token belongs to the session."""
        ...
