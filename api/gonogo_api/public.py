"""Pages for people who have no key: made of a template, and answered so that nothing of them leaks or runs.

Their address is the right to act, so no page names it to others, is kept, or is indexed. No script runs, no other
source is loaded, and only the page's own style and form are let through.
"""

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gonogo.errors import DatabaseUnusable
from gonogo_api.problems import new_request_id

log = logging.getLogger(__name__)

ALLOWED = ("GET", "HEAD", "POST")
#: What a route takes, so that it answers the others itself.
METHODS = (*ALLOWED, "PUT", "PATCH", "DELETE", "OPTIONS")
_STATUS = {"unknown": 404, "method": 405, "failed": 503}


@cache
def template(name: str) -> Template:
    """A page of `pages/`."""
    made = Environment(loader=PackageLoader("gonogo_api", "pages"), autoescape=select_autoescape(), trim_blocks=True)
    return made.get_template(name)


def answer(page: str, what: str, status: int, extra: Mapping[str, str] | None = None) -> HTMLResponse:
    """The page; "method" and "failed" also tell what is allowed, and when to try again."""
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    only = f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'"
    headers = {
        "Content-Security-Policy": f"{only}; base-uri 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "X-Request-Id": new_request_id(),
        **(extra or {}),
    }
    if what == "method":
        headers["Allow"] = ", ".join(ALLOWED)
    if what == "failed":
        headers["Retry-After"] = "60"
    return HTMLResponse(page, status, headers)


def button(path: str, page: str, look: Callable[[str], str], press: Callable[[str], str]) -> Route:
    """A page with one button, made of a template. Each function is given the token and answers what is shown.

    To look at it changes nothing, since mail scanners follow every link. To POST to it does what the button says,
    whatever the body says: the link itself is the proof. Database trouble asks to try again, and has changed nothing.
    """

    def came_of(request: Request) -> str:
        if request.method not in ALLOWED:
            return "method"
        try:
            return (press if request.method == "POST" else look)(request.path_params["token"])
        except (SQLAlchemyError, DatabaseUnusable):
            log.exception("what the page %s was asked for could not be done; it asks to try again", page)
            return "failed"

    def shown(request: Request) -> HTMLResponse:
        what = came_of(request)
        return answer(_rendered(page, what), what, _STATUS.get(what, 200))

    return Route(path, shown, methods=list(METHODS))


@cache
def _rendered(page: str, what: str) -> str:
    return template(page).render(what=what)
