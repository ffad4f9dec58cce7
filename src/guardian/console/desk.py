"""Where pages are made: who reads, in which language, and the frame around every page."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
from fastapi import Depends
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from guardian.console.formats import Formats
from guardian.console.language import Language, choose
from guardian.console.picture import LEVEL_MARKS, OPEN_ALERTS, PRIORITY_MARKS, Picture, take
from guardian.console.retold import retold
from guardian.console.sentence import compose, of_age
from guardian.console.session import Session
from guardian.console.view import ConsoleView
from guardian.domain.errors import Forbidden, Refused, Unavailable
from guardian.security.identity import Principal
from guardian.storage.base import RecordQuery

FOLDER = Path(__file__).parent
THEMES = ("dark", "light")
TOASTS = ("acknowledged", "resolved", "answered", "claimed", "released", "noted", "closed")
MOST_FIELDS = 20
TROUBLES = {403: "forbidden", 404: "missing", 409: "conflict"}


RULE_TOASTS = ("saved", "moved", "listed", "unlisted", "snoozed", "woken")


class Reader(msgspec.Struct, frozen=True):
    """One request of a person who may read."""

    request: Request
    principal: Principal
    formats: Formats
    csrf: str
    form: Mapping[str, str] = {}
    """What a deed was sent with."""

    @property
    def words(self) -> Language:
        """The words of the reader's language."""
        return self.formats.language

    def asked(self, name: str, longest: int = 100) -> str:
        """A query parameter without surrounding blanks, cut at `longest`; empty when absent."""
        return self.request.query_params.get(name, "").strip()[:longest]

    def sent(self, name: str, longest: int = 100) -> str:
        """A field of the form, cut at `longest`; empty when absent."""
        return self.form.get(name, "")[:longest]

    def named(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])


Handler = Callable[[Reader], Response]
Form = Mapping[str, str]


class Desk:
    """Guards handlers and renders templates; holds no state of a request."""

    def __init__(self, view: ConsoleView, session: Session) -> None:
        self.view = view
        self._session = session
        self._templates = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
        )

    def reading(self, handler: Handler) -> Callable[[Request], Response]:
        """The handler as a route of the scope read; anonymous readers go to the login page."""

        def endpoint(request: Request) -> Response:
            return self._answer(request, "read", handler)

        return endpoint

    def doing(self, deed: Handler) -> Callable[[Request, Form], Response]:
        """The deed as a route of the scope operate, with its CSRF token checked first."""

        def endpoint(request: Request, form: Annotated[Form, Depends(_sent)]) -> Response:
            def checked(reader: Reader) -> Response:
                try:
                    self._session.check_csrf(request, form.get("csrf", ""))
                except Forbidden:
                    return self._trouble(reader.request, reader.formats, "form", 403)
                return deed(msgspec.structs.replace(reader, form=form))

            return self._answer(request, "operate", checked)

        return endpoint

    def formats(self, request: Request) -> Formats:
        """The reader's formats at this moment."""
        language = choose(request.cookies.get("lang"), request.headers.get("accept-language", ""))
        return Formats(language, self.view.zone, self.view.clock.now_ms())

    def page(self, reader: Reader, template: str, status: int = 200, /, **facts: object) -> HTMLResponse:
        """A full page or a fragment, inside what every page knows."""
        known = facts.get("picture")
        picture = known if isinstance(known, Picture) else take(self.view)
        shell = {
            "reader": reader,
            "who": reader.principal.subject,
            "can_operate": reader.principal.allows("operate"),
            "picture": picture,
            "sentence": compose(picture, reader.formats),
            "age": of_age(picture, reader.formats) if picture.stale else None,
            "waiting_cases": self.view.shelf.waiting(),
            "alert_count": self.view.alerts.count(RecordQuery("", states=OPEN_ALERTS)),
            "toast": _one_of(reader.asked("done"), (*TOASTS, *RULE_TOASTS)),
        }
        response = self.plain(reader.request, reader.formats, template, status, **{**shell, **facts})
        response.headers["X-Charts"] = picture.stamp
        return response

    def plain(
        self, request: Request, formats: Formats, template: str, status: int = 200, /, **facts: object
    ) -> HTMLResponse:
        """A page that needs nobody to be logged in."""
        frame = {
            "t": formats.language.word,
            "told": partial(retold, formats=formats),
            "words": formats.language,
            "f": formats,
            "theme": _one_of(request.cookies.get("theme", ""), THEMES),
            "path": request.url.path,
            "here": request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            "zone": self.view.zone,
            "environment": self.view.environment,
            "level_marks": LEVEL_MARKS,
            "priority_marks": PRIORITY_MARKS,
        }
        html = self._templates.get_template(template).render({**frame, **facts})
        return HTMLResponse(html, status, headers={"Cache-Control": "no-store"})

    def _answer(self, request: Request, scope: str, handler: Handler) -> Response:
        principal = self._session.principal(request)
        if principal is None:
            return to_login(request)
        formats = self.formats(request)
        reader = Reader(request, principal, formats, self._session.csrf_token(request))
        try:
            if not principal.allows(scope):
                raise Forbidden(f"This needs the scope {scope}.")
            return handler(reader)
        except Refused as error:
            return self._trouble(request, formats, TROUBLES.get(error.status, "refused"), error.status)
        except Unavailable:
            return self._trouble(request, formats, "unavailable", 503)

    def _trouble(self, request: Request, formats: Formats, kind: str, status: int) -> Response:
        """A page that says what could not be done, that nothing is lost, and where to go on."""
        again = request.method == "GET" and kind == "unavailable"
        return self.plain(request, formats, "error.html", status, kind=kind, again=again)


def to_login(request: Request) -> Response:
    """To the login page and back; a part of a page sends the whole page there."""
    if "hx-request" in request.headers:
        here = request.headers.get("hx-current-url", "")
        path = "/" + here.split("/", 3)[3] if here.count("/") >= 3 else "/console/overview"
        return Response(status_code=401, headers={"HX-Redirect": f"/login?next={quote(path, safe='/')}"})
    target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    target = target if request.method == "GET" else "/console/overview"
    return RedirectResponse(f"/login?next={quote(target, safe='/')}", status_code=303)


async def _sent(request: Request) -> Form:
    """The fields of the form; files are none of ours."""
    async with request.form(max_fields=MOST_FIELDS, max_files=1) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _one_of(given: str, allowed: tuple[str, ...]) -> str:
    return given if given in allowed else ""
