"""HTTP beside the library: approvals and starts a second through one server, and what a bare FastAPI could do at all.

One serving process, 16 connections from a client that costs little. The library does the same step in a loop, on the
same kind of database, in the same run. The ceiling is a FastAPI application with nothing but a POST that takes a body
and answers a model.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.campaigns import CONTENT, approve, ask, folder, new_list, opened
from benchmarks.http_client import request, send_all
from benchmarks.measure import AtLeast, Comparison, Turn, alternate, seconds
from benchmarks.server import new_key, process, served
from gonogo.actor import Actor
from gonogo.gate import Gate
from gonogo.testing.fake_jobs import FakeJobs
from support.pgserver import PgServer
from support.server import free_port

ROUNDS = 7
TIMES = 200
CONNECTIONS = 16


def compare() -> Iterator[Comparison]:
    """Steps a second, through HTTP and through the library."""
    with folder() as path:
        yield from _on("SQLite", f"sqlite:///{path}/served.db", f"sqlite:///{path}/called.db", path)
    with folder() as path, PgServer() as server:
        yield from _on("PostgreSQL", server.cluster.create("served"), server.cluster.create("called"), path)


def _on(name: str, url: str, called: str, path: Path) -> Iterator[Comparison]:
    with (
        opened(url, jobs=FakeJobs()) as (gate, by),
        opened(called) as (library, same),
        served(url, path) as port,
        _bare() as bare_port,
    ):
        key = new_key(gate, by)
        lists = new_list(gate, by, 1), new_list(library, same, 1)
        empty = partial(send_all, bare_port, [request("POST", "/", body=b'{"name": "x"}')] * TIMES, CONNECTIONS)
        for step, prepare, call in (("approve", ask, approve), ("start", _drafts, _start)):
            asked = iter(prepare(gate, by, lists[0], TIMES * (ROUNDS + 1)))
            ours = iter(prepare(library, same, lists[1], TIMES * (ROUNDS + 1)))
            turns: tuple[Turn, ...] = (
                partial(_served, port, key, step, asked),
                partial(_called, library, same, call, ours),
                lambda: TIMES / seconds(empty),
            )
            for turn in turns:
                turn()
            http, direct, ceiling = alternate(ROUNDS, *turns)
            yield Comparison(f"HTTP {step} on {name}", "the library's own loop", "/s", http, direct, AtLeast(0.6))
            yield Comparison(f"HTTP {step} on {name}", "a bare FastAPI POST", "/s", http, ceiling)


def _served(port: int, key: str, step: str, ids: Iterator[str]) -> float:
    path = "/v1/lexi/tasks/{}/approve" if step == "approve" else "/v1/campaigns/{}/start"
    sent = [request("POST", path.format(each), key) for each in islice(ids, TIMES)]
    answers: list[tuple[int, bytes]] = []
    took = seconds(lambda: answers.extend(send_all(port, sent, CONNECTIONS)))
    wrong = [answer for answer in answers if answer[0] != 200]
    if wrong or len(answers) != TIMES:
        raise RuntimeError(f"{len(answers)} answers, among them {wrong[:1]}")
    return TIMES / took


def _called(gate: Gate, by: Actor, call: Callable[[Gate, Actor, str], object], ids: Iterator[str]) -> float:
    mine = list(islice(ids, TIMES))
    return TIMES / seconds(lambda: [call(gate, by, each) for each in mine])


def _drafts(gate: Gate, by: Actor, list_id: str, count: int) -> list[str]:
    with gate.engine.begin() as connection:
        return [
            gate.create(connection, by=by, name=f"{n}", content=CONTENT, list_id=list_id).case.id for n in range(count)
        ]


def _start(gate: Gate, by: Actor, campaign: str) -> None:
    with gate.engine.begin() as connection:
        outcome = gate.start(connection, campaign, by=by)
    if outcome.refused:
        raise RuntimeError(f"the start was refused: {outcome.blockers}")


@contextmanager
def _bare() -> Iterator[int]:
    """The ceiling, as a process of its own."""
    port = free_port()
    with process(["-m", "benchmarks.serving", str(port)], {}, f"http://127.0.0.1:{port}/"):
        yield port


class Said(BaseModel):
    name: str


class Told(BaseModel):
    name: str
    status: str


def bare() -> FastAPI:
    app = FastAPI()

    @app.post("/")
    def post(body: Said) -> Told:
        return Told(name=body.name, status="active")

    return app


if __name__ == "__main__":
    uvicorn.run(bare(), port=int(sys.argv[1]), log_level="warning", access_log=False)
