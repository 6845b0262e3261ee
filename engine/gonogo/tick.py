"""What time makes due. Time is derived, never stored as jobs: one tick a second asks indexed questions."""

import logging
import uuid
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import questions, service
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.clock import Clock
from gonogo.jobs import Jobs
from gonogo.store import cases, ledger
from gonogo.store import questions as store_questions

log = logging.getLogger(__name__)

Due = tuple[Any, ...]  # a use case, the workspace, and what else it is called with

#: How long one process keeps the tick to itself.
TURN = TimeDelta(seconds=3)
#: A campaign that should be sending, and of which nothing was heard for so long, is handed out again.
FORGOTTEN = TimeDelta(seconds=30)
#: Milliseconds that one campaign may keep the clock waiting for its lock.
PATIENCE = 2_000
#: How many rows one question answers; what is left comes with the next tick.
MOST = 100


class Tick:
    """Asks what is due and does it, each in a transaction of its own. One process of many does the work."""

    def __init__(self, engine: sa.Engine, jobs: Jobs, clock: Clock, *, late_start: TimeDelta) -> None:
        self.engine, self.jobs, self.clock, self.late_start = engine, jobs, clock, late_start
        self.name = uuid.uuid4().hex

    def once(self) -> int:
        """Do everything that is due now; returns how many things that were."""
        now = self.clock.now()
        with self.engine.begin() as connection:
            if not ledger.take_turn(connection, "tick", self.name, now + TURN, now):
                return 0
            todo: list[Due] = [
                *((service.due, *found) for found in cases.due(connection, now, MOST)),
                *((service.expire, *found) for found in cases.overdue(connection, now, MOST)),
                *((questions.expire, *found) for found in store_questions.overdue(connection, now, MOST)),
                *((service.nudge, *found) for found in cases.to_nudge(connection, now, MOST)),
                *((service.lapse, *found) for found in cases.lapsed(connection, now, MOST)),
                *((service.take_over, *found) for found in ledger.lapsed(connection, now, MOST)),
                *((service.wake, *found) for found in ledger.waking(connection, now, MOST)),
                *((service.redispatch, *found) for found in ledger.idle(connection, now - FORGOTTEN, MOST)),
                *((service.redispatch, *found) for found in ledger.unbegun(connection, now - FORGOTTEN, MOST)),
            ]
        for verb, workspace, *what in todo:
            self._do(verb, workspace, *what)
        return len(todo)

    def _do(self, verb: Callable[..., object], workspace: str, *what: str) -> None:
        try:
            with self.engine.begin() as connection:
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE}")
                verb(Call(connection, machine(workspace), self.clock.now(), self.jobs, self.late_start), *what)
        except Exception:  # one campaign's trouble must not hold up the others; it is due again in a second
            log.exception("%s failed", verb.__name__, extra={"workspace": workspace, "campaign": what[0]})
