"""Proofs and pictures of the table."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from gonogo import diagram as drawing
from gonogo.testing.claims import check_campaign
from gonogo_api.commands.common import Json, answer


def check(json: Json = False) -> None:
    """Explore the table with all facts, prove its laws, and see that dropping any guard would be found out.

    Each dropped guard has a counterexample: in a world that moves lead to (noticed), or only in one that they never
    do, because another guard stands before it (second lock). An idle one makes no difference for any facts.
    """
    report = check_campaign()
    if json:
        found = {
            "counterexamples": list(map(str, report.counterexamples)),
            "survivors": list(map(str, report.survivors)),
        }
        fates = {"noticed": report.noticed, "second_locks": report.second_locks, "idle": report.idle}
        sizes = {"laws": report.laws, "worlds": report.worlds, "mutants": report.mutants}
        sizes |= {name: len(mutants) for name, mutants in fates.items()}
        answer({"ok": report.ok, **sizes, **found}, as_json=True)
    else:
        for line in report.lines():
            Console(soft_wrap=True).print(line, highlight=False, markup=False)
    raise typer.Exit(0 if report.ok else 1)


def diagram(
    check: Annotated[bool, typer.Option("--check", help="Compare only; fail where they differ.")] = False,
    folder: Annotated[Path, typer.Option(help="Where the diagrams stand.")] = Path("diagrams"),
) -> None:
    """Draw the table into a folder, or see whether what is drawn there is still true."""
    console = Console(soft_wrap=True)
    if not check:
        for path in drawing.write(folder):
            console.print(str(path), highlight=False, markup=False)
        return
    found = drawing.differences(folder)
    for line in found:
        console.print(line, highlight=False, markup=False)
    raise typer.Exit(1 if found else 0)
