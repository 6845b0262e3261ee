"""Tasks: the questions that reviewers answer."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from whenever import Instant

from gonogo import asked, comments, groups, reading, service
from gonogo import questions as deciding
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.errors import NotFound
from gonogo.questions import Answer
from gonogo.reading import TaskView
from gonogo_api import contract
from gonogo_api.dialects.leadlex import questions
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
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import NO_CURSOR, Problem
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Moment, Shape, iso
from gonogo_api.visits import Approver, Visit, Writer

router = APIRouter(route_class=StrictRoute, tags=["tasks"])
TaskId = Annotated[str, Path(description="Task UUID", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]


class Said(Shape):
    text: Annotated[str, Field(min_length=1, max_length=comments.LONGEST)]


class Handed(Shape):
    """To whom, by address or member id, and until when; else until the task's own deadline."""

    to: Annotated[str, Field(min_length=1, max_length=320)]
    ends_at: Moment | None = None


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
    """What was asked of reviewers, in order of asking: open launches, if not said otherwise.

    Beside launches, people are asked about the next policy (`policy_change`), where the policy in force says so, and
    about broken glass (`break_glass_review`).

    With `mine` only what the key's owner may decide. A page may be short; while there is more, it links to the next.
    """
    if status not in contract.TASK_STATUS:
        raise Problem("invalid", f"status: expected one of {', '.join(contract.TASK_STATUS)}")
    after = _task_cursor(cursor)
    if type in asked.KINDS:
        return questions.listed(visit, type, status, campaign_id=campaign_id, mine=mine, after=after, limit=limit)
    if type != "campaign_start":
        raise Problem("invalid", f"type: expected one of campaign_start, {', '.join(asked.KINDS)}")
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
    return _whole(visit, known(task_id, "task"))


@router.post("/v1/lexi/tasks/{task_id}/approve", responses=says(Data[Approved]) | refuses(400, 409))
def approve(visit: Approver, task_id: TaskId, body: Approval | None = None) -> Response:
    """Say yes. With the yes that completes the quorum the campaign launches."""
    said = body or Approval()
    acknowledge = None if said.acknowledge is None else tuple(said.acknowledge)
    ballot = Ballot("approve", said.seal, acknowledge, said.comment)
    found = visit.step("approve", lambda call: _vote(call, known(task_id, "task"), ballot))
    if isinstance(found, Answer):
        return questions.decided(found)
    case = found.case
    if case.task_open:
        have = approvals(case)
        return data(Approved(task_id=task_id.lower(), status="pending", execution_started=False, approvals=have))
    started = case.state in contract.SENDING
    return data(Approved(task_id=task_id.lower(), status="approved", execution_started=started))


@router.post("/v1/lexi/tasks/{task_id}/dismiss", responses=says(Data[Dismissed]) | refuses(400))
def dismiss(visit: Approver, task_id: TaskId, body: Comment | None = None) -> Response:
    """Say no. The campaign is a draft again, or paused where it had begun sending."""
    ballot = Ballot("dismiss", comment=body.reason if body else None)
    found = visit.step("dismiss", lambda call: _vote(call, known(task_id, "task"), ballot))
    if isinstance(found, Answer):
        return questions.decided(found)
    case = found.case
    return data(Dismissed(task_id=task_id.lower(), status="pending" if case.task_open else "dismissed"))


@router.post("/v1/lexi/tasks/{task_id}/request-changes", responses=says(Data[OneTask]) | refuses(400))
def request_changes(visit: Approver, task_id: TaskId, body: Comment | None = None) -> Response:
    """Say: not like this. The campaign goes back to its editors."""
    ballot = Ballot("request_changes", comment=body.reason if body else None)
    visit.step("request_changes", lambda call: _vote(call, known(task_id, "task"), ballot))
    return _one(visit, known(task_id, "task"))


@router.post("/v1/lexi/tasks/{task_id}/retract", responses=says(Data[OneTask]) | refuses(400))
def retract(visit: Approver, task_id: TaskId) -> Response:
    """Take one's own yes back, while more are awaited."""
    visit.step("retract", lambda call: _vote(call, known(task_id, "task"), Ballot("retract")))
    return _one(visit, known(task_id, "task"))


@router.post("/v1/lexi/tasks/{task_id}/withdraw", responses=says(Data[OneTask]) | refuses(400))
def withdraw(visit: Writer, task_id: TaskId) -> Response:
    """Take the question back; only who asked may."""
    visit.step("withdraw", lambda call: _withdraw(call, known(task_id, "task")))
    return _one(visit, known(task_id, "task"))


@router.post("/v1/lexi/tasks/{task_id}/comments", responses=says(Data[OneWholeTask]))
def comment_on(visit: Approver, task_id: TaskId, body: Said) -> Response:
    """Say something about a task without deciding it, whatever became of it."""
    visit.write(lambda call: comments.comment(call, known(task_id, "task"), body.text))
    return _whole(visit, known(task_id, "task"))


@router.post("/v1/lexi/tasks/{task_id}/delegate", responses=says(Data[OneWholeTask]))
def delegate(visit: Approver, task_id: TaskId, body: Handed) -> Response:
    """Let another member decide this task in one's place, until it is decided or the time that is given."""
    task_id = known(task_id, "task")
    visit.write(lambda call: groups.delegate(call, body.to, ends_at=body.ends_at, task_id=task_id))
    return _whole(visit, task_id)


def _vote(call: Call, task_id: str, ballot: Ballot) -> Outcome | Answer:
    """A vote about whatever the task asks: mostly a launch."""
    try:
        return service.vote(call, task_id, ballot)
    except NotFound:
        return deciding.vote(call, task_id, ballot)


def _withdraw(call: Call, task_id: str) -> Outcome | Answer:
    try:
        return service.withdraw(call, task_id)
    except NotFound:
        return deciding.withdraw(call, task_id)


def _one(visit: Visit, task_id: str) -> Response:
    view = visit.read(lambda call: _either(call, task_id, reading.task_in_brief, asked.question_in_brief))
    now = visit.door.gate.clock.now()
    shown = questions.shown(view) if isinstance(view, asked.QuestionView) else task(view, now)
    return data(OneTask(task=shown))


def _whole(visit: Visit, task_id: str) -> Response:
    view = visit.read(lambda call: _either(call, task_id, reading.task, asked.question))
    now = visit.door.gate.clock.now()
    shown = questions.whole(view) if isinstance(view, asked.QuestionView) else whole_task(view, now)
    return data(OneWholeTask(task=shown))


def _either(
    call: Call,
    task_id: str,
    launch: Callable[[Call, str], TaskView],
    question: Callable[[Call, str], asked.QuestionView],
) -> TaskView | asked.QuestionView:
    """Read a task about a launch one way, and one about anything else the other."""
    try:
        return launch(call, task_id)
    except NotFound:
        return question(call, task_id)


def _task_cursor(cursor: str) -> tuple[Instant, str] | None:
    if not cursor:
        return None
    moment, _, task_id = cursor.partition("~")
    try:
        return Instant.parse_iso(moment), task_id
    except ValueError:
        raise Problem("invalid", NO_CURSOR) from None
