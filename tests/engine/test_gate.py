"""The gate in a host: refused in one line where the host's engine is not fit, and part of the host's transaction."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from whenever import TimeDelta

import gonogo
from gonogo import database, deliveries, proposal
from gonogo.actor import SCOPES, Actor
from gonogo.errors import DatabaseUnusable, NotFound
from gonogo.execution.channels import Message
from gonogo.execution.posting import Poster
from gonogo.gate import Gate, Outside
from gonogo.testing.fake_jobs import FakeJobs
from support.engine import HELLO, NOW, HandClock, Sink, people, snapshot
from support.receiver import Reply, Request, receiver

ORDERS = sa.Table(
    "shop_order", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), sa.Column("what", sa.String)
)


class House:
    """A host with a table of its own, and a gate on its engine."""

    def __init__(self, engine: sa.Engine) -> None:
        ORDERS.create(engine)
        self.engine, self.jobs, self.sink, self.clock = engine, FakeJobs(), Sink(), HandClock()
        self.gate = Gate(engine, channels={"email": self.sink}, jobs=self.jobs, clock=self.clock)
        with engine.begin() as connection:
            self.workspace = self.gate.create_workspace(connection, "Acme")
        self.ada = Actor(self.workspace, "ada", "ada", frozenset(SCOPES), is_member=True)

    def draft(self, session: Session | sa.Connection, count: int = 3) -> str:
        campaign = self.gate.create(session, name="Spring", content=HELLO, by=self.ada).case.id
        self.gate.add_contacts(session, campaign, people(count), by=self.ada)
        return campaign

    def order(self, session: Session | sa.Connection) -> None:
        """The host's own row."""
        session.execute(ORDERS.insert().values(what="spring sale"))

    @property
    def orders(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(ORDERS)).scalar_one())


@pytest.fixture
def house(engine: sa.Engine) -> House:
    return House(engine)


