"""A policy asked about a hundred thousand launches of the past, beside only reading the facts that it is asked.

The rulings go in as rows, over three months and a thousand campaigns, a hundred launches of each; the people, lists and
senders that they name recur, so that windows have something to sum. The draft has five rules, and sums over a day by
requester and by sender. The floor is the same statement, read to its end and thrown away.
"""

from collections.abc import Callable, Iterator
from functools import partial

from whenever import Instant, TimeDelta

from benchmarks.campaigns import folder, new_list, opened
from benchmarks.measure import AtMost, Comparison, alternate, seconds
from gonogo import simulating
from gonogo.actor import Actor
from gonogo.database import reader
from gonogo.gate import Gate
from gonogo.models import Document
from gonogo.store import rulings
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer

CAMPAIGNS, LAUNCHES = 1_000, 100
TOTAL = CAMPAIGNS * LAUNCHES
APART = TimeDelta(seconds=80)
DAYS = 100
ROUNDS = 5
BATCH = 10_000

_PEOPLE = {"stages": [{"group": "approvers", "quorum": 1}]}
_OFFICE = {"from": "09:00", "to": "17:00", "zone": "Europe/Berlin"}
DRAFT: Document = {
    "rules": [
        {"name": "text", "when": {"channel": "sms"}, "approve": _PEOPLE},
        {"name": "news", "when": {"sender": "*@news.example", "hours": _OFFICE}, "approve": "auto"},
        {"name": "again", "when": {"recipients_at_most": 5_000, "template": "unchanged"}, "approve": "auto"},
        {"name": "small", "when": {"recipients_at_most": 900, "review": "clean"}, "approve": "auto"},
        {"name": "everyone else", "approve": _PEOPLE},
    ],
    "separation": "none",
    "splitting": {"window": "PT24H", "per": ["requester", "sender"]},
}


def compare() -> Iterator[Comparison]:
    """Seconds for all of them."""
    with folder() as path:
        yield _on("SQLite", f"sqlite:///{path}/many.db")
    with PgServer() as server:
        yield _on("PostgreSQL", server.cluster.create("many"))


def _on(name: str, url: str) -> Comparison:
    with opened(url, jobs=FakeJobs()) as (gate, by):
        _fill(gate, by)
        turns: list[Callable[[], float]] = [partial(_ours, gate, by), partial(_floor, gate, by)]
        for turn in turns:
            turn()
        ours, floor = alternate(ROUNDS, *turns)
    return Comparison(f"backtest of {TOTAL:,} on {name}", "only reading their facts", "s", ours, floor, AtMost(3))


def _ours(gate: Gate, by: Actor) -> float:
    def work() -> None:
        with reader(gate.engine).begin() as connection:
            found = simulating.backtest(gate.call(connection, by), DRAFT, DAYS)
        if found.launches != TOTAL or not 0 < found.changed < TOTAL or len(found.counts) < 4:
            raise RuntimeError(f"not what was stored: {found}")

    return seconds(work)


def _floor(gate: Gate, by: Actor) -> float:
    def work() -> None:
        with reader(gate.engine).begin() as connection:
            read = sum(1 for _ in rulings.since(connection, by.workspace, Instant.now() - TimeDelta(hours=24 * DAYS)))
        if read != TOTAL:
            raise RuntimeError(f"{read} rows were read")

    return seconds(work)


def _fill(gate: Gate, by: Actor) -> None:
    now, list_id = gate.clock.now(), new_list(gate, by, 1)
    with gate.engine.begin() as connection:
        ids = [gate.create(connection, by=by, name=f"{n}", list_id=list_id).case.id for n in range(CAMPAIGNS)]
        rows = [_row(by.workspace, ids, number, now) for number in range(TOTAL)]
        for start in range(0, TOTAL, BATCH):
            connection.execute(rulings.ruling.insert(), rows[start : start + BATCH])
    if gate.engine.dialect.name == "postgresql":
        with gate.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _row(workspace: str, campaigns: list[str], number: int, now: Instant) -> Document:
    at = now - APART * (TOTAL - number)
    asks = number % 7 == 0
    return {
        "campaign_id": campaigns[number % CAMPAIGNS],
        "run": 1 + number // CAMPAIGNS,
        "generation": number // CAMPAIGNS,
        "workspace_id": workspace,
        "at": at,
        "starts_at": at + TimeDelta(hours=number % 30),
        "requester": f"person-{number % 211}",
        "list_id": f"list-{number % 97}",
        "sender": f"s{number % 53}@{('news', 'acme', 'shop')[number % 3]}.example",
        "channel": ("email", "sms")[number % 11 == 0],
        "recipients": 1 + number * 7919 % 2_000,
        "clean": True,
        "warned": number % 5 == 0,
        "template_changed": number % 4 != 0,
        "summed": {"requester": number % 500},
        "policy": 1,
        "permission": "people" if asks else "auto",
        "rule": "everyone else" if asks else "small",
    }
