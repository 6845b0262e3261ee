"""How Bavlio says no: `{"detail": "CODE", "message"}`, and 422 in a shape of its own."""

from typing import Literal

from fastapi import Request, Response

from gonogo_api import contract
from gonogo_api.dialects.bavlio.shapes import DIALECT
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response
from gonogo_api.shapes import Shown

CODES: dict[Kind, str] = {
    "unauthorized": "INVALID_API_KEY",
    "forbidden": "INSUFFICIENT_PERMISSIONS",
    "method": "METHOD_NOT_ALLOWED",
    "conflict": "CONFLICT",
    "too_large": "PAYLOAD_TOO_LARGE",
    "media_type": "UNSUPPORTED_MEDIA_TYPE",
    "limited": "RATE_LIMITED",
    "unavailable": "SERVICE_UNAVAILABLE",
    "internal": "INTERNAL_ERROR",
}
WRONG = 422


class MistakeShown(Shown):
    loc: str
    msg: str
    type: Literal["malformed", "invalid"]


class Wrong(Shown):
    """How an error looks where the request was wrong: what is wrong, and where."""

    error: Literal["Request Validation Error"]
    details: list[MistakeShown]
    path: str
    message: str


class Error(Shown):
    """How every other error looks; `detail` is a code."""

    detail: str
    message: str


def shape(status: int) -> type[Wrong] | type[Error]:
    return Wrong if status == WRONG else Error


def render(problem: Problem, request: Request) -> Response:
    kind = problem.kind
    if kind in ("malformed", "invalid"):
        details = [MistakeShown(loc=place, msg=message, type=kind) for place, message in problem.places]
        wrong = Wrong(error="Request Validation Error", details=details, path=request.url.path, message=problem.message)
        return json_response(wrong, WRONG)
    code = CODES.get(kind) or f"{problem.what}_not_found".removeprefix("path_").upper()
    return _error(STATUS[kind], code, problem.message)


def refuse(refused: Refused, _: Request) -> Response:
    answer = contract.step_answer(DIALECT, refused.blockers)
    return _error(answer.status, answer.code, answer.message)


def _error(status: int, code: str, message: str) -> Response:
    return json_response(Error(detail=code, message=message), status)
