"""How Sonarly says no, under the names that its reference has for it."""
# ruff: noqa: N815 - names as they are on the wire

from typing import Annotated, Literal

from fastapi import Request, Response

from gonogo.definition import Blocker
from gonogo_api import contract
from gonogo_api.dialects.sonarly.shapes import DIALECT
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response
from gonogo_api.shapes import Shown, one_of

CODES: dict[Kind, str] = {
    "malformed": "VALIDATION_ERROR",
    "invalid": "VALIDATION_ERROR",
    "unauthorized": "UNAUTHORIZED",
    "forbidden": "FORBIDDEN",
    "not_found": "NOT_FOUND",
    "method": "METHOD_NOT_ALLOWED",
    "conflict": "CONFLICT",
    "too_large": "PAYLOAD_TOO_LARGE",
    "media_type": "UNSUPPORTED_MEDIA_TYPE",
    "limited": "RATE_LIMITED",
    "unavailable": "UPSTREAM_ERROR",
    "internal": "INTERNAL_ERROR",
}


class ErrorShown(Shown):
    code: Annotated[str, one_of(dict.fromkeys(CODES.values()))]
    message: str
    details: str


class ErrorResponse(Shown):
    success: Literal[False]
    data: None
    error: ErrorShown
    traceId: str


class ValidationErrorShown(Shown):
    code: Literal["VALIDATION_ERROR"]
    message: str
    details: str


class ValidationErrorResponse(Shown):
    """What could not be read (400), or was not what was expected (422)."""

    success: Literal[False]
    data: None
    error: ValidationErrorShown
    traceId: str


def error_shape(status: int) -> object:
    """What an error of the status looks like."""
    return ValidationErrorResponse if status in (400, 422) else ErrorResponse


def render(problem: Problem, request: Request) -> Response:
    details = "; ".join(map(str, problem.mistakes)) or problem.what
    return _error(
        STATUS[problem.kind], ErrorShown(code=CODES[problem.kind], message=problem.message, details=details), request
    )


def refuse(refused: Refused, request: Request) -> Response:
    answer = _answer(refused.event, refused.blockers)
    details = "; ".join(f"{each.code}: {contract.told(DIALECT, each)}" for each in refused.blockers)
    return _error(answer.status, ErrorShown(code=answer.code, message=answer.message, details=details), request)


def _answer(event: str, blockers: tuple[Blocker, ...]) -> contract.Answer:
    if event == "start" or blockers[0].code in contract.READINESS:
        return contract.start_answer(DIALECT, blockers)
    return contract.Answer(409, "CONFLICT", contract.told(DIALECT, blockers[0]))


def _error(status: int, error: ErrorShown, request: Request) -> Response:
    body = ErrorResponse(success=False, data=None, error=error, traceId=request.scope["request_id"])
    return json_response(body, status)
