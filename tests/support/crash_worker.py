"""A process that executes launches: `python crash_worker.py URL SPOOL [approve TASK PERSON | hang COUNT]`.

It writes every message as a line into the folder SPOOL, outside the database, and says on stdout what it does, a line
each. `approve` decides about a task first, and says so before it executes anything. `hang` stands still, for good,
before the message of that number (from 0) goes out.
"""

import os
import sys
import threading
from pathlib import Path

from whenever import TimeDelta

from gonogo import database, tick
from gonogo.actor import Actor
from gonogo.execution import executor
from gonogo.execution.channels import SENT, Message, OneByOne, Receipt
from gonogo.gate import Gate
from gonogo.jobs_dbos import DbosJobs

BATCH = 5


class Spool(OneByOne):
    """A channel into a file: what is in it was sent, whatever becomes of the process."""

    kind = "email"

    def __init__(self, folder: str, hangs_before: int) -> None:
        self._file = os.open(Path(folder, f"{os.getpid()}.txt"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._left = hangs_before

    def send(self, message: Message) -> Receipt:
        if self._left == 0:
            say("hanging")
            threading.Event().wait()
        self._left -= 1
        os.write(self._file, f"{message.address}\n".encode())
        return SENT

    def flush(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def main(url: str, spool: str, manner: str = "", *what: str) -> None:
    # Death is noticed sooner than anybody would want it outside a test.
    executor.LEASE = TimeDelta(seconds=1.5)
    tick.TURN = TimeDelta(seconds=1)
    tick.FORGOTTEN = TimeDelta(seconds=2)
    engine = database.connect(url)
    channel = Spool(spool, int(what[0]) if manner == "hang" else -1)
    jobs = DbosJobs(engine, poll=0.05, heartbeat=0.1, dead_after=0.5)
    gate = Gate(engine, jobs=jobs, channels={"email": channel}, claim_batch=BATCH)
    if manner == "approve":
        task, workspace = what
        with engine.begin() as session:
            voter = Actor(workspace, "key", "voter", frozenset({"lexi"}), is_member=True)
            state = gate.approve(session, task, by=voter).case.state
        say(state)
        sys.stdin.read()  # until it is killed
    gate.start_work(every=0.1)
    say("working")
    sys.stdin.read()  # until the test closes it
    gate.stop_work(drain=2)
    say("stopped")


def say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
