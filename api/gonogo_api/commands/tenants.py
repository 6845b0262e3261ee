"""Workspaces and their keys."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from whenever import Instant

from gonogo import groups, workspaces
from gonogo.store import people
from gonogo.store import workspaces as store
from gonogo_api import auth
from gonogo_api.commands.common import DatabaseUrl, Json, WorkspaceId, answer, one_off, settings_for
from gonogo_api.shapes import iso, read_instant

workspace = typer.Typer(help="Workspaces: tenants, each with rows of its own.", no_args_is_help=True)
key = typer.Typer(help="API keys.", no_args_is_help=True)
member = typer.Typer(help="Members: the people of a workspace.", no_args_is_help=True)
group = typer.Typer(help="Groups: people whom policies ask.", no_args_is_help=True)
KeyId = Annotated[str, typer.Argument(help="The key's id: its public part.", show_default=False)]


@workspace.callback()
def _workspaces() -> None:
    """Workspaces: tenants, each with rows of its own."""


@key.callback()
def _keys() -> None:
    """API keys."""


@member.callback()
def _members() -> None:
    """Members: the people of a workspace."""


@group.callback()
def _groups() -> None:
    """Groups: people whom policies ask."""


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
    workspace: WorkspaceId,
    dialect: Annotated[str, typer.Option(help="The dialect that the key speaks.")],
    scope: Annotated[list[str], typer.Option(help="A permission; may be given again.")],
    member: Annotated[str | None, typer.Option(help="The e-mail of the person; a new one is made a member.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="When it ends, in ISO 8601; else it does not.")] = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a key. It is shown once."""
    settings = settings_for(database_url)
    until = _moment("--expires-at", expires_at) if expires_at is not None else None
    with one_off(settings, workspace) as call:
        store.get(call.connection, workspace)
        person = workspaces.add_member(call, member, scopes=scope, verified=True) if member else None
        made, key_id = auth.issue(
            call,
            settings.pepper_bytes(),
            workspace=workspace,
            dialect=dialect,
            scopes=scope,
            member=person,
            expires_at=until,
        )
    answer({"key": made, "id": key_id}, json)


@key.command("list")
def list_keys(workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Tell which keys a workspace has, newest first."""
    with one_off(settings_for(database_url), workspace) as call:
        store.get(call.connection, workspace)
        found = auth.told(call)
    if json:
        answer({"keys": found}, json)
        return
    table = Table()
    for name in store.KEY_FACTS:
        table.add_column(name, no_wrap=name == "id", overflow="fold")
    for row in found:
        cells = {**row, "scopes": " ".join(row["scopes"])}
        table.add_row(*(cells[name] or "" for name in store.KEY_FACTS))
    Console().print(table)


@key.command("revoke")
def revoke_key(key_id: KeyId, workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """End a key at once."""
    with one_off(settings_for(database_url), workspace) as call:
        since = auth.revoke(call, key_id)
    answer({"id": key_id, "revoked_at": iso(since)}, json)


@key.command("rotate")
def rotate_key(key_id: KeyId, workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """End a key at once, and make one in its place. The new one is shown once."""
    settings = settings_for(database_url)
    with one_off(settings, workspace) as call:
        made, new_id = auth.rotate(call, settings.pepper_bytes(), key_id)
    answer({"key": made, "id": new_id}, json)


@member.command("add")
def add_member(
    email: Annotated[str, typer.Argument(help="The person's address.", show_default=False)],
    workspace: WorkspaceId,
    name: Annotated[str, typer.Option(help="How the person is shown; else by the address.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help="A permission; may be given again.")] = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Make a person a member, or grant a member more permissions."""
    with one_off(settings_for(database_url), workspace) as call:
        store.get(call.connection, workspace)
        made = workspaces.add_member(call, email, name=name, scopes=scope or (), verified=True)
        scopes = store.find_member(call.connection, workspace, made).scopes
    answer({"id": made, "scopes": scopes}, json)


@group.command("add")
def add_to_group(
    name: Annotated[str, typer.Argument(help="The group's name.", show_default=False)],
    email: Annotated[list[str], typer.Argument(help="Who joins: addresses of members.", show_default=False)],
    workspace: WorkspaceId,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Add members to a group, which is made if there is none. Whoever is in it stays."""
    with one_off(settings_for(database_url), workspace) as call:
        store.hold(call.connection, workspace)
        before = people.groups(call.connection, workspace).get(name, [])
        members = groups.put_group(call, name, [*email, *before])
    answer({"group": name, "members": members}, json)


def _moment(option: str, text: str) -> Instant:
    try:
        found: Instant = read_instant(text)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None
    return found
