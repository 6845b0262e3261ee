"""What the database itself refuses: triggers behind the laws, and the comparison made before anything is served.

Foreign keys and CHECKs stand in `models.py`; here stand the triggers, for SQLite and PostgreSQL side by side. Alembic
knows none of them (its batch mode on SQLite even drops them), so `install_guards` runs after every migration.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gonogo import models
from gonogo.campaign import CAMPAIGN
from gonogo.models import Base, table

APPEND_ONLY: tuple[type[Base], ...] = (
    models.Version,
    models.Move,
    models.Audience,
    models.Vote,
    models.Permit,
    models.PermitEnd,
    models.Glass,
    models.Step,
    models.PolicyVersion,
    models.Resolution,
    models.Response,
    models.Notice,
    models.Comment,
    models.Ruling,
    models.Act,
)
#: Rows that change but never go, and are never replaced.
KEPT: tuple[type[Base], ...] = (models.Campaign, models.Run, models.Task, models.Payload, models.Ledger)
GUARDED = (*APPEND_ONLY, *KEPT)


@dataclass(frozen=True, slots=True)
class Guard:
    """One trigger: before `when` on `table`, refuse with `message` if the condition holds."""

    name: str
    table: str
    when: str  # INSERT | UPDATE | DELETE
    refuses: str  # SQL over `new` and `old`
    message: str


def guards() -> Iterator[Guard]:
    """Every trigger that both databases carry."""
    for model in APPEND_ONLY:
        name = table(model).name
        yield Guard(f"{name}_fixed", name, "UPDATE", "TRUE", f"{name} is append-only")
    for model in GUARDED:
        name = table(model).name
        yield Guard(f"{name}_stays", name, "DELETE", "TRUE", f"{name} keeps its rows")
    yield from _campaign_guards()
    yield from _run_guards()


def _campaign_guards() -> Iterator[Guard]:
    born = "new.state <> 'draft' OR new.run <> 0 OR new.seq <> 0 OR new.begun"
    yield Guard("gonogo_campaign_born", "gonogo_campaign", "INSERT", born, "a campaign is born a draft")
    ended = "EXISTS (SELECT 1 FROM gonogo_permit_end WHERE permit_id = {}.permit_id)"
    granted = "SELECT 1 FROM gonogo_permit WHERE id = new.permit_id AND campaign_id = new.id AND run = new.run"
    permits = (  # that a permit stands is said twice: SQLite heeds foreign keys only where its user asks for them
        f"(new.permit_id IS NOT NULL AND NOT EXISTS ({granted}))"
        f" OR new.run < old.run OR (new.permit_id IS NOT NULL AND {ended.format('new')})"
        " OR (old.permit_id IS NOT NULL AND new.permit_id IS DISTINCT FROM old.permit_id"
        f" AND NOT {ended.format('old')})"
    )
    message = "a permit is used once and ended in writing"
    yield Guard("gonogo_campaign_permits", "gonogo_campaign", "UPDATE", permits, message)
    moves = (
        "(new.seq <> old.seq OR new.state <> old.state) AND (new.seq <> old.seq + 1 OR NOT EXISTS ("
        "SELECT 1 FROM gonogo_step WHERE campaign_id = new.id AND seq = new.seq"
        " AND source = old.state AND target = new.state))"
    )
    yield Guard("gonogo_campaign_moves", "gonogo_campaign", "UPDATE", moves, "a state changes only by a recorded step")
    named = _differs("id", "workspace_id", "dialect", "wire_id", "channel")
    yield Guard("gonogo_campaign_named", "gonogo_campaign", "UPDATE", named, "a campaign stays whose and what it is")


def _differs(*columns: str) -> str:
    """SQL that holds when one of the columns changes, from or to NULL included. As text: JSON can't be compared."""
    return " OR ".join(f"CAST(new.{column} AS TEXT) IS DISTINCT FROM CAST(old.{column} AS TEXT)" for column in columns)