@pytest.fixture
def host(database_url: str, backend: str) -> Iterator[sa.Engine]:
    """An engine as a host makes it: nothing was set up for us. On SQLite with the host's own driver."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    yield engine
    engine.dispose()


# A host's engine


def refusal(engine: sa.Engine) -> str:
    """The one line in which the gate refuses an engine."""
    with pytest.raises(DatabaseUnusable) as refused:
        Gate(engine, jobs=FakeJobs())
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_an_engine_that_was_not_prepared_is_refused_and_the_cure_works(host: sa.Engine) -> None:
    assert "gonogo.prepare(engine)" in refusal(host)
    gonogo.prepare(host)
    Gate(host, jobs=FakeJobs())


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize("level", ["SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"])
def test_an_engine_of_another_isolation_level_is_refused(database_url: str, level: str) -> None:
    engine = sa.create_engine(database_url, isolation_level=level)
    assert level in refusal(engine)
    engine.dispose()


def test_a_database_that_was_not_migrated_is_refused_and_the_cure_works(blank_url: str) -> None:
    engine = gonogo.prepare(sa.create_engine(blank_url, poolclass=sa.NullPool))
    assert "not migrated" in refusal(engine)
    gonogo.migrate(engine)
    Gate(engine, jobs=FakeJobs())
    engine.dispose()


def test_a_database_that_lacks_a_guard_is_refused(engine: sa.Engine) -> None:
    on = "" if engine.dialect.name == "sqlite" else " ON gonogo_campaign"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER gonogo_campaign_moves{on}")
    assert "gonogo_campaign_moves" in refusal(engine)


def test_opening_makes_the_database(blank_url: str) -> None:
    gate = Gate.open(blank_url, jobs=FakeJobs())
    with gate.engine.begin() as connection:
        assert gate.create_workspace(connection, "Acme")
    gate.close()


def test_a_gate_starts_no_thread_by_itself(engine: sa.Engine) -> None:
    before = set(threading.enumerate())
    house = House(engine)
    with engine.begin() as connection:
        house.gate.start(connection, house.draft(connection), by=house.ada)
    assert set(threading.enumerate()) == before


# In the host's transaction


def by_session(engine: sa.Engine) -> Session:
    return Session(engine)


def by_connection(engine: sa.Engine) -> sa.Connection:
    return engine.connect()


@pytest.mark.parametrize("opened", [by_session, by_connection])
def test_what_the_gate_wrote_is_committed_with_the_hosts_own_rows(
    house: House, opened: Callable[[sa.Engine], Any]
) -> None:
    with opened(house.engine) as session, session.begin():
        house.order(session)
        outcome = house.gate.start(session, house.draft(session), by=house.ada)
        assert outcome.case.state == "active"
        assert house.jobs.pending() == []  # nothing runs before the commit
    assert house.orders == 1
    house.jobs.run()
    assert len(house.sink.messages) == 3


@pytest.mark.parametrize("opened", [by_session, by_connection])
def test_a_rollback_leaves_nothing_of_either_and_no_job(house: House, opened: Callable[[sa.Engine], Any]) -> None:
    before = snapshot(house.engine)
    with opened(house.engine) as session:
        house.order(session)
        house.gate.start(session, house.draft(session), by=house.ada)
        session.rollback()
    assert (snapshot(house.engine), house.orders, house.jobs.run()) == (before, 0, [])


@pytest.mark.parametrize("opened", [by_session, by_connection])
def test_a_savepoint_undone_takes_the_launch_along_and_leaves_the_rest(
    house: House, opened: Callable[[sa.Engine], Any]
) -> None:
    with opened(house.engine) as session, session.begin():
        house.order(session)
        kept = house.draft(session)
        inner = session.begin_nested()
        house.gate.start(session, kept, by=house.ada)
        inner.rollback()
    assert (house.orders, house.jobs.run()) == (1, [])
    with house.engine.begin() as connection:
        assert house.gate.cancel(connection, kept, by=house.ada).case.run == 0  # it was never started


def test_the_gate_never_commits(house: House) -> None:
    commits: list[object] = []
    sa.event.listen(house.engine, "commit", commits.append)
    with house.engine.connect() as connection:
        campaign = house.draft(connection)
        house.gate.start(connection, campaign, by=house.ada)
        house.gate.pause(connection, campaign, by=house.ada)
        house.gate.resume(connection, campaign, by=house.ada)
        house.gate.cancel(connection, campaign, by=house.ada)
        connection.rollback()
    assert commits == []


def test_a_refusal_is_a_value_and_the_hosts_transaction_goes_on(house: House) -> None:
    with Session(house.engine) as session, session.begin():
        empty = house.draft(session, 0)
        outcome = house.gate.start(session, empty, by=house.ada)
        assert [blocker.code for blocker in outcome.blockers] == ["audience_empty"]
        house.order(session)
    assert house.orders == 1


def test_what_is_missing_raises_and_the_hosts_transaction_goes_on(house: House) -> None:
    with Session(house.engine) as session, session.begin():
        with pytest.raises(NotFound):
            house.gate.start(session, "nothing", by=house.ada)
        house.order(session)
    assert house.orders == 1


def test_what_the_host_flushed_and_what_the_gate_wrote_see_each_other(house: House) -> None:
    with Session(house.engine) as session, session.begin():
        campaign = house.draft(session)
        house.order(session)
        counted = sa.text("SELECT (SELECT count(*) FROM gonogo_campaign), (SELECT count(*) FROM shop_order)")
        assert tuple(session.execute(counted).one()) == (1, 1)
        assert house.gate.revise(session, campaign, name="Summer", by=house.ada).case.name == "Summer"


# A whole life, by the gate's own names


def test_a_campaign_lives_its_life_by_the_gate(house: House) -> None:
    gate, ada = house.gate, house.ada
    with house.engine.begin() as session:
        approve = {"stages": [{"group": "approvers"}]}
        gate.write_policy(session, {"rules": [{"name": "all", "approve": approve}], "separation": "none"}, by=ada)
        campaign = house.draft(session)
        gate.remove_contact(session, campaign, "p0@example.com", by=ada)
        asked = [gate.start(session, campaign, by=ada).case]
        states = [asked[0].state]
        for verb in (gate.dismiss, gate.request_changes, gate.withdraw):
            states.append(verb(session, asked[-1].task_id, by=ada).case.state)  # type: ignore[arg-type]
            asked.append(gate.start(session, campaign, by=ada).case)
        task = str(asked[-1].task_id)
        assert gate.retract(session, task, by=ada).blockers[0].code == "no_vote"
        states.append(gate.approve(session, task, by=ada).case.state)
        states.append(gate.revoke(session, campaign, by=ada).case.state)
        again = gate.resume(session, campaign, by=ada).case
        states += [again.state, gate.approve(session, str(again.task_id), by=ada).case.state]
    assert states == ["pending_approval", "draft", "draft", "draft", "active", "paused", "pending_approval", "active"]
    house.jobs.run()
    assert house.sink.addresses == ["p1@example.com", "p2@example.com"]
    with house.engine.begin() as session:
        assert gate.reopen(session, campaign, recipients="all", by=ada).case.state == "draft"
        gate.revise(session, campaign, start_at=NOW + TimeDelta(hours=2), by=ada)
        again = gate.start(session, campaign, by=ada).case
        assert gate.approve(session, str(again.task_id), by=ada).case.state == "scheduled"
        assert gate.unschedule(session, campaign, by=ada).case.state == "draft"


def test_how_much_lateness_is_forgiven_holds_for_a_review_by_a_job_too(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
    jobs, clock = FakeJobs(), HandClock()
    gate = Gate(engine, jobs=jobs, clock=clock, late_start=TimeDelta(minutes=5))
    with engine.begin() as session:
        ada = Actor(gate.create_workspace(session, "Acme"), "ada", "ada", frozenset(SCOPES), is_member=True)
        approve = {"stages": [{"group": "approvers"}]}
        gate.write_policy(session, {"rules": [{"name": "all", "approve": approve}]}, by=ada)
        start_at = NOW + TimeDelta(hours=2)
        campaign = gate.create(session, name="Spring", content=HELLO, start_at=start_at, by=ada).case.id
        gate.add_contacts(session, campaign, people(3), by=ada)
        gate.start(session, campaign, by=ada)
    jobs.run()
    with engine.begin() as session:
        assert gate.pause(session, campaign, by=ada).case.expires_at == start_at + TimeDelta(minutes=5)


# Work in threads


def test_work_is_done_between_start_and_stop_only(database_url: str) -> None:
    sent, done = Sink(), threading.Event()

    def answers(_: Message) -> None:
        if len(sent.messages) == 2:
            done.set()

    sent.answers = answers
    gate = Gate(database.connect(database_url), channels={"email": sent})
    before = set(threading.enumerate())
    with gate.engine.begin() as session:
        ada = Actor(gate.create_workspace(session, "Acme"), "ada", "ada", frozenset(SCOPES), is_member=True)
        campaign = gate.create(session, name="Spring", content=HELLO, by=ada).case.id
        gate.add_contacts(session, campaign, people(3), by=ada)
        gate.start(session, campaign, by=ada)
    assert sent.messages == []
    gate.start_work(every=0.05)
    try:
        assert done.wait(20)
    finally:
        gate.stop_work(drain=5)
    gate.stop_work()  # a second time does nothing
    assert len(sent.messages) == 3
    assert {thread.name for thread in set(threading.enumerate()) - before if "gonogo" in thread.name} == set()
    gate.close()


class NotingJobs(FakeJobs):
    """Tells that it was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    def stop(self, drain: int = 10) -> None:
        super().stop(drain)
        self.stopped.set()


