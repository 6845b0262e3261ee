"""Answers on conditions: entity tags, If-None-Match and If-Match (RFC 9110, sections 8.8.3 and 13)."""

import hashlib
from typing import Annotated

from fastapi import Header, Request, Response

from gonogo_api.problems import STALE, Problem

OK = 200
IF_MATCH = "If-Match"
#: The tag of what a client saw, and wants to change only while it is like that.
IfMatch = Annotated[str | None, Header(alias=IF_MATCH, description="The ETag of what was seen")]


def etag(response: Response) -> str:
    """The entity tag of an answer: the same for the same bytes (RFC 9110, section 8.8.3)."""
    return f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'


def conditional(request: Request, response: Response) -> Response:
    """The answer with its tag; without its body for a client that has it already."""
    if response.status_code != OK:
        return response
    response.headers["ETag"] = tag = etag(response)
    if not _names(request.headers.get("if-none-match"), tag):
        return response
    kept = {name: value for name, value in response.headers.items() if name in ("etag", "link")}
    return Response(status_code=304, headers=kept)


def _names(condition: str | None, tag: str) -> bool:
    """Whether an If-Match or If-None-Match names this tag; weak comparison."""
    if condition is None:
        return False
    return condition.strip() == "*" or tag in [each.strip().removeprefix("W/") for each in condition.split(",")]


def unchanged(condition: str | None, shown: Response) -> None:
    """Raise Problem where a change was asked for on the condition (If-Match) that what is shown now was seen."""
    if condition is not None and not _names(condition, etag(shown)):
        raise Problem("stale", STALE, IF_MATCH)