def _run_guards() -> Iterator[Guard]:
    named = _differs("id", "campaign_id", "number", "generation", "requester", "opened_at")
    yield Guard("gonogo_run_named", "gonogo_run", "UPDATE", named, "a run stays whose and which it is")
    pinned = _differs(
        "content_id",
        "sender_id",
        "settings_id",
        "start_at",
        "recipients",
        "chain",
        "steps",
        "findings",
        "warnings",
        "seal",
    )
    sealed = f"old.seal IS NOT NULL AND ({pinned})"
    yield Guard("gonogo_run_sealed", "gonogo_run", "UPDATE", sealed, "what a sealed run pins stays as it is")
    late = "EXISTS (SELECT 1 FROM gonogo_run WHERE id = new.run_id AND seal IS NOT NULL)"
    yield Guard("gonogo_audience_sealed", "gonogo_audience", "INSERT", late, "the audience of a sealed run is closed")
    decided = (
        "(old.status NOT IN ('reviewing', 'pending') AND new.status <> old.status)"
        f" OR (old.status <> 'reviewing' AND ({_differs('rule', 'requirement')}))"
        f" OR {_differs('id', 'workspace_id', 'kind', 'campaign_id', 'run_id')}"
    )
    yield Guard("gonogo_task_decided", "gonogo_task", "UPDATE", decided, "a decided task stays decided")
    rewritten = "new.digest <> old.digest OR new.body IS NOT NULL OR new.salt IS NOT NULL"
    yield Guard("gonogo_payload_erased", "gonogo_payload", "UPDATE", rewritten, "a payload can only be erased")
    ungated = (
        "NOT EXISTS (SELECT 1 FROM gonogo_campaign c JOIN gonogo_run r ON r.campaign_id = c.id AND r.number = c.run"
        " JOIN gonogo_audience a ON a.run_id = r.id AND a.position = new.position"
        " WHERE c.id = new.campaign_id AND r.id = new.run_id AND c.state = 'running' AND c.permit_id IS NOT NULL"
        " AND c.generation = new.generation AND a.contact_id = new.contact_id"
        " AND ((a.done >> new.step) & 1) = 0 AND new.step < r.steps"
        " AND NOT EXISTS (SELECT 1 FROM gonogo_permit_end e WHERE e.permit_id = c.permit_id))"
    )
    message = "a message is claimed only for a running campaign, under the permit of its run"
    yield Guard("gonogo_ledger_permitted", "gonogo_ledger", "INSERT", ungated, message)
    named = _differs("run_id", "step", "position", "campaign_id", "generation", "contact_id")
    again = "old.state = 'deferred' AND new.state = 'claimed'"
    settled = (
        f"old.state NOT IN ('claimed', 'unknown', 'deferred') OR {named}"
        f" OR (NOT ({again}) AND (new.state = 'claimed' OR {_differs('token')}))"
    )
    yield Guard("gonogo_ledger_settles", "gonogo_ledger", "UPDATE", settled, "a settled message stays settled")
    yield Guard("gonogo_ledger_again", "gonogo_ledger", "UPDATE", f"{again} AND {ungated}", message)
    verdict = (
        "SELECT 1 FROM gonogo_resolution r WHERE r.run_id = new.run_id AND r.step = new.step"
        " AND r.position = new.position AND r.verdict = new.state"
    )
    told = f"(old.state = 'unknown' OR new.state = 'released') AND new.state <> old.state AND NOT EXISTS ({verdict})"
    message = "what nobody can tell of is settled by an operator, in writing"
    yield Guard("gonogo_ledger_told", "gonogo_ledger", "UPDATE", told, message)


def _keys(name: str) -> list[tuple[tuple[str, ...], str]]:
    """Every unique key of a table: its columns, and the SQL condition under which it holds, if it is partial."""
    target = Base.metadata.tables[name]
    keys = [(tuple(target.primary_key.columns.keys()), "")]
    keys += [(tuple(c.columns.keys()), "") for c in target.constraints if isinstance(c, sa.UniqueConstraint)]
    for index in target.indexes:
        if index.unique:
            keys.append((tuple(index.columns.keys()), _where(index)))
    return sorted(keys)


