"""The approval that completes a quorum of eleven in two stages, ten votes being on record, beside the one that is the
only one asked for; and that one for a large audience beside a small one. Each is durable, by one thread."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from benchmarks.campaigns import POLICY, approve, ask, folder, new_list, opened
from benchmarks.measure import AtLeast, Comparison, alternate, seconds
from gonogo import groups, workspaces
from gonogo.actor import Actor
from gonogo.gate import Gate
from support.pgserver import PgServer

ROUNDS = 7
TIMES = 60
LARGE, LARGE_TIMES = 5_000, 20
VOTERS = 11
FIRST = 5  # of them in the first stage
STAGED = {
    "rules": [
        {
            "name": "everything",
            "approve": {"stages": [{"group": "first", "quorum": FIRST}, {"group": "second", "quorum": VOTERS - FIRST}]},
        }
    ],
}


def compare() -> Iterator[Comparison]:
    """Approvals a second on either database."""
    with folder() as path:
        yield from _compare("SQLite", f"sqlite:///{path}/voting.db")
    with PgServer() as server:
        yield from _compare("PostgreSQL", server.cluster.create("voting"))


def _compare(name: str, url: str) -> Iterator[Comparison]:
    with opened(url) as (gate, by):
        voters = _voters(gate, by)
        small, large = new_list(gate, by, 1), new_list(gate, by, LARGE)
        staged = iter(_staged(gate, by, small, voters))
        plain = iter(_plain(gate, by, small, TIMES * (ROUNDS + 1)))
        wide = iter(_plain(gate, by, large, LARGE_TIMES * (ROUNDS + 1)))
        turns = [
            partial(_rate, gate, who, tasks, times)
            for who, tasks, times in ((voters[-1], staged, TIMES), (by, plain, TIMES), (by, wide, LARGE_TIMES))
        ]
        for turn in turns:
            turn()
        of_staged, of_plain, of_wide = alternate(ROUNDS, *turns)
    two = f"the last of {VOTERS} votes in two stages, {name}"
    yield Comparison(two, "the only vote", "/s", of_staged, of_plain, AtLeast(1 / 1.5))
    wide_one = f"the only vote about {LARGE:,} recipients, {name}"
    yield Comparison(wide_one, "about one", "/s", of_wide, of_plain, AtLeast(0.8))


def _rate(gate: Gate, by: Actor, tasks: Iterator[str], times: int) -> float:
    return times / seconds(lambda: [approve(gate, by, next(tasks)) for _ in range(times)])


def _voters(gate: Gate, by: Actor) -> list[Actor]:
    """Members of either group."""
    with gate.engine.begin() as connection:
        call = gate.call(connection, by)
        ids = [
            workspaces.add_member(call, f"voter{n}@acme.example", scopes=["lexi"], verified=True) for n in range(VOTERS)
        ]
        groups.put_group(call, "first", ids[:FIRST])
        groups.put_group(call, "second", ids[FIRST:])
    return [Actor(by.workspace, f"key{n}", person, frozenset(["lexi"]), is_member=True) for n, person in enumerate(ids)]


def _staged(gate: Gate, by: Actor, list_id: str, voters: list[Actor]) -> list[str]:
    """Tasks that lack one vote."""
    tasks = _under(gate, by, STAGED, lambda: ask(gate, by, list_id, TIMES * (ROUNDS + 1)))
    with gate.engine.begin() as connection:
        for task in tasks:
            for voter in voters[:-1]:
                gate.approve(connection, task, by=voter)
    return tasks


def _plain(gate: Gate, by: Actor, list_id: str, count: int) -> list[str]:
    return _under(gate, by, POLICY, lambda: ask(gate, by, list_id, count))


def _under(gate: Gate, by: Actor, policy: dict[str, Any], made: Callable[[], list[str]]) -> list[str]:
    with gate.engine.begin() as connection:
        gate.write_policy(connection, policy, by=by)
    return made()
