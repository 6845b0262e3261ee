"""/docs: the five OpenAPI documents as one page for people, without a script and without a word from elsewhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, select_autoescape
from markdown_it import MarkdownIt
from markupsafe import Markup

from gonogo_api.problems import JSON


@dataclass(frozen=True, slots=True)
class Shown:
    """One call, as the page shows it."""

    method: str
    path: str
    told: Mapping[str, Any]  # the operation of the document
    body: str | None  # the media types that it takes, and the shape of JSON

    @property
    def scopes(self) -> str:
        return ", ".join(scope for each in self.told["security"] for scopes in each.values() for scope in scopes)


def page(apps: Mapping[str, FastAPI]) -> str:
    """The page."""
    documents = {name: app.openapi() for name, app in apps.items()}
    calls = {name: _calls(document) for name, document in documents.items()}
    return _environment().get_template("reference.html").render(documents=documents, calls=calls)


def _calls(document: dict[str, Any]) -> dict[str, list[Shown]]:
    """The calls by tag, in the document's order."""
    found: dict[str, list[Shown]] = {}
    for path, item in document["paths"].items():
        for method, told in item.items():
            found.setdefault(told["tags"][0], []).append(Shown(method.upper(), path, told, _body(told, document)))
    return found


def _body(told: Mapping[str, Any], document: dict[str, Any]) -> str | None:
    if "requestBody" not in told:
        return None
    content = told["requestBody"]["content"]
    shapes = [f"{kind}: {_shape(taken['schema'], document)}" for kind, taken in content.items()]
    return "\n".join(shapes)


def _shape(schema: Mapping[str, Any], document: dict[str, Any]) -> str:
    """The fields of a body, those that may be left out with a question mark."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        wanted = [each for each in schema["anyOf"] if each.get("type") != "null"]
        return _shape(wanted[0], document) if wanted else "null"
    if "properties" not in schema:
        return str(schema.get("type", "anything"))
    needed = schema.get("required", [])
    fields = [f"{name}{'' if name in needed else '?'}" for name in schema["properties"]]
    return "{" + ", ".join(fields) + "}"


@cache
def _environment() -> Environment:
    made = Environment(loader=PackageLoader("gonogo_api", "pages"), autoescape=select_autoescape(), trim_blocks=True)
    markdown = MarkdownIt("zero").enable(["backticks", "emphasis"])
    made.filters["markdown"] = lambda text: Markup(markdown.render(text))  # noqa: S704 - raw HTML is off
    made.filters["json"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    made.globals["JSON"] = JSON
    return made