def _where(index: sa.Index) -> str:
    """The condition that an index of ours holds under; empty where it holds for every row."""
    where = index.dialect_options["sqlite"]["where"]
    return "" if where is None else str(where)


def _replaced(name: str) -> str:
    """SQL that holds when a new row would meet an old one on any unique key: `INSERT OR REPLACE` fires no delete
    trigger, so the insert itself must refuse."""
    same = []
    for columns, where in _keys(name):
        meets = [f"{column} = new.{column}" for column in columns]
        if where:  # a partial key binds those rows alone for which its condition holds
            of_new = re.sub(rf"\b({'|'.join(Base.metadata.tables[name].columns.keys())})\b(?!')", r"new.\1", where)
            meets += [f"({where})", f"({of_new})"]
        same.append(f"({' AND '.join(meets)})")
    return f"EXISTS (SELECT 1 FROM {name} WHERE {' OR '.join(same)})"


def _sqlite() -> dict[str, str]:
    """Trigger name -> its statement."""
    found = list(guards())
    for model in GUARDED:
        name = table(model).name
        found.append(Guard(f"{name}_once", name, "INSERT", _replaced(name), f"{name} keeps its rows"))
    return {
        guard.name: f"CREATE TRIGGER {guard.name} BEFORE {guard.when} ON {guard.table} WHEN {guard.refuses} "
        f"BEGIN SELECT RAISE(ABORT, '{guard.message}'); END"
        for guard in found
    }


def _postgres() -> dict[str, tuple[str, str, str]]:
    """Trigger name -> (table, when, body of its function)."""
    wanted = {}
    for guard in guards():
        back = "old" if guard.when == "DELETE" else "new"
        body = f" BEGIN IF {guard.refuses} THEN RAISE '{guard.message}'; END IF; RETURN {back}; END "
        wanted[guard.name] = (guard.table, f"BEFORE {guard.when} ON {guard.table} FOR EACH ROW", body)
    for model in GUARDED:
        name = table(model).name
        body = f" BEGIN RAISE '{name} keeps its rows'; END "
        wanted[f"{name}_whole"] = (name, f"BEFORE TRUNCATE ON {name} FOR EACH STATEMENT", body)
    return wanted


