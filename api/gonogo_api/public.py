"""Pages for people who have no key: made of a template, and answered so that nothing of them leaks or runs.

Their address is the right to act, so no page names it to others, is kept, or is indexed. No script runs, no other
source is loaded, and only the page's own style and form are let through.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache

from jinja2 import Environment, PackageLoader, Template, select_autoescape
from starlette.responses import HTMLResponse

ALLOWED = ("GET", "HEAD", "POST")
#: What a route takes, so that it answers the others itself.
METHODS = (*ALLOWED, "PUT", "PATCH", "DELETE", "OPTIONS")


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
        **(extra or {}),
    }
    if what == "method":
        headers["Allow"] = ", ".join(ALLOWED)
    if what == "failed":
        headers["Retry-After"] = "60"
    return HTMLResponse(page, status, headers)
