"""A policy as somebody writes it: JSON, or YAML where the body says so."""

import json
from typing import Annotated, Any

import yaml
from fastapi import Depends, Request
from yaml.nodes import MappingNode

from gonogo.errors import Mistake
from gonogo_api.door import content_type, read_json
from gonogo_api.problems import JSON, Problem

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
    return read_yaml(await request.body())


Written = Annotated[Any, Depends(written)]


def read_yaml(body: bytes) -> Any:
    """YAML as JSON would say it: no key twice, no aliases, no values that JSON lacks. Raises Problem, and
    RequestValidationError."""
    try:
        text = body.decode("utf-8")
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
                raise ValueError("aliases and tags are not taken")
        said = json.dumps(yaml.load(text, _Loader))  # noqa: S506 - a SafeLoader
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        why = " ".join(str(error).split())
        raise Problem("malformed", "The body is no YAML that is taken", mistakes=[Mistake("", why)]) from error
    return read_json(said.encode())


class _Loader(yaml.SafeLoader):
    """Reads what JSON can say, and nothing else."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
            raise ValueError("every key must be a text, and stand there once")
        return super().construct_mapping(node, deep)


#: Only the types that JSON has; a date stays the text that it was written as.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] in ("bool", "int", "float", "null")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
