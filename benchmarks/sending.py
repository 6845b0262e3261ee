"""Launches beside the least that each part of them could cost, on both databases.

Over SMTP: from the committed approval to `completed` through the job engine, into Postfix's smtp-sink; the floor sends
the same bytes, made before, pipelined over the same number of connections. To a channel that takes everything: the
floor does nothing but claim and settle the same batches in the ledger, each batch a transaction, with statements and
rows made before. And how long it takes from the approval to the first message that is handed to the relay.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import sqlalchemy as sa

from benchmarks import bare_smtp
from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.measure import AtLeast, AtMost, Comparison, alternate, seconds
from gonogo import service
from gonogo.actor import Actor, machine
from gonogo.campaign import COMPLETED
from gonogo.clock import new_id
from gonogo.database import reader
from gonogo.execution.channels import SENT, Channel, Delivery, Message
from gonogo.execution.email import compose
from gonogo.execution.smtp import Relay, Smtp
from gonogo.gate import Gate
from gonogo.models.base import Utc
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer
from support.smtp_sink import smtp_sink

RECIPIENTS = 100_000
BATCH = 100  # messages that are claimed at a time: GONOGO_CLAIM_BATCH, as a service sets it that sends much
CONNECTIONS = 4
ROUNDS = 3
FIRSTS = 20


def compare() -> Iterator[Comparison]:
    """Messages a second, and seconds to the first one."""
    with folder() as path, smtp_sink() as port, PgServer() as server:
        yield from _on("SQLite", lambda name: f"sqlite:///{path}/{name}.db", port)
        yield from _on("PostgreSQL", server.cluster.create, port)


def _on(name: str, new: Callable[[str], str], port: int) -> Iterator[Comparison]:
    relayed, least, called, claimed = (new(each) for each in ("relayed", "least", "called", "claimed"))
    floor = partial(_bare_smtp, port, _mails(least))
    with launches(relayed, Smtp(Relay("127.0.0.1", port), connections=CONNECTIONS)) as launch:
        ours, bare = alternate(ROUNDS, launch, floor)
        yield Comparison(f"launch over SMTP, {name}", "a pipelined client", "/s", ours, bare, AtLeast(0.5))
    with launches(called, Null()) as launch, claims(claimed) as bare_ledger:
        ours, bare = alternate(ROUNDS, launch, bare_ledger)
        yield Comparison(f"launch to nowhere, {name}", "claims and settles", "/s", ours, bare, AtLeast(0.4))
    firsts = _firsts(new("first"), port)
    yield Comparison(f"approval to first mail, {name}", "a second", "ms", firsts, [1000.0] * FIRSTS, AtMost(1))


class Null:
    """A channel that takes everything, and costs nothing."""

    kind = "email"

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        return Delivery([SENT] * len(messages))

    def close(self) -> None:
        """There is nothing to let go of."""


class Kept(Null):
    """The same, but that it keeps what it took."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        self.messages += messages
        return super().deliver(messages, in_time)


class Noting:
    """Another channel, and when it had last carried a batch."""

    kind = "email"

    def __init__(self, channel: Channel) -> None:
        self._channel, self.carried_at = channel, 0.0
        self.close = channel.close

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        delivery = self._channel.deliver(messages, in_time)
        self.carried_at = time.perf_counter()
        return delivery


Launch = Callable[[], float]


@contextmanager
def launches(url: str, channel: Channel) -> Iterator[Launch]:
    """Launches as a service has them: found by the job engine in the database, with the tick beside it. Each answers
    messages a second."""
    with opened(url, channels={"email": channel}, claim_batch=BATCH) as (gate, by):
        list_id = new_list(gate, by, RECIPIENTS)
        gate.start_work()
        yield partial(_launch, gate, by, list_id)


def _launch(gate: Gate, by: Actor, list_id: str) -> float:
    task = _asked(gate, by, list_id)
    campaign = approve(gate, by, task)
    return RECIPIENTS / seconds(lambda: wait(lambda: case_of(gate, by, campaign).state == COMPLETED))


def _asked(gate: Gate, by: Actor, list_id: str) -> str:
    """A launch that awaits approval, reviewed already, by a job where the list is long; its task."""
    [task] = ask(gate, by, list_id, 1)
    wait(lambda: case_of_task(gate, by, task).task_status == "pending")
    return task


def wait(true: Callable[[], bool]) -> None:
    """Until others made it so."""
    pause = threading.Event()
    while not true():
        pause.wait(0.05)  # a look costs as much as some messages, and takes it from them


def case_of(gate: Gate, by: Actor, campaign: str) -> Case:
    with reader(gate.engine).connect() as connection:
        return cases.read(connection, by.workspace, campaign)


