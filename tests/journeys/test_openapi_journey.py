"""The API does what its OpenAPI document says, whatever is sent to it."""

import re
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from installation import Installation

PROMISED = """
GET /, GET /health, GET /ready, GET /metrics, GET /metrics/json, GET /version, POST /reset, POST /token,
POST /transaction, POST /transactions/batch, GET /transaction/{}, GET /transaction/{}/verification,
GET /transactions, POST /counts,
GET /anomalies, POST /anomalies/{}/answer, GET /quality, GET /series, GET /stats, GET /stream,
GET /alerts, GET /alerts/{}, GET /incidents, GET /incidents/{}, POST /incidents/{}/acknowledge,
POST /incidents/{}/resolve, POST /labels,
GET /cases, GET /cases/{}, POST /cases/{}/claim, POST /cases/{}/release, POST /cases/{}/note,
POST /cases/{}/close, POST /transaction/{}/answer, GET /quality/transactions,
GET /rules, POST /rules, GET /rules/{}, PUT /rules/{}, GET /rules/{}/history, POST /rules/{}/moves,
POST /rules/check, POST /rules/backtest, GET /lists, GET /lists/{}, PUT /lists/{}, DELETE /lists/{},
GET /snoozes, POST /snoozes, DELETE /snoozes/{}
"""
ROUTES = [one.strip() for one in PROMISED.split(",")]


@pytest.fixture(scope="module")
def guardian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("guardian"))
    installation.door.tower.look()
    yield installation
    installation.close()


@pytest.fixture(scope="module")
def api(guardian: Installation) -> BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", guardian.door.app)


def test_the_document_lists_what_is_promised_each_with_a_name_of_its_own(guardian: Installation) -> None:
    document = guardian.ask("GET", "/openapi.json", None).json()
    operations = {
        f"{method.upper()} {re.sub('{[^}]*}', '{}', path)}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    assert sorted(operations) == sorted(ROUTES)
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert not [name for name in names if "__" in name or name.endswith(("_get", "_post"))]
    open_to_all = {name for name, operation in operations.items() if not operation.get("security")}
    assert open_to_all == {
        "POST /token", "GET /health", "GET /ready", "GET /metrics", "GET /version", "GET /",
    }  # fmt: skip


# never ends by itself; it has tests of its own
UNBOUNDED = "GET /stream"
# no schema says that a card number, an old time or an unknown id is refused: what is good is not asked
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
CALLS = settings(
    max_examples=20, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["good", "bad"])
@pytest.mark.parametrize("name", [route for route in ROUTES if route != UNBOUNDED])
def test_no_answer_is_undocumented_or_an_internal_error(
    api: BaseSchema, guardian: Installation, name: str, mode: GenerationMode
) -> None:
    operation = listed(api)[name]
    inputs = [*operation.iter_parameters(), *operation.body]
    if mode is GenerationMode.NEGATIVE and not inputs:
        return  # it takes nothing that could be bad
    headers = {"authorization": f"Bearer {guardian.tokens['admin']}"}

    @CALLS
    @given(case=operation.as_strategy(generation_mode=mode))
    def answers_as_documented(case: Case) -> None:
        case.call_and_validate(headers=headers, checks=CHECKS)

    answers_as_documented()


@pytest.mark.parametrize("token", [None, "Bearer x", "Basic YTpi"])
def test_what_needs_a_scope_is_refused_without_a_token(guardian: Installation, token: str | None) -> None:
    headers = {"authorization": token} if token else {}
    document = guardian.ask("GET", "/openapi.json", None).json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if operation.get("security"):
                refused = guardian.ask(method.upper(), path, None, headers=headers, json={})
                assert refused.status_code == 401, path


def listed(api: BaseSchema) -> dict[str, APIOperation]:
    """Every operation of the document, by method and path."""
    operations = [found.ok() for found in api.get_all_operations()]
    return {f"{one.method.upper()} {re.sub('{[^}]*}', '{}', one.path)}": one for one in operations}
