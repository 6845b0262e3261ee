"""Statements behind the engine's back: each must be refused, and must succeed once what refuses it is gone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pytest
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


def on_both(attacks: Iterable[Attack]) -> pytest.MarkDecorator:
    """Every attack on every database that knows its statements; one scene for each database."""
    tries = [
        pytest.param(backend, attack, id=f"{backend}-{attack.what}")
        for backend in ("sqlite", "postgresql")
        for attack in attacks
        if attack.on in ("", backend)
    ]
    return pytest.mark.parametrize(("scene", "attack"), tries, indirect=["scene"])


def refused(engine: sa.Engine, attack: Attack, names: Mapping[str, object]) -> bool:
    """Whether the last statement of an attack is refused. `names` are the ids in its statements."""
    with engine.connect() as connection:
        _run(connection, attack.statements[:-1], names)
        try:
            _run(connection, attack.statements[-1:], names)
        except sa.exc.DBAPIError:
            return True
        return False


def succeeds_without(engine: sa.Engine, attack: Attack, names: Mapping[str, object]) -> bool:
    """Whether an attack succeeds where what refuses it was dropped. Raises what refuses it still."""
    with engine.connect() as connection:
        elsewhere = "_whole" if engine.dialect.name == "sqlite" else "_once"  # triggers that only the other one has
        for name in attack.held_by:
            if not name.endswith(elsewhere):
                drop(connection, name)
        _run(connection, attack.statements, names)
        connection.rollback()
        connection.invalidate()  # SQLite remembers the schema as it was while it was weak
    return True


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


# Pieces of attacks


def step(campaign: str, event: str, source: str, target: str) -> str:
    """The next step of a campaign, written as the engine would."""
    return f"""
        INSERT INTO gonogo_step (campaign_id, seq, event, source, target, run, actor, person, figures, at, digest)
        SELECT id, seq + 1, '{event}', '{source}', '{target}', run, 'x', 'x', extra, updated_at, 'x'
        FROM gonogo_campaign WHERE id = :{campaign}"""


def moved(campaign: str, event: str, source: str, target: str, values: str = "") -> tuple[str, str]:
    """A step, and the campaign's row after it."""
    also = f", {values}" if values else ""
    change = f"UPDATE gonogo_campaign SET state = '{target}', seq = seq + 1{also} WHERE id = :{campaign}"
    return step(campaign, event, source, target), change


def ended(permit: str) -> str:
    now = "(SELECT max(updated_at) FROM gonogo_campaign)"
    return f"INSERT INTO gonogo_permit_end (permit_id, reason, actor, at) SELECT :{permit}, 'x', 'x', {now}"


def permit(new_id: str, campaign: str, run: int, kind: str = "auto") -> str:
    return f"""
        INSERT INTO gonogo_permit (id, campaign_id, run, kind, rule, policy, seal, granted_at)
        SELECT '{new_id}', id, {run}, '{kind}', 'x', 0, 'x', updated_at FROM gonogo_campaign WHERE id = :{campaign}"""


def copied(name: str, where: str, **changed: str) -> str:
    """An INSERT of a row like an old one, but for the columns named."""
    columns = [column.name for column in Base.metadata.tables[name].columns]
    chosen = ", ".join(changed.get(column, column) for column in columns)
    return f"INSERT INTO {name} ({', '.join(columns)}) SELECT {chosen} FROM {name} WHERE {where}"


def message(campaign: str, of: str, position: int, **changed: str) -> str:
    """A claim on a message of `of`'s present run, in the name of a campaign."""
    values = {"step": "0", "state": "'claimed'", "generation": "c.generation", "contact_id": "a.contact_id", **changed}
    return f"""
        INSERT INTO gonogo_ledger
            (run_id, position, campaign_id, step, state, generation, contact_id, token, claimed_at)
        SELECT a.run_id, a.position, c.id, {values["step"]}, {values["state"]}, {values["generation"]},
            {values["contact_id"]}, 'x', c.updated_at
        FROM gonogo_campaign c, gonogo_audience a
        WHERE c.id = :{campaign} AND a.run_id = :{of}_run AND a.position = {position}"""


#: Somebody who got the message in the first run of the campaign `second`.
ALREADY_SENT = "(SELECT min(contact_id) FROM gonogo_ledger WHERE run_id = :first_run)"


def replacing(statement: str) -> str:
    return statement.replace("INSERT INTO", "INSERT OR REPLACE INTO", 1)
