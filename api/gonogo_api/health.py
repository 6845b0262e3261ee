"""What a process tells whoever watches over it: that it lives, that it can work, and its figures."""

from collections.abc import Callable

from sqlalchemy.exc import DBAPIError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gonogo_api.metrics import Metrics
from gonogo_api.problems import new_request_id

CODES = {404: "not_found", 405: "method_not_allowed"}
HEADERS = {405: {"Allow": "GET, HEAD"}}


def routes(executor_alive: Callable[[], bool], figures: Metrics, token: str | None) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`; the last for whoever may read it (`metrics.may_read`)."""

    async def healthz(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    def readyz(_: Request) -> JSONResponse:
        try:
            alive = executor_alive()
        except DBAPIError:
            return JSONResponse({"database": "unreachable", "executor": "unknown"}, 503)
        return JSONResponse({"database": "ok", "executor": "ok" if alive else "silent"}, 200 if alive else 503)

    def metrics(request: Request) -> Response:
        return figures.shown(request, token)

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    return [Route(f"{path}{slash}", page) for path, page in pages.items() for slash in ("", "/")]


async def refused(_: Request, error: Exception) -> JSONResponse:
    """The answer where there is no page, or none for the method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = CODES.get(status, "internal")
    body = {"error": {"code": code, "message": code.replace("_", " ").capitalize()}}
    return JSONResponse(body, status, {**HEADERS.get(status, {}), "X-Request-Id": new_request_id()})
