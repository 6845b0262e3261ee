"""Workspaces and their keys."""

from typing import Annotated

import typer

from gonogo import workspaces
from gonogo.store import workspaces as store
from gonogo_api import auth
from gonogo_api.commands.common import DatabaseUrl, Json, answer, one_off, settings_for

workspace = typer.Typer(help="Workspaces: tenants, each with rows of its own.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)


@workspace.callback()
def _workspaces() -> None:
    """Workspaces: tenants, each with rows of its own."""


@key.callback()
def _keys() -> None:
    """API keys."""


@workspace.command("create")
def create_workspace(
    name: str,
    dialect: Annotated[str, typer.Option(help="The product whose clients will come.")] = "leadlex",
    account_group: Annotated[str | None, typer.Option(help="How Sonarly's paths name it; 24 hex digits.")] = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a workspace."""
    with one_off(settings_for(database_url)) as call:
        made = workspaces.create(call, name, dialect, account_group)
        group = store.get(call.connection, made).account_group
    answer({"id": made, "name": name, "dialect": dialect, "account_group": group}, json)


@key.command("create")
def create_key(
    workspace: Annotated[str, typer.Option(help="The workspace's id.")],
    dialect: Annotated[str, typer.Option(help="The dialect that the key speaks.")],
    scope: Annotated[list[str], typer.Option(help="A permission; may be given again.")],
    member: Annotated[str | None, typer.Option(help="The e-mail of the person; a new one is made a member.")] = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown once."""
    settings = settings_for(database_url)
    with one_off(settings, workspace) as call:
        store.get(call.connection, workspace)
        person = workspaces.add_member(call, member, scopes=scope) if member else None
        made, key_id = auth.issue(
            call, settings.pepper_bytes(), workspace=workspace, dialect=dialect, scopes=scope, member=person
        )
    answer({"key": made, "id": key_id}, json)
