"""What happens to campaigns: start, pause, stop, once more; scheduled, and not any more."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from gonogo import service
from gonogo.call import Call, Outcome
from gonogo.definition import Blocker
from gonogo.service import Selection
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.dialects.burki.shapes import DIALECT, WRONG_STATUS, Again, Number, Schedule, found, started
from gonogo_api.door import StrictRoute, Writer, executing
from gonogo_api.problems import Refused, json_response

router = APIRouter(prefix="/api/v1/campaigns/{campaign_id}", route_class=StrictRoute, tags=["execution"])
Executing = Annotated[None, Depends(executing)]
OK = 200
#: Burki's statuses in which a campaign can be stopped, and executed once more.
STOPPABLE = ("running", "paused", "scheduled")
ENDED = ("completed", "cancelled", "failed")


@router.post("/start")
def start(visit: Writer, campaign_id: Number, _: Executing) -> Response:
    """Start now or at its time; resume where it was paused; answer its schedule again where it has one already."""
    resumes = DIALECT in contract.RESUMES
    outcome = visit.write(lambda call: service.start(call, found(call, campaign_id), resumes=resumes))
    if outcome.refused and contract.start_answer(DIALECT, outcome.blockers).status != OK:
        raise Refused(outcome, "start")
    return json_response(started(outcome.case))


@router.post("/pause")
def pause(visit: Writer, campaign_id: Number) -> Response:
    outcome = visit.step("pause", lambda call: service.pause(call, found(call, campaign_id)))
    return _done("Campaign paused", outcome.case)


@router.post("/stop")
def stop(visit: Writer, campaign_id: Number) -> Response:
    """Give up what runs, is paused or scheduled; a draft can't be stopped."""

    def give_up(call: Call) -> Outcome:
        case = _in(call, campaign_id, STOPPABLE, "Campaign cannot be stopped (invalid status)")
        return case if isinstance(case, Outcome) else service.cancel(call, case.id)

    return _done("Campaign stopped", visit.step("stop", give_up).case)


@router.post("/re-execute")
def re_execute(visit: Writer, campaign_id: Number, _: Executing, body: Again | None = None) -> Response:
    """Open an ended campaign again for the contacts selected, and start it; both or neither."""
    chosen = (body or Again()).contact_selection
    wanted: Selection = "failed" if chosen == "failed_only" else chosen

    def again(call: Call) -> Outcome:
        case = _in(call, campaign_id, ENDED, "Campaign cannot be re-executed (invalid status)")
        return case if isinstance(case, Outcome) else service.rerun(call, case.id, wanted)

    return json_response(started(visit.both("start", again).case))


@router.post("/schedule")
def schedule(visit: Writer, campaign_id: Number, body: Schedule, _: Executing) -> Response:
    """Give the campaign a start time and start it; both or neither."""

    def propose(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))
        extra = {**case.extra, "schedule_type": "scheduled"}
        revised = service.revise(call, case.id, start_at=body.scheduled_time, extra=extra)
        return revised if revised.refused else service.start(call, case.id, resumes=DIALECT in contract.RESUMES)

    return json_response(started(visit.both("start", propose).case))


@router.post("/unschedule")
def unschedule(visit: Writer, campaign_id: Number) -> Response:
    """Give the start time up; the campaign goes back to its editors."""

    def give_up(call: Call) -> Outcome:
        case = _in(call, campaign_id, ("scheduled",), "Campaign is not scheduled")
        if isinstance(case, Outcome):
            return case
        return service.revise(call, case.id, start_at=None, extra={**case.extra, "schedule_type": "immediate"})

    return _done("Campaign unscheduled", visit.step("unschedule", give_up).case)


def _in(call: Call, campaign_id: int, statuses: tuple[str, ...], otherwise: str) -> Case | Outcome:
    """The campaign under its lock, if Burki offers the call in its status; else the refusal."""
    case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))
    if contract.status(DIALECT, case.state) in statuses:
        return case
    return Outcome(case, (Blocker(WRONG_STATUS, otherwise),))


def _done(message: str, case: Case) -> Response:
    status = contract.status(DIALECT, case.state)
    return json_response({"success": True, "message": message, "campaign_id": int(case.wire_id), "status": status})
