"""How LeadLex says no: `{"error": {"code", "message"}}`, and the blockers where a step was refused."""

from typing import NotRequired

from fastapi import Request, Response

from gonogo.definition import Blocker
from gonogo_api import contract
from gonogo_api.dialects.leadlex.answers import BlockerShown, blocker_shape
from gonogo_api.dialects.leadlex.shapes import DIALECT
from gonogo_api.problems import STATUS, Problem, Refused, json_response
from gonogo_api.shapes import Shown

CODES = {
    "malformed": "validation_error",
    "invalid": "validation_error",
    "unauthorized": "invalid_key",
    "forbidden": "insufficient_permissions",
    "not_found": "not_found",
    "method": "method_not_allowed",
    "conflict": "conflict",
    "too_large": "validation_error",
    "media_type": "validation_error",
    "stale": "precondition_failed",
    "reused": "idempotency_key_reused",
    "limited": "rate_limited",
    "unavailable": "unavailable",
    "internal": "internal_error",
}
MISSING_WRITE = "Missing write permission: the key lacks campaigns:write"  # as seed 000 begins it
#: Blockers that are about who asks, not about what is asked.
ABOUT_THE_PERSON = (
    "not_entitled", "person_required", "separation_of_duties", "not_requester", "seat_taken", "break_glass_off",
)  # fmt: skip
#: Events whose refusals this dialect documents as 400 (seed 000); every other is a conflict with what is.
DOCUMENTED = ("start", "approve", "dismiss", "retract", "withdraw", "request_changes")


class MistakeShown(Shown):
    path: str
    message: str


class ErrorShown(Shown):
    code: str
    message: str
    mistakes: NotRequired[list[MistakeShown]]
    blockers: NotRequired[list[BlockerShown]]


class Error(Shown):
    """How every error looks."""

    error: ErrorShown


def render(problem: Problem, _: Request) -> Response:
    status = 400 if problem.kind == "invalid" else STATUS[problem.kind]
    message = MISSING_WRITE if problem.what == "campaigns:write" else problem.message
    error = ErrorShown(code=CODES[problem.kind], message=message)
    if problem.mistakes:
        error["mistakes"] = [MistakeShown(path=each.path, message=each.message) for each in problem.mistakes]
    return json_response(Error(error=error), status)


def refuse(refused: Refused, _: Request) -> Response:
    first = refused.blockers[0]
    status, code = _answer(refused.event, first)
    error = ErrorShown(code=code, message=contract.told(DIALECT, first))
    error["blockers"] = [blocker_shape(each) for each in refused.blockers]
    return json_response(Error(error=error), status)


def _answer(event: str, first: Blocker) -> tuple[int, str]:
    if first.code in ABOUT_THE_PERSON:
        return 403, "insufficient_permissions"
    if first.code == "seal_changed":
        return 409, first.code
    if event in DOCUMENTED or first.code in contract.READINESS:
        answer = contract.start_answer(DIALECT, (first,))
        return (answer.status, answer.code) if answer.code else (400, "validation_error")
    return 409, first.code
