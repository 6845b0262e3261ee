"""Which dialect a request is spoken in. First that decides: the mount, the host, the key, the shape of the path."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from gonogo.models import DIALECTS
from gonogo_api.auth import PREFIXES, Visitor, bearer
from gonogo_api.problems import new_request_id
from gonogo_api.rates import Allowance

#: The path under which seed 000 is served where it comes from.
GATEWAY = "/functions/v1/api-gateway"

_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("sonarly", re.compile(r"/v1/accounts(/|$)")),
    ("leadterra", re.compile(r"/v1/(campaigns/camp_|leads(/|$)|sender-pools(/|$))")),
    ("burki", re.compile(r"/api/v1/(campaigns/-?[0-9]+(/|$)|assistants(/|$))")),
    ("bavlio", re.compile(r"/api/v1/(campaigns/[0-9a-fA-F]{8}-|datasets(/|$)|templates(/|$))")),
)


@dataclass(frozen=True, slots=True)
class Knock:
    """Who sent a request and what is left to that key; or why it is answered with a failure, in the dialect's shape."""

    visitor: Visitor | None = None
    allowance: Allowance | None = None
    failure: Exception | None = None


class Front:
    """The first thing a request meets: finds its dialect and who sent it, and hands it on."""

    def __init__(
        self,
        apps: Mapping[str, FastAPI],
        hosts: Mapping[str, str],
        meet: Callable[[str | None], Awaitable[tuple[Visitor | None, Allowance | None]]],
    ) -> None:
        self.apps, self.meet = apps, meet
        self.hosts = {host.lower(): dialect for host, dialect in hosts.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # nothing here speaks it
            await send({"type": "websocket.close"})
            return
        headers = Headers(scope=scope)
        knock = await self._knock(headers.get("authorization"))
        mount, path = mounted(scope["path"])
        dialect = mount or self._chosen(headers, knock.visitor, path)
        await hand_on(self.apps[dialect], knock, path, scope, receive, send)

    async def _knock(self, authorization: str | None) -> Knock:
        return await met(self.meet(authorization)) if bearer(authorization) else Knock()

    def _chosen(self, headers: Headers, visitor: Visitor | None, path: str) -> str:
        host = headers.get("host", "").rsplit(":", 1)[0].lower()
        if host in self.hosts:
            return self.hosts[host]
        if visitor is not None:
            return visitor.dialect
        return by_prefix(bearer(headers.get("authorization"))) or by_shape(path)


async def met(meeting: Awaitable[tuple[Visitor | None, Allowance | None]]) -> Knock:
    """What came of looking somebody up; a database that does not answer is a failure like any other."""
    try:
        return Knock(*await meeting)
    except DBAPIError as error:
        return Knock(failure=error)


async def hand_on(app: FastAPI, knock: Knock, path: str, scope: Scope, receive: Receive, send: Send) -> None:
    """Have a dialect answer, as if it had been asked at this path."""
    request_id = new_request_id()
    stamps = {"X-Request-Id": request_id}
    if knock.allowance is not None and app.state.house:
        stamps |= knock.allowance.headers
    told = {"visitor": knock.visitor, "allowance": knock.allowance, "failure": knock.failure, "request_id": request_id}
    inner = {**scope, **told, "path": path, "raw_path": path.encode()}
    if scope["method"] == "HEAD":
        inner["method"] = "GET"  # the same headers; the server below sends no body
    await app(inner, receive, _stamped(send, stamps, scope["path"].removesuffix("/").removesuffix(path)))


def mounted(path: str) -> tuple[str | None, str]:
    """The dialect that a path is mounted under, if any, and the path without the mount, gateway and last slash."""
    first, _, rest = path.lstrip("/").partition("/")
    mount = first if first in DIALECTS else None
    if mount is not None:
        path = f"/{rest}"
    if path.startswith(f"{GATEWAY}/"):
        path = path.removeprefix(GATEWAY)
    return mount, path.removesuffix("/") or "/"


def by_prefix(key: str | None) -> str | None:
    """The dialect whose keys begin like this one; None where two of them do."""
    fits = [dialect for dialect, prefix in PREFIXES.items() if key and key.startswith(f"{prefix}_")]
    return fits[0] if len(fits) == 1 else None


def by_shape(path: str) -> str:
    """The dialect whose paths look like this one; the house's where none does."""
    return next((dialect for dialect, shape in _SHAPES if shape.match(path)), "leadlex")


def _stamped(send: Send, stamps: Mapping[str, str], prefix: str) -> Callable[[Message], Awaitable[None]]:
    """Sends with these headers; links lead where the client came in."""

    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(stamps)
            if prefix and "link" in headers:
                headers["link"] = headers["link"].replace("</", f"<{prefix}/", 1)
        await send(message)

    return stamped
