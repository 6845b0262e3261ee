"""A policy as somebody writes it: JSON, or YAML where the body says so."""

from typing import Annotated, Any

from fastapi import Depends, Request

from gonogo.errors import Mistake
from gonogo_api.problems import JSON, Problem
from gonogo_api.strict import content_type, read_json
from gonogo_api.yaml_body import read_yaml

YAML = ("application/yaml", "application/x-yaml", "text/yaml")  # the first is RFC 9512's
#: What OpenAPI says of such a body.
POLICY_BODY = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"type": "object"}}, YAML[0]: {"schema": {"type": "string"}}},
    }
}


async def written(request: Request) -> Any:
    """A dependency: the document. Raises Problem, and RequestValidationError."""
    kind = content_type(request)
    if kind == JSON:
        return await request.json()
    if kind not in YAML:
        raise Problem("media_type", f"Expected a body of type {JSON} or {YAML[0]}", "content-type")
    return _yaml(await request.body())


Written = Annotated[Any, Depends(written)]


def _yaml(body: bytes) -> Any:
    try:
        said = read_yaml(body)
    except ValueError as error:
        message = "The body is no YAML that is taken"
        raise Problem("malformed", message, mistakes=[Mistake("", str(error))]) from error
    return read_json(said)
