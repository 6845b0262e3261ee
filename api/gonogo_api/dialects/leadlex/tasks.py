"""Tasks: the questions that reviewers answer."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from whenever import Instant

from gonogo import reading, service
from gonogo.ballots import Ballot
from gonogo.call import Outcome
from gonogo_api import contract
from gonogo_api.dialects.leadlex.answers import (
    Approved,
    Dismissed,
    OneTask,
    OneWholeTask,
    Tasks,
    approvals,
    data,
    paged,
    task,
    whole_task,
)
from gonogo_api.dialects.leadlex.shapes import UUID, Approval, Comment, known
from gonogo_api.door import Approver, StrictRoute, Visit, Writer
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import Problem
from gonogo_api.shapes import Data, iso

router = APIRouter(route_class=StrictRoute, tags=["tasks"])
TaskId = Annotated[str, Path(description="Task UUID", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.get("/v1/lexi/tasks", responses=says(Data[Tasks]))
def list_tasks(
    visit: Approver,
    status: str = "pending",
    type: str = "campaign_start",  # noqa: A002 - the parameter's name on the wire
    campaign_id: str | None = None,
    mine: bool = False,
    cursor: str = "",
    limit: Limit = 50,
) -> Response:
    """What was asked of reviewers, in order of asking; what is open, if not said otherwise.

    With `mine` only what the key's owner may decide. A page may be short; while there is more, it links to the next.
    """
    if status not in contract.TASK_STATUS:
        raise Problem("invalid", f"status: expected one of {', '.join(contract.TASK_STATUS)}")
    if type != "campaign_start":
        raise Problem("invalid", "type: expected campaign_start")
    after = _task_cursor(cursor)
    page = visit.read(
        lambda call: reading.tasks(
            call, statuses=contract.TASK_STATUS[status], campaign_id=campaign_id, mine=mine, after=after, limit=limit
        )
    )
    now = visit.door.gate.clock.now()
    shown = [task(view, now) for view in page.tasks]
    mark = f"{iso(page.last.asked_at)}~{page.last.task_id}" if page.last else None
    return paged(
        Tasks(tasks=[each for each in shown if each["status"] == status]),
        mark,
        "/v1/lexi/tasks",
        status=status,
        campaign_id=campaign_id,
        mine="true" if mine else None,
        limit=limit,
    )


@router.get("/v1/lexi/tasks/{task_id}", responses=says(Data[OneWholeTask]))
def get_task(visit: Approver, task_id: TaskId) -> Response:
    """The whole case: what Lexi found, the votes, who may decide."""
    view = visit.read(lambda call: reading.task(call, known(task_id, "task")))
    return data(OneWholeTask(task=whole_task(view, visit.door.gate.clock.now())))


@router.post("/v1/lexi/tasks/{task_id}/approve", responses=says(Data[Approved]) | refuses(400, 409))
def approve(visit: Approver, task_id: TaskId, body: Approval | None = None) -> Response:
    """Say yes. With the yes that completes the quorum the campaign launches."""
    said = body or Approval()
    acknowledge = None if said.acknowledge is None else tuple(said.acknowledge)
    ballot = Ballot("approve", said.seal, acknowledge, said.comment)
    case = visit.step("approve", lambda call: service.approve(call, known(task_id, "task"), ballot)).case
    if case.task_open:
        have = approvals(case)
        return data(Approved(task_id=task_id.lower(), status="pending", execution_started=False, approvals=have))
    started = case.state in contract.SENDING
    return data(Approved(task_id=task_id.lower(), status="approved", execution_started=started))


@router.post("/v1/lexi/tasks/{task_id}/dismiss", responses=says(Data[Dismissed]) | refuses(400))
def dismiss(visit: Approver, task_id: TaskId, body: Comment | None = None) -> Response:
    """Say no. The campaign is a draft again, or paused where it had begun sending."""
    reason = body.reason if body else None
    case = visit.step("dismiss", lambda call: service.dismiss(call, known(task_id, "task"), reason)).case
    return data(Dismissed(task_id=task_id.lower(), status="pending" if case.task_open else "dismissed"))


@router.post("/v1/lexi/tasks/{task_id}/request-changes", responses=says(Data[OneTask]) | refuses(400))
def request_changes(visit: Approver, task_id: TaskId, body: Comment | None = None) -> Response:
    """Say: not like this. The campaign goes back to its editors."""
    reason = body.reason if body else None
    event = "request_changes"
    return _task(visit, visit.step(event, lambda call: service.request_changes(call, known(task_id, "task"), reason)))


@router.post("/v1/lexi/tasks/{task_id}/retract", responses=says(Data[OneTask]) | refuses(400))
def retract(visit: Approver, task_id: TaskId) -> Response:
    """Take one's own yes back, while more are awaited."""
    return _task(visit, visit.step("retract", lambda call: service.retract(call, known(task_id, "task"))))


@router.post("/v1/lexi/tasks/{task_id}/withdraw", responses=says(Data[OneTask]) | refuses(400))
def withdraw(visit: Writer, task_id: TaskId) -> Response:
    """Take the question back; only who asked may."""
    return _task(visit, visit.step("withdraw", lambda call: service.withdraw(call, known(task_id, "task"))))


def _task(visit: Visit, outcome: Outcome) -> Response:
    view = visit.read(lambda call: reading.task(call, str(outcome.case.task_id)))
    return data(OneTask(task=task(view, visit.door.gate.clock.now())))


def _task_cursor(cursor: str) -> tuple[Instant, str] | None:
    if not cursor:
        return None
    moment, _, task_id = cursor.partition("~")
    try:
        return Instant.parse_iso(moment), task_id
    except ValueError:
        raise Problem("invalid", "cursor: expected one that an earlier page gave") from None
