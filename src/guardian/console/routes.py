"""The routes of the console: its pages, the login page, preferences and its own files."""

from collections.abc import Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from guardian.console import case_pages, incident_pages, overview, rule_pages, transaction_pages, watch_pages
from guardian.console.desk import FOLDER, THEMES, Desk, Reader
from guardian.console.language import WORDS
from guardian.console.session import Session
from guardian.console.view import ConsoleView
from guardian.domain.errors import NotFound
from guardian.security.redirects import own_path

STATIC_PATH = "/console/static"
LOGIN_ERRORS = {"1": "login.error", "link": "login.error_link"}
YEAR_S = 365 * 86_400


def console(view: ConsoleView, session: Session) -> APIRouter:
    """Every page; mount `static_files()` at STATIC_PATH before it."""
    router = APIRouter(include_in_schema=False)
    desk = Desk(view, session)
    for part in (overview, watch_pages, incident_pages, transaction_pages, case_pages, rule_pages):
        part.register(router, desk)
    router.add_api_route("/login", _login(desk, session), methods=["GET"], response_model=None)
    router.add_api_route("/console/preferences", preferences, methods=["GET"], response_model=None)
    router.add_api_route("/console/{rest:path}", desk.reading(_missing), methods=["GET"], response_model=None)
    return router


def static_files() -> StaticFiles:
    """The style sheets and scripts, ours and the vendored ones."""
    return StaticFiles(directory=FOLDER / "static")


def preferences(request: Request) -> Response:
    """Remember `lang` or `theme` in a cookie and go back to `next`."""
    response = RedirectResponse(own_path(request.query_params.get("next", "")), status_code=303)
    for name, allowed in (("lang", tuple(WORDS)), ("theme", THEMES)):
        value = request.query_params.get(name)
        if value in allowed:
            response.set_cookie(name, value, max_age=YEAR_S, samesite="lax")
    return response


def _missing(_: Reader) -> Response:
    raise NotFound("There is no such page.")


def _login(desk: Desk, session: Session) -> Callable[[Request], Response]:
    def login(request: Request) -> Response:
        """The form; it is answered by the routes of security."""
        following = own_path(request.query_params.get("next", ""))
        error = LOGIN_ERRORS.get(request.query_params.get("error", ""), "")
        facts = {"following": following, "error": error, "csrf": session.csrf_token(request)}
        return desk.plain(request, desk.formats(request), "login.html", **facts)

    return login
