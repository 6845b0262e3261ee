"""The way in, the same for every dialect: who knocks, with which right, in which transaction."""

import functools
import hashlib
import inspect
import json
import math
import uuid
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from email.message import Message
from typing import Annotated, Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from gonogo import database
from gonogo.call import Call, Outcome
from gonogo.errors import Conflict, GonogoError
from gonogo.gate import Gate
from gonogo.questions import Answer
from gonogo.store import replies, standing, workspaces
from gonogo_api import openapi
from gonogo_api.auth import Visitor, identify, note_use, presented
from gonogo_api.problems import (
    BAD_KEY,
    JSON,
    LOST,
    PROBLEMS,
    REUSED,
    SILENT,
    STALE,
    STUCK,
    Kind,
    Problem,
    Refused,
    crashed,
)
from gonogo_api.rates import Allowance, Limiter
from gonogo_api.settings import Settings
from gonogo_api.writing import GroupCommit

T = TypeVar("T")
Stepped = TypeVar("Stepped", bound=Outcome | Answer)
TRIES = 3
OK = 200
UTF_8 = ("utf-8", "utf8", "us-ascii")
IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"
MOST_OF_A_NAME = 255
#: What the application has handlers for.
EXPECTED = (Problem, Refused, GonogoError, RequestValidationError, OperationalError)
_RETRIED = ("deadlock detected", "could not serialize", "database is locked")


class Door:
    """What the routes of every dialect share."""

    def __init__(self, gate: Gate, settings: Settings, pepper: bytes) -> None:
        self.gate, self.settings, self.pepper = gate, settings, pepper
        self.commits = GroupCommit(gate.engine)
        self.reader, self.glances = database.reader(gate.engine), database.glances(gate.engine)
        self.limiter = Limiter(settings.rate_limit, self.glances) if settings.rate_limit != "0" else None
        #: Of the event loop, where a reader waits for nobody.
        self._at_hand = self.glances.connect() if database.readers_never_wait(gate.engine) else None

    def close(self) -> None:
        """Let go of what it opened itself."""
        if self._at_hand is not None:
            self._at_hand.close()
        self.glances.dispose()

    async def meet(self, authorization: str | None) -> tuple[Visitor | None, Allowance | None]:
        """Who a request says it is from, and what is left to that key.

        Where a reader waits for nobody it is looked up right here: changing to a thread costs more than the answer.
        """
        if self._at_hand is None:
            return await run_in_threadpool(self._met, authorization)
        key = presented(authorization)
        visitor = identify(self._at_hand, self.pepper, key, self.gate.clock.now()) if key else None
        if visitor is not None and visitor.alive and visitor.use_is_due(self.gate.clock.now()):
            await run_in_threadpool(self._note, visitor)
        return visitor, self._counted(visitor)

    def who(self, authorization: str | None) -> Visitor | None:
        """Who a request says it is from; None for a missing key, and for one that is unknown. Its use is noted."""
        key, now = presented(authorization), self.gate.clock.now()
        if key is None:
            return None
        visitor = database.at_a_glance(self.glances, lambda connection: identify(connection, self.pepper, key, now))
        if visitor is not None and visitor.alive:
            self._note(visitor)
        return visitor

    def _met(self, authorization: str | None) -> tuple[Visitor | None, Allowance | None]:
        visitor = self.who(authorization)
        return visitor, self._counted(visitor)

    def _note(self, visitor: Visitor) -> None:
        note_use(self.glances, visitor, self.gate.clock.now())

    def _counted(self, visitor: Visitor | None) -> Allowance | None:
        if visitor is None or not visitor.alive or self.limiter is None:
            return None
        return self.limiter.hit(visitor.actor.id)

    def executor_alive(self) -> bool:
        """An executor has shown life lately; decided from rows."""
        return executor_alive(self.glances, self.settings)

    def mail_is_stuck(self) -> bool:
        """A launch waits for the relay, which refused it or could not be reached; decided from rows."""
        return database.at_a_glance(self.glances, standing.mail_is_stuck)


