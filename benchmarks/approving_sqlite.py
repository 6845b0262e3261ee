"""An approval that is durable in SQLite, beside a bare loop that writes four such rows and commits.

Ours reads the case under its lock, decides, and writes vote, task, permit, step, campaign and job, with foreign keys,
checks and triggers on all of them. The floor writes vote, permit, step and campaign into tables without any.
"""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.measure import AtLeast, Comparison, alternate, seconds
from benchmarks.workers import Worker, worker
from gonogo.actor import Actor
from gonogo.gate import Gate

ROUNDS = 9
TIMES = 300

TABLES = """
    CREATE TABLE campaign (id TEXT PRIMARY KEY, state TEXT, permit_id TEXT, version INT, seq INT, head TEXT, at TEXT);
    CREATE TABLE vote (task_id TEXT, seq INT, choice TEXT, person TEXT, actor TEXT, seal TEXT, at TEXT,
        PRIMARY KEY (task_id, seq)) WITHOUT ROWID;
    CREATE TABLE permit (id TEXT PRIMARY KEY, campaign_id TEXT, run INT, kind TEXT, task_id TEXT, rule TEXT,
        policy INT, seal TEXT, granted_at TEXT) WITHOUT ROWID;
    CREATE TABLE step (campaign_id TEXT, seq INT, event TEXT, source TEXT, target TEXT, run INT, actor TEXT,
        person TEXT, figures TEXT, at TEXT, digest TEXT, PRIMARY KEY (campaign_id, seq)) WITHOUT ROWID;
"""
VOTE = "INSERT INTO vote VALUES (?, 1, 'approve', 'person', 'key', ?, ?)"
PERMIT = "INSERT INTO permit VALUES (?, ?, 1, 'quorum', ?, 'everything', 1, ?, ?)"
STEP = """INSERT INTO step VALUES
    (?, 2, 'approve', 'pending_approval', 'active', 1, 'key', 'person', '{"acknowledged":"implicit"}', ?, ?)"""
CAMPAIGN = """UPDATE campaign
    SET state = 'active', permit_id = ?, version = version + 1, seq = seq + 1, head = ?, at = ?
    WHERE id = ? AND version = 1 AND state = 'pending_approval'"""

_ID, _DIGEST, _AT = "{:036}", "{:064}", "2026-11-21T10:08:42.451063Z"


def compare() -> Iterator[Comparison]:
    """Approvals a second, each committed before the next, by one thread. The floor has a process and file of its own:
    two SQLite libraries in one process would not see each other's locks."""
    with (
        folder() as path,
        opened(f"sqlite:///{path}/ours.db") as (gate, by),
        worker(bare, "pysqlite3.dbapi2", path / "pysqlite3.db") as newer,
        worker(bare, "sqlite3", path / "sqlite3.db") as older,
    ):
        tasks = iter(ask(gate, by, new_list(gate, by, 1), TIMES * (ROUNDS + 1)))
        turns = (partial(_ours, gate, by, tasks), partial(_floor, newer), partial(_floor, older))
        for turn in turns:
            turn()
        ours, same_library, older_library = alternate(ROUNDS, *turns)
    name = "approve on SQLite"
    yield Comparison(name, "a loop on pysqlite3", "/s", ours, same_library, AtLeast(0.3))
    yield Comparison(name, "a loop on Python's sqlite3", "/s", ours, older_library, AtLeast(0.3))


def _ours(gate: Gate, by: Actor, tasks: Iterator[str]) -> float:
    return TIMES / seconds(lambda: [approve(gate, by, next(tasks)) for _ in range(TIMES)])


def _floor(loop: Worker) -> float:
    return TIMES / float(loop.ask(TIMES))


def bare(library: str, path: Path) -> Callable[[int], float]:
    """The loop, on a new file: a function from the number of transactions to the seconds they took."""
    connection: Any = import_module(library).connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(TABLES)
    numbers = iter(range(1_000_000))

    def one(n: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(VOTE, (_ID.format(n), _DIGEST.format(n), _AT))
        connection.execute(PERMIT, (_ID.format(n), _ID.format(n), _ID.format(n), _DIGEST.format(n), _AT))
        connection.execute(STEP, (_ID.format(n), _AT, _DIGEST.format(n)))
        changed = connection.execute(CAMPAIGN, (_ID.format(n), _DIGEST.format(n), _AT, _ID.format(n)))
        if changed.rowcount != 1:
            raise RuntimeError("nothing was changed")
        connection.execute("COMMIT")

    def work(times: int) -> float:
        mine = [next(numbers) for _ in range(times)]
        campaigns = [(_ID.format(n), _DIGEST.format(n), _AT) for n in mine]
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO campaign VALUES (?, 'pending_approval', NULL, 1, 1, ?, ?)", campaigns)
        connection.execute("COMMIT")

        def loop() -> None:
            for n in mine:
                one(n)

        return seconds(loop)

    return work
