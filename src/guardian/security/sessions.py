"""Console sessions: a signed cookie, and a token against forged requests."""

import hmac
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from guardian.domain.errors import Forbidden, Unauthenticated
from guardian.security.identity import Principal
from guardian.security.tokens import Tokens

COOKIE = "guardian_session"
TTL_S = 12 * 3600


class Sessions:
    """A session is a token of its own audience in a cookie that scripts cannot read."""

    def __init__(self, tokens: Tokens, csrf_key: bytes) -> None:
        self._tokens = tokens
        self._csrf_key = csrf_key

    def begin(self, response: Response, principal: Principal, secure: bool) -> None:
        """Log in with this browser."""
        token = self._tokens.issue(principal, TTL_S)
        response.set_cookie(
            COOKIE, token, max_age=TTL_S, httponly=True, samesite="lax", secure=secure, path="/"
        )

    def end(self, response: Response) -> None:
        """Log out."""
        response.delete_cookie(COOKIE, path="/")

    def principal(self, request: Request) -> Principal | None:
        """Who is logged in with this browser, if anyone."""
        token = request.cookies.get(COOKIE)
        if token is None:
            return None
        try:
            return self._tokens.verify(token)
        except Unauthenticated:
            return None

    def csrf_token(self, request: Request) -> str:
        """The token that forms and scripts of this session send along."""
        session = request.cookies.get(COOKIE, "").encode()
        return hmac.new(self._csrf_key, session, sha256).hexdigest()

    def check_csrf(self, request: Request, token: str) -> None:
        """Raises Forbidden unless the token belongs to this session."""
        expected, given = self.csrf_token(request).encode(), token.encode("utf-8", "replace")
        if COOKIE not in request.cookies or not hmac.compare_digest(expected, given):
            raise Forbidden("The form is no longer valid; load the page again.")
