"""HTTP beside the library: approvals and starts a second through one server, and what a bare FastAPI could do at all.

One serving process, 16 connections from a client that costs little. The library does the same step in a loop, on the
same kind of database, in the same run. The ceiling is a FastAPI application with nothing but a POST that takes a body
and answers a model.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path

import requests
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.campaigns import CONTENT, approve, ask, folder, new_list, opened
from benchmarks.http_client import request, send_all
from benchmarks.measure import AtLeast, Comparison, Turn, alternate, seconds
from gonogo.actor import SCOPES, Actor
from gonogo.call import Call
from gonogo.gate import Gate
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api import auth
from support.pgserver import PgServer
from support.server import free_port

ROUNDS = 7
TIMES = 200
CONNECTIONS = 16
PEPPER = "pepper of the benchmarks"


def compare() -> Iterator[Comparison]:
    """Steps a second, through HTTP and through the library."""
    with folder() as path:
        yield from _on("SQLite", f"sqlite:///{path}/served.db", f"sqlite:///{path}/called.db", path)
    with folder() as path, PgServer() as server:
        yield from _on("PostgreSQL", server.cluster.create("served"), server.cluster.create("called"), path)


def _on(name: str, served: str, called: str, path: Path) -> Iterator[Comparison]:
    with (
        opened(served, jobs=FakeJobs()) as (gate, by),
        opened(called) as (library, same),
        _server(served, path) as port,
        _bare() as bare_port,
    ):
        key = _key(gate, by)
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


def _key(gate: Gate, by: Actor) -> str:
    with gate.engine.begin() as connection:
        call = Call(connection, by, gate.clock.now(), FakeJobs())
        key, _ = auth.issue(call, PEPPER.encode(), workspace=by.workspace, dialect="leadlex", scopes=SCOPES)
    return key


@contextmanager
def _server(url: str, path: Path) -> Iterator[int]:
    """`gonogo serve` as a process of its own; it executes nothing, as the library's loop does not."""
    port = free_port()
    settings = {"GONOGO_PEPPER": PEPPER, "GONOGO_MAILDIR": f"{path}/mail", "GONOGO_RATE_LIMIT": "1000000/minute"}
    arguments = ["serve", "--port", str(port), "--database-url", url, "--no-worker"]
    with _process(["-m", "gonogo_api", *arguments], settings, f"http://127.0.0.1:{port}/healthz"):
        yield port


@contextmanager
def _bare() -> Iterator[int]:
    """The ceiling, as a process of its own."""
    port = free_port()
    with _process(["-m", "benchmarks.serving", str(port)], {}, f"http://127.0.0.1:{port}/"):
        yield port


@contextmanager
def _process(arguments: list[str], settings: dict[str, str], url: str) -> Iterator[None]:
    quiet, environment = subprocess.DEVNULL, {**os.environ, **settings}
    with subprocess.Popen([sys.executable, *arguments], env=environment, stdout=quiet, stderr=quiet) as process:
        try:
            _wait(process, url)
            yield
        finally:
            process.terminate()


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended")
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")


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