def executor_alive(glances: sa.Engine, settings: Settings) -> bool:
    """Whether any executor has shown life lately, on an engine of `database.glances`."""
    return database.at_a_glance(glances, workspaces.seconds_since_life) <= settings.executor_silence


@dataclass(frozen=True, slots=True)
class Named:
    """How a request names itself (Idempotency-Key), and the digest of what it asks."""

    name: str
    asked: str


@dataclass(slots=True)
class Visit:
    """One authenticated request."""

    door: Door
    visitor: Visitor
    named: Named | None = None
    held: sa.Connection | None = None  # the transaction of a request that named itself: its answer is kept there

    def once(self, request: Request, answer: Callable[[], Response]) -> Response:
        """The answer; that of a request that named itself is kept with its effect, and given again to its repetition.

        A refusal is an answer too. What was wrong with a request is not: it had no effect, and may be sent corrected.
        """
        named = self.named
        if named is None:
            return answer()
        key_id, now = self.visitor.actor.id, self.door.gate.clock.now()

        def whole(connection: sa.Connection) -> Response:
            self.held = connection
            known = replies.take(connection, key_id, named.name, named.asked, now)
            if known is not None:
                return _again(known, named)
            try:
                response = answer()
            except Refused as refused:
                response = request.app.state.refuse(refused, request)
            headers = {name: value for name, value in response.headers.items() if name != "content-length"}
            kept = {"status": response.status_code, "headers": headers, "body": bytes(response.body).decode()}
            replies.keep(connection, key_id, named.name, kept)
            return response

        return self.door.commits.run(whole)

    def write(self, verb: Callable[[Call], T]) -> T:
        """Run a use case in a transaction of its own; lost races are run again, a few times."""
        gate = self.door.gate
        if self.held is not None:
            try:
                with self.held.begin_nested():  # what `both` undoes leaves the name taken
                    return verb(gate.call(self.held, self.visitor.actor))
            except Conflict:
                raise Problem("conflict", LOST) from None
        for left in reversed(range(TRIES)):
            try:
                return self.door.commits.run(lambda connection: verb(gate.call(connection, self.visitor.actor)))
            except Conflict:
                if not left:
                    raise Problem("conflict", LOST) from None
            except OperationalError as error:
                if not left or not any(sign in str(error) for sign in _RETRIED):
                    raise
        raise AssertionError("the last try returns or raises")

    def step(self, event: str, verb: Callable[[Call], Stepped]) -> Stepped:
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
        if self.held is not None:
            return question(gate.call(self.held, self.visitor.actor))
        with self.door.reader.begin() as connection:
            return question(gate.call(connection, self.visitor.actor))


def _again(known: Any, named: Named) -> Response:
    if known.asked != named.asked:
        raise Problem("reused", REUSED, IDEMPOTENCY_KEY)
    return Response(known.body, known.status, {**known.headers, "Idempotency-Replayed": "true"})


class _Needs(Protocol):
    scope: str | None


def needs(scope: str) -> Any:
    """The dependency of a route: a valid key of the route's dialect that has the scope."""

    async def visit(request: Request) -> Visit:  # it waits for nothing: a thread would cost more than it does
        return Visit(request.app.state.door, admit(request, scope), request.scope.get("named"))

    cast(_Needs, visit).scope = scope
    return Depends(visit)


def admit(request: Request, scope: str | None) -> Visitor:
    """Whoever sent the request, if the key is good, speaks this dialect, and has the scope. Raises Problem."""
    if request.scope["failure"] is not None:
        raise request.scope["failure"]
    visitor: Visitor | None = request.scope["visitor"]
    if visitor is None or not visitor.alive or visitor.dialect != request.app.state.dialect:
        raise Problem("unauthorized", BAD_KEY, "key")
    allowance: Allowance | None = request.scope["allowance"]
    if allowance is not None and allowance.exceeded:
        message = f"Rate limit exceeded: {allowance.limit} requests"
        raise Problem("limited", message, headers={"Retry-After": allowance.retry_after})
    if scope is not None and scope not in visitor.actor.scopes:
        raise Problem("forbidden", f"The key lacks the permission {scope}", scope)
    return visitor


