"""The promises of `gonogo.jobs`, kept by both implementations on both databases."""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import DBOS, DBOSClient, WorkflowSerializationFormat

import support
from gonogo import database
from gonogo.errors import GonogoError
from gonogo.jobs import DEFAULT_QUEUE, Jobs
from gonogo.jobs_dbos import DbosJobs, Pulse
from gonogo.testing.fake_jobs import FakeJobs

WORKER = Path(support.__path__[0]) / "job_worker.py"


#: For what has nothing to do with the database.
on_one_database = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class Bench:
    """An implementation of the seam, and a handler `note` that tells what ran, in the order it ran."""

    def __init__(self, engine: sa.Engine, jobs: Jobs) -> None:
        self.engine, self.jobs = engine, jobs
        self._ran: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
        jobs.handle("note", self.note)
        jobs.prepare()

    def note(self, *args: Any) -> None:
        self._ran.put(args)

    def enqueue(self, key: str, *args: str | int, job: str = "note") -> None:
        with self.engine.begin() as connection:
            self.jobs.enqueue(connection, job, key, *args)

    def next(self) -> tuple[Any, ...]:
        """What ran next; waits for it."""
        self._go()
        return self._ran.get(timeout=20)

    def rest(self) -> list[tuple[Any, ...]]:
        """All that ran and will run: nothing runs any more."""
        self.enqueue("the last", "the last")
        found = []
        while (one := self.next()) != ("the last",):
            found.append(one)
        self.jobs.stop()
        return found + [self._ran.get() for _ in range(self._ran.qsize())]

    def _go(self) -> None:
        if isinstance(self.jobs, FakeJobs):
            self.jobs.run()


@pytest.fixture(params=["fake", "dbos"])
def bench(request: pytest.FixtureRequest, engine: sa.Engine) -> Iterator[Bench]:
    """Whatever a test registers after `note` goes before its `start`."""
    jobs: Jobs = FakeJobs() if request.param == "fake" else DbosJobs(engine, poll=0.05)
    yield Bench(engine, jobs)
    jobs.stop()


@pytest.fixture
def dbos(engine: sa.Engine) -> Iterator[DbosJobs]:
    jobs = DbosJobs(engine)
    jobs.prepare()
    yield jobs
    jobs.stop(drain=0)


def test_a_job_runs_after_its_commit_and_never_after_a_rollback(bench: Bench) -> None:
    bench.jobs.start()
    with bench.engine.connect() as connection:
        bench.jobs.enqueue(connection, "note", "a", "rolled back")
        connection.rollback()
        bench.jobs.enqueue(connection, "note", "b", "committed", 7, "ü\x00\n")
        connection.commit()
    bench.enqueue("c", "c")
    assert sorted(bench.rest()) == [("c",), ("committed", 7, "ü\x00\n")]


def test_a_key_names_one_job_for_ever(bench: Bench) -> None:
    bench.jobs.start()
    with bench.engine.begin() as connection:
        bench.jobs.enqueue(connection, "note", "a", "first")
        bench.jobs.enqueue(connection, "note", "a", "second")
    assert bench.next() == ("first",)
    bench.enqueue("a", "third")
    assert bench.rest() == []


def test_a_job_enqueues_its_successor(bench: Bench) -> None:
    def count(n: int) -> None:
        bench.note(n)
        if n:
            bench.enqueue(f"count-{n - 1}", n - 1, job="count")

    bench.jobs.handle("count", count)
    bench.jobs.start()
    bench.enqueue("count-2", 2, job="count")
    assert [bench.next() for _ in range(3)] == [(2,), (1,), (0,)]


def test_a_handler_that_raises_is_tried_again(bench: Bench) -> None:
    tries = iter([RuntimeError("not yet"), None])

    def stumble() -> None:
        error = next(tries)
        if error:
            raise error
        bench.note("managed")

    bench.jobs.handle("stumble", stumble)
    bench.jobs.start()
    bench.enqueue("a", job="stumble")
    if isinstance(bench.jobs, FakeJobs):
        with pytest.raises(RuntimeError, match="not yet"):
            bench.jobs.run()
    assert bench.next() == ("managed",)


