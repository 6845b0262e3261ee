"""Pages for recipients, who have no key: to unsubscribe with one click (RFC 8058).

To look at the page changes nothing, since mail scanners follow every link. To POST to it unsubscribes, whatever the
body says: the link itself is the proof.
"""

import hashlib
import hmac
import logging
from collections.abc import Callable
from functools import cache

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gonogo import responses
from gonogo.actor import machine
from gonogo.errors import DatabaseUnusable
from gonogo.execution.links import Links
from gonogo.responses import UNKNOWN, Answer
from gonogo.store.responses import Named, workspace_of
from gonogo_api.door import Door
from gonogo_api.public import ALLOWED, METHODS, answer, template

log = logging.getLogger(__name__)

_LABEL = b"gonogo: links in messages, 1"
_STATUS = {"ask": 200, "suppressed": 200, "recorded": 200, "unknown": 404, "method": 405, "failed": 503}


def links_for(public_url: str, pepper: bytes) -> Links:
    """Links that lead to this server. Their secret comes of the pepper and tells nothing of it."""
    return Links(public_url, hmac.new(pepper, _LABEL, hashlib.sha256).digest())


def routes(door: Door) -> list[Route]:
    """The pages, wherever links in messages lead now: links that were sent out before still do."""
    links = links_for("", door.pepper)

    def page(request: Request) -> HTMLResponse:
        return _page(door, links, request)

    return [Route("/u/{token}", page, methods=list(METHODS))]


def _page(door: Door, links: Links, request: Request) -> HTMLResponse:
    if request.method not in ALLOWED:
        return _shown("method")
    meant = links.read(request.path_params["token"])
    if meant is None:
        return _shown("unknown")
    if request.method != "POST":
        return _shown("ask")
    try:
        came_of = door.commits.run(_unsubscribe(door, meant))
    except (SQLAlchemyError, DatabaseUnusable):
        log.exception("an unsubscription was not written down; its sender was asked to try again")
        return _shown("failed")
    return _shown("unknown" if came_of is UNKNOWN else came_of.result)


def _unsubscribe(door: Door, meant: Named) -> Callable[[sa.Connection], Answer]:
    def work(connection: sa.Connection) -> Answer:
        workspace = workspace_of(connection, meant[0])
        if workspace is None:
            return UNKNOWN
        return responses.unsubscribe(door.gate.call(connection, machine(workspace)), meant)

    return work


def _shown(what: str) -> HTMLResponse:
    return answer(_page_of(what), what, _STATUS[what])


@cache
def _page_of(what: str) -> str:
    return template("unsubscribe.html").render(what=what)
