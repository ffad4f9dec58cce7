"""Problem documents as OpenAPI describes them."""

from http import HTTPStatus
from typing import Any

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
