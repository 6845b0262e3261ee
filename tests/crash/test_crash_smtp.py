"""Real workers that die while they send over real SMTP: the ledger is held against what the relay received.

None is lost and none goes out twice, whenever the process is killed; of each death at most one claimed batch is left
that nobody can tell of. That the comparison finds what it should is shown by a worker with a mistake in it.
"""

import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from crash.scenario import BATCH, PATIENCE, Launch

PEOPLE = 2_000
Make = Callable[[int], Launch]

#: Where each worker of a run is killed, one after the other, and at which passing of that point.
DEATHS = {
    "early in a segment": [
        ("claimed", 1),
        ("in-mid-data", 1),
        ("after-the-dot", 33),
        ("before-settle", 1),
        ("between-segments", 1),
        ("claimed", 7),
    ],
    "late, and across segments": [
        ("between-segments", 1),
        ("in-mid-data", 147),
        ("before-settle", 9),
        ("after-the-dot", 5),
        ("out", 3),
        ("in-mid-data", 59),
    ],
}


@pytest.mark.parametrize("deaths", DEATHS.values(), ids=DEATHS)
def test_workers_killed_one_after_another_lose_nobody_and_send_nobody_two(
    launch: Make, deaths: list[tuple[str, int]]
) -> None:
    run = launch(PEOPLE)
    for point, passing in deaths:
        run.struck(point, passing)
        assert run.case.state == "running"
    with run.worker():
        run.completes()
    assert run.differences() == []
    assert run.unknown <= len(deaths) * BATCH
    assert run.received >= PEOPLE - len(deaths) * BATCH


@pytest.mark.parametrize("point", ["claimed", "in-mid-data", "after-the-dot", "before-settle", "between-segments"])
def test_what_one_death_leaves_unknown_is_the_batch_that_was_under_way(launch: Make, point: str) -> None:
    run = launch(20 * BATCH)
    run.struck(point, 1)
    with run.worker():
        run.completes()
    assert run.differences() == []
    assert run.unknown == (0 if point == "between-segments" else BATCH)


def test_a_worker_that_settles_before_it_sends_is_found_out(launch: Make) -> None:
    run = launch(5 * BATCH)
    with run.worker("--settle-before-send", "--fault", "claimed", "2", "kill") as (_, said):
        assert said.readline() == b"hit claimed\n"
    with run.worker():
        run.completes()
    found = run.differences()
    assert len(found) == BATCH
    assert all(each.startswith("lost: ") and each.endswith("told as sent and was not received") for each in found)


def test_a_launch_that_is_sent_again_behind_the_ledgers_back_is_found_out(launch: Make) -> None:
    run = launch(BATCH)
    with run.worker():
        run.completes()
    noted = run.noted.read_text().splitlines()
    run.noted.write_text("\n".join([*noted, *noted[:2]]))
    assert [each.split(":")[0] for each in run.differences()] == ["twice"]


def test_a_drained_worker_leaves_nothing_unknown_and_the_next_one_goes_on(launch: Make) -> None:
    run = launch(PEOPLE)
    for enough in (200, 600):
        with run.shipped() as process:
            run.receives(enough)
            drain(process)
        assert run.case.state == "running"
    with run.shipped():
        run.completes()
    assert (run.differences(), run.unknown) == ([], 0)


@pytest.mark.parametrize("backend", ["postgresql"])
class TestManyWorkers:
    def test_a_rolling_restart_loses_nothing(self, launch: Make) -> None:
        run = launch(PEOPLE)
        with run.shipped() as first:
            run.receives(200)
            with run.shipped() as second:
                drain(first)
                run.receives(600)
                with run.shipped():
                    drain(second)
                    run.completes()
        assert (run.differences(), run.unknown) == ([], 0)

    @pytest.mark.parametrize("point", ["claimed", "out", "before-settle"])
    def test_a_worker_stopped_for_longer_than_its_lease_sends_nothing_under_it(self, launch: Make, point: str) -> None:
        """As fast as the product is: another one has the run in less than ten seconds."""
        run = launch(10 * BATCH)
        with run.worker("--unhurried", "--fault", point, "3", "stop") as (stopped, said):
            assert said.readline() == f"hit {point}\n".encode()
            before = run.received
            with run.worker("--unhurried"):
                took_over = time.monotonic()
                run.receives(before + 1)
                assert time.monotonic() - took_over < 10
                run.completes()
                received = run.received
                stopped.send_signal(signal.SIGCONT)
                assert said.readline() == f"woke {point}\n".encode()
                ended(stopped)
                assert run.received == received
        assert run.differences() == []
        assert run.unknown == BATCH


def drain(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0


def ended(process: subprocess.Popen[bytes]) -> None:
    """A worker with faults was told to end, and did."""
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(PATIENCE) == 0
