"""The seam to the durable job engine: work that must happen after a commit, and only then.

A job is enqueued in the caller's own transaction, so that a launch and its job commit together or not at all.
`jobs_dbos.py` is the implementation that ships; `gonogo.testing.fake_jobs` is the same in memory; a host may bring
another. What every implementation promises:

- A job runs *at least once* after its transaction committed, and never if it rolled back. A crash runs it again, and
  a worker that stood still long enough runs it beside its successor: handlers are re-entrant.
- A key names one job for ever, also after it ended: enqueuing it again does nothing. Recurring work numbers its keys.
- A handler that raises is tried again a few times, each time after a longer while; then the job has failed.
- There is no order between jobs. Arguments are strings and integers only: ids, never documents.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import sqlalchemy as sa

Handler = Callable[..., Any]

DEFAULT_QUEUE = "default"
#: How many jobs of each queue one process runs at a time, unless it is told otherwise. Mail has a queue of its own, and
#: other channels have one together: whoever waits for a slow relay stands in nobody else's way.
QUEUES: Mapping[str, int] = MappingProxyType({DEFAULT_QUEUE: 8, "email": 8, "channels": 8})


class Jobs(Protocol):
    """A durable job engine."""

    def handle(self, job: str, handler: Handler) -> None:
        """Run `handler` with the job's arguments for every job of that name. Register all before `start`."""

    def enqueue(
        self, connection: sa.Connection, job: str, key: str, *args: str | int, queue: str = DEFAULT_QUEUE
    ) -> None:
        """Add a job to the transaction that is open on the connection, unless there already is one with that key.

        Needs `prepare`, once for the database, but no `start`: a process may enqueue what others run. Raises
        LookupError for an unknown queue and TypeError for arguments that can't be kept.
        """

    def prepare(self) -> None:
        """Create the tables that jobs are kept in, where they are missing. Starts nothing."""

    def start(self) -> None:
        """Prepare, and begin to run jobs, in threads of this process. What a dead process left is taken over."""

    def stop(self, drain: int = 10) -> None:
        """Take no more jobs, and give those that run `drain` seconds to end. The others will run again elsewhere."""


def packed(key: str, args: tuple[str | int, ...]) -> str:
    """The arguments of a job as JSON. Raises TypeError for any but strings and integers, ValueError for no key."""
    if not key.strip():
        raise ValueError("a job needs a key")
    for arg in args:
        if type(arg) not in (str, int):
            raise TypeError(f"a job's arguments are strings and integers, not {arg!r}")
    return json.dumps(args, separators=(",", ":"), ensure_ascii=False)
