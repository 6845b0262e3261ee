"""Sealing an audience of a million, beside a bare loop that makes the same rows canonical and hashes them.

Sealing is the last act of the review: a Merkle root over the leaves that the import hashed, each row when it came. The
review's own way through the audience, which the same job goes before, is told with it. The floor has the rows in memory
already, as values, ten thousand of them again and again: `rfc8785.dumps` and SHA-256, and no database. Memory is that
of a process that proposes the run, reviews and seals it, above what it held when it was ready to.

The rows go in by three statements; RECIPIENTS=100000 in the environment measures fewer.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from functools import partial
from itertools import cycle, islice

import rfc8785
import sqlalchemy as sa

from benchmarks.campaigns import CONTENT, POLICY, folder, new_list, opened
from benchmarks.measure import AtLeast, AtMost, Comparison, alternate, peak_memory, seconds
from benchmarks.workers import Work, worker
from gonogo.actor import Actor
from gonogo.database import reader
from gonogo.gate import Gate
from gonogo.proposal import propose
from gonogo.seal import merkle_root
from gonogo.store import cases, lists
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer

FEW, MANY = 10_000, int(os.environ.get("RECIPIENTS", "1_000_000"))
ROUNDS = 3
SAMPLE = 10_000
MEGABYTES = 200 * 1.048576  # that a process may hold more, whatever the audience: 200 MiB

_PEOPLE = {
    "sqlite": (
        "CREATE TEMP TABLE people AS WITH RECURSIVE series (n) AS"
        " (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :size)"
        " SELECT n, substr(:list, 1, 24) || printf('%012x', n) AS id, lower(hex(randomblob(32))) AS digest,"
        " randomblob(32) AS salt FROM series"
    ),
    "postgresql": (
        "CREATE TEMP TABLE people AS SELECT n, substr(:list, 1, 24) || lpad(to_hex(n), 12, '0') AS id,"
        " encode(sha256(n::text::bytea), 'hex') AS digest, sha256(('salt' || n)::bytea) AS salt"
        " FROM generate_series(1, :size) n"
    ),
}
_PAYLOADS = (
    "INSERT INTO gonogo_payload (digest, workspace_id, salt, body) SELECT digest, :workspace, salt,"
    """ '{"address":"reader-' || n || '@example.com","recipient":"' || id || '","variables":{"company":"Acme","""
    """"email":"reader-' || n || '@example.com","first_name":"Reader ' || n || '"},"zone":"Europe/Berlin"}'"""
    " FROM people ORDER BY digest"
)
_CONTACTS = (
    "INSERT INTO gonogo_contact (id, list_id, position, address_key, payload)"
    " SELECT id, :list, n, digest, digest FROM people ORDER BY n"
)


def compare() -> Iterator[Comparison]:
    """Rows a second; the most megabytes, less those before."""
    with folder() as path:
        yield from _on("SQLite", lambda name: f"sqlite:///{path}/{name}.db")
    with PgServer() as server:
        yield from _on("PostgreSQL", server.cluster.create)


def _on(name: str, new: Callable[[str], str]) -> Iterator[Comparison]:
    few, many = _filled(new("few"), FEW), _filled(new("many"), MANY)
    with worker(_work, *many) as working:
        working.ask("propose")
        floor = partial(_floor, working.ask("sample"))
        for what in ("seal", "review and seal"):
            ours, bare = alternate(ROUNDS, partial(working.ask, what), floor)
            yield Comparison(f"{what}, {MANY:,}, {name}", "canonical and hashed", "/s", ours, bare, AtLeast(0.5))
    for size, database in ((FEW, few), (MANY, many)):
        held = _held(*database)
        yield Comparison(f"memory to seal {size:,}, {name}", "200 MiB", "MB", [held], [MEGABYTES], AtMost(1))


def _filled(url: str, size: int) -> tuple[str, Actor, str]:
    """A database with a list of so many, and who may launch to it."""
    with opened(url, jobs=FakeJobs()) as (gate, by):
        list_id = new_list(gate, by, 0)
        values = {"list": list_id, "size": size, "workspace": by.workspace}
        with gate.engine.begin() as connection:
            for statement in (_PEOPLE[connection.dialect.name], _PAYLOADS, _CONTACTS, "DROP TABLE people"):
                connection.execute(sa.text(statement), values)
            lists.change_list(connection, list_id, size=size, positions=size)
        if gate.engine.dialect.name == "postgresql":
            with gate.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM ANALYZE")
    return url, by, list_id


def _held(url: str, by: Actor, list_id: str) -> float:
    """What a new process holds, at the most, to propose, review and seal a run; less what it held before."""
    with worker(_work, url, by, list_id) as working:
        before = working.ask("peak")
        working.ask("propose")
        working.ask("review and seal")
        return float(working.ask("peak") - before)


def _work(url: str, by: Actor, list_id: str) -> Work:
    sealing = _Sealing(Gate.open(url, jobs=FakeJobs()), by, list_id)
    answers: dict[str, Callable[[], object]] = {
        "propose": sealing.propose,
        "sample": sealing.sample,
        "seal": lambda: sealing.size / seconds(sealing.seal),
        "review and seal": lambda: sealing.size / seconds(sealing.review_and_seal),
        "peak": peak_memory,
    }
    return lambda wanted: answers[wanted]()


class _Sealing:
    """What the job of a review does, but for the rows that it writes in the end."""

    def __init__(self, gate: Gate, by: Actor, list_id: str) -> None:
        self.gate, self.by, self.list_id = gate, by, list_id
        self.campaign, self.run, self.size = "", "", 0

    def propose(self) -> None:
        with self.gate.engine.begin() as connection:
            self.gate.write_policy(connection, POLICY, by=self.by)
            case = self.gate.create(connection, by=self.by, name="Spring", content=CONTENT, list_id=self.list_id).case
            case = self.gate.start(connection, case.id, by=self.by).case
        self.campaign, self.run, self.size = case.id, str(case.run_id), case.recipients or 0

    def sample(self) -> list[object]:
        with reader(self.gate.engine).connect() as connection:
            rows = islice(lists.read_audience(connection, self.run), SAMPLE)
            return [json.loads(body) for _, body in rows]

    def seal(self) -> None:
        with reader(self.gate.engine).connect() as connection:
            merkle_root(lists.leaves(connection, self.run))

    def review_and_seal(self) -> None:
        with reader(self.gate.engine).connect() as connection:
            case = cases.read(connection, self.by.workspace, self.campaign)
            found = propose(self.gate.call(connection, self.by), case, opened=True)
            if found.ruling is None or found.blockers:
                raise RuntimeError(f"the review found {found.blockers}")
            merkle_root(lists.leaves(connection, self.run))


def _floor(rows: list[object]) -> float:
    """So many rows a second, of what is in memory."""

    def work() -> None:
        for row in islice(cycle(rows), MANY):
            hashlib.sha256(rfc8785.dumps(row)).digest()  # type: ignore[arg-type]  # of plain JSON values

    return MANY / seconds(work)
