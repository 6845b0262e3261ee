"""Exchanges with a live server, written down so that a second recording reads the same."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
import sqlalchemy as sa

from support.server import Client, Server, Tenant

#: What differs from recording to recording, and what stands in its place; `n` counts what is new.
_CHANGING: tuple[tuple[str, Callable[[int], str]], ...] = (
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", lambda n: f"00000000-0000-4000-8000-{n:012}"),
    (r"\b[0-9a-f]{64}\b", lambda n: f"{n:064}"),
    (r"\bcamp_[0-9a-f]{16}\b", lambda n: f"camp_{n:016}"),
    (r"(?<![0-9a-f])[0-9a-f]{24}(?![0-9a-f])", lambda n: f"{n:024}"),
    (r"\b(?:wbk|sk_live|bk_live|bav_live)_[a-z2-7]{16}_[a-z2-7]{46}\b", lambda n: f"KEY_{n}"),
    (r"\b20(?!99)\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", lambda _: "2026-01-15T09:00:00Z"),
)
#: Headers of an answer that are part of what a dialect promises.
TOLD = ("Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Location", "Link", "Allow")
_PASSING = ("Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, as they went over the wire, with steady names for what changes."""

    name: str
    asked: str
    sent: str
    status: int
    headers: dict[str, str]
    body: Any
    elsewhere: dict[str, Any] = field(default_factory=dict)  # what was seen besides, such as messages that went out

    def __str__(self) -> str:
        told = "".join(f"{name}: {value}\n" for name, value in self.headers.items())
        sent = f"{self.sent}\n\n" if self.sent else ""
        return f"{self.asked}\n\n{sent}HTTP/1.1 {self.status}\n{told}\n{json.dumps(self.body, ensure_ascii=False)}"


class Tape:
    """The exchanges of one dialect, in order."""

    def __init__(self) -> None:
        self.exchanges: dict[str, Exchange] = {}
        self._steady: dict[str, str] = {}
        self._counts: dict[int, int] = {}

    def play(self, name: str, client: Client, method: str, path: str, body: Any = None, **seen: Any) -> Any:
        """Send a request, write the exchange down under a name, and answer the body as it really came."""
        answer = client.call(method, path, body)
        kind = {"Content-Type": "application/json"} if body is not None else {}
        headers = {"Authorization": f"Bearer {client.key}"} if client.key else {}
        told = "".join(f"\n{name}: {value}" for name, value in {**headers, **client.headers, **kind}.items())
        asked = f"{method} {path} HTTP/1.1{told}"
        self.exchanges[name] = Exchange(
            name,
            self.steady(asked),
            self.steady(json.dumps(body, ensure_ascii=False)) if body is not None else "",
            answer.status_code,
            self._told(answer),
            json.loads(self.steady(answer.text)),
            seen,
        )
        return answer.json()

    def steady(self, text: str) -> str:
        for at, (pattern, _) in enumerate(_CHANGING):
            text = re.sub(pattern, partial(self._name, at), text)
        return text

    def _name(self, at: int, found: re.Match[str]) -> str:
        if found[0] not in self._steady:
            self._counts[at] = self._counts.get(at, 0) + 1
            self._steady[found[0]] = _CHANGING[at][1](self._counts[at])
        return self._steady[found[0]]

    def _told(self, answer: requests.Response) -> dict[str, str]:
        told = {name: answer.headers[name] for name in TOLD if name in answer.headers}
        return {name: "…" if name in _PASSING else self.steady(value) for name, value in told.items()}


@dataclass(slots=True)
class Stage:
    """Live servers, one for each thing that one setting decides; all on SQLite, in a folder of their own."""

    folder: Path
    running: list[Server] = field(default_factory=list)

    def server(self, *arguments: str, **settings: str) -> Server:
        folder = self.folder / str(len(self.running))
        folder.mkdir()
        server = Server(f"sqlite:///{folder}/gonogo.db", folder, settings, arguments)
        self.running.append(server.start())
        return server

    def broken(self, dialect: str) -> tuple[Tenant, str]:
        """A tenant of a server whose database was damaged since, and a key of it."""
        server = self.server()
        tenant = server.workspace(dialect)
        key = tenant.key()
        assert server.engine is not None
        with server.engine.begin() as connection:
            connection.execute(sa.text("ALTER TABLE gonogo_campaign RENAME TO elsewhere"))
        return tenant, key


@contextmanager
def stage() -> Iterator[Stage]:
    with TemporaryDirectory() as folder:
        made = Stage(Path(folder))
        try:
            yield made
        finally:
            for server in made.running:
                server.end()  # all of them at once: each takes its time to drain
            for server in made.running:
                server.stop()
