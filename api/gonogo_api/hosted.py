"""Pages for recipients, who have no key: to unsubscribe with one click (RFC 8058).

To look at the page changes nothing, since mail scanners follow every link. To POST to it unsubscribes, whatever the
body says: the link itself is the proof.
"""

import base64
import hashlib
import hmac
import logging
from collections.abc import Callable
from functools import cache

import sqlalchemy as sa
from jinja2 import Environment, PackageLoader, select_autoescape
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

log = logging.getLogger(__name__)

ALLOWED = ("GET", "HEAD", "POST")
_OTHERS = ("PUT", "PATCH", "DELETE", "OPTIONS")
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

    return [Route("/u/{token}", page, methods=[*ALLOWED, *_OTHERS])]


def _page(door: Door, links: Links, request: Request) -> HTMLResponse:
    if request.method not in ALLOWED:
        return _shown("method")
    meant = links.read(request.path_params["token"])
    if meant is None:
        return _shown("unknown")
    if request.method != "POST":
        return _shown("ask")
    try:
        answer = door.commits.run(_unsubscribe(door, meant))
    except (SQLAlchemyError, DatabaseUnusable):
        log.exception("an unsubscription was not written down; its sender was asked to try again")
        return _shown("failed")
    return _shown("unknown" if answer is UNKNOWN else answer.result)


def _unsubscribe(door: Door, meant: Named) -> Callable[[sa.Connection], Answer]:
    def work(connection: sa.Connection) -> Answer:
        workspace = workspace_of(connection, meant[0])
        if workspace is None:
            return UNKNOWN
        return responses.unsubscribe(door.gate.call(connection, machine(workspace)), meant)

    return work


def _shown(what: str) -> HTMLResponse:
    page, policy = _pages()[what]
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",  # the address is the right to unsubscribe
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    if what == "method":
        headers["Allow"] = ", ".join(ALLOWED)
    if what == "failed":
        headers["Retry-After"] = "60"
    return HTMLResponse(page, _STATUS[what], headers)


@cache
def _pages() -> dict[str, tuple[str, str]]:
    """Every page, with the policy that lets its own style be used, its own form be sent, and nothing else."""
    made = Environment(loader=PackageLoader("gonogo_api", "pages"), autoescape=select_autoescape(), trim_blocks=True)
    template = made.get_template("unsubscribe.html")
    found = {}
    for what in _STATUS:
        page = template.render(what=what)
        style = page.partition("<style>")[2].partition("</style>")[0]
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        only = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'"
        found[what] = page, f"{only}; base-uri 'none'; frame-ancestors 'none'"
    return found
