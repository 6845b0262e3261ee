"""Durable jobs on DBOS, in this process and in the database that decisions are kept in.

The only module that imports dbos, and pinned to its version: three private doors of it are used, marked below. Its
tables stand in the schema `dbos` on PostgreSQL and, unprefixed, beside ours on SQLite. One DBOS runs in a process.
"""

import logging
import math
import threading
import uuid
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, StepOptions
from dbos import _dbos as internals

from gonogo.database import jobs_engine
from gonogo.errors import GonogoError
from gonogo.jobs import DEFAULT_QUEUE, QUEUES, Handler, packed
from gonogo.models import Executor, table

log = logging.getLogger(__name__)
logging.getLogger("dbos").addHandler(logging.NullHandler())  # without one, it prints to stderr

NAME = "gonogo"
VERSION = "1"  # pinned: DBOS would hash the handlers' source, and a new release would run no older job
ATTEMPTS = 5
FIRST_RETRY = 0.5  # seconds; doubled each time
CRASHES = 20  # a job that killed so many processes is given up


class DbosJobs:
    """`gonogo.jobs.Jobs` on DBOS.

    `queues` tells how many jobs of each queue this process runs at a time. A job waits for `poll` seconds at most
    until it is found. A process shows life every `heartbeat` seconds; one that others saw stand still for
    `dead_after` loses its jobs to them.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        queues: Mapping[str, int] = QUEUES,
        poll: float = 0.2,
        heartbeat: float = 1.0,
        dead_after: float = 5.0,
    ) -> None:
        self._engine = jobs_engine(engine)
        self._client = DBOSClient(system_database_engine=self._engine, lazy=True, application_name=NAME)
        self._queues, self._poll, self._heartbeat = queues, poll, heartbeat
        self._looks = math.ceil(dead_after / heartbeat)
        self._handlers: dict[str, Handler] = {}
        self._pulse: Pulse | None = None

    def handle(self, job: str, handler: Handler) -> None:
        if self._pulse is not None or job in self._handlers:
            raise GonogoError(f"the job {job!r} is registered twice, or after the start")
        self._handlers[job] = handler

    def enqueue(
        self, connection: sa.Connection, job: str, key: str, *args: str | int, queue: str = DEFAULT_QUEUE
    ) -> None:
        if queue not in self._queues:
            raise LookupError(f"there is no queue {queue!r}, so the job would wait for ever")
        arguments = packed(key, args)
        row = {
            "key": key,
            "job": job,
            "queue": _queue_name(queue),
            "creator": str(uuid.uuid4()),
            "inputs": f'{{"namedArgs":{{}},"positionalArgs":{arguments}}}',
        }
        for statement in _ENQUEUE[connection.dialect.name]:
            connection.execute(statement, row)

    def prepare(self) -> None:
        self._client._sys_db.run_migrations()  # private: the public call opens the file with the other SQLite library
        self._engine.dispose()

    def start(self) -> None:
        if internals._dbos_global_instance is not None:  # private: DBOS would hand out the running one, and say nothing
            raise GonogoError("this process already runs DBOS, which can run only once")
        self.prepare()
        for queue, slots in self._queues.items():
            # Before the launch: a queue that is made after it is found only a second later.
            self._client.register_queue(
                _queue_name(queue),
                worker_concurrency=slots,
                polling_interval_sec=self._poll,
                on_conflict="always_update",
            )
        pulse = self._pulse = Pulse(self._client, self._engine, self._heartbeat, self._looks)
        pulse.beat()  # before the launch: what takes a job has shown life
        try:
            self._launch(pulse.executor)
        except BaseException:
            self._pulse = None
            DBOS.destroy(destroy_registry=True)
            raise
        pulse.start()

    def _launch(self, executor: str) -> None:
        DBOS(
            config={
                "name": NAME,
                "system_database_engine": self._engine,
                "executor_id": executor,
                "application_version": VERSION,
                "use_listen_notify": False,  # for messages between workflows, which we have none of
                "notification_listener_polling_interval_sec": 0.1,  # a stop waits for it
                "log_level": "WARNING",
                "max_executor_threads": sum(self._queues.values()) + 2,  # two for itself
            }
        )
        for job, handler in self._handlers.items():
            DBOS.workflow(name=job, max_recovery_attempts=CRASHES)(_workflow(job, handler))
        DBOS.launch()

    def stop(self, drain: int = 10) -> None:
        if self._pulse is None:
            return
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=drain)
        self._pulse.stop()  # not before: the jobs that were drained are alive
        self._pulse = None
        self._engine.dispose()


class Pulse(threading.Thread):
    """Shows that this process lives, and gives the jobs of dead ones back to their queues.

    Dead is who stood still while we looked `looks` times in a row. So no two clocks are compared, and a time without
    a database, or asleep, kills nobody.
    """

    def __init__(self, client: DBOSClient, engine: sa.Engine, every: float, looks: int) -> None:
        super().__init__(name="gonogo-pulse", daemon=True)
        self.executor = uuid.uuid4().hex  # new at every start: DBOS runs again at once what its own id left behind
        self._client, self._engine, self._every, self._looks = client, engine, every, looks
        self._still: dict[str, tuple[float | None, int]] = {}
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self.beat()
                self.take_over()
            except Exception:
                log.exception("the job engine could not show that it is alive; it tries again")

    def stop(self) -> None:
        self._stopping.set()
        self.join()

    def beat(self) -> None:
        """Write down, by the database's clock, that this process is alive."""
        now = _NOW[self._engine.dialect.name]
        with self._engine.begin() as connection:
            mine = sa.update(_executors).where(_executors.c.id == self.executor).values(seen_at=now)
            if not connection.execute(mine).rowcount:
                connection.execute(sa.delete(_executors).where(_executors.c.seen_at < now - _FORGOTTEN))
                connection.execute(sa.insert(_executors).values(id=self.executor, seen_at=now))

    def take_over(self) -> None:
        """Look once at the executors that have jobs, and give back those of the dead."""
        running = self._client.list_workflows(status="PENDING", load_input=False, load_output=False)
        dead = self._dead({job.executor_id for job in running if job.executor_id} - {self.executor})
        for job in running:
            if job.executor_id in dead and job.queue_name:
                # private: unlike the public `resume_workflow` it leaves a job alone that meanwhile moved on
                self._client._sys_db.reenqueue_for_recovery(job.workflow_id, [job.executor_id], job.queue_name)
                log.warning("took over the job %s of an executor that stood still", job.workflow_id)

    def _dead(self, others: set[str]) -> set[str]:
        with self._engine.connect() as connection:
            seen = dict(connection.execute(sa.select(_executors.c.id, _executors.c.seen_at)).all())
        before, self._still = self._still, {}
        for other in others:
            at, looks = before.get(other, (None, 0))
            self._still[other] = (seen.get(other), looks + 1 if other in before and at == seen.get(other) else 0)
        return {other for other, (_, looks) in self._still.items() if looks >= self._looks}