def test_a_stop_waits_for_the_requests_under_way_alone_and_stops_the_jobs_meanwhile(engine: sa.Engine) -> None:
    jobs, answered, arrived = NotingJobs(), threading.Event(), threading.Semaphore(0)

    def answers(_: Request) -> Reply:
        arrived.release()
        return Reply(when=answered)

    with receiver() as hears:
        hears.answers = answers
        gate = Gate(engine, jobs=jobs, outside=Outside(poster=Poster(private_allowed=True)))
        with engine.begin() as session:
            ada = Actor(gate.create_workspace(session, "Acme"), "ada", "ada", frozenset(SCOPES), is_member=True)
            for _ in range(3):
                deliveries.add(gate.call(session, ada), hears.url, ["*"])
            for _ in range(deliveries.OF_ONE):
                gate.revise(session, gate.create(session, name="Spring", by=ada).case.id, name="Summer", by=ada)
        gate.start_work(every=0.05)
        assert all(arrived.acquire(timeout=10) for _ in range(deliveries.TOGETHER))
        stopping = threading.Thread(target=gate.stop_work)
        stopping.start()
        assert jobs.stopped.wait(5)
        answered.set()
        stopping.join(10)
        assert not stopping.is_alive()
        assert len(hears.requests) == deliveries.TOGETHER
    gate.close()


def test_a_tick_that_breaks_is_followed_by_the_next(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """A database that was gone for a moment must not end the clock of this process for good."""
    calls, thrice = iter(range(1_000)), threading.Event()

    def once() -> int:
        match next(calls):
            case 0 | 1:
                raise sa.exc.OperationalError("SELECT 1", {}, Exception("the server closed the connection"))
            case 2:
                thrice.set()
        return 0

    house.gate.tick.once = once  # type: ignore[method-assign]
    house.gate.start_work(every=0.01)
    try:
        assert thrice.wait(3)
    finally:
        house.gate.stop_work()
    assert "server closed the connection" in caplog.text
