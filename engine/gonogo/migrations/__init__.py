"""Bringing a database to the schema of this version, and telling what it is before anything is done to it."""

from typing import Literal

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gonogo.catalogue import differences, install_guards
from gonogo.errors import DatabaseUnusable

VERSION_TABLE = "gonogo_schema"
_LOCK = 0x676F6E6F676F  # "gonogo": one migration at a time, on PostgreSQL

Schema = Literal["empty", "foreign", "older", "current", "newer"]


def migrate(engine: sa.Engine) -> None:
    """Create or upgrade our tables and guards, in one transaction; a database that is up to date is left as it is.

    Raises `DatabaseUnusable` for a database of a newer version.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        found = schema(connection)
        if found == "newer":
            raise DatabaseUnusable(_NEWER)
        if found == "current" and not differences(connection):
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        install_guards(connection)
        lacking = differences(connection)
        if lacking:
            raise DatabaseUnusable(f"the database lacks what no migration puts back: {lacking[0]}; restore a backup")


def make(engine: sa.Engine) -> None:
    """`migrate`, for a database that is ours or empty. One that holds only tables of others is left alone.

    Raises `DatabaseUnusable`; a guard that is missing is not put back in silence.
    """
    with engine.connect() as connection:
        found = schema(connection)
    if found in ("empty", "older"):
        migrate(engine)
    ensure_usable(engine)


def ensure_usable(engine: sa.Engine) -> None:
    """Raise `DatabaseUnusable`, in one line, unless the schema is this version's and every guard is in place."""
    with engine.connect() as connection:
        found = schema(connection)
        if found == "newer":
            raise DatabaseUnusable(_NEWER)
        if found == "foreign":
            raise DatabaseUnusable("the database holds other tables and none of gonogo's: is it the right one?")
        if found != "current":
            raise DatabaseUnusable("the database is not migrated: run `gonogo migrate`")
        lacking = differences(connection)
        if lacking:
            more = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
            raise DatabaseUnusable(f"the database lacks a guard: {lacking[0]}{more}; try `gonogo migrate`")


def schema(connection: sa.Connection) -> Schema:
    """What the database holds: nothing, only tables of others, or our schema of some age."""
    tables = sa.inspect(connection).get_table_names()
    if VERSION_TABLE not in tables:
        return "foreign" if tables else "empty"
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    script = ScriptDirectory.from_config(_config())
    current = context.get_current_revision()
    if current == script.get_current_head():
        return "current"
    known = {revision.revision for revision in script.walk_revisions()}
    return "older" if current is None or current in known else "newer"


_NEWER = "the database was written by a newer version of gonogo: upgrade gonogo, or restore an older backup"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "gonogo:migrations")
    config.set_main_option("path_separator", "os")
    return config
