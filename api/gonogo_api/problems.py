"""What can go wrong with a request, before a dialect puts it into its own words."""

import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from gonogo.call import Outcome
from gonogo.definition import Blocker
from gonogo.errors import Conflict, Invalid, Mistake, NotFound
from gonogo.questions import Answer
from gonogo.store.cases import Case

log = logging.getLogger(__name__)

Kind = Literal[
    "malformed",  # not JSON, or not the kind of JSON that can be read safely
    "invalid",  # well formed, and not what was expected
    "unauthorized",
    "forbidden",
    "not_found",
    "method",
    "conflict",
    "too_large",
    "media_type",
    "stale",  # not what was seen (If-Match)
    "reused",  # the name of another request (Idempotency-Key)
    "limited",  # too many requests
    "unavailable",  # what stands behind us does not answer
    "internal",
]
STATUS: dict[Kind, int] = {
    "malformed": 400,
    "invalid": 422,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method": 405,
    "conflict": 409,
    "too_large": 413,
    "media_type": 415,
    "stale": 412,
    "reused": 422,
    "limited": 429,
    "unavailable": 502,
    "internal": 500,
}


JSON = "application/json"
#: How a route tells OpenAPI what can go wrong with its calls.
PROBLEMS = "x-problems"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


# What is said of a problem where it happens, and by the documents that tell of it.
BAD_KEY = "Invalid API key"
LOST = "Somebody else changed it at the same time; try again"
STALE = "It has changed since it was read: read it again"
REUSED = "Another request has used this Idempotency-Key"
SILENT = "No executor has shown life lately"
STUCK = "The relay takes no mail now"
NO_CURSOR = "cursor: expected one that an earlier page gave"
CRASHED = "Internal server error"


@dataclass(eq=False)
class Problem(Exception):
    """A request that can't be answered as asked."""

    kind: Kind
    message: str
    what: str = ""  # what is missing or wrong: "campaign", "task", a scope
    mistakes: Sequence[Mistake] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> list[tuple[str, str]]:
        """Where something is wrong, and what: every mistake, else the message of no place."""
        return [(each.path, each.message) for each in self.mistakes] or [("", self.message)]


@dataclass(eq=False)
class Refused(Exception):
    """A step that may not happen, with every blocker. Raised after the transaction, which it does not undo."""

    outcome: Outcome | Answer
    event: str

    @property
    def case(self) -> Case:
        """The campaign that a step was refused of. Raises TypeError for a question that is about none."""
        if not isinstance(self.outcome, Outcome):
            raise TypeError("a question has no case")
        return self.outcome.case

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        return self.outcome.blockers


Render = Callable[[Problem, Request], Response]
RenderRefusal = Callable[[Refused, Request], Response]


def install(app: FastAPI, render: Render, refuse: RenderRefusal, errors: Callable[[int], object]) -> None:
    """Answer every error of the app in its dialect's shape; no default body of the framework leaks out.

    `errors` tells which shape an error of a status has.
    """

    app.state.render, app.state.refuse, app.state.errors = render, refuse, errors

    def answer(request: Request, problem: Problem) -> Response:
        response = render(problem, request)
        response.headers.update(problem.headers)
        return response

    @app.exception_handler(Problem)
    async def on_problem(request: Request, error: Problem) -> Response:
        return answer(request, error)

    @app.exception_handler(Refused)
    async def on_refusal(request: Request, error: Refused) -> Response:
        return refuse(error, request)

    @app.exception_handler(NotFound)
    async def on_missing(request: Request, error: NotFound) -> Response:
        return answer(request, Problem("not_found", f"{error.kind.capitalize()} not found", error.kind))

    @app.exception_handler(Invalid)
    async def on_invalid(request: Request, error: Invalid) -> Response:
        return answer(request, Problem("invalid", str(error), mistakes=error.mistakes))

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> Response:
        return answer(request, invalid_request(error))

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> Response:
        kinds: dict[int, Kind] = {404: "not_found", 405: "method", 400: "malformed"}
        kind = kinds.get(error.status_code, "internal")
        message = {"not_found": "No such resource", "method": "Method not allowed"}.get(kind, str(error.detail))
        allow = {"Allow": ", ".join(_methods(request))} if kind == "method" else {}
        return answer(request, Problem(kind, message, "path", headers=allow))

    @app.exception_handler(Conflict)
    @app.exception_handler(OperationalError)
    @app.exception_handler(Exception)
    async def on_crash(request: Request, error: Exception) -> Response:
        return answer(request, crashed(request, error))


def crashed(request: Request, error: Exception) -> Problem:
    """A failure of our own: the log tells it by the request's id, and nobody else is told more than that."""
    log.error("request %s failed", request.scope["request_id"], exc_info=error)
    return Problem("internal", CRASHED)


def _methods(request: Request) -> list[str]:
    """What may be asked of the path, whichever route it is that answers."""
    asked = ({**request.scope, "method": method} for method in METHODS)
    found = [scope["method"] for scope in asked if any(_answers(route, scope) for route in request.app.routes)]
    return sorted([*found, "HEAD"] if "GET" in found else found)


def _answers(route: BaseRoute, scope: Scope) -> bool:
    return route.matches(scope)[0] is Match.FULL


def invalid_request(error: RequestValidationError) -> Problem:
    """FastAPI's findings as mistakes: where, and what was expected."""
    found = [dict(each) for each in error.errors()]
    broken = next((str(each["msg"]) for each in found if each["type"] == "json_invalid"), None)
    if broken is not None:
        message = f"expected valid JSON: {broken}"
        return Problem("malformed", "The body is not valid JSON", mistakes=[Mistake("", message)])
    mistakes = [Mistake(_path(each["loc"]), str(each["msg"]).removeprefix("Value error, ")) for each in found]
    return Problem("invalid", "; ".join(map(str, mistakes)), mistakes=mistakes)


def _path(location: Sequence[object]) -> str:
    parts = [part for part in location if not (isinstance(part, str) and "[" in part)]  # which member of a union
    if parts and parts[0] in ("body", "query", "path", "header"):
        parts = parts[1:]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")


def json_response(body: object, status: int = 200) -> Response:
    return JSONResponse(body, status_code=status)


def new_request_id() -> str:
    """24 hex digits, as Sonarly's trace ids are."""
    return uuid.uuid4().hex[:24]
