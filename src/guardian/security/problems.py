"""Every error as a problem document (RFC 9457) that never echoes the input."""

from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from guardian.domain.errors import GuardianError, Refused, TooMany, Unauthenticated, Unavailable, Unparsable
from guardian.observability.logs import get_logger
from guardian.observability.traces import current_trace, new_trace_id, trace_id_of

MEDIA_TYPE = "application/problem+json"
Answer = tuple[int, dict[str, str], bytes]
_log = get_logger(__name__)


def render(error: GuardianError, trace_id: str | None) -> Answer:
    """Status, headers and body of an error; without a trace id it is the current one's."""
    trace = trace_id or current_trace.get() or new_trace_id()
    if isinstance(error, Refused):
        headers: dict[str, str] = {}
        if isinstance(error, Unauthenticated):
            headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
        if isinstance(error, TooMany):
            headers["Retry-After"] = str(error.retry_after_s)
        return document(error.status, error.title, error.detail, trace, _members(error), headers)
    if isinstance(error, Unavailable):
        later = {"Retry-After": str(error.retry_after_s)}
        return document(503, "Try again later", error.detail, trace, headers=later)
    return _failure(error, trace)


def document(
    status: int,
    title: str,
    detail: str,
    trace_id: str,
    members: Mapping[str, object] = {},
    headers: Mapping[str, str] = {},
) -> Answer:
    """The parts of one problem answer; `members` extend it."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    body |= {**members, "trace_id": trace_id}
    encoded = msgspec.json.encode(body)
    return status, {"Content-Type": MEDIA_TYPE, **headers}, encoded


def _members(error: Refused) -> dict[str, object]:
    """What the error knows beyond its words: the fields, or the place in a text."""
    if isinstance(error, Unparsable):
        return {"line": error.line, "column": error.column}
    return {"errors": error.errors} if error.errors else {}


def install(app: FastAPI) -> None:
    """Answer every error of the application with a problem document."""

    def respond(request: Request, answer: Answer) -> Response:
        del request
        status, headers, body = answer
        return Response(body, status_code=status, headers=headers)

    @cache
    def declared() -> frozenset[str]:
        return frozenset(_names_in(app.openapi()))

    def trace_of(request: Request) -> str:
        given = trace_id_of(request.headers.get("traceparent", "").encode())
        return given or current_trace.get() or new_trace_id()

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, GuardianError)  # noqa: S101 - registered for this type alone
        return respond(request, render(error, trace_of(request)))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this type alone
        unreadable = any(one["type"] == "json_invalid" for one in error.errors())
        found = () if unreadable else tuple(_located(one, declared()) for one in error.errors())
        status, title = (400, "Unreadable request") if unreadable else (422, "Invalid request")
        detail = "The body is not valid JSON." if unreadable else "Some values are not allowed."
        members = {"errors": found} if found else {}
        return respond(request, document(status, title, detail, trace_of(request), members))

    async def plain(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for this type alone
        title = HTTPStatus(error.status_code).phrase
        headers = dict(error.headers or {})
        answer = document(error.status_code, title, title + ".", trace_of(request), headers=headers)
        return respond(request, answer)

    async def unexpected(request: Request, error: Exception) -> Response:
        return respond(request, _failure(error, trace_of(request)))

    app.add_exception_handler(GuardianError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, plain)
    app.add_exception_handler(Exception, unexpected)


def _failure(error: Exception, trace_id: str) -> Answer:
    """A failure of ours: written down under the trace id, and told without its message."""
    _log.error("request_failed", exc_info=error, trace_id=trace_id)
    return document(500, "Internal error", "Something went wrong here; it has been written down.", trace_id)


def _located(error: Mapping[str, Any], declared: frozenset[str]) -> dict[str, str]:
    """Where and what was expected; names that the caller chose, and tags of a union, stay out."""
    known = (part for part in error["loc"][1:] if isinstance(part, int) or part in declared)
    return {"pointer": "".join(f"/{part}" for part in known), "code": str(error["type"])}


def _names_in(document: Mapping[str, Any]) -> Iterator[str]:
    """Fields and parameters that the document of the API names."""
    for schema in document.get("components", {}).get("schemas", {}).values():
        yield from schema.get("properties", {})
    for operations in document["paths"].values():
        for operation in operations.values():
            yield from (one["name"] for one in operation.get("parameters", ()))