def _workflow(job: str, handler: Handler) -> Handler:
    def call(*args: Any) -> None:
        handler(*args)  # its result is nobody's business: DBOS would keep it

    retries = StepOptions(
        name=job, retries_allowed=True, max_attempts=ATTEMPTS, interval_seconds=FIRST_RETRY, backoff_rate=2.0
    )

    def workflow(*args: Any) -> None:
        DBOS.run_step(retries, call, *args)

    return workflow


def _queue_name(queue: str) -> str:
    return f"{NAME}.{queue}"  # a host may have queues of its own in the same database


_executors = table(Executor)
_FORGOTTEN = 86_400.0  # seconds after which the row of a dead executor goes
_NOW: Mapping[str, sa.ColumnElement[float]] = {
    "postgresql": sa.literal_column("CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Double),
    "sqlite": sa.literal_column("(julianday('now') - 2440587.5) * 86400.0", sa.Double),
}

# What `DBOSClient.enqueue_in_transaction` writes, to the letter (there is a test), at a quarter of its price and, on
# PostgreSQL, in one round trip.
_STATUS = (
    "workflow_status (workflow_uuid, status, name, application_version, recovery_attempts, queue_name, priority,"
    " creator_xid, serialization, attributes, application_name)"
    f" VALUES (:key, 'ENQUEUED', :job, '{VERSION}', 0, :queue, 0, :creator, 'portable_json', %s, '{NAME}')"
    " ON CONFLICT (workflow_uuid) DO NOTHING"
)
_INPUT = "workflow_input (workflow_uuid, inputs) VALUES (:key, :inputs) ON CONFLICT (workflow_uuid) DO NOTHING"
_ENQUEUE = {
    "postgresql": [sa.text(f"WITH job AS (INSERT INTO dbos.{_STATUS % 'NULL'}) INSERT INTO dbos.{_INPUT}")],
    "sqlite": [sa.text(f"INSERT INTO {_STATUS}" % "'null'"), sa.text(f"INSERT INTO {_INPUT}")],
}
