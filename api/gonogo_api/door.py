"""The way in, the same for every dialect: who knocks, with which right, in which transaction."""

import json
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar, cast

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from gonogo import database
from gonogo.call import Call, Outcome
from gonogo.errors import Conflict
from gonogo.gate import Gate
from gonogo.store import workspaces
from gonogo_api.auth import Visitor, bearer, identify
from gonogo_api.problems import Problem, Refused
from gonogo_api.settings import Settings

T = TypeVar("T")
TRIES = 3
_RETRIED = ("deadlock detected", "could not serialize", "database is locked")


@dataclass(frozen=True, slots=True)
class Door:
    """What the routes of every dialect share."""

    gate: Gate
    settings: Settings
    pepper: bytes

    def who(self, authorization: str | None) -> Visitor | None:
        """Who a request says it is from; None for a missing or a bad key."""
        key = bearer(authorization)
        if key is None:
            return None
        with database.reader(self.gate.engine).begin() as connection:
            return identify(connection, self.pepper, key, self.gate.clock.now())

    def executor_alive(self) -> bool:
        """An executor has shown life lately; decided from rows."""
        with database.reader(self.gate.engine).begin() as connection:
            return workspaces.seconds_since_life(connection) <= self.settings.executor_silence


@dataclass(frozen=True, slots=True)
class Visit:
    """One authenticated request."""

    door: Door
    visitor: Visitor

    def write(self, verb: Callable[[Call], T]) -> T:
        """Run a use case in a transaction of its own; lost races are run again, a few times."""
        gate = self.door.gate
        for left in reversed(range(TRIES)):
            try:
                with gate.engine.begin() as connection:
                    return verb(gate.call(connection, self.visitor.actor))
            except Conflict:
                if not left:
                    raise Problem("conflict", "Somebody else changed it at the same time; try again") from None
            except OperationalError as error:
                if not left or not any(sign in str(error) for sign in _RETRIED):
                    raise
        raise AssertionError("the last try returns or raises")

    def step(self, event: str, verb: Callable[[Call], Outcome]) -> Outcome:
        """The same for a step that may be refused. Raises Refused, once what the refusal left is committed."""
        outcome = self.write(verb)
        if outcome.refused:
            raise Refused(outcome, event)
        return outcome

    def both(self, event: str, verb: Callable[[Call], Outcome]) -> Outcome:
        """The same for several steps in one: a refusal of the last undoes those before. Raises Refused."""

        def whole(call: Call) -> Outcome:
            outcome = verb(call)
            if outcome.refused:
                raise Refused(outcome, event)
            return outcome

        return self.write(whole)

    def read(self, question: Callable[[Call], T]) -> T:
        """Answer a question; nothing is held or changed."""
        gate = self.door.gate
        with database.reader(gate.engine).begin() as connection:
            return question(gate.call(connection, self.visitor.actor))


class _Needs(Protocol):
    scope: str | None


def needs(scope: str) -> Any:
    """The dependency of a route: a valid key of the route's dialect that has the scope."""

    def visit(request: Request) -> Visit:
        return Visit(request.app.state.door, admit(request, scope))

    cast(_Needs, visit).scope = scope
    return Depends(visit)


def admit(request: Request, scope: str | None) -> Visitor:
    """Whoever sent the request, if the key is good, speaks this dialect, and has the scope. Raises Problem."""
    if request.scope["failure"] is not None:
        raise request.scope["failure"]
    visitor: Visitor | None = request.scope["visitor"]
    if visitor is None or visitor.dialect != request.app.state.dialect:
        raise Problem("unauthorized", "Invalid API key", "key")
    if scope is not None and scope not in visitor.actor.scopes:
        raise Problem("forbidden", f"The key lacks the permission {scope}", scope)
    return visitor


def executing(request: Request) -> None:
    """A dependency: launching makes no sense while nothing executes. Writes nothing."""
    door: Door = request.app.state.door
    if not door.executor_alive():
        raise Problem("unavailable", "No executor has shown life lately", "executor")


Reader = Annotated[Visit, needs("campaigns:read")]
Writer = Annotated[Visit, needs("campaigns:write")]
Launcher = Annotated[Visit, needs("campaigns:execute")]
Approver = Annotated[Visit, needs("lexi")]
PolicyWriter = Annotated[Visit, needs("policy:write")]


class StrictRequest(Request):
    """Reads JSON as one thing only: no repeated keys, no NUL, no half characters, no NaN, no endless bodies."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            limit = self.app.state.door.settings.body_limit
            chunks, size = [], 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > limit:
                    raise Problem("too_large", f"The body is larger than {limit} bytes", "body")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """Strict JSON (RFC 8259, with I-JSON's limits of RFC 7493). Raises RequestValidationError."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_no_repetition, parse_constant=_no_constant)
        if "\\u" in text or "\x00" in text:
            _no_odd_text(value)
    except (ValueError, RecursionError) as error:
        found = {"type": "json_invalid", "loc": ("body",), "msg": str(error), "input": None}
        raise RequestValidationError([found]) from error
    return value


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _no_odd_text(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("NUL is not allowed in a text")
        value.encode("utf-8")  # a lone surrogate raises
    elif isinstance(value, dict):
        for key, inner in value.items():
            _no_odd_text(key)
            _no_odd_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _no_odd_text(inner)


def _scopes(dependant: Any) -> Any:
    """The scopes that a route needs, however deep its dependencies ask for them."""
    for each in dependant.dependencies:
        if getattr(each.call, "scope", None):
            yield each.call.scope
        yield from _scopes(each)


class StrictRoute(APIRoute):
    """A route whose body is read strictly, and not before the key was found good."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        scope = next(_scopes(self.dependant), None)

        async def strictly(request: Request) -> Response:
            admit(request, scope)
            try:
                return await handle(StrictRequest(request.scope, request.receive))
            except HTTPException as error:  # the framework hides what reading a body raised behind a 400 of its own
                if isinstance(error.__cause__, Problem | RequestValidationError):
                    raise error.__cause__ from None
                raise

        return strictly


def dialect_app(name: str, title: str, door: Door) -> FastAPI:
    """An empty application for one dialect. Errors and routes are the dialect's own."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.door, app.state.dialect = door, name
    app.router.route_class = StrictRoute
    return app


def new_request_id() -> str:
    """24 hex digits, as Sonarly's trace ids are."""
    return uuid.uuid4().hex[:24]
