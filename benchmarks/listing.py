"""A page of a long list beside the same page of a short one: a million tasks that wait, and a thousand.

Each is asked over HTTP with one connection, of a server of its own on a database of its own. A database holds one
campaign that the library made and asked people about; the others are copies of its rows in list, campaign, run and
task, under new ids in order, a second apart, all of them pending. The steps and audiences, which no page reads, are
not copied. What would check every copy steps aside while the rows go in: on PostgreSQL the session takes the part of a
replica, and VACUUM ANALYZE follows, which autovacuum would else do while we measure; on SQLite the triggers are dropped
and made again from their own text, in the same transaction.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks.campaigns import ask, folder, new_list, opened
from benchmarks.http_client import request, send_all
from benchmarks.measure import AtMost, Comparison, alternate, seconds
from benchmarks.server import new_key, served
from gonogo.models import Base
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer

ROUNDS = 15
TIMES = 20
MANY, FEW = 1_000_000, 1_000
PAGE = 50
PAGES = {"tasks": "/v1/lexi/tasks?status=pending", "campaigns": "/v1/campaigns"}

#: The n-th copy: its id, the same in every table and like that of the task but for a number, and when it was made.
SERIES = "WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :copies)"
ID = {
    "sqlite": "substr(:task, 1, 24) || printf('%012x', n)",
    "postgresql": "substr(:task, 1, 24) || lpad(to_hex(n), 12, '0')",
}
MADE = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%S.000000Z', made.created_at, (n - :copies) || ' seconds')",
    "postgresql": "made.created_at + (n - :copies) * interval '1 second'",
}
#: What is copied, parents first, and which of its columns hold an id of that copy.
COPIED = {
    "gonogo_list": {"id"},
    "gonogo_campaign": {"id", "wire_id", "list_id"},
    "gonogo_run": {"id", "campaign_id"},
    "gonogo_task": {"id", "campaign_id", "run_id"},
}


def compare() -> Iterator[Comparison]:
    """Milliseconds for the first page."""
    with folder() as path:
        yield from _on("SQLite", f"sqlite:///{path}/many.db", f"sqlite:///{path}/few.db", path)
    with folder() as path, PgServer() as server:
        yield from _on("PostgreSQL", server.cluster.create("many"), server.cluster.create("few"), path)


def _on(name: str, many: str, few: str, path: Path) -> Iterator[Comparison]:
    with ExitStack() as stack:
        long, short = (
            stack.enter_context(_listed(url, size, path / str(size))) for url, size in ((many, MANY), (few, FEW))
        )
        for what, page in PAGES.items():
            turns = partial(_milliseconds, *long, what, page), partial(_milliseconds, *short, what, page)
            for turn in turns:
                turn()
            ours, floor = alternate(ROUNDS, *turns)
            yield Comparison(f"{what} of {MANY:,} on {name}", f"the same of {FEW:,}", "ms", ours, floor, AtMost(1.3))


@contextmanager
def _listed(url: str, size: int, path: Path) -> Iterator[tuple[int, str]]:
    """A server on a workspace with so many tasks: its port, and a key to it."""
    with opened(url, jobs=FakeJobs()) as (gate, by):
        [task] = ask(gate, by, new_list(gate, by, 1), 1)
        key = new_key(gate, by)
        fill(gate.engine, task, size - 1)
    with served(url, path) as port:
        yield port, key


def _milliseconds(port: int, key: str, what: str, page: str) -> float:
    answers: list[tuple[int, bytes]] = []
    took = seconds(lambda: answers.extend(send_all(port, [request("GET", page, key)] * TIMES, 1)))
    for status, body in answers:
        if status != 200 or len(json.loads(body)["data"][what]) != PAGE:
            raise RuntimeError(f"no page of {what}: {status} {body[:200]!r}")
    return 1_000 * took / TIMES


def fill(engine: sa.Engine, task: str, copies: int) -> None:
    """Copy the campaign that a task is about, so many times."""
    joined = (
        "SELECT campaign.list_id, campaign.id, task.run_id, task.id FROM gonogo_task task"
        " JOIN gonogo_campaign campaign ON campaign.id = task.campaign_id WHERE task.id = :task"
    )
    with engine.begin() as connection, _unguarded(connection):
        copied = connection.execute(sa.text(joined), {"task": task}).one()
        for (name, own), row in zip(COPIED.items(), copied, strict=True):
            connection.execute(_copy(name, own, engine.dialect.name), {"row": row, "task": task, "copies": copies})
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _copy(name: str, own: set[str], dialect: str) -> sa.TextClause:
    columns = Base.metadata.tables[name].columns.keys()
    changed = {"created_at": MADE[dialect], **dict.fromkeys(own, ID[dialect])}
    values = ", ".join(changed.get(column, f"made.{column}") for column in columns)
    target = f"INSERT INTO {name} ({', '.join(columns)})"
    return sa.text(f"{target} {SERIES} SELECT {values} FROM series, {name} made WHERE made.id = :row")  # noqa: S608 - ours


@contextmanager
def _unguarded(connection: sa.Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        yield
        return
    asked = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
    triggers = connection.exec_driver_sql(asked).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    for _, statement in triggers:
        connection.exec_driver_sql(statement)