def executing(request: Request) -> Callable[[str], str]:
    """A dependency: launching makes no sense while nothing executes, or no mail is taken. It answers the id of a
    campaign that was found, or raises Problem."""
    door: Door = request.app.state.door

    def launchable(campaign_id: str) -> str:
        if not door.executor_alive():
            raise Problem("unavailable", SILENT, "executor")
        if door.mail_is_stuck():
            raise Problem("unavailable", STUCK, "relay")
        return campaign_id

    return launchable


Executing = Annotated[Callable[[str], str], Depends(executing)]


#: The tag of what a client saw, and wants to change only while it is like that.
IfMatch = Annotated[str | None, Header(alias=IF_MATCH, description="The ETag of what was seen")]
Reader = Annotated[Visit, needs("campaigns:read")]
Writer = Annotated[Visit, needs("campaigns:write")]
Launcher = Annotated[Visit, needs("campaigns:execute")]
Approver = Annotated[Visit, needs("lexi")]
PolicyWriter = Annotated[Visit, needs("policy:write")]
Auditor = Annotated[Visit, needs("audit:read")]
Admin = Annotated[Visit, needs("admin")]


def grantable(visit: Visit, scopes: Iterable[str]) -> None:
    """Raise Problem for scopes that the visitor lacks: nobody grants them."""
    lacking = sorted(set(scopes) - visit.visitor.actor.scopes)
    if lacking:
        raise Problem("forbidden", f"The key can't grant what it lacks: {', '.join(lacking)}", lacking[0])


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
        value = json.loads(text, object_pairs_hook=_no_repetition, parse_constant=_no_constant, parse_float=_finite)
        if "\\u" in text or "\x00" in text:
            _no_odd_text(value)
    except (ValueError, RecursionError) as error:
        found = {"type": "json_invalid", "loc": ("body",), "msg": _why(error), "input": None}
        raise RequestValidationError([found]) from error
    return value


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


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


def _asks(dependant: Any, wanted: Callable[..., object]) -> bool:
    """Whether a route depends on this, however deep."""
    return any(each.call is wanted or _asks(each, wanted) for each in dependant.dependencies)


def _asks_query(dependant: Any) -> bool:
    """Whether a route takes parameters of the query, however deep its dependencies ask for them."""
    return bool(dependant.query_params) or any(map(_asks_query, dependant.dependencies))


class StrictRoute(APIRoute):
    """A route whose body is read strictly, and not before the key was found good."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, _answering_once(endpoint), **more)
        told = {"security": [{"key": sorted(set(_scopes(self.dependant)))}], PROBLEMS: list(self._problems())}
        self.openapi_extra = {**told, **(self.openapi_extra or {})}

    def _problems(self) -> Iterator[Kind]:
        """What can go wrong with its calls, whatever they ask for."""
        yield from ("unauthorized", "forbidden", "limited", "internal")
        methods, body = self.methods or set(), self._body()
        if "{" in self.path:
            yield "not_found"
        if "{" in self.path or body or self._asks_query():
            yield "invalid"
        if "GET" not in methods:
            yield from ("malformed", "too_large")
        if body:
            yield "media_type"
        if "GET" not in methods:
            yield "conflict"
        if any(each.alias == IF_MATCH for each in self.dependant.header_params):
            yield "stale"
        if _asks(self.dependant, executing):
            yield "unavailable"

    def _body(self) -> object:
        """What it takes as a body, if it takes one."""
        return self.body_field or (self.openapi_extra or {}).get("requestBody")

    def _asks_query(self) -> bool:
        return _asks_query(self.dependant)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        scope = next(_scopes(self.dependant), None)

        async def strictly(request: Request) -> Response:
            admit(request, scope)
            strict = StrictRequest(request.scope, request.receive)
            house = request.app.state.house
            try:
                if house and request.method == "POST":
                    request.scope["named"] = await _named(strict)
                await self._readable(strict)
                response = await handle(strict)
                return _conditional(request, response) if house and request.method == "GET" else response
            except HTTPException as error:  # the framework hides what reading a body raised behind a 400 of its own
                if isinstance(error.__cause__, Problem | RequestValidationError):
                    raise error.__cause__ from None
                raise
            except EXPECTED:
                raise
            except Exception as error:  # answered like any other: past the framework it would cost the connection
                raise crashed(request, error) from None

        return strictly

    async def _readable(self, request: StrictRequest) -> None:
        """Raise for a query with NUL in it, and for a body that can't be read as what it says it is, also where none is
        asked for."""
        if self._asks_query() and b"%00" in request.scope["query_string"]:
            raise Problem("invalid", "NUL is not allowed in a text")
        if request.method == "GET":
            return  # a body means nothing there (RFC 9110, section 9.3.1)
        if charset(request) not in UTF_8:
            raise Problem("malformed", "Expected a body in UTF-8", "content-type")
        if self._body() and self.body_field is None:
            return  # it reads the body in its own way
        is_json, body = content_type(request) == JSON, await request.body()
        if self.body_field is not None and body and not is_json:
            raise Problem("media_type", f"Expected a body of type {JSON}", "content-type")
        if self.body_field is None and body.strip() and is_json:
            await request.json()


def content_type(request: Request) -> str:
    """What a body says it is, in lower case and without parameters; JSON where it says nothing."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


