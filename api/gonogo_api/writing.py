"""Transactions that write, as requests share them on SQLite, which lets one write at a time.

Who waits for the writer would wait for a disk as well, once each. So whoever's turn it is takes all that wait along:
each piece of work in a savepoint of its own, all of them in one transaction, and nobody is answered before it is
committed. (Group commit: DeWitt and others, "Implementation techniques for main memory database systems", 1984.)
"""

import contextvars
import threading
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, TypeVar, cast

import sqlalchemy as sa

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
MOST_AT_ONCE = 32


class GroupCommit:
    """Runs work in transactions of a database; on SQLite, several of them in one."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine, self._shares = engine, engine.dialect.name == "sqlite"
        self._waiting: deque[_Turn] = deque()
        self._changing = threading.Lock()  # held for a moment; who writes holds SQLite's lock and is `_led`
        self._led = False

    def run(self, work: Work[T]) -> T:
        """What the work answers, once what it wrote is committed. What it raises undoes what it wrote, and no more."""
        if not self._shares:
            with self._engine.begin() as connection:
                return work(connection)
        mine = _Turn(work)
        with self._changing:
            self._waiting.append(mine)
            leads, self._led = not self._led, True
        if not leads:
            mine.called.acquire()  # SQLite's own way of waiting is to sleep and look again, ever longer
        if not mine.over:
            self._lead()
        return cast(T, mine.answer())

    def _lead(self) -> None:
        """Commit what waits, and call who did: the next to lead first, since the disk works while the rest answer."""
        with self._changing:
            turns = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_AT_ONCE))]
        try:
            self._commit(turns)
        finally:
            with self._changing:
                self._led = bool(self._waiting)
                called = [*islice(self._waiting, 1), *turns]
            for turn in called:
                turn.called.release()

    def _commit(self, turns: list["_Turn"]) -> None:
        try:
            with self._engine.begin() as connection:
                for turn in turns:
                    turn.take(connection)
        except BaseException as error:
            for turn in turns:
                turn.failure = turn.failure or error
        finally:
            for turn in turns:
                turn.over = True


class _Turn:
    """One piece of work, and what came of it: to be told once it is over."""

    def __init__(self, work: Work[Any]) -> None:
        self._work, self._answer = work, cast(Any, None)
        self._context = contextvars.copy_context()  # another request's thread may do it: it still logs as its own
        self.called = threading.Lock()  # once it is over, or is to lead
        self.called.acquire()
        self.failure: BaseException | None = None
        self.over = False

    def take(self, connection: sa.Connection) -> None:
        """Do the work, in a savepoint: said to the driver, for a message through SQLAlchemy takes ten times as long."""
        say = cast(Any, connection.connection.dbapi_connection).execute
        say("SAVEPOINT gonogo_turn")
        try:
            self._answer = self._context.run(self._work, connection)
        except Exception as error:
            self.failure = error
            say("ROLLBACK TO gonogo_turn")
        say("RELEASE gonogo_turn")

    def answer(self) -> Any:
        if self.failure is not None:
            raise self.failure
        return self._answer