def case_of_task(gate: Gate, by: Actor, task: str) -> Case:
    with reader(gate.engine).connect() as connection:
        return cases.read_by_task(connection, by.workspace, task)


def _firsts(url: str, port: int) -> list[float]:
    """Milliseconds from an approval until the relay had all of the first batch, which is longer than to its first
    message."""
    noting, took = Noting(Smtp(Relay("127.0.0.1", port))), []
    with opened(url, channels={"email": noting}) as (gate, by):
        list_id = new_list(gate, by, BATCH)
        gate.start_work()
        for task in ask(gate, by, list_id, FIRSTS):
            began = time.perf_counter()
            campaign = approve(gate, by, task)
            wait(lambda campaign=campaign: case_of(gate, by, campaign).state == COMPLETED)  # type: ignore[misc]
            took.append(1000 * (noting.carried_at - began))
    return took


# The floors


def _mails(url: str) -> list[bare_smtp.Mail]:
    """The mails of a launch like the others, ready for the wire."""
    kept, jobs = Kept(), FakeJobs()
    with opened(url, jobs=jobs, channels={"email": kept}, claim_batch=BATCH) as (gate, by):
        list_id = new_list(gate, by, RECIPIENTS)
        [task] = ask(gate, by, list_id, 1)
        jobs.run()
        approve(gate, by, task)
        jobs.run()
    return [bare_smtp.mail(each.sender_email, each.address, compose(each, b"\r\n")) for each in kept.messages]


def _bare_smtp(port: int, mails: Sequence[bare_smtp.Mail]) -> float:
    return len(mails) / seconds(lambda: bare_smtp.send_all(port, mails, CONNECTIONS))


@contextmanager
def claims(url: str) -> Iterator[Launch]:
    """Nothing but the ledger: batches of a run that has begun are claimed and settled, each in a transaction."""
    jobs = FakeJobs()
    with opened(url, jobs=jobs) as (gate, by):
        list_id = new_list(gate, by, RECIPIENTS)
        yield partial(_claims, gate, by, list_id, jobs)


def _claims(gate: Gate, by: Actor, list_id: str, jobs: FakeJobs) -> float:
    [task] = ask(gate, by, list_id, 1)
    jobs.run()
    campaign = approve(gate, by, task)
    with gate.engine.begin() as connection:
        case = cases.read(connection, by.workspace, campaign)
        service.begin(gate.call(connection, machine(by.workspace)), campaign, str(case.permit_id))
    turns = list(_turns(gate, case))
    return RECIPIENTS / seconds(lambda: _take(gate, turns))


_CLAIM = (
    "INSERT INTO gonogo_ledger (run_id, campaign_id, generation, token, claimed_at, step, position, contact_id, state,"
    " tries) VALUES (?, ?, ?, ?, ?, 0, ?, ?, 'claimed', 0)"
)
_SETTLE = (
    "UPDATE gonogo_ledger SET state = 'sent', settled_at = ? WHERE run_id = ? AND step = 0 AND token = ?"
    " AND state = 'claimed' AND position IN ({})"
)
Claims = list[tuple[Any, ...]]  # what the rows of a batch say
Settles = tuple[Any, ...]  # what is said about a batch, and its positions


def _turns(gate: Gate, case: Case) -> Iterator[tuple[Claims, Settles]]:
    """A batch, and what settles it."""
    dialect, token = gate.engine.dialect, new_id(gate.clock.now())
    now = Utc().process_bind_param(gate.clock.now(), dialect)
    wanted = "SELECT position, contact_id FROM gonogo_audience WHERE run_id = :run ORDER BY position"
    with gate.engine.connect() as connection:
        people = connection.execute(sa.text(wanted), {"run": case.run_id}).all()
    for start in range(0, len(people), BATCH):
        batch = people[start : start + BATCH]
        rows = [(case.run_id, case.id, case.generation, token, now, *row) for row in batch]
        yield rows, (now, case.run_id, token, *(position for position, _ in batch))


def _take(gate: Gate, turns: Sequence[tuple[Claims, Settles]]) -> None:
    """Through the driver alone: a batch is settled, and the next one claimed, in one transaction."""
    mark = "?" if gate.engine.dialect.name == "sqlite" else "%s"
    claim = _CLAIM.replace("?", mark)
    with closing(gate.engine.raw_connection()) as connection:
        cursor, settles = connection.cursor(), Settles()
        for rows, following in (*turns, (Claims(), Settles())):
            if mark == "?":
                cursor.execute("BEGIN IMMEDIATE")
            if settles:
                cursor.execute(_SETTLE.format(", ".join("?" * (len(settles) - 3))).replace("?", mark), settles)
            if rows:
                cursor.executemany(claim, rows)
            connection.commit()
            settles = following
