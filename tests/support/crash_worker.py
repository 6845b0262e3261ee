"""A process that executes launches: `python crash_worker.py URL CARRIER [OPTIONS]`.

The carrier is a folder, into which it writes every message as a line, outside the database; or a relay, as
smtp://host:port. It says on stdout what it does, a line each, and goes on until its stdin is closed.
"""

import argparse
import os
import sys
import threading
from pathlib import Path

import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import database, tick
from gonogo.actor import Actor
from gonogo.execution import executor
from gonogo.execution.channels import SENT, Channel, Message, OneByOne, Receipt
from gonogo.execution.smtp import Relay, Smtp
from gonogo.gate import Gate
from gonogo.jobs_dbos import DbosJobs
from support.faults import POINTS, Fault, settle_before_send

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


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("carrier")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--segment", type=int, default=executor.BATCHES, help="batches in a segment")
    parser.add_argument("--unhurried", action="store_true", help="notice deaths no sooner than the product does")
    parser.add_argument("--approve", nargs=2, metavar=("TASK", "WORKSPACE"), help="before anything is executed")
    parser.add_argument("--hang", type=int, default=-1, help="stand still before the message of that number, from 0")
    parser.add_argument("--fault", nargs=3, metavar=(f"{{{','.join(POINTS)}}}", "PASSING", "kill|stop"))
    parser.add_argument("--settle-before-send", action="store_true", help="make a mistake that must be found out")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    engine = database.connect(asked.url)
    executor.BATCHES = asked.segment
    jobs = DbosJobs(engine) if asked.unhurried else hurried(engine)
    if asked.fault:
        Fault(*asked.fault)
    if asked.settle_before_send:
        settle_before_send(engine)
    gate = Gate(engine, jobs=jobs, channels={"email": channel(asked)}, claim_batch=asked.batch)
    if asked.approve:
        approve(gate, *asked.approve)
        sys.stdin.read()  # until it is killed
    gate.start_work(every=1.0 if asked.unhurried else 0.1)
    say("working")
    sys.stdin.read()  # until the test closes it
    gate.close()
    say("stopped")


def hurried(engine: sa.Engine) -> DbosJobs:
    """Death is noticed sooner than anybody would want it outside a test."""
    executor.LEASE = TimeDelta(seconds=1.5)
    tick.TURN = TimeDelta(seconds=1)
    tick.FORGOTTEN = TimeDelta(seconds=2)
    return DbosJobs(engine, poll=0.05, heartbeat=0.1, dead_after=0.5)


def channel(asked: argparse.Namespace) -> Channel:
    if asked.carrier.startswith("smtp:"):
        return Smtp(Relay.parse(asked.carrier))
    return Spool(asked.carrier, asked.hang)


def approve(gate: Gate, task: str, workspace: str) -> None:
    with gate.engine.begin() as session:
        voter = Actor(workspace, "key", "voter", frozenset({"lexi"}), is_member=True)
        state = gate.approve(session, task, by=voter).case.state
    say(state)


def say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    main()
