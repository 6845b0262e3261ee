"""What tests of the engine are built with: a workspace with its people, a clock moved by hand, a channel that
remembers, and one object that fires use cases, each in a transaction of its own."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import service, workspaces
from gonogo.actor import SCOPES, Actor, machine
from gonogo.call import Call, Outcome
from gonogo.clock import new_id
from gonogo.content import Content, Step, Template
from gonogo.execution.channels import SENT, Message, OneByOne, Receipt
from gonogo.execution.executor import Executor
from gonogo.models import Base, Document
from gonogo.service import Draft
from gonogo.store import cases, ledger
from gonogo.store.cases import Case
from gonogo.store.ledger import Settled
from gonogo.testing.fake_jobs import FakeJobs
from gonogo.tick import Tick

T = TypeVar("T")
NOW = Instant.from_utc(2026, 1, 5, 9)
HOUR = TimeDelta(hours=1)
HELLO = Content((Step(0, Template("Hello {{ name }}", "Dear {{ name }},\n\nwe launch.", None)),))
#: The second message follows two days after the first.
SEQUENCE = Content((*HELLO.steps, Step(2, Template("Still there, {{ name }}?", "It is {{ name }} we miss.", None))))


def asking(quorum: int = 1, group: str = "approvers", **more: object) -> Document:
    """A policy that asks people about everything."""
    stages = [{"group": group, "quorum": quorum}]
    return {
        "rules": [{"name": "everything", "approve": {"stages": stages}}],
        "separation": "none",
        **more,
    }


def people(count: int, start: int = 0) -> list[dict[str, object]]:
    """Contacts, each with an address and a name of its own."""
    return [{"email": f"p{n}@example.com", "name": f"N{n}"} for n in range(start, start + count)]


class HandClock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> Instant:
        return self.at

    def move(self, by: TimeDelta) -> None:
        self.at += by


class Sink(OneByOne):
    """A channel that keeps what it is given. `answers` is asked first: it may raise, act, or answer otherwise."""

    kind = "email"

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers: Callable[[Message], Receipt | None] = lambda _: None
        self.flushes: Callable[[], object] = lambda: None

    def send(self, message: Message) -> Receipt:
        receipt = self.answers(message) or SENT
        if receipt.state != "rejected":
            self.messages.append(message)
        return receipt

    def flush(self) -> None:
        self.flushes()

    def close(self) -> None:
        """There is nothing to let go of."""

    @property
    def addresses(self) -> list[str]:
        return [message.address for message in self.messages]


class LosingJobs(FakeJobs):
    """A job engine that may lose what it was given, as no real one should."""

    def forget(self) -> None:
        """Drop every job that waits."""
        self._waiting.clear()


class Bench:
    """One workspace on a real database. Ann asks for launches; Bob, Cid and Dora may approve them; Zoe may nothing."""

    def __init__(self, engine: sa.Engine, *, claim_batch: int = 4) -> None:
        self.engine, self.clock, self.jobs, self.sink = engine, HandClock(), LosingJobs(), Sink()
        self.monotonic = 0.0
        self.executor = Executor(
            engine,
            self.jobs,
            self.clock,
            {"email": self.sink},
            claim_batch=claim_batch,
        )
        self.executor.monotonic = lambda: self.monotonic
        self.tick = Tick(engine, self.jobs, self.clock, late_start=HOUR)
        with self.call(machine("")) as call:
            self.workspace = workspaces.create(call, "Acme")
        with self.call(machine(self.workspace)) as call:
            self.ann = self._join(call, "ann", "campaigns:read", "campaigns:write", "campaigns:execute")
            self.bob, self.cid, self.dora = (self._join(call, name, "lexi") for name in ("bob", "cid", "dora"))
            self.zoe = self._join(call, "zoe")

    # Who knocks

    def person(self, name: str, *scopes: str) -> Actor:
        """A member, with the key that the member uses."""
        with self.call(machine(self.workspace)) as call:
            return self._join(call, name, *scopes)

    def _join(self, call: Call, name: str, *scopes: str) -> Actor:
        member = workspaces.add_member(call, f"{name}@acme.example", name=name, scopes=scopes, verified=True)
        return Actor(self.workspace, f"key-{name}", member, frozenset(scopes), is_member=True)

    def robot(self, *scopes: str) -> Actor:
        """A key that belongs to no member."""
        return Actor(self.workspace, "key-robot", "key-robot", frozenset(scopes or SCOPES))

    @contextmanager
    def call(self, by: Actor | None = None) -> Iterator[Call]:
        """A transaction, committed at the end."""
        with self.engine.begin() as connection:
            yield Call(connection, by or self.ann, self.clock.now(), self.jobs, HOUR)

    def transact(self, verb: Callable[[Call], T]) -> T:
        """Run a piece of work in a transaction of its own, by Ann."""
        with self.call() as call:
            return verb(call)

    def do(self, verb: Callable[..., Any], *args: object, by: Actor | None = None, **more: object) -> Outcome:
        """Fire a use case by Ann, or somebody else, in a transaction of its own; it answers what was written."""
        with self.call(by) as call:
            answer = verb(call, *args, **more)
            outcome: Outcome = answer[0] if isinstance(answer, tuple) else answer
            case = outcome.case
            if case.task_id is None:
                written = cases.read(call.connection, case.workspace, case.id)
            else:
                written = cases.read_by_task(call.connection, case.workspace, case.task_id)
            assert case == written
        return outcome

    def did(self, verb: Callable[..., Any], *args: object, by: Actor | None = None, **more: object) -> Case:
        """The same, and it was not refused."""
        outcome = self.do(verb, *args, by=by, **more)
        assert not outcome.blockers, [blocker.code for blocker in outcome.blockers]
        return outcome.case

    def policy(self, document: Document) -> int:
        with self.call() as call:
            return workspaces.write_policy(call, document).number

    # Campaigns, from draft to running

    def draft(self, recipients: int = 3, **values: Any) -> str:
        """A campaign that is ready to start."""
        draft = {"name": "Spring", "content": HELLO, **values}
        with self.call() as call:
            campaign = service.create(call, Draft(**draft)).case.id
            if recipients:
                service.add_contacts(call, campaign, people(recipients))
        return campaign

    def asked(self, recipients: int = 3, policy: Document | None = None, **values: Any) -> Case:
        """A campaign about which people are asked: under the policy in force if it asks, else under one that does."""
        if policy is not None or not self._asks():
            self.policy(policy or asking())
        case = self.did(service.start, self.draft(recipients, **values))
        assert case.state == "pending_approval"
        return case

    def launched(self, recipients: int = 3, **values: Any) -> Case:
        """A campaign that Bob approved: active, or scheduled where it has a start time ahead."""
        return self.did(service.approve, self.asked(recipients, **values).task_id, by=self.bob)

    def running(self, recipients: int = 3, **values: Any) -> Case:
        """A campaign that has begun, and of which nothing was claimed."""
        case = self.launched(recipients, **values)
        return self.did(service.begin, case.id, case.permit_id, by=machine(self.workspace))

    def ended(self, recipients: int = 3, **values: Any) -> Case:
        """A campaign that was sent."""
        case = self.launched(recipients, **values)
        self.jobs.run()
        return self.case(case.id)

    def claim(self, case: Case, count: int, lease: str = "", sent: int = 0) -> None:
        """Claim the next messages of a running campaign as a worker would, and settle the first ones as sent."""
        with self.engine.begin() as connection:
            case, lease = cases.lock(connection, case.workspace, case.id), lease or new_id(self.clock.now())
            claimed = ledger.following(connection, case, count)
            ledger.claim(connection, case, lease, self.clock.now(), claimed)
            run_id, step = str(case.run_id), case.step or 0
            ledger.add_lease(connection, case, lease, self.clock.now() + TimeDelta(seconds=5))
            counts = {}
            if sent:
                out = [Settled(each.position) for each in claimed[:sent]]
                counts = ledger.settle(
                    connection, run_id=run_id, step=step, token=lease, now=self.clock.now(), settled=out
                )
            ledger.progress(connection, run_id, counts, {"cursor": claimed[-1].position + 1})

    # What is there

    def case(self, campaign: str) -> Case:
        with self.engine.connect() as connection:
            return cases.read(connection, self.workspace, campaign)

    def events(self, campaign: str) -> list[str]:
        with self.engine.connect() as connection:
            return [step.event for step in cases.steps(connection, campaign)]

    def scalar(self, statement: str, **values: object) -> Any:
        with self.engine.connect() as connection:
            return connection.execute(sa.text(statement), values).scalar()

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), values)]

    def write(self, statement: str, **values: object) -> None:
        """What no use case does: a statement behind the engine's back."""
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def states(self, campaign: str) -> dict[str, int]:
        """How many messages of a campaign are in which state."""
        counted = "SELECT state, count(*) FROM gonogo_ledger WHERE campaign_id = :campaign GROUP BY state"
        return dict(self.rows(counted, campaign=campaign))

    def _asks(self) -> bool:
        return bool(self.scalar("SELECT policy FROM gonogo_workspace WHERE id = :id", id=self.workspace))


def snapshot(engine: sa.Engine) -> Mapping[str, list[str]]:
    """Every row of every table, so that two moments can be compared."""
    with engine.connect() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
            for name, table in Base.metadata.tables.items()
        }


def codes(outcome: Outcome) -> list[str]:
    """The codes of the blockers, in order."""
    return [blocker.code for blocker in outcome.blockers]
