"""How Bavlio says no: `{"detail": "CODE", "message"}`, and 422 in a shape of its own."""

from fastapi import Request, Response

from gonogo.definition import Blocker
from gonogo_api import contract
from gonogo_api.dialects.bavlio.shapes import DIALECT
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response

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


def render(problem: Problem, request: Request) -> Response:
    if problem.kind in ("malformed", "invalid"):
        return _wrong(problem, request.url.path)
    code = CODES.get(problem.kind) or f"{problem.what}_not_found".removeprefix("path_").upper()
    return _error(STATUS[problem.kind], code, problem.message)


def refuse(refused: Refused, _: Request) -> Response:
    answer = _answer(refused.event, refused.blockers)
    return _error(answer.status, answer.code, answer.message)


def _answer(event: str, blockers: tuple[Blocker, ...]) -> contract.Answer:
    if event == "start" or blockers[0].code in contract.READINESS:
        return contract.start_answer(DIALECT, blockers)
    return contract.Answer(409, blockers[0].code.upper(), blockers[0].message)


def _wrong(problem: Problem, path: str) -> Response:
    found = [(each.path, each.message) for each in problem.mistakes] or [("", problem.message)]
    details = [{"loc": place, "msg": message, "type": problem.kind} for place, message in found]
    body = {"error": "Request Validation Error", "details": details, "path": path, "message": problem.message}
    return json_response(body, 422)


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"detail": code, "message": message}, status)
