"""The most memory that a worker holds for a launch to 1,000,000 people, beside one to 10,000.

Each is reviewed and sent, to a channel that takes everything, by a process of its own that does nothing else.
"""

from collections.abc import Callable, Iterator

from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.measure import AtMost, Comparison, peak_memory
from benchmarks.sending import BATCH, Null, case_of, case_of_task, wait
from benchmarks.workers import Work, worker
from gonogo.campaign import COMPLETED
from gonogo.gate import Gate
from support.pgserver import PgServer

FEW, MANY = 10_000, 1_000_000


def compare() -> Iterator[Comparison]:
    """Megabytes at the highest."""
    with folder() as path:
        yield _on("SQLite", lambda name: f"sqlite:///{path}/{name}.db")
    with PgServer() as server:
        yield _on("PostgreSQL", server.cluster.create)


def _on(name: str, new: Callable[[str], str]) -> Comparison:
    few, many = _peak(new("few"), FEW), _peak(new("many"), MANY)
    return Comparison(f"memory, {MANY:,} people, {name}", f"{FEW:,} people", "MB", [many], [few], AtMost(1.1))


def _peak(url: str, people: int) -> float:
    """Of a worker that executes one launch."""
    with opened(url) as (gate, by):
        [task] = ask(gate, by, new_list(gate, by, people), 1)  # first: a worker could not open SQLite meanwhile
        with worker(_work, url) as working:
            wait(lambda: case_of_task(gate, by, task).task_status == "pending")
            campaign = approve(gate, by, task)
            wait(lambda: case_of(gate, by, campaign).state == COMPLETED)
            return float(working.ask("the peak"))


def _work(url: str) -> Work:
    gate = Gate.open(url, channels={"email": Null()}, claim_batch=BATCH)
    gate.start_work()
    return lambda _: peak_memory()