def test_what_is_undone_to_a_savepoint_takes_its_jobs_along(bench: Bench) -> None:
    def enqueue(what: str) -> None:
        bench.jobs.enqueue(connection, "note", what, what)

    with bench.engine.begin() as connection:
        with connection.begin_nested():
            enqueue("1: kept with the savepoint")
        outer = connection.begin_nested()
        enqueue("undone directly")
        with connection.begin_nested():
            enqueue("undone from outside, after its own savepoint was released")
        outer.rollback()
        enqueue("2: kept after it")
        with connection.begin_nested() as inner:
            enqueue("undone too")
            inner.rollback()
    bench.jobs.start()
    assert sorted(bench.rest()) == [("1: kept with the savepoint",), ("2: kept after it",)]


def test_a_commit_that_fails_leaves_no_job(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE parent (id int PRIMARY KEY)"))
        reference = "int REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED"
        connection.execute(sa.text(f"CREATE TABLE child (parent_id {reference})"))
    with bench.engine.connect() as connection:
        bench.jobs.enqueue(connection, "note", "a", "never")
        connection.execute(sa.text("INSERT INTO child VALUES (1)"))
        with pytest.raises(sa.exc.IntegrityError):
            connection.commit()
    bench.jobs.start()
    bench.enqueue("a", "its key is still free")
    assert bench.rest() == [("its key is still free",)]


def test_arguments_other_than_strings_and_integers_are_refused(bench: Bench) -> None:
    wrong: list[Any] = [1.5, None, True, b"a", ["a"], ("a",)]
    for argument in wrong:
        with pytest.raises(TypeError, match="strings and integers"):
            bench.enqueue("a", argument)


def test_a_job_without_a_key_or_for_an_unknown_queue_is_refused(bench: Bench) -> None:
    with pytest.raises(ValueError, match="key"):
        bench.enqueue(" ")
    with pytest.raises(LookupError, match="'fast'"), bench.engine.begin() as connection:
        bench.jobs.enqueue(connection, "note", "a", queue="fast")


def test_the_fake_refuses_a_job_without_a_handler(engine: sa.Engine) -> None:
    with pytest.raises(LookupError, match="'unheard of'"), engine.begin() as connection:
        FakeJobs().enqueue(connection, "unheard of", "a")


def test_the_fake_shows_what_waits_and_runs_one_at_a_time(engine: sa.Engine) -> None:
    jobs, ran = FakeJobs(), list[str]()
    jobs.handle("note", ran.append)
    with engine.begin() as connection:
        jobs.enqueue(connection, "note", "a", "first")
        jobs.enqueue(connection, "note", "b", "second")
        assert jobs.pending() == []
    assert [job.key for job in jobs.pending()] == ["a", "b"]
    assert jobs.pending()[0] == ("a", "note", ("first",), DEFAULT_QUEUE)
    assert (jobs.run_one(), jobs.run_one(), jobs.run_one()) == ("a", "b", None)
    assert ran == ["first", "second"]


def test_the_row_of_a_job_is_what_dbos_itself_writes(engine: sa.Engine, dbos: DbosJobs) -> None:
    client = DBOSClient(system_database_engine=engine, lazy=True, application_name="gonogo")
    options: Any = {
        "workflow_name": "note",
        "queue_name": "gonogo.default",
        "workflow_id": "theirs",
        "app_version": "1",
        "serialization_type": WorkflowSerializationFormat.PORTABLE,
    }
    with engine.begin() as connection:
        client.enqueue_in_transaction(connection, options, "ü\"'\x00", 7)
        dbos.enqueue(connection, "note", "ours", "ü\"'\x00", 7)
    (theirs, theirs_input), (ours, ours_input) = _rows(engine, "theirs"), _rows(engine, "ours")
    assert len(ours) > 30
    times = {"created_at", "updated_at"}  # where the millisecond changes between the two
    assert all(0 <= ours[column] - theirs[column] < 60_000 for column in times)
    differing = [column for column in theirs if theirs[column] != ours[column] and column not in times]
    assert differing == ["workflow_uuid", "creator_xid"]
    assert len(str(ours["creator_xid"])) == len(str(theirs["creator_xid"])) == 36
    assert {**theirs_input, "workflow_uuid": "ours"} == ours_input


def _rows(engine: sa.Engine, key: str) -> list[dict[str, Any]]:
    schema = "dbos." if engine.dialect.name == "postgresql" else ""
    with engine.connect() as connection:
        return [
            dict(
                connection.execute(
                    sa.text(f"SELECT * FROM {schema}{name} WHERE workflow_uuid = :key"),
                    {"key": key},
                )
                .mappings()
                .one()
            )
            for name in ("workflow_status", "workflow_input")
        ]


@on_one_database
def test_a_process_runs_dbos_once(dbos: DbosJobs, engine: sa.Engine) -> None:
    dbos.start()
    with pytest.raises(GonogoError, match="already runs DBOS"):
        DbosJobs(engine).start()


@on_one_database
def test_a_start_that_failed_can_be_tried_again(dbos: DbosJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(DBOS, "launch", _no_room)
        with pytest.raises(RuntimeError, match="no room"):
            dbos.start()
    dbos.stop()
    dbos.start()


def _no_room() -> None:
    raise RuntimeError("no room")


def test_a_process_shows_life_from_the_start(dbos: DbosJobs, engine: sa.Engine) -> None:
    dbos.start()
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM gonogo_executor")) == 1


@on_one_database
def test_dbos_speaks_through_the_hosts_logging_only(dbos: DbosJobs) -> None:
    dbos.start()
    logger = logging.getLogger("dbos")
    assert (logger.propagate, logger.level) == (True, logging.WARNING)
    assert [type(handler) for handler in logger.handlers] == [logging.NullHandler]


@on_one_database
def test_a_handler_is_registered_once_and_before_the_start(dbos: DbosJobs) -> None:
    dbos.handle("note", print)
    with pytest.raises(GonogoError, match="'note'"):
        dbos.handle("note", print)
    dbos.start()
    with pytest.raises(GonogoError, match="'late'"):
        dbos.handle("late", print)


@on_one_database
def test_jobs_stopped_can_be_started_again(dbos: DbosJobs, engine: sa.Engine) -> None:
    ran: SimpleQueue[str] = SimpleQueue()
    dbos.handle("note", ran.put)
    for key in ("a", "b"):
        dbos.start()
        with engine.begin() as connection:
            dbos.enqueue(connection, "note", key, key)
        assert ran.get(timeout=20) == key
        dbos.stop()


def test_a_stop_waits_for_the_jobs_that_run(dbos: DbosJobs, engine: sa.Engine) -> None:
    began, go = threading.Event(), threading.Event()

    def work() -> object:
        began.set()
        go.wait()
        return go  # can't be stored, and is nobody's business

    dbos.handle("work", work)
    dbos.start()
    with engine.begin() as connection:
        dbos.enqueue(connection, "work", "a")
    assert began.wait(20)
    threading.Timer(0.3, go.set).start()
    dbos.stop()
    assert go.is_set()
    assert _rows(engine, "a")[0]["status"] == "SUCCESS"


@pytest.fixture
def orphan(engine: sa.Engine, dbos: DbosJobs) -> Callable[[], str]:
    """A job that another executor is running; asks for its status."""
    with engine.begin() as connection:
        dbos.enqueue(connection, "note", "a")
        schema = "dbos." if engine.dialect.name == "postgresql" else ""
        claim = f"UPDATE {schema}workflow_status SET status = 'PENDING', executor_id = 'other'"
        connection.execute(sa.text(claim))
    return lambda: str(_rows(engine, "a")[0]["status"])


def test_a_key_used_again_leaves_the_running_job_alone(
    engine: sa.Engine, dbos: DbosJobs, orphan: Callable[[], str]
) -> None:
    with engine.begin() as connection:
        dbos.enqueue(connection, "note", "a", "again")
    assert orphan() == "PENDING"
    assert _rows(engine, "a")[1]["inputs"] == '{"namedArgs":{},"positionalArgs":[]}'


@pytest.fixture
def pulse(engine: sa.Engine) -> Callable[[], Pulse]:
    client = DBOSClient(system_database_engine=engine, lazy=True, application_name="gonogo")
    return lambda: Pulse(client, engine, 1.0, looks=3)


def test_a_job_of_an_executor_that_stands_still_is_given_back(
    orphan: Callable[[], str], pulse: Callable[[], Pulse]
) -> None:
    watcher = pulse()
    statuses = []
    for _ in range(4):
        watcher.take_over()
        statuses.append(orphan())
    assert statuses == ["PENDING", "PENDING", "PENDING", "ENQUEUED"]


def test_a_job_of_an_executor_that_beats_is_left_alone(
    engine: sa.Engine, orphan: Callable[[], str], pulse: Callable[[], Pulse]
) -> None:
    other, watcher = pulse(), pulse()
    other.executor = "other"
    for _ in range(8):
        other.beat()
        watcher.take_over()
        watcher.take_over()
    assert orphan() == "PENDING"
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM gonogo_executor")) == 1


def test_an_executor_shows_life_by_the_clock_of_the_database(engine: sa.Engine, pulse: Callable[[], Pulse]) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO gonogo_executor (id, seen_at) VALUES ('of yesterday', 1e9)"))
    one = pulse()
    one.beat()
    now = "unixepoch('subsec')" if engine.dialect.name == "sqlite" else "extract(epoch FROM clock_timestamp())"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT id, {now} - seen_at AS age FROM gonogo_executor")).all()
    assert [row.id for row in rows] == [one.executor]
    assert -0.01 < rows[0].age < 5  # what SQLite tells of its clock is rounded


class Worker:
    """A process that runs jobs, and what it says."""

    def __init__(self, url: str, manner: str) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), url, manner], stdin=pipe, stdout=pipe, stderr=pipe, text=True
        )

    def says(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def stop(self) -> tuple[str, str]:
        """Let it end; what it still said, on stdout and on stderr."""
        return self._process.communicate(timeout=60)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def worker(engine: sa.Engine) -> Iterator[Callable[[str], Worker]]:
    running: list[Worker] = []

    def start(manner: str) -> Worker:
        running.append(Worker(engine.url.render_as_string(hide_password=False), manner))
        assert running[-1].says() == "ready"
        return running[-1]

    yield start
    for one in running:
        one.kill()


def test_what_one_process_enqueues_another_runs(
    engine: sa.Engine, dbos: DbosJobs, worker: Callable[[str], Worker]
) -> None:
    with engine.begin() as connection:
        dbos.enqueue(connection, "work", "a", "before it started")
    other = worker("finish")
    assert [other.says(), other.says()] == ["begin before it started", "end before it started"]
    with engine.begin() as connection:
        dbos.enqueue(connection, "work", "b", "later")
    assert [other.says(), other.says()] == ["begin later", "end later"]
    assert other.stop() == ("stopped\n", "")


def test_a_process_killed_in_the_middle_of_a_job_is_taken_over(
    engine: sa.Engine, dbos: DbosJobs, worker: Callable[[str], Worker]
) -> None:
    with engine.begin() as connection:
        dbos.enqueue(connection, "work", "a", "it")
    first = worker("hang")
    assert first.says() == "begin it"
    first.kill()
    second = worker("finish")
    assert [second.says(), second.says()] == ["begin it", "end it"]
    assert second.stop() == ("stopped\n", "took over the job a of an executor that stood still\n")
    assert _rows(engine, "a")[0]["status"] == "SUCCESS"


def test_the_engine_of_the_jobs_is_on_the_same_database_and_driver(engine: sa.Engine) -> None:
    second = database.jobs_engine(engine)
    assert second.dialect.loaded_dbapi is engine.dialect.loaded_dbapi
    with second.begin() as connection:
        connection.execute(sa.text("INSERT INTO gonogo_executor (id, seen_at) VALUES ('a', 1)"))
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT seen_at FROM gonogo_executor")) == 1
    second.dispose()
