"""A launch on a real job engine, over real SMTP, executed by processes that may die."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import support
from crash import reckoning
from crash.reckoning import Received
from gonogo import database
from gonogo.clock import SystemClock
from gonogo.jobs_dbos import DbosJobs
from gonogo.store.cases import Case
from support.audit import audit
from support.engine import Bench
from support.server import PEPPER

HERE = Path(__file__).parent
TESTS = HERE.parent
WORKER = Path(support.__path__[0]) / "crash_worker.py"
BATCH = 20
SEGMENT = 8  # batches
PATIENCE = 60.0  # seconds; on an idle machine nothing takes ten

Process = subprocess.Popen[bytes]


class Launch:
    """An approved launch, a relay that notes what it receives, and the processes that execute it."""

    def __init__(self, url: str, folder: Path, port: int, people: int) -> None:
        self.url, self.folder, self.people = url, folder, people
        self.noted, self.relay = folder / "received", f"smtp://127.0.0.1:{port}"
        self.engine = database.connect(url)
        self.bench = Bench(self.engine)
        self.bench.jobs = DbosJobs(self.engine)  # type: ignore[assignment]  # to enqueue with, never started
        self.bench.jobs.prepare()
        self.bench.clock.at = SystemClock().now()  # which the processes go by
        self.id = self.bench.launched(people).id

    @contextmanager
    def worker(self, *manner: str) -> Iterator[tuple[Process, IO[bytes]]]:
        """A process with faults, and its stdout. It is killed at the end, whatever it does by then."""
        options = ["--batch", str(BATCH), "--segment", str(SEGMENT), *manner]
        with self._process(["-W", "error", str(WORKER), self.url, self.relay, *options]) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"working\n"
            yield process, process.stdout

    @contextmanager
    def shipped(self) -> Iterator[Process]:
        """`gonogo worker`, as it is shipped."""
        with self._process(["-m", "gonogo_api", "worker"]) as process:
            yield process

    @contextmanager
    def _process(self, command: list[str]) -> Iterator[Process]:
        settings = {"DATABASE_URL": self.url, "SMTP_URL": self.relay, "CLAIM_BATCH": str(BATCH), "PEPPER": PEPPER}
        environment = {**os.environ, "PYTHONPATH": str(TESTS), **{f"GONOGO_{n}": v for n, v in settings.items()}}
        process = subprocess.Popen(
            [sys.executable, *command],
            env=environment,
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def struck(self, point: str, passing: int) -> None:
        """A worker executes until it is killed, at this point of its life."""
        with self.worker("--fault", point, str(passing), "kill") as (process, said):
            assert said.readline() == f"hit {point}\n".encode(), self.case
            assert process.wait(PATIENCE) == -9

    def completes(self) -> None:
        """Wait until the campaign is over, which is others' doing."""
        self.until(lambda: self.case.state == "completed")

    def receives(self, count: int) -> None:
        """Wait until the relay has said yes to so many messages."""
        self.until(lambda: self.received >= count)

    def until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.case
            time.sleep(0.02)  # other processes tell nobody

    @property
    def case(self) -> Case:
        return self.bench.case(self.id)

    @property
    def received(self) -> int:
        return self.noted.read_text().count("answered")

    @property
    def unknown(self) -> int:
        with self.engine.connect() as connection:
            return reckoning.unknown(connection, self.id)

    def close(self) -> None:
        """Whatever became of the processes, the rows must tell a lawful story."""
        with self.engine.connect() as connection:
            assert audit(connection) == []
        self.engine.dispose()

    def differences(self) -> list[str]:
        """Between the ledger and the relay."""
        with self.engine.connect() as connection:
            return reckoning.differences(connection, self.id, self.people, Received.read(self.noted))


@contextmanager
def relay(noted: Path) -> Iterator[int]:
    """The relay's port, for as long as it lives."""
    noted.touch()
    command = [sys.executable, str(HERE / "recording_relay.py"), str(noted)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
