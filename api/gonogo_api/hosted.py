"""The page for recipients, who have no key: to unsubscribe with one click (RFC 8058)."""

from collections.abc import Callable

import sqlalchemy as sa
from starlette.routing import Route

from gonogo import responses
from gonogo.actor import machine
from gonogo.execution.links import Links
from gonogo.responses import UNKNOWN, Answer
from gonogo.store.responses import Named, workspace_of
from gonogo_api.auth import derived
from gonogo_api.door import Door
from gonogo_api.public import button

_LABEL = b"gonogo: links in messages, 1"


def links_for(public_url: str, pepper: bytes) -> Links:
    """Links that lead to this server."""
    return Links(public_url, derived(pepper, _LABEL))


def route(door: Door) -> Route:
    """The page, wherever links in messages lead now: links that were sent out before still do."""
    links = links_for("", door.pepper)

    def look(token: str) -> str:
        return "unknown" if links.read(token) is None else "ask"

    def press(token: str) -> str:
        meant = links.read(token)
        if meant is None:
            return "unknown"
        came_of = door.commits.run(_unsubscribe(door, meant))
        return "unknown" if came_of is UNKNOWN else came_of.result

    return button("/u/{token}", "unsubscribe.html", look, press)


def _unsubscribe(door: Door, meant: Named) -> Callable[[sa.Connection], Answer]:
    def work(connection: sa.Connection) -> Answer:
        workspace = workspace_of(connection, meant[0])
        if workspace is None:
            return UNKNOWN
        return responses.unsubscribe(door.gate.call(connection, machine(workspace)), meant)

    return work
