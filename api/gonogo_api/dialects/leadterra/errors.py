"""How Leadterra says no: `{"error": {"code", "message"}}`."""

from fastapi import Request, Response

from gonogo.definition import Blocker
from gonogo_api import contract
from gonogo_api.dialects.leadterra.shapes import DIALECT
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response
from gonogo_api.shapes import Shown

CODES: dict[Kind, str] = {
    "malformed": "invalid_request",
    "invalid": "invalid_request",
    "unauthorized": "authentication_failed",
    "forbidden": "insufficient_permissions",
    "method": "method_not_allowed",
    "conflict": "conflict",
    "too_large": "request_too_large",
    "media_type": "unsupported_media_type",
    "limited": "rate_limited",
    "unavailable": "service_unavailable",
    "internal": "internal_error",
}


class ErrorShown(Shown):
    code: str
    message: str


class Error(Shown):
    """How every error looks."""

    error: ErrorShown


def render(problem: Problem, _: Request) -> Response:
    code = CODES.get(problem.kind) or f"{problem.what}_not_found".removeprefix("path_")
    return _error(STATUS[problem.kind], code, problem.message)


def refuse(refused: Refused, _: Request) -> Response:
    answer = _answer(refused.event, refused.blockers)
    return _error(answer.status, answer.code, answer.message)


def approval_required() -> Response:
    """What a start that people are asked about is answered with, where it is not answered as a draft."""
    return _error(409, "approval_required", "The campaign awaits approval")


def _answer(event: str, blockers: tuple[Blocker, ...]) -> contract.Answer:
    first = blockers[0]
    if event == "start" or first.code in contract.READINESS:
        return contract.start_answer(DIALECT, blockers)
    ended = event == "pause"  # a draft's and a paused one's is no refusal here
    return contract.Answer(409, "campaign_ended" if ended else first.code, contract.told(DIALECT, first))


def _error(status: int, code: str, message: str) -> Response:
    return json_response(Error(error=ErrorShown(code=code, message=message)), status)
