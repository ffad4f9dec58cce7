"""Forms that routes share: times, and problem documents as OpenAPI describes them."""

import re
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AwareDatetime, BeforeValidator

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)


def _rfc3339(value: object) -> object:
    """Only such a text goes on: pydantic would take numbers for times too."""
    if not (isinstance(value, str) and _RFC3339.fullmatch(value)):
        raise ValueError("expected an RFC 3339 time")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339)]
_TEXT = {"type": "string"}
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "trace_id"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "trace_id": _TEXT,
        "line": {"type": "integer", "minimum": 1},
        "column": {"type": "integer", "minimum": 1},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"pointer": _TEXT, "code": _TEXT, "detail": _TEXT}},
        },
    },
}


def problem_responses(*codes: int) -> dict[int | str, dict[str, Any]]:
    """The answers of those codes for a route's `responses`."""
    content = {"application/problem+json": {"schema": PROBLEM_SCHEMA}}
    return {code: {"description": HTTPStatus(code).phrase, "content": content} for code in codes}
