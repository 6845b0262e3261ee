"""The tick with 100,000 campaigns that wait for their next message, beside the tick with one.

The waiting campaigns are copies, as in `listing.py`, of one whose first message is out and whose second is due in two
days. A tick asks what time makes due, and finds nothing.
"""

from collections.abc import Callable, Iterator
from functools import partial

from benchmarks.campaigns import CONTENT, approve, folder, new_list, opened
from benchmarks.listing import fill
from benchmarks.measure import AtMost, Comparison, alternate, seconds
from benchmarks.sending import Null, case_of
from gonogo.actor import Actor
from gonogo.content import Content, Step
from gonogo.gate import Gate
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer

ROUNDS = 15
TICKS = 20
WAITING = 100_000
SEQUENCE = Content((*CONTENT.steps, Step(2, CONTENT.steps[0].template)))


def compare() -> Iterator[Comparison]:
    """Milliseconds a tick."""
    with folder() as path:
        yield _on("SQLite", lambda name: f"sqlite:///{path}/{name}.db")
    with PgServer() as server:
        yield _on("PostgreSQL", server.cluster.create)


def _on(name: str, new: Callable[[str], str]) -> Comparison:
    with (
        opened(new("many"), jobs=FakeJobs(), channels={"email": Null()}) as (many, of_many),
        opened(new("one"), jobs=FakeJobs(), channels={"email": Null()}) as (one, of_one),
    ):
        _fill(many, _waiting(many, of_many))
        _waiting(one, of_one)
        turns = partial(_milliseconds, many), partial(_milliseconds, one)
        for turn in turns:
            turn()
        ours, floor = alternate(ROUNDS, *turns)
    return Comparison(f"a tick, {WAITING:,} wait, {name}", "a tick, one waits", "ms", ours, floor, AtMost(1.3))


def _waiting(gate: Gate, by: Actor) -> str:
    """A campaign between its two messages; answers its task."""
    list_id = new_list(gate, by, 1)
    with gate.engine.begin() as connection:
        case = gate.create(connection, by=by, name="waiting", content=SEQUENCE, list_id=list_id).case
        task = str(gate.start(connection, case.id, by=by).case.task_id)
    campaign = approve(gate, by, task)
    gate.jobs.run()  # type: ignore[attr-defined]  # the jobs are fake
    if case_of(gate, by, campaign).waiting_for != "step":
        raise RuntimeError("the campaign does not wait for its next message")
    return task


def _fill(gate: Gate, task: str) -> None:
    """Copies, without the permits that they name."""
    if gate.engine.dialect.name == "sqlite":
        connection = gate.engine.raw_connection()  # which the pool hands out next
        connection.cursor().execute("PRAGMA foreign_keys = OFF")
        connection.close()
    fill(gate.engine, task, WAITING - 1)
    gate.engine.dispose()


def _milliseconds(gate: Gate) -> float:
    def ticks() -> None:
        for _ in range(TICKS):
            if gate.tick.once():
                raise RuntimeError("something was due")

    return 1000 * seconds(ticks) / TICKS
