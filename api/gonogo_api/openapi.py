"""What each dialect's OpenAPI document says: every call with every status it may answer, and the body of each.

What a call answers when it succeeds is declared at its route (`says`), as the type that the answer is built as. What it
answers when it fails follows from the route (`StrictRoute.problems`) and is shown as the dialect itself renders it.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from gonogo.errors import Mistake
from gonogo_api.problems import BAD_KEY, CRASHED, JSON, LOST, PROBLEMS, REUSED, SILENT, STALE, Kind, Problem

Responses = dict[int | str, dict[str, Any]]
_TRACE = "507f1f77bcf86cd799439011"
#: Where examples wait, as text: the framework drops what is null.
_EXAMPLES = "x-examples"
_REF = "#/components/schemas/{model}"


#: What can go wrong, said as an example, and when it does.
SAMPLES: dict[Kind, tuple[Problem, str]] = {
    "malformed": (
        Problem("malformed", "The body is not valid JSON", mistakes=[Mistake("", "expected valid JSON")]),
        "The body is no JSON that means one thing only, or a header or an id is malformed",
    ),
    "invalid": (
        Problem("invalid", "name: Field required", mistakes=[Mistake("name", "Field required")]),
        "Something in the request is not what was expected",
    ),
    "unauthorized": (Problem("unauthorized", BAD_KEY, "key"), "The key is missing, unknown, or has ended"),
    "forbidden": (
        Problem("forbidden", "The key lacks the permission campaigns:write", "campaigns:write"),
        "The key lacks a permission",
    ),
    "not_found": (Problem("not_found", "Campaign not found", "campaign"), "There is no such thing in the workspace"),
    "conflict": (Problem("conflict", LOST), "Somebody else was faster"),
    "too_large": (Problem("too_large", "The body is larger than 1048576 bytes", "body"), "The body is too large"),
    "media_type": (
        Problem("media_type", "Expected a body of type application/json", "content-type"),
        "The body is of another type",
    ),
    "limited": (Problem("limited", "Rate limit exceeded: 1200 requests"), "Too many requests of this key"),
    "unavailable": (
        Problem("unavailable", SILENT, "executor"),
        "Nothing executes launches at the moment, or the relay takes no mail",
    ),
    "internal": (Problem("internal", CRASHED), "A failure of our own; the log tells it by the id"),
    "stale": (
        Problem("stale", STALE, "If-Match"),
        "It is not what If-Match names any more",
    ),
    "reused": (Problem("reused", REUSED, "Idempotency-Key"), REUSED),
}


def says(shape: Any, status: int = 200, examples: Mapping[str, object] | None = None) -> Responses:
    """The answer of a call that succeeds, for `responses=` of its route; with examples by name."""
    return {status: {"model": shape, "description": "Done", _EXAMPLES: json.dumps(examples or {})}}


def refuses(*statuses: int, when: str = "The campaign's state, or what it says, does not allow it") -> Responses:
    """The answers of a step that is refused."""
    return {status: {"description": when} for status in statuses}


def document(app: FastAPI) -> dict[str, Any]:
    """The dialect's OpenAPI document; made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=app.title,
        version=version("gonogo"),
        description=app.description,
        routes=app.routes,
        servers=[{"url": f"/{app.state.dialect}"}],
    )
    schemas: dict[str, Any] = made.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own, which nobody is ever shown
        schemas.pop(name, None)
    if app.state.house:
        schemas["NewCampaign"]["properties"]["channel"]["enum"] = [*app.state.door.channels]
    made["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key"}}
    for method, path, operation in _operations(made):
        if app.state.house:
            _tell_of_the_house(method, operation)
        _tell_problems(app, path, operation, schemas)
    return made


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in made["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


def _tell_of_the_house(method: str, operation: dict[str, Any]) -> None:
    """What only the house has: conditional reads, pages with links, requests that name themselves."""
    tag = {"ETag": {"schema": {"type": "string"}, "description": "Of this very answer"}}
    if method == "get":
        operation.setdefault("parameters", []).append(_header("If-None-Match", "The ETag of what is known already"))
        operation["responses"]["200"]["headers"] = tag
        operation["responses"]["304"] = {"description": "It is what If-None-Match names", "headers": tag}
    if method == "post":
        operation.setdefault("parameters", []).append(_header("Idempotency-Key", "Names the request"))
        operation[PROBLEMS].append("reused")


def _header(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": description}


def _tell_problems(app: FastAPI, path: str, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    if JSON in (told := responses.get("422", {}).get("content", {})) and "HTTPValidationError" in str(told):
        del responses["422"]
    for response in responses.values():
        if examples := json.loads(response.pop(_EXAMPLES, "{}")):
            response["content"][JSON]["examples"] = {name: {"value": value} for name, value in examples.items()}
    for kind in operation.pop(PROBLEMS, []):
        problem, when = SAMPLES[kind]
        status, body, headers = _rendered(app, problem, path)
        response = responses.setdefault(str(status), {"description": ""})
        if when not in response["description"]:
            response["description"] = "; or: ".join(filter(None, (response["description"], when)))
        examples = response.setdefault("content", {}).setdefault(JSON, {}).setdefault("examples", {})
        examples[kind] = {"value": body}
        if headers:
            response["headers"] = headers
    for code, response in responses.items():
        if int(code) >= 400:  # noqa: PLR2004
            content = response.setdefault("content", {}).setdefault(JSON, {})
            content["schema"] = _schema(app.state.errors(int(code)), schemas)
    operation["responses"] = dict(sorted(responses.items()))


def _rendered(app: FastAPI, problem: Problem, path: str) -> tuple[int, object, dict[str, Any]]:
    """The problem as the dialect says it."""
    scope = {"type": "http", "path": path, "query_string": b"", "headers": [], "server": ("", 80), "scheme": "http"}
    response = app.state.render(problem, Request({**scope, "request_id": _TRACE}))
    headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return response.status_code, json.loads(response.body), headers if problem.kind == "limited" else {}


def _schema(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the shape of an error, which joins the document's schemas."""
    made = TypeAdapter(shape).json_schema(ref_template=_REF, mode="serialization")
    schemas.update(made.pop("$defs", {}))
    name = cast(str, made["title"])
    schemas[name] = made
    return {"$ref": _REF.format(model=name)}
