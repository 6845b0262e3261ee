"""Routes that answer alike in every dialect, and the applications made of them."""

import functools
import hashlib
import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from sqlalchemy.exc import OperationalError
from starlette.exceptions import HTTPException

from gonogo.errors import GonogoError
from gonogo_api import openapi
from gonogo_api.conditional import IF_MATCH, conditional
from gonogo_api.door import Door
from gonogo_api.problems import JSON, PROBLEMS, Kind, Problem, Refused, crashed
from gonogo_api.strict import UTF_8, StrictRequest, charset, content_type
from gonogo_api.visits import IDEMPOTENCY_KEY, Named, admit, executing

MOST_OF_A_NAME = 255
#: What the application has handlers for.
EXPECTED = (Problem, Refused, GonogoError, RequestValidationError, OperationalError)


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
        # a body that does not say what it is, is JSON
        super().__init__(path, _answering_once(endpoint), **{**more, "strict_content_type": False})
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
                return conditional(request, response) if house and request.method == "GET" else response
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
    )
    app.openapi = functools.partial(openapi.document, app)  # type: ignore[method-assign]
    app.state.door, app.state.dialect, app.state.house = door, name, house
    for router in routers:
        app.router.routes.extend(router.routes)  # a router that is included would match each of its routes twice
    return app
