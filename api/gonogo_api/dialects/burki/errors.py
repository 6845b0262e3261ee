"""How Burki says no: `{"success": false, "detail": "..."}`, and a list of details where the request was wrong."""

from fastapi import Request, Response

from gonogo_api import contract
from gonogo_api.dialects.burki.shapes import DIALECT, WRONG_STATUS
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response

#: Where Burki's statuses are not everybody's.
OWN: dict[Kind, int] = {"malformed": 422, "unavailable": 500}


def render(problem: Problem, _: Request) -> Response:
    status = OWN.get(problem.kind, STATUS[problem.kind])
    if problem.kind == "unavailable":
        return _error(status, "Background task system unavailable")
    if problem.kind not in ("malformed", "invalid"):
        return _error(status, problem.message)
    found = [(each.path, each.message) for each in problem.mistakes] or [("", problem.message)]
    return _error(status, [{"loc": [path], "msg": message, "type": problem.kind} for path, message in found])


def refuse(refused: Refused, _: Request) -> Response:
    if refused.event == "pause":
        return _error(400, "Campaign is not running")
    if refused.blockers[0].code == WRONG_STATUS:
        return _error(400, refused.blockers[0].message)
    return _error(400, _of_start(refused))


def _of_start(refused: Refused) -> str:
    """Nobody was ever there, or nobody is left: the cures differ, so the words do."""
    case, first = refused.outcome.case, refused.blockers[0]
    if contract.situation(first) == "no recipients" and case.run and case.contacts:
        return contract.START["completed"][DIALECT].message
    return contract.start_answer(DIALECT, refused.blockers).message


def _error(status: int, detail: object) -> Response:
    return json_response({"success": False, "detail": detail}, status)
