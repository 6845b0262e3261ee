"""The commands, by subject. Every failure that can be foreseen is one line and a non-zero exit."""

import logging
import sys
from importlib.metadata import version
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from sqlalchemy.exc import DBAPIError

from gonogo.errors import GonogoError
from gonogo_api.commands import checking, demonstration, moving, policies, serving, tenants, watching

app = typer.Typer(
    name="gonogo",
    help="A launch gate for outbound campaigns: nothing goes out without the approval it needed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("demo")(demonstration.demo)
app.command("serve")(serving.serve)
app.command("worker")(serving.worker)
app.command("migrate")(serving.migrate)
app.add_typer(tenants.workspace, name="workspace")
app.add_typer(tenants.key, name="key")
app.add_typer(tenants.member, name="member")
app.add_typer(tenants.group, name="group")
app.add_typer(policies.policy, name="policy")
app.add_typer(moving.imports, name="import")
app.command("why")(watching.why)
app.command("explain")(policies.explain)
app.command("watch")(watching.watch)
app.command("hold")(watching.hold)
app.command("lift")(watching.lift)
app.command("check")(checking.check)
app.command("diagram")(checking.diagram)


def _version(wanted: bool) -> None:
    if wanted:
        Console().print(f"gonogo {version('gonogo')}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Tell the version and exit.")
    ] = False,
) -> None:
    """A launch gate for outbound campaigns."""


def run() -> None:
    """The entry point: what was foreseen becomes one line."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        app()
    except (GonogoError, ValueError, OSError) as error:
        _fail(str(error))
    except DBAPIError as error:
        _fail(f"the database can't be used: {str(error.orig).strip().splitlines()[0]}")


def _fail(message: str) -> None:
    Console(stderr=True).print(f"[red]gonogo:[/red] {escape(message)}", highlight=False, soft_wrap=True)
    sys.exit(1)
