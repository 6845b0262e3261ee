"""A real `gonogo serve` as a process of its own, and the workspaces that tests make in its database."""

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from gonogo import database, workspaces
from gonogo.actor import SCOPES, Actor, machine
from gonogo.call import Call
from gonogo.clock import SystemClock
from gonogo.store import workspaces as store
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api import auth
from support.commands import Running

PEPPER = "pepper of the tests"
LIMIT = 30  # knocks of a key a minute, on a server that is strict


@dataclass(slots=True)
class Server:
    """`gonogo serve` on a database; made ready by `start`, ended by `stop`. Its maildir is `mail`."""

    url: str  # of the database
    folder: Path
    extra: dict[str, str] = field(default_factory=dict)  # GONOGO_ variables
    arguments: tuple[str, ...] = ()
    port: int = 0
    process: Running | None = None
    engine: sa.Engine | None = None

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def start(self) -> "Server":
        self.port = self.port or free_port()
        variables = {
            "GONOGO_DATABASE_URL": self.url,
            "GONOGO_MAILDIR": str(self.mail),
            "GONOGO_PEPPER": PEPPER,
            **self.extra,
        }
        log = self.folder / "server.log"
        command = ("serve", "--port", str(self.port), *self.arguments)
        self.process = Running(*command, variables=variables, out=log, err=log)
        self._wait()
        self.engine = database.connect(self.url)
        return self

    def _wait(self) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            try:
                if requests.get(f"{self.base}/healthz", timeout=5).ok:
                    return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not start: {self.log[-2000:]}")

    def end(self) -> None:
        """Tell it to stop, and do not wait."""
        if self.process is not None:
            self.process.terminate()

    def stop(self) -> None:
        if self.engine is not None:
            self.engine.dispose()
        if self.process is not None:
            self.end()
            self.process.wait()

    @contextmanager
    def broken(self, how: str, cure: str) -> Iterator[None]:
        """While its database is like that."""
        assert self.engine is not None
        with self.engine.begin() as connection:
            connection.execute(sa.text(how))
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                connection.execute(sa.text(cure))

    def workspace(self, dialect: str = "leadlex", name: str = "Acme") -> "Tenant":
        """A new workspace of its own, made as the command line makes it."""
        assert self.engine is not None
        with self.engine.begin() as connection:
            made = workspaces.create(_call(connection, machine("")), name, dialect)
        return Tenant(self, made, dialect)


@dataclass(slots=True)
class Tenant:
    """A workspace on a server."""

    server: Server
    id: str
    dialect: str

    def key(self, *scopes: str, dialect: str | None = None, member: str | None = None) -> str:
        """A key with these scopes, or with all."""
        wanted: Iterable[str] = scopes or SCOPES
        assert self.server.engine is not None
        with self.server.engine.begin() as connection:
            call = _call(connection, machine(self.id))
            person = workspaces.add_member(call, member, scopes=wanted, verified=True) if member else None
            key, _ = auth.issue(
                call,
                PEPPER.encode(),
                workspace=self.id,
                dialect=dialect or self.dialect,
                scopes=wanted,
                member=person,
            )
        return key

    def account_group(self) -> str:
        assert self.server.engine is not None
        with self.server.engine.begin() as connection:
            return str(store.get(connection, self.id).account_group)

    def client(self, *scopes: str, dialect: str | None = None, member: str | None = None) -> "Client":
        return Client(self.server.base, self.key(*scopes, dialect=dialect, member=member))

    def policy(self, document: dict[str, Any]) -> None:
        """Put a policy into force, with a house key, over HTTP."""
        answer = self.client(dialect="leadlex").put("/leadlex/v1/policy", document)
        assert answer.status_code == 200, answer.text


@dataclass(slots=True)
class Client:
    """A client of one key."""

    base: str
    key: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        headers = {**self.headers, **({"Authorization": f"Bearer {self.key}"} if self.key else {})}
        return requests.request(method, self.base + path, json=body, headers=headers, timeout=30, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.call("POST", path, body, **more)

    def put(self, path: str, body: Any = None) -> requests.Response:
        return self.call("PUT", path, body)

    def patch(self, path: str, body: Any = None) -> requests.Response:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _call(connection: sa.Connection, by: Actor) -> Call:
    return Call(connection, by, SystemClock().now(), FakeJobs())
