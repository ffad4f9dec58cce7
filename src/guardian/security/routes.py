"""Tokens for programs, log-in for people."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from guardian.domain.errors import Refused, Unauthenticated
from guardian.security.entrance import Entrance
from guardian.security.openapi import problem_responses
from guardian.security.redirects import HOME, own_path

TOKEN_TTL_S = 3600
Short = Annotated[str, Form(max_length=200)]
_GRANTS = frozenset({"password", "client_credentials"})
# The codes of RFC 6749, section 5.2, as the problem document carries them
_UNSUPPORTED = [{"pointer": "/grant_type", "code": "unsupported_grant_type"}]
_INVALID_GRANT = [{"pointer": "", "code": "invalid_grant"}]


class TokenOut(BaseModel):
    """An access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


def routes(entrance: Entrance) -> APIRouter:
    """POST /token for programs; /login, /logout and the one-time link for people."""
    router = APIRouter(tags=["login"])
    _of_programs(router, entrance)
    _of_people(router, entrance)
    return router


def _of_programs(router: APIRouter, entrance: Entrance) -> None:

    @router.post(
        "/token",
        response_model=TokenOut,
        responses=problem_responses(400, 413, 422, 429, 503),
        operation_id="token",
    )
    async def token(
        response: Response,
        grant_type: Short = "password",
        username: Short = "",
        password: Short = "",
        client_id: Short = "",
        client_secret: Short = "",
    ) -> TokenOut:
        """An access token for a local user's password or a client's secret."""
        if grant_type not in _GRANTS:
            raise Refused("grant_type: expected password or client_credentials.", _UNSUPPORTED)
        name, secret = (username, password) if grant_type == "password" else (client_id, client_secret)
        try:
            principal = await run_in_threadpool(entrance.prove, name, secret, "token issue")
        except Unauthenticated as error:
            raise Refused(error.detail, _INVALID_GRANT) from error
        response.headers["Cache-Control"] = "no-store"
        return TokenOut(
            access_token=entrance.tokens.issue(principal, TOKEN_TTL_S),
            token_type="Bearer",  # noqa: S106 - the scheme's name
            expires_in=TOKEN_TTL_S,
            scope=" ".join(sorted(principal.scopes)),
        )


def _of_people(router: APIRouter, entrance: Entrance) -> None:
    @router.post("/login", include_in_schema=False)
    async def login(
        request: Request,
        username: Short = "",
        password: Short = "",
        following: Annotated[str, Form(alias="next", max_length=500)] = HOME,
    ) -> Response:
        """Log in with this browser."""
        try:
            principal = await run_in_threadpool(entrance.prove, username, password, "login")
        except Refused:
            return RedirectResponse("/login?error=1", status_code=303)
        response = RedirectResponse(own_path(following), status_code=303)
        entrance.sessions.begin(response, principal, request.url.scheme == "https")
        return response

    @router.get("/login/once/{code}", include_in_schema=False)
    async def once(request: Request, code: str) -> Response:
        """Log in by the link that was printed at the start."""
        try:
            principal = await run_in_threadpool(entrance.users.redeem, code)
        except Refused:
            return RedirectResponse("/login?error=link", status_code=303)
        await run_in_threadpool(entrance.note, principal.subject, "login by link")
        response = RedirectResponse(HOME, status_code=303)
        entrance.sessions.begin(response, principal, request.url.scheme == "https")
        return response

    @router.post("/logout", include_in_schema=False)
    async def logout(request: Request, csrf: Short = "") -> Response:
        """Log out with this browser."""
        entrance.sessions.check_csrf(request, csrf)
        response = RedirectResponse("/login", status_code=303)
        entrance.sessions.end(response)
        return response
