"""The seam to the job engine in memory: for tests of what enqueues jobs. Nothing runs until the test says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext

from gonogo.jobs import DEFAULT_QUEUE, QUEUES, Handler, packed


class Job(NamedTuple):
    """A job that was committed."""

    key: str
    name: str
    args: tuple[str | int, ...]
    queue: str


class FakeJobs:
    """`gonogo.jobs.Jobs` without threads: a committed job waits for `run` or `run_one`.

    Stricter than an engine that keeps what other processes run: a job needs its handler when it is enqueued. A
    handler that raises raises in `run`, and its job goes to the end of the line.
    """

    def __init__(self, queues: Mapping[str, int] = QUEUES) -> None:
        self._queues = queues
        self._handlers: dict[str, Handler] = {}
        self._waiting: dict[str, Job] = {}
        self._keys: set[str] = set()  # of every job that was ever committed
        self._open: WeakKeyDictionary[sa.Connection, _Uncommitted] = WeakKeyDictionary()

    def handle(self, job: str, handler: Handler) -> None:
        self._handlers[job] = handler

    def enqueue(
        self, connection: sa.Connection, job: str, key: str, *args: str | int, queue: str = DEFAULT_QUEUE
    ) -> None:
        if job not in self._handlers or queue not in self._queues:
            raise LookupError(f"there is no job {job!r} with a handler, or no queue {queue!r}")
        packed(key, args)
        if not connection.in_transaction():
            connection.begin()  # as a statement would
        if connection not in self._open:
            self._watch(connection)
        self._open[connection].jobs.append((_savepoint(connection), Job(key, job, args, queue)))

    def prepare(self) -> None:
        """There is nothing to prepare."""

    def start(self) -> None:
        """Jobs run when the test says so."""

    def stop(self, drain: int = 10) -> None:
        """Nothing is running."""

    def pending(self) -> list[Job]:
        """The committed jobs that did not run yet."""
        return list(self._waiting.values())

    def run_one(self) -> str | None:
        """Run the job that waits longest, and answer its key; None if there is none."""
        if not self._waiting:
            return None
        key = next(iter(self._waiting))
        job = self._waiting.pop(key)
        try:
            self._handlers[job.name](*job.args)
        except BaseException:
            self._waiting[key] = job
            raise
        return key

    def run(self) -> list[str]:
        """Run jobs until none waits, those included that they enqueue, and answer their keys."""
        return list(iter(self.run_one, None))

    def _watch(self, connection: sa.Connection) -> None:
        self._open[connection] = _Uncommitted()
        event.listen(connection, "begin", self._forget)
        event.listen(connection, "commit", self._commit)
        event.listen(connection, "rollback_savepoint", self._rollback_savepoint)
        if not event.contains(connection.engine, "handle_error", self._failed):
            event.listen(connection.engine, "handle_error", self._failed)

    def _commit(self, connection: sa.Connection) -> None:
        uncommitted = self._open[connection]
        uncommitted.committing = [job for _, job in uncommitted.jobs if job.key not in self._keys]
        uncommitted.jobs.clear()
        for job in uncommitted.committing:
            self._keys.add(job.key)
            self._waiting.setdefault(job.key, job)

    def _forget(self, connection: sa.Connection) -> None:
        self._open[connection] = _Uncommitted()

    def _rollback_savepoint(self, connection: sa.Connection, name: str, _: object) -> None:
        uncommitted = self._open[connection]
        uncommitted.jobs = [(within, job) for within, job in uncommitted.jobs if within < _number(name)]

    def _failed(self, context: ExceptionContext) -> None:
        connection = context.connection
        if connection is not None and context.statement is None and connection in self._open:
            # The COMMIT itself failed, which SQLAlchemy had announced as a commit: take the jobs back.
            for job in self._open[connection].committing:
                self._keys.discard(job.key)
                self._waiting.pop(job.key, None)
            self._forget(connection)


@dataclass(slots=True)
class _Uncommitted:
    """The jobs of one connection's transaction, each with the savepoint it was enqueued in."""

    jobs: list[tuple[int, Job]] = field(default_factory=list)
    committing: list[Job] = field(default_factory=list)


def _savepoint(connection: sa.Connection) -> int:
    """The innermost open savepoint. SQLAlchemy numbers those of a connection, so what is inside has a higher one."""
    nested = connection.get_nested_transaction()
    return _number(nested._savepoint) if nested else 0


def _number(savepoint: str) -> int:
    return int(savepoint.rpartition("_")[2])
