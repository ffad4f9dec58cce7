"""The two ingest routes as OpenAPI describes them; the fast path answers them outside the framework."""

from typing import Any

import msgspec

from guardian.ingestion.schema import TransactionIn
from guardian.security.openapi import problem_responses

_SECURITY = [{"bearerAuth": ["write"]}]
_REF = "#/components/schemas/{name}"


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add both routes and their schema to an OpenAPI 3.1 document."""
    (schema,), components = msgspec.json.schema_components([TransactionIn], ref_template=_REF)
    amount = components["TransactionIn"]["properties"]["amount"]
    amount.clear()
    amount |= {
        "anyOf": [
            {"type": "string", "pattern": "^[0-9]{1,7}([.][0-9]{1,3})?$"},
            {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000},
        ],
        "description": "Decimal, more than 0 and at most 1 000 000.",
    }
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    document["paths"]["/transaction"] = {"post": _single(schema)}
    document["paths"].setdefault("/transactions/batch", {})["post"] = _batch(schema)
    return document


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _problems() -> dict[str, Any]:
    found = problem_responses(400, 401, 403, 409, 413, 415, 422, 429, 503)
    return {str(code): answer for code, answer in found.items()}


def _single(schema: dict[str, Any]) -> dict[str, Any]:
    queued = {
        "type": "object",
        "required": ["status", "transaction_id"],
        "properties": {"status": {"const": "queued"}, "transaction_id": {"type": "string"}},
    }
    return {
        "tags": ["ingest"],
        "operationId": "post_transaction",
        "summary": "Accept one transaction; 202 means durable",
        "security": _SECURITY,
        "parameters": [
            {
                "name": "Prefer",
                "in": "header",
                "required": False,
                "schema": {"type": "string", "pattern": "^wait=[0-9]{1,2}([.][0-9]{1,3})?$"},
                "description": "wait=0.5 answers 200 with the verdict if it is there in time.",
            }
        ],
        "requestBody": _body(_json(schema)),
        "responses": {
            "200": {"description": "The verdict", "content": _json({"type": "object"})},
            "202": {"description": "Durable", "content": _json(queued)},
            **_problems(),
        },
    }


def _batch(schema: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "maxItems": 10_000, "items": schema}
    body = {
        "type": "object",
        "required": ["transactions"],
        "additionalProperties": False,
        "properties": {"transactions": rows},
    }
    rejected = {
        "type": "object",
        "properties": {
            "index": {"type": "integer"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    }
    answer = {
        "type": "object",
        "required": ["accepted", "rejected"],
        "properties": {
            "accepted": {"type": "integer"},
            "rejected": {"type": "array", "items": rejected},
        },
    }
    return {
        "tags": ["ingest"],
        "operationId": "post_transactions",
        "summary": "Accept up to 10 000 transactions; good rows are kept when others are bad",
        "security": _SECURITY,
        "requestBody": _body(_json(body) | {"application/x-ndjson": {"schema": {"type": "string"}}}),
        "responses": {"202": {"description": "Durable", "content": _json(answer)}, **_problems()},
    }
