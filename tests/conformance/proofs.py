"""Which exchange shows what a seed says, line by line."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.recording import Exchange
from support.seeds import SEEDS


@dataclass(frozen=True, slots=True)
class Proof:
    """Lines of a seed (the first is 1), the exchanges that show them, what is seen there, and whether it is true."""

    first: int
    last: int
    by: tuple[str, ...]
    seen: str
    holds: Callable[..., bool]


Answered = Callable[[Exchange], bool]


def lines_of(number: str) -> list[str]:
    [path] = SEEDS.glob(f"{number}_*.txt")
    return path.read_text(encoding="utf-8").splitlines()


def at(body: Any, path: str) -> Any:
    """What stands at a path such as `data.tasks.0.id`. Raises LookupError."""
    for part in filter(None, path.split(".")):
        try:
            body = body[int(part) if isinstance(body, list) else part]
        except (TypeError, ValueError):  # nothing that has parts, or no such number
            raise LookupError(path) from None
    return body


def answers(status: int, /, **fields: object) -> Answered:
    """The exchange was answered so: the status, and what stands at some paths (`__` for a dot)."""
    return lambda found: (
        found.status == status
        and all(at(found.body, path.replace("__", ".")) == value for path, value in fields.items())
    )


def has(status: int, *paths: str) -> Answered:
    """The exchange was answered with the status and something at these paths."""
    return lambda found: found.status == status and all(at(found.body, path) is not None for path in paths)


_KINDS = {str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "null"}
_MEMBER = re.compile(r'\s*"(?P<name>[^"]+)": (?P<value>.*)')


def example(
    number: str, first: int, last: int, by: str, *, same: Sequence[str] = (), nullable: Sequence[str] = ()
) -> Iterator[Proof]:
    """One proof per line of an example body: the field is there, with the type of the example.

    Fields in `same` have its very value. Those in `nullable` may be null where the example shows a value.
    """
    for line, (path, value) in zip(range(first, last + 1), _paths(lines_of(number)[first - 1 : last]), strict=True):
        seen, holds = _like(path, value, exact=path in same, nullable=path in nullable)
        yield Proof(line, line, (by,), seen, holds)


def _paths(lines: list[str]) -> Iterator[tuple[str, Any]]:
    """Where each line of a JSON text stands in it, and its value; a closing bracket stands for what it closes."""
    stack: list[tuple[str, bool]] = []  # name, and whether it is a list

    def path(*more: str) -> str:
        return ".".join(filter(None, (*(name for name, _ in stack), *more)))

    for line in lines:
        text = line.strip().rstrip(",")
        member = _MEMBER.match(text)
        name = member["name"] if member else ("0" if stack and stack[-1][1] else "")
        value = member["value"].rstrip(",") if member else text
        if value in ("{", "["):
            yield path(name), {} if value == "{" else []
            stack.append((name, value == "["))
        elif text[:1] in ("}", "]"):  # a heading may follow on the same line
            stack_path, (_, was_list) = path(), stack.pop()
            yield stack_path, [] if was_list else {}
        else:
            yield path(name), json.loads(value)


def _like(path: str, value: Any, *, exact: bool, nullable: bool) -> tuple[str, Answered]:
    name = f"`{path}`" if path else "the body"
    if isinstance(value, dict | list):
        return f"{name} is {'an object' if isinstance(value, dict) else 'a list'}", (
            lambda found: isinstance(at(found.body, path), type(value))
        )
    if exact or value is None:
        return f"{name} is `{json.dumps(value)}`", lambda found: bool(at(found.body, path) == value)
    kinds = (int, float) if type(value) in (int, float) else (type(value),)
    wanted = (*kinds, type(None)) if nullable else kinds
    said = _KINDS[type(value)] + (", or null" if nullable else "")
    return f"{name} is {said}", lambda found: type(at(found.body, path)) in wanted
