"""YAML as JSON would say it, by YAML 1.2's core schema: `off`, `yes` and `22:00` are texts, so are
`.inf` and `.nan`, for which JSON has no word, and `010` is ten."""

import json
import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, ScalarNode

DEEPEST = 100  # levels: more than any document that is taken as YAML has


def read_yaml(body: bytes) -> bytes:
    """The JSON that the YAML says. No key twice, no aliases, no tags. Raises ValueError."""
    try:
        text = body.decode("utf-8")
        depth = 0
        for event in yaml.parse(text, _Loader):
            if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None) is not None:
                raise ValueError("aliases and tags are not taken")
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:  # at once: the scanner takes ever longer with each level
                raise ValueError("it is nested too deeply")
        return json.dumps(yaml.load(text, _Loader)).encode()  # noqa: S506 - a SafeLoader
    except (ValueError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(" ".join(str(error).split())) from error


class _Loader(yaml.SafeLoader):
    """Reads what JSON can say, and nothing else."""

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
            raise ValueError("every key must be a text, and stand there once")
        return super().construct_mapping(node, deep)


def _null(_: _Loader, __: ScalarNode) -> None:
    return None


def _bool(_: _Loader, node: ScalarNode) -> bool:
    return str(node.value).lower() == "true"


def _int(_: _Loader, node: ScalarNode) -> int:
    text = str(node.value)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(_: _Loader, node: ScalarNode) -> float:
    return float(str(node.value))


#: YAML 1.2.2, section 10.3.2: what a plain scalar is, by how it is written. Whatever is none of these is a text.
_CORE = (
    ("null", r"null|Null|NULL|~|", _null, ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", _bool, [*"tTfF"]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", _int, [*"-+0123456789"]),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?",
        _float,
        [*"-+.0123456789"],
    ),
)
_Loader.yaml_implicit_resolvers = {}
for _name, _written, _construct, _first in _CORE:
    _tag = f"tag:yaml.org,2002:{_name}"
    _Loader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_written})$"), _first)
    _Loader.add_constructor(_tag, _construct)
