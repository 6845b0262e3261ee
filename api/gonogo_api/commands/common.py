"""What commands share: the settings, the database, and how answers are printed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console

from gonogo import database, migrations
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.clock import SystemClock
from gonogo.errors import NotFound
from gonogo.jobs_dbos import DbosJobs
from gonogo.store import watched, workspaces
from gonogo_api.settings import Settings

DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help="sqlite:///PATH or postgresql://...; else GONOGO_DATABASE_URL.")
]
WorkspaceId = Annotated[str, typer.Option("--workspace", help="The workspace's id.", show_default=False)]
CampaignId = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's id.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def settings_for(database_url: str | None) -> Settings:
    """The settings of the environment, with the database of the command line. Raises ValueError in one line."""
    try:
        found = Settings() if database_url is None else Settings(database_url=database_url)
    except SettingsError as error:  # a value that should be JSON and is not
        name = str(error).split('"')[1].upper()
        raise ValueError(f"GONOGO_{name}: expected JSON") from None
    except ValidationError as error:
        first = error.errors()[0]
        name = "GONOGO_" + "_".join(str(part) for part in first["loc"][:1]).upper()
        raise ValueError(f"{name}: {first['msg']}") from None
    return found.check()


def opened(settings: Settings) -> sa.Engine:
    """The database, which must be of this version."""
    engine = database.connect(settings.database_url)
    migrations.ensure_usable(engine)
    return engine


@contextmanager
def one_off(settings: Settings, workspace: str = "") -> Iterator[Call]:
    """One transaction on the database, beside a server that may be running; a new database is made first."""
    engine = database.connect(settings.database_url)
    migrations.make(engine)
    try:
        with engine.begin() as connection:
            yield Call(connection, machine(workspace), SystemClock().now(), DbosJobs(engine), settings.late)
    finally:
        engine.dispose()


@contextmanager
def engine_at(database_url: str | None) -> Iterator[sa.Engine]:
    """The database of the command line, which must be of this version, closed in the end."""
    engine = opened(settings_for(database_url))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def about(engine: sa.Engine, campaign: str) -> Iterator[Call]:
    """A question in the campaign's workspace, whichever that is. Raises NotFound."""
    with database.reader(engine).begin() as connection:
        workspace = watched.workspace_of(connection, campaign)
        if workspace is None:
            raise NotFound("campaign", campaign)
        yield Call(connection, machine(workspace), SystemClock().now(), DbosJobs(engine))


@contextmanager
def within(engine: sa.Engine, workspace: str) -> Iterator[Call]:
    """A question in a workspace. Raises NotFound."""
    with database.reader(engine).begin() as connection:
        workspaces.get(connection, workspace)
        yield Call(connection, machine(workspace), SystemClock().now(), DbosJobs(engine))


def answer(body: dict[str, Any], as_json: bool) -> None:
    """Print what a command answers: one JSON object, or a line a field."""
    if as_json:
        print(json.dumps(body))
        return
    console = Console(soft_wrap=True)
    for name, value in body.items():
        console.print(f"[bold]{name}[/bold]: {value}", highlight=False)
