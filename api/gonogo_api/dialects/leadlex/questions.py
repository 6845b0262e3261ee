"""Tasks that are about no launch, as this dialect shows them beside those that are."""

from typing import Any, cast

from fastapi import Response
from whenever import Instant

from gonogo import asked
from gonogo.asked import QuestionView
from gonogo.call import Call
from gonogo.questions import Answer
from gonogo_api import contract
from gonogo_api.dialects.leadlex.answers import (
    About,
    Approvals,
    Approved,
    Counts,
    Dismissed,
    RequirementShown,
    Tasks,
    TaskShown,
    WholeTask,
    data,
    deciders,
    paged,
    said,
    stages,
    standing,
    votes,
)
from gonogo_api.shapes import iso
from gonogo_api.visits import Visit

DESCRIPTIONS = {
    "policy_change": "Put version {} of the policy into force",
    "break_glass_review": "Was breaking the glass right?",
}


def listed(
    visit: Visit,
    kind: str,
    status: str,
    *,
    campaign_id: str | None,
    mine: bool,
    after: tuple[Instant, str] | None,
    limit: int,
) -> Response:
    """A page of questions of one kind."""
    statuses = contract.TASK_STATUS[status]

    def read(call: Call) -> tuple[list[QuestionView], list[QuestionView]]:
        page = asked.page(call, kind, statuses=statuses, campaign_id=campaign_id, after=after, limit=limit)
        return page, asked.decidable(call, page) if mine else page

    page, fit = visit.read(read)
    last = page[-1].task if len(page) == limit else None
    found = [each for each in map(shown, fit) if each["status"] == status]
    mark = f"{iso(last.created_at)}~{last.id}" if last is not None else None
    return paged(
        Tasks(tasks=found),
        mark,
        "/v1/lexi/tasks",
        status=status,
        type=kind,
        campaign_id=campaign_id,
        mine="true" if mine else None,
        limit=limit,
    )


def decided(answer: Answer) -> Response:
    """What became of a question with a vote."""
    task = answer.task
    if task.status == "dismissed":
        return data(Dismissed(task_id=task.id, status="dismissed"))
    if task.status == "approved":
        return data(Approved(task_id=task.id, status="approved", execution_started=False))
    have = _approvals(task)
    return data(Approved(task_id=task.id, status="pending", execution_started=False, approvals=have))


def shown(view: QuestionView) -> TaskShown:
    task = view.task
    return TaskShown(
        id=task.id,
        type=task.kind,
        status=contract.task_status(view.status, None),
        outcome=view.status,
        description=DESCRIPTIONS[task.kind].format(task.policy_version),
        created_at=iso(task.created_at),
        decided_at=iso(task.decided_at),
        expires_at=iso(task.expires_at),
        metadata=_about(view),
        recipients=None,
        seal=view.seal,
        rule=task.rule,
        warnings=[],
        finding_counts=Counts(blocker=0, warning=0, note=0),
        stage=task.stage + 1 if view.status == "pending" else None,
        approvals=_approvals(task),
    )


def whole(view: QuestionView) -> WholeTask:
    told = shown(view)
    if told["stage"] is not None:
        told["stage"], told["approvals"] = standing(view.stages)
    return WholeTask(
        **told,
        findings=[],
        votes=votes(view.votes),
        comments=said(view.comments),
        stages=stages(view.stages),
        unsatisfiable=view.unsatisfiable,
        escalates_at=None,
        requirement=cast(RequirementShown, view.task.requirement),
        may_decide=deciders(view.deciders),
        changed=None,
        difference=None,
        about=view.about,
    )


def _about(view: QuestionView) -> About:
    if view.task.kind == "policy_change":
        return About(policy_version=view.task.policy_version)
    return About(campaign_id=view.task.campaign_id)


def _approvals(task: Any) -> Approvals:
    return Approvals(have=task.have, need=sum(stage["quorum"] for stage in task.requirement["stages"]))
