"""How Burki says no: `{"success": false, "detail": "..."}`, and a list of details where the request was wrong."""

from typing import Literal

from fastapi import Request, Response

from gonogo_api import contract
from gonogo_api.dialects.burki.shapes import DIALECT
from gonogo_api.problems import STATUS, Kind, Problem, Refused, json_response
from gonogo_api.shapes import Shown

WRONG = 422
#: Where else Burki's statuses are not everybody's (seed 003).
OWN: dict[Kind, int] = {"unavailable": 500}


class MistakeShown(Shown):
    loc: list[str]
    msg: str
    type: Literal["malformed", "invalid"]


class Wrong(Shown):
    """How an error looks where the request was wrong: what is wrong, and where."""

    success: Literal[False]
    detail: list[MistakeShown]


class Error(Shown):
    """How every other error looks."""

    success: Literal[False]
    detail: str


def shape(status: int) -> type[Wrong] | type[Error]:
    return Wrong if status == WRONG else Error


def render(problem: Problem, _: Request) -> Response:
    kind = problem.kind
    if kind in ("malformed", "invalid"):
        details = [MistakeShown(loc=[path], msg=message, type=kind) for path, message in problem.places]
        return json_response(Wrong(success=False, detail=details), WRONG)
    message = "Background task system unavailable" if kind == "unavailable" else problem.message
    return _error(OWN.get(kind, STATUS[kind]), message)


def refuse(refused: Refused, _: Request) -> Response:
    if refused.event == "start" and refused.blockers[0].code != contract.NOT_OFFERED:
        return _error(400, _of_start(refused))
    return _error(400, contract.told(DIALECT, refused.blockers[0]))


def _of_start(refused: Refused) -> str:
    """Nobody was ever there, or nobody is left: the cures differ, so the words do."""
    case, first = refused.case, refused.blockers[0]
    if contract.situation(first) == "no recipients" and case.run and case.contacts:
        return contract.START["completed"][DIALECT].message
    return contract.start_answer(DIALECT, refused.blockers).message


def _error(status: int, detail: str) -> Response:
    return json_response(Error(success=False, detail=detail), status)
