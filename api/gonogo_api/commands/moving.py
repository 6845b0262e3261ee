"""Moving in from the original product."""

from pathlib import Path
from typing import Annotated

import typer

from gonogo_api import moving
from gonogo_api.commands.common import DatabaseUrl, Json, answer, one_off, settings_for

imports = typer.Typer(
    help="Move in: campaigns and contacts of the original product, with its ids.", no_args_is_help=True
)
File = Annotated[Path, typer.Argument(help="A .csv with a header, or .ndjson or .jsonl.", show_default=False)]
WorkspaceId = Annotated[
    str, typer.Option("--workspace", help="The workspace's id; its dialect is that of the ids.", show_default=False)
]


@imports.callback()
def _imports() -> None:
    """Move in: campaigns and contacts of the original product, with its ids."""


@imports.command("campaigns")
def import_campaigns(file: File, workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Take over campaigns: all of the file, or none.

    One without a status, or with status draft, comes in as a draft. One with any other status was launched elsewhere:
    it comes in cancelled, and goes out again only when somebody reopens it.
    """
    with moving.opened(file) as source, one_off(settings_for(database_url), workspace) as call:
        made = moving.import_campaigns(call, source)
    answer({"campaigns": made}, json)


@imports.command("contacts")
def import_contacts(file: File, workspace: WorkspaceId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Take over the people of campaigns: all of the file, or nobody.

    Every row names its campaign in campaign_id; every other column is a variable of the contact.
    """
    with moving.opened(file) as source, one_off(settings_for(database_url), workspace) as call:
        added = moving.import_contacts(call, source)
    answer({"contacts": added.added, "updated": added.updated}, json)
