"""A launch to 10,000 recipients on SQLite into a maildir, beside a bare loop that writes the same files.

From the committed approval to `completed`: ours renders each mail, claims it in the database before it is written and
settles it after. The floor has the bytes ready and writes each as the channel does (a draft, synced, renamed; the
folder synced once a batch). The second floor syncs nothing, and would lose mails when the power goes.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.measure import AtLeast, Comparison, alternate, seconds
from gonogo.actor import Actor
from gonogo.campaign import COMPLETED
from gonogo.database import reader
from gonogo.execution.maildir import Maildir
from gonogo.gate import Gate
from gonogo.store import cases
from gonogo.testing.fake_jobs import FakeJobs

RECIPIENTS = 10_000
BATCH = 20  # as many messages as the executor claims at a time
ROUNDS = 3

Launch = Callable[[], float]


def compare() -> Iterator[Comparison]:
    """Messages a second."""
    with folder() as path, called(path / "called") as by_call, through_dbos(path / "dbos") as by_dbos:
        turns = (by_call, by_dbos, partial(bare, path, sync=True), partial(bare, path, sync=False))
        call, dbos, synced, unsynced = alternate(ROUNDS, *turns)
    yield Comparison("launch, executor called", "a loop that syncs", "/s", call, synced, AtLeast(0.3))
    yield Comparison("launch, through DBOS", "a loop that syncs", "/s", dbos, synced, AtLeast(0.3))
    yield Comparison("launch, executor called", "a loop that syncs nothing", "/s", call, unsynced)
    yield Comparison("launch, through DBOS", "a loop that syncs nothing", "/s", dbos, unsynced)


@contextmanager
def called(path: Path) -> Iterator[Launch]:
    """Launches whose jobs are run by a call: the executor alone."""
    path.mkdir()
    jobs = FakeJobs()
    with opened(f"sqlite:///{path}/db", jobs=jobs, channels={"email": Maildir(path)}) as (gate, by):
        yield partial(_launch, gate, by, new_list(gate, by, RECIPIENTS), lambda _: jobs.run())


@contextmanager
def through_dbos(path: Path) -> Iterator[Launch]:
    """Launches as a service has them: found by DBOS in the database, with the tick beside it."""
    path.mkdir()
    with opened(f"sqlite:///{path}/db", channels={"email": Maildir(path)}) as (gate, by):
        list_id = new_list(gate, by, RECIPIENTS)
        gate.start_work()
        yield partial(_launch, gate, by, list_id, lambda campaign: _wait(gate, by, campaign))


def _launch(gate: Gate, by: Actor, list_id: str, work: Callable[[str], object]) -> float:
    [task] = ask(gate, by, list_id, 1)
    campaign = approve(gate, by, task)
    spent = seconds(lambda: work(campaign))
    if not _completed(gate, by, campaign):
        raise RuntimeError("the launch did not complete")
    return RECIPIENTS / spent


def _wait(gate: Gate, by: Actor, campaign: str) -> None:
    pause = threading.Event()
    while not _completed(gate, by, campaign):
        pause.wait(0.01)


def _completed(gate: Gate, by: Actor, campaign: str) -> bool:
    with reader(gate.engine).connect() as connection:
        return cases.read(connection, by.workspace, campaign).state == COMPLETED


def bare(path: Path, *, sync: bool) -> float:
    """The mails of the first launch once more, under their names, into a new folder."""
    mails = [(mail.name, mail.read_bytes()) for mail in sorted((path / "called" / "new").iterdir())[:RECIPIENTS]]
    drafts, target = Path(mkdtemp(dir=path)), Path(mkdtemp(dir=path))
    into = os.open(target, os.O_RDONLY)

    def work() -> None:
        for start in range(0, RECIPIENTS, BATCH):
            for name, data in mails[start : start + BATCH]:
                _write(f"{drafts}/{name}", data, sync=sync)
                os.replace(f"{drafts}/{name}", f"{target}/{name}")
            if sync:
                os.fsync(into)

    spent = seconds(work)
    os.close(into)
    return RECIPIENTS / spent


def _write(path: str, data: bytes, *, sync: bool) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.write(file, data)
    if sync:
        os.fsync(file)
    os.close(file)
