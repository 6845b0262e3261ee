"""Requests that wait for SQLite's one writer share a transaction, and nobody pays for another's mistake."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from gonogo.models import Rate, table
from gonogo_api.writing import MOST_AT_ONCE, GroupCommit

rate = table(Rate)


def keep(name: str, then: Exception | None = None) -> Callable[[sa.Connection], str]:
    """Work that writes a row, and raises after if told to."""

    def work(connection: sa.Connection) -> str:
        connection.execute(rate.insert().values(name=name, hits=1, until=0.0))
        if then is not None:
            raise then
        return name

    return work


def kept(engine: sa.Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.execute(sa.select(rate.c.name)).scalars())


class Crowd:
    """Work that came while the writer was busy with something else."""

    def __init__(self, engine: sa.Engine) -> None:
        self.commits = 0
        self.group, self.busy, self.free = GroupCommit(engine), threading.Event(), threading.Event()
        sa.event.listen(engine, "commit", self._count)

    def _count(self, _: sa.Connection) -> None:
        self.commits += 1

    def run(self, *work: Callable[[sa.Connection], str]) -> list[Future[str]]:
        def first(_: sa.Connection) -> str:
            self.busy.set()
            assert self.free.wait(10)
            return "first"

        with ThreadPoolExecutor(len(work) + 1) as threads:
            threads.submit(self.group.run, first)
            assert self.busy.wait(10)
            begun = [threads.submit(self.group.run, each) for each in work]
            while len(self.group._waiting) < len(work):
                threading.Event().wait(0.001)
            self.free.set()
        return begun


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_waits_for_the_writer_is_committed_at_once(engine: sa.Engine) -> None:
    crowd = Crowd(engine)
    names = [f"{n}" for n in range(MOST_AT_ONCE + 3)]
    assert [each.result() for each in crowd.run(*map(keep, names))] == names
    assert kept(engine) == set(names)
    assert crowd.commits == 3  # the one that was waited for, a full group, and the rest


@pytest.mark.parametrize("backend", ["sqlite"])
def test_work_that_fails_undoes_what_it_wrote_and_nothing_else(engine: sa.Engine) -> None:
    one, wrong, two = Crowd(engine).run(keep("one"), keep("wrong", LookupError("not so")), keep("two"))
    assert (one.result(), two.result()) == ("one", "two")
    with pytest.raises(LookupError, match="not so"):
        wrong.result()
    assert kept(engine) == {"one", "two"}


@pytest.mark.parametrize("backend", ["sqlite"])
def test_nobody_is_told_yes_when_the_commit_fails(engine: sa.Engine) -> None:
    def broken(_: sa.Connection) -> None:
        raise OSError("no space left on device")

    crowd = Crowd(engine)
    sa.event.listen(engine, "commit", broken)
    answers = crowd.run(keep("one"), keep("wrong", LookupError("not so")), keep("two"))
    assert [type(each.exception()) for each in answers] == [OSError, LookupError, OSError]
    sa.event.remove(engine, "commit", broken)
    assert kept(engine) == set()
    assert crowd.group.run(keep("after")) == "after"
    assert kept(engine) == {"after"}


def test_a_transaction_of_its_own_holds_one_piece_of_work(engine: sa.Engine) -> None:
    group = GroupCommit(engine)
    assert group.run(keep("one")) == "one"
    with pytest.raises(LookupError):
        group.run(keep("wrong", LookupError("not so")))
    assert kept(engine) == {"one"}
