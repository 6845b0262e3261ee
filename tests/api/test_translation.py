"""Dialects translate, and decide nothing: what state a campaign is in is looked up in the contract's tables."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import gonogo_api.dialects

MODULES = sorted(Path(gonogo_api.dialects.__path__[0]).rglob("*.py"))
#: What is looked up with a state: the contract's tables, and the question what the state is by now.
TABLES = ("contract", "status_of", "task_status")
STATUSES = ("status", "status_of", "task_status")
OWN = ("state", "task_status", "closed_as")
#: States that are no campaign's: of deliveries to webhooks, and of test sends.
OTHERS = ("webhooks.py: reads state", "rehearsals.py: reads state")


def found(module: Path) -> list[str]:
    """Where a module reads a state but to look it up, knows the engine's states, or compares what it looked up."""
    tree = ast.parse(module.read_text())
    looked_up = {id(inner) for node in ast.walk(tree) if _is_lookup(node) for inner in ast.walk(node)}
    words = {name for node in ast.walk(tree) for name in _named(node)}
    return [f"{module.name}:{line}: {what}" for line, what in _wrong(tree, looked_up, words)]


def _wrong(tree: ast.AST, looked_up: set[int], words: set[str]) -> Iterator[tuple[int, str]]:
    of_an_app = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}  # app.state.door
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in OWN and id(node) not in looked_up | of_an_app:
            yield node.lineno, f"reads {node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "gonogo.campaign":
            yield node.lineno, "knows the engine's states"
        if not isinstance(node, ast.Compare) or _is_lookup(node):
            continue
        if any(_is_word(side, words) for side in (node.left, *node.comparators)):
            yield node.lineno, "compares what it looked up"


def _is_lookup(node: ast.AST) -> bool:
    """`contract.f(...)`, `contract.TABLE[...]`, `... in contract.TABLE`, `reading.status_of(...)`."""
    if isinstance(node, ast.Call):
        return bool({_name(node.func), _name(getattr(node.func, "value", None))} & {*TABLES})
    if isinstance(node, ast.Subscript):
        return _name(getattr(node.value, "value", None)) == "contract"
    sides = node.comparators if isinstance(node, ast.Compare) else []
    return any(_name(getattr(side, "value", None)) == "contract" for side in sides)


def _is_word(node: ast.AST, words: set[str]) -> bool:
    """What a dialect calls a state: looked up here, or held by a name."""
    return _name(node) in words or (isinstance(node, ast.Call) and _name(node.func) in STATUSES)


def _named(node: ast.AST) -> Iterator[str]:
    """The names that hold what was looked up as a status."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _name(node.value.func) in STATUSES:
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _name(node: ast.AST | None) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("module", MODULES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_dialect_reads_or_compares_the_engines_states(module: Path) -> None:
    assert [each for each in found(module) if f"{module.name}: {each.partition(': ')[2]}" not in OTHERS] == []


@pytest.mark.parametrize(
    "code",
    [
        "case.state == 'x'",
        "if outcome.case.state in ('running',): pass",
        "word = case.state",
        "from gonogo.campaign import DRAFT",
        "contract.status(D, x) == 'running'",
        "word = contract.status(D, x); word not in ('draft', 'paused')",
        "case.closed_as in ('failed',)",
    ],
)
def test_what_reads_or_compares_is_found(code: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(code)
    assert len(found(tmp_path / "m.py")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "contract.status(DIALECT, reading.status_of(case, now))",
        "contract.ANNOUNCED[case.state]",
        "started = case.state in contract.SENDING",
        "body.launch_type == 'scheduled'",
    ],
)
def test_a_look_up_is_none_of_these(code: str, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text(code)
    assert found(tmp_path / "m.py") == []
