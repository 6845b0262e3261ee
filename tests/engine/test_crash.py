"""Real processes, killed with SIGKILL at the worst of moments: nothing acknowledged is lost, nothing goes out twice."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import support
from gonogo import database, service
from gonogo.clock import SystemClock
from gonogo.jobs_dbos import DbosJobs
from support.audit import audit
from support.crash_worker import BATCH
from support.engine import Bench

TESTS = str(Path(support.__path__[0]).parent)
WORKER = Path(support.__path__[0]) / "crash_worker.py"
PEOPLE = 23
PATIENCE = 40.0  # seconds; on an idle machine it takes three


class Scenario:
    """A launch on a real job engine, and the processes that execute it."""

    def __init__(self, url: str, spool: Path) -> None:
        self.url, self.spool = url, spool
        self.engine = database.connect(url)
        self.bench = Bench(self.engine)
        self.bench.jobs = DbosJobs(self.engine)  # type: ignore[assignment]  # to enqueue with, never started
        self.bench.jobs.prepare()
        self.bench.clock.at = SystemClock().now()  # which the processes go by
        self.case = self.bench.asked(PEOPLE)

    @contextmanager
    def worker(self, *manner: str) -> Iterator[IO[bytes]]:
        """A process, and its stdout. It is killed at the end, whatever it does by then."""
        command = [sys.executable, "-W", "error", str(WORKER), self.url, str(self.spool), *manner]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": {**os.environ, "PYTHONPATH": TESTS}}
        with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]  # two pipes
            try:
                yield process.stdout
            finally:
                process.kill()

    def finished_by_another(self) -> None:
        """A new process ends the launch by itself."""
        with self.worker() as said:
            assert said.readline() == b"working\n"
            deadline = time.monotonic() + PATIENCE
            while self.bench.case(self.case.id).state != "completed":
                assert time.monotonic() < deadline, self.bench.case(self.case.id)
                time.sleep(0.05)  # the other process tells nobody

    @property
    def sent(self) -> list[str]:
        """What really went out, by all processes, in order."""
        files = sorted(self.spool.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [line for path in files for line in path.read_text().splitlines()]

    def told(self, state: str) -> list[str]:
        """The addresses whose message is in this state, as the ledger tells."""
        asked = """
            SELECT p.body FROM gonogo_ledger l
            JOIN gonogo_audience a ON a.run_id = l.run_id AND a.position = l.position
            JOIN gonogo_payload p ON p.digest = a.payload
            WHERE l.campaign_id = :id AND l.state = :state ORDER BY l.position"""
        bodies = self.bench.rows(asked, id=self.case.id, state=state)
        return [body.partition('"address":"')[2].partition('"')[0] for (body,) in bodies]


@pytest.fixture
def scenario(database_url: str, tmp_path: Path) -> Iterator[Scenario]:
    spool = tmp_path / "spool"
    spool.mkdir()
    scenario = Scenario(database_url, spool)
    yield scenario
    with scenario.engine.connect() as connection:
        assert audit(connection) == []
    scenario.engine.dispose()


ALL = [f"p{n}@example.com" for n in range(PEOPLE)]


def test_an_approval_that_was_acknowledged_outlives_the_process_that_took_it(scenario: Scenario) -> None:
    """Killed between the commit of the approval and the first message."""
    with scenario.worker("--approve", str(scenario.case.task_id), scenario.case.workspace) as said:
        assert said.readline() == b"active\n"
    assert scenario.bench.case(scenario.case.id).state == "active"
    scenario.finished_by_another()
    assert scenario.sent == ALL
    assert scenario.told("sent") == ALL


@pytest.mark.parametrize("before", [0, 2 * BATCH + 2], ids=["before the first message", "in the middle of a batch"])
def test_a_worker_killed_while_sending_loses_one_batch_at_most_and_repeats_nothing(
    scenario: Scenario, before: int
) -> None:
    scenario.bench.did(service.approve, scenario.case.task_id, by=scenario.bench.bob)
    with scenario.worker("--hang", str(before)) as said:
        assert [said.readline(), said.readline()] == [b"working\n", b"hanging\n"]
    assert len(scenario.sent) == before
    scenario.finished_by_another()
    held = ALL[before // BATCH * BATCH :][:BATCH]  # the batch that was under way
    assert scenario.told("unknown") == held
    assert scenario.told("sent") == [address for address in ALL if address not in held]
    gone_out_of_it = held[: before % BATCH]
    assert sorted(scenario.sent) == sorted([*scenario.told("sent"), *gone_out_of_it])


def test_workers_killed_one_after_another_lose_a_batch_each(scenario: Scenario) -> None:
    scenario.bench.did(service.approve, scenario.case.task_id, by=scenario.bench.bob)
    for _ in range(2):
        with scenario.worker("--hang", "1") as said:
            assert [said.readline(), said.readline()] == [b"working\n", b"hanging\n"]
    scenario.finished_by_another()
    assert len(set(scenario.sent)) == len(scenario.sent) == PEOPLE - 2 * (BATCH - 1)
    assert len(scenario.told("unknown")) == 2 * BATCH
    assert len(scenario.told("sent")) == PEOPLE - 2 * BATCH