def charset(request: Request) -> str:
    """The charset that a body says it is in; UTF-8 where it says nothing."""
    return _charset(request.headers.get("content-type", JSON))


@functools.lru_cache
def _charset(content_type: str) -> str:
    said = Message()
    said["Content-Type"] = content_type
    found = said.get_param("charset", "utf-8")
    return found.lower() if isinstance(found, str) else ""  # a name in the form of RFC 2231, which HTTP does not have


async def _named(request: StrictRequest) -> Named | None:
    """How the request names itself, if it does. Raises Problem for a name that can't be kept."""
    name = request.headers.get(IDEMPOTENCY_KEY)
    if name is None:
        return None
    if not (name and name.isascii() and name.isprintable() and len(name) <= MOST_OF_A_NAME):
        raise Problem("malformed", f"{IDEMPOTENCY_KEY}: expected 1 to {MOST_OF_A_NAME} printable ASCII characters")
    where = f"{request.method} {request.url.path}?{request.url.query}"
    asked = hashlib.sha256(f"{where}\n{content_type(request)}\n".encode())
    asked.update(await request.body())
    return Named(name, asked.hexdigest())


def etag(response: Response) -> str:
    """The entity tag of an answer: the same for the same bytes (RFC 9110, section 8.8.3)."""
    return f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'


def _conditional(request: Request, response: Response) -> Response:
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


def _answering_once(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """The endpoint of a visit, answering a request that names itself once; any other endpoint as it is."""
    expected = inspect.signature(endpoint)
    if "visit" not in expected.parameters or hasattr(endpoint, "answers_once"):
        return endpoint

    def answer(request: Request, **given: Any) -> Any:
        return given["visit"].once(request, lambda: endpoint(**given))

    ours = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
    wrapped = functools.wraps(endpoint)(answer)
    vars(wrapped).update(
        answers_once=True,
        __signature__=expected.replace(parameters=[ours, *expected.parameters.values()]),
    )
    return wrapped


def dialect_app(
    name: str, title: str, description: str, door: Door, routers: Iterable[APIRouter], *, house: bool = False
) -> FastAPI:
    """An application for one dialect, with its routes. Its errors are installed later.

    Only the house shows its rates, lets requests name themselves, and answers on conditions.
    """
    app = FastAPI(
        title=title,
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # a body that does not say what it is, is JSON
    )
    app.openapi = functools.partial(openapi.document, app)  # type: ignore[method-assign]
    app.state.door, app.state.dialect, app.state.house = door, name, house
    for router in routers:
        app.router.routes.extend(router.routes)  # a router that is included would match each of its routes twice
    return app


def new_request_id() -> str:
    """24 hex digits, as Sonarly's trace ids are."""
    return uuid.uuid4().hex[:24]