def install_guards(connection: sa.Connection) -> None:
    """Make the triggers, and the legal moves as rows. Safe to run again: what stands already is made anew."""
    if connection.dialect.name == "sqlite":
        for name, statement in _sqlite().items():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(statement)
    else:
        for name, (owner, when, body) in _postgres().items():
            function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$"
            connection.exec_driver_sql(function)
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name} ON {owner}")
            connection.exec_driver_sql(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    missing = _wanted_moves() - _stored_moves(connection)
    if missing:
        rows = [dict(zip(("event", "source", "target"), move, strict=True)) for move in sorted(missing)]
        connection.execute(table(models.Move).insert(), rows)


def differences(connection: sa.Connection) -> list[str]:
    """What the database lacks of all that the laws rest on, a line each; empty when it may be served."""
    inspector = sa.inspect(connection)
    missing = sorted(Base.metadata.tables.keys() - set(inspector.get_table_names()))
    if missing:
        return [f"the table {name} is missing" for name in missing]
    found = [line for wanted in Base.metadata.tables.values() for line in _table_differences(inspector, wanted)]
    found += _trigger_differences(connection)
    stored, moves = _stored_moves(connection), _wanted_moves()
    found += [f"the move {' '.join(move)} is not in the table of moves" for move in sorted(moves - stored)]
    return found + [f"the move {' '.join(move)} is none of this version's" for move in sorted(stored - moves)]


def _table_differences(inspector: sa.Inspector, wanted: sa.Table) -> Iterator[str]:
    stored = {**_stored_keys(inspector, wanted.name), **_stored_checks(inspector, wanted.name)}
    stored |= {str(each["name"]): each["column_names"] for each in inspector.get_unique_constraints(wanted.name)}
    stored |= {
        str(each["name"]): _index(each)
        for each in inspector.get_indexes(wanted.name)
        if each["unique"] and not each.get("duplicates_constraint")
    }
    for kind, name, said in _wanted_constraints(wanted):
        if name not in stored:
            yield f"{wanted.name}: the {kind} {name} is missing"
        elif stored[name] != said:
            yield f"{wanted.name}: the {kind} {name} is not the one this version wants"


def _wanted_constraints(wanted: sa.Table) -> Iterator[tuple[str, str, Any]]:
    """(kind, name, what it says) of everything on a table that a law may rest on."""
    for constraint in wanted.constraints:
        name = str(constraint.name)
        match constraint:
            case sa.ForeignKeyConstraint():
                there = [element.column for element in constraint.elements]
                columns = tuple(column.name for column in there)
                yield "foreign key", name, (tuple(constraint.column_keys), there[0].table.name, columns)
            case sa.CheckConstraint():
                yield "check", name, _words(str(constraint.sqltext))
            case sa.UniqueConstraint():
                yield "unique key", name, list(constraint.columns.keys())
    for index in wanted.indexes:
        if index.unique:
            yield "unique index", str(index.name), (index.columns.keys(), _words(_where(index)))


def _index(stored: Any) -> tuple[list[str], list[str]]:
    """The columns of an index, and the condition that it holds under."""
    options = stored.get("dialect_options", {})
    where = options.get("sqlite_where", options.get("postgresql_where", ""))
    return stored["column_names"], _words(str(where))


def _stored_keys(inspector: sa.Inspector, name: str) -> dict[str, object]:
    return {
        str(key["name"]): (tuple(key["constrained_columns"]), key["referred_table"], tuple(key["referred_columns"]))
        for key in inspector.get_foreign_keys(name)
        if not key.get("options", {}).get("not_valid")
    }


def _stored_checks(inspector: sa.Inspector, name: str) -> dict[str, object]:
    return {
        str(check["name"]): _words(check["sqltext"])
        for check in inspector.get_check_constraints(name)
        if not check.get("dialect_options", {}).get("not_valid")
    }


def _words(text: str) -> list[str]:
    """The names, values and operators of an SQL expression, sorted: PostgreSQL keeps those, and writes in its own way
    what is no part of the meaning (casts, parentheses, the spelling of lists)."""
    plain = re.sub(r"::[a-z]+( varying)?(\[\])?", "", text).replace(" = ANY", " IN").replace("ARRAY", "")
    return sorted(re.findall(r"'\w+'|\b\w+\b|[<>=!]+", plain.lower()))


def _trigger_differences(connection: sa.Connection) -> list[str]:
    if connection.dialect.name == "sqlite":
        wanted: dict[str, str] = _sqlite()
        rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
    else:
        wanted = {
            name: f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}(){body}"
            for name, (_, when, body) in _postgres().items()
        }
        rows = connection.exec_driver_sql(
            "SELECT t.tgname, pg_get_triggerdef(t.oid, true) || p.prosrc"
            " FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgenabled = 'O'"
        )
    stored = {name: text for name, text in rows}
    missing = [f"the trigger {name} is missing" for name in sorted(wanted.keys() - stored.keys())]
    changed = [name for name in sorted(wanted.keys() & stored.keys()) if stored[name] != wanted[name]]
    return missing + [f"the trigger {name} is not the one this version wants" for name in changed]


def _wanted_moves() -> set[tuple[str, str, str]]:
    return {(move.event, move.source, move.to) for move in CAMPAIGN.moves}


def _stored_moves(connection: sa.Connection) -> set[tuple[str, str, str]]:
    move = table(models.Move)
    return {(row.event, row.source, row.target) for row in connection.execute(sa.select(move))}
