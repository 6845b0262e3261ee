"""What happens to campaigns: start, pause, stop, once more; scheduled, and not any more."""

from fastapi import APIRouter, Response

from gonogo import service
from gonogo.call import Call, Outcome
from gonogo.service import Selection
from gonogo.store import cases
from gonogo_api import contract
from gonogo_api.dialects.burki.answers import STARTED, Done, Started, done, started
from gonogo_api.dialects.burki.shapes import DIALECT, Again, Number, Schedule, found
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import Refused, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.visits import Executing, Writer

router = APIRouter(prefix="/api/v1/campaigns/{campaign_id}", route_class=StrictRoute, tags=["execution"])
OK = 200
START = says(Started, examples=STARTED) | refuses(400)
STEP = says(Done) | refuses(400)


@router.post("/start", responses=START)
def start(visit: Writer, campaign_id: Number, executing: Executing) -> Response:
    """Start now or at its time; resume where it was paused; answer its schedule again where it has one already."""
    resumes = DIALECT in contract.RESUMES
    outcome = visit.write(lambda call: service.start(call, executing(found(call, campaign_id)), resumes=resumes))
    if outcome.refused and contract.start_answer(DIALECT, outcome.blockers).status != OK:
        raise Refused(outcome, "start")
    return json_response(started(outcome.case))


@router.post("/pause", responses=STEP)
def pause(visit: Writer, campaign_id: Number) -> Response:
    """Stop contacting people until the campaign is started again; what only waits for its time is unscheduled."""

    def halt(call: Call) -> Outcome:
        held = _offered(call, campaign_id, "pause")
        return held if held.refused else service.pause(call, held.case.id)

    return json_response(done("Campaign paused", visit.step("pause", halt).case))


@router.post("/stop", responses=STEP)
def stop(visit: Writer, campaign_id: Number) -> Response:
    """Give up what runs, is paused or scheduled; a draft can't be stopped."""

    def give_up(call: Call) -> Outcome:
        held = _offered(call, campaign_id, "stop")
        return held if held.refused else service.cancel(call, held.case.id)

    return json_response(done("Campaign stopped", visit.step("stop", give_up).case))


@router.post("/re-execute", responses=START)
def re_execute(visit: Writer, campaign_id: Number, executing: Executing, body: Again | None = None) -> Response:
    """Open an ended campaign again for the contacts selected, and start it; both or neither."""
    chosen = (body or Again()).contact_selection
    wanted: Selection = "failed" if chosen == "failed_only" else chosen

    def again(call: Call) -> Outcome:
        executing(found(call, campaign_id))
        held = _offered(call, campaign_id, "re-execute")
        return held if held.refused else service.rerun(call, held.case.id, wanted)

    return json_response(started(visit.both("start", again).case))


@router.post("/schedule", responses=START)
def schedule(visit: Writer, campaign_id: Number, body: Schedule, executing: Executing) -> Response:
    """Give the campaign a start time and start it; both or neither."""

    def propose(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, executing(found(call, campaign_id)))
        extra = {**case.extra, "schedule_type": "scheduled"}
        revised = service.revise(call, case.id, start_at=body.scheduled_time, extra=extra)
        return revised if revised.refused else service.start(call, case.id, resumes=DIALECT in contract.RESUMES)

    return json_response(started(visit.both("start", propose).case))


@router.post("/unschedule", responses=STEP)
def unschedule(visit: Writer, campaign_id: Number) -> Response:
    """Give the start time up; the campaign goes back to its editors."""

    def give_up(call: Call) -> Outcome:
        held = _offered(call, campaign_id, "unschedule")
        if held.refused:
            return held
        extra = {**held.case.extra, "schedule_type": "immediate"}
        return service.revise(call, held.case.id, start_at=None, extra=extra)

    return json_response(done("Campaign unscheduled", visit.step("unschedule", give_up).case))


def _offered(call: Call, campaign_id: int, name: str) -> Outcome:
    """The campaign under its lock; refused where Burki does not offer the call in its status."""
    case = service.hold(call, found(call, campaign_id))
    blocker = contract.not_offered(DIALECT, name, case.state)
    return Outcome(case, (blocker,) if blocker else ())
