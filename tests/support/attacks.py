"""Statements behind the engine's back: each must be refused, and must succeed once what refuses it is gone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from gonogo.models import Base


@dataclass(frozen=True, slots=True)
class Attack:
    """Statements of one transaction, the last of which must be refused.

    `held_by` names the triggers, constraints and indexes that refuse it: all of them, for some attacks meet several.
    It is empty where the database's own grammar refuses, or a key that can't be taken away. `on` names the one
    database that knows such a statement.
    """

    what: str
    statements: tuple[str, ...]
    held_by: tuple[str, ...] = ()
    on: str = ""


def tried(engine: sa.Engine, attacks: Iterable[Attack], names: Mapping[str, object]) -> list[str]:
    """The attacks that were not refused, or not by their last statement. `names` are the ids in their statements."""
    found = []
    for attack in _for(engine, attacks):
        with engine.connect() as connection:
            _run(connection, attack.statements[:-1], names)
            try:
                _run(connection, attack.statements[-1:], names)
                found.append(attack.what)
            except sa.exc.DBAPIError:
                connection.rollback()
    return found


def weakened(engine: sa.Engine, attacks: Iterable[Attack], names: Mapping[str, object]) -> list[str]:
    """The attacks that are refused still when what should refuse them was dropped, each with the error."""
    found = []
    for attack in _for(engine, attacks):
        with engine.connect() as connection:
            for name in attack.held_by:
                drop(connection, name)
            try:
                _run(connection, attack.statements, names)
            except sa.exc.DBAPIError as error:
                if attack.held_by:
                    found.append(f"{attack.what}: {error.orig}")
            connection.rollback()
            connection.invalidate()  # SQLite remembers the schema as it was while it was weak
    return found


def drop(connection: sa.Connection, name: str) -> None:
    """Take a trigger, a foreign key, a check or an index away, in the transaction that is open."""
    if connection.dialect.name == "sqlite":
        _drop_sqlite(connection, name)
    else:
        _drop_postgresql(connection, name)


def constraints(kind: type[sa.Constraint]) -> list[tuple[str, str]]:
    """(name, table) of every constraint of a kind that the models declare."""
    return sorted(
        (str(constraint.name), name)
        for name, table in Base.metadata.tables.items()
        for constraint in table.constraints
        if isinstance(constraint, kind)
    )


def _for(engine: sa.Engine, attacks: Iterable[Attack]) -> Iterable[Attack]:
    return (attack for attack in attacks if attack.on in ("", engine.dialect.name))


def _run(connection: sa.Connection, statements: Iterable[str], names: Mapping[str, object]) -> None:
    for statement in statements:
        connection.execute(sa.text(statement), names)


def _drop_sqlite(connection: sa.Connection, name: str) -> None:
    wanted = "SELECT type, name, sql FROM sqlite_schema WHERE name = :name OR (type = 'table' AND sql LIKE :holding)"
    asked = {"name": name, "holding": f"%CONSTRAINT {name} %"}
    kind, owner, sql = connection.execute(sa.text(wanted), asked).one()
    if kind in ("trigger", "index"):
        connection.exec_driver_sql(f"DROP {kind} {name}")
        return
    # There is no ALTER TABLE for it: the text of the schema is changed, and read anew.
    without = re.sub(rf"CONSTRAINT {name} .*?(,?) *$", r"CHECK (TRUE)\1", sql, flags=re.MULTILINE)
    connection.exec_driver_sql("PRAGMA writable_schema=ON")
    changed = "UPDATE sqlite_schema SET sql = :sql WHERE type = 'table' AND name = :name"
    connection.execute(sa.text(changed), {"sql": without, "name": owner})
    connection.exec_driver_sql("PRAGMA writable_schema=RESET")


def _drop_postgresql(connection: sa.Connection, name: str) -> None:
    owners = """
        SELECT 'TRIGGER', tgrelid::regclass FROM pg_trigger WHERE tgname = :name
        UNION ALL SELECT 'CONSTRAINT', conrelid::regclass FROM pg_constraint WHERE conname = :name
        UNION ALL SELECT 'INDEX', oid::regclass FROM pg_class WHERE relkind = 'i' AND relname = :name"""
    kind, owner = connection.execute(sa.text(owners), {"name": name}).first() or (None, None)
    match kind:
        case "TRIGGER":
            connection.exec_driver_sql(f"DROP TRIGGER {name} ON {owner}")
        case "CONSTRAINT":
            connection.exec_driver_sql(f"ALTER TABLE {owner} DROP CONSTRAINT {name}")
        case "INDEX":
            connection.exec_driver_sql(f"DROP INDEX {name}")
        case _:
            raise LookupError(name)
