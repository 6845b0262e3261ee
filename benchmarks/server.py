"""A server of ours as a process of its own, and the key that it lets in."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from gonogo.actor import SCOPES, Actor
from gonogo.call import Call
from gonogo.gate import Gate
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api import auth
from support.server import free_port

PEPPER = "pepper of the benchmarks"


def new_key(gate: Gate, by: Actor) -> str:
    """A key that may do everything in the workspace."""
    with gate.engine.begin() as connection:
        call = Call(connection, by, gate.clock.now(), FakeJobs())
        key, _ = auth.issue(call, PEPPER.encode(), workspace=by.workspace, dialect="leadlex", scopes=SCOPES)
    return key


@contextmanager
def served(url: str, path: Path) -> Iterator[int]:
    """`gonogo serve` on a database; it executes nothing, as the library's loop does not. Answers its port."""
    port = free_port()
    settings = {"GONOGO_PEPPER": PEPPER, "GONOGO_MAILDIR": f"{path}/mail", "GONOGO_RATE_LIMIT": "1000000/minute"}
    arguments = ["serve", "--port", str(port), "--database-url", url, "--no-worker"]
    with process(["-m", "gonogo_api", *arguments], settings, f"http://127.0.0.1:{port}/healthz"):
        yield port


@contextmanager
def process(arguments: list[str], settings: dict[str, str], url: str) -> Iterator[None]:
    """Python with these arguments, from when it answers at the address until the end of the block."""
    quiet, environment = subprocess.DEVNULL, {**os.environ, **settings}
    with subprocess.Popen([sys.executable, *arguments], env=environment, stdout=quiet, stderr=quiet) as begun:
        try:
            _wait(begun, url)
            yield
        finally:
            begun.terminate()


def _wait(begun: "subprocess.Popen[bytes]", url: str) -> None:
    for _ in range(600):
        if begun.poll() is not None:
            raise RuntimeError(f"{begun.args!r} ended")
        try:
            requests.get(url, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer")
