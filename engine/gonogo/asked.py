"""Groups, and the questions that are not about a launch, as people look at them: the next policy, and broken glass."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from whenever import Instant

from gonogo import comments, policy
from gonogo.ballots import Voters, electorate
from gonogo.call import Call
from gonogo.errors import NotFound
from gonogo.models import Document
from gonogo.policy import Requirement
from gonogo.questions import is_overdue, seal_of
from gonogo.reading import MemberView, StageView, members_of, standing_view, votes_of
from gonogo.store import cases, people, questions, workspaces

KINDS = questions.KINDS


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question: what it is about, what people said, and who may still decide it."""

    task: Any  # its row
    status: str
    about: Document  # the policy's version and document, or the campaign, and why its glass was broken
    seal: str  # what a vote about it is about
    stages: Sequence[StageView] = ()
    votes: Sequence[Document] = ()
    comments: Sequence[Document] = ()
    deciders: Sequence[MemberView] = field(default=())
    unsatisfiable: bool = False


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group, and who is in it now."""

    name: str
    members: Sequence[MemberView]


def groups(call: Call) -> list[GroupView]:
    """Every group that was made, by name."""
    found = people.groups(call.connection, call.by.workspace)
    return [GroupView(name, members_of(call, ids)) for name, ids in found.items()]


def group(call: Call, name: str) -> GroupView:
    """One group. Raises NotFound."""
    found = people.groups(call.connection, call.by.workspace)
    if name not in found:
        raise NotFound("group", name)
    return GroupView(name, members_of(call, found[name]))


def page(
    call: Call,
    kind: str,
    *,
    statuses: tuple[str, ...],
    campaign_id: str | None = None,
    after: tuple[Instant, str] | None = None,
    limit: int = 50,
) -> list[QuestionView]:
    """Questions of one kind, in order of their making; of one campaign, if one is named."""
    which = {"workspace_id": call.by.workspace, "kind": kind, "campaign_id": campaign_id}
    found = questions.page(call.connection, which, statuses=statuses, after=after, limit=limit)
    return [_view(call, row) for row in found]


def decidable(call: Call, found: Sequence[QuestionView]) -> list[QuestionView]:
    """Those that the caller may decide."""
    voters = Voters(call)
    return [
        view
        for view in found
        if view.status == "pending"
        and policy.entitlement(Requirement.from_document(view.task.requirement), voters.about(view.task.id)) is None
    ]


def question(call: Call, task_id: str) -> QuestionView:
    """One question, whole. Raises NotFound."""
    view = question_in_brief(call, task_id)
    requirement = Requirement.from_document(view.task.requirement)
    casts = cases.ballots(call.connection, task_id)
    stands = policy.tally(requirement, casts, electorate(call, casts))
    return replace(
        view,
        votes=votes_of(call, task_id),
        comments=comments.comments(call, task_id),
        **standing_view(call, requirement, stands, open_=view.status == "pending"),
    )


def question_in_brief(call: Call, task_id: str) -> QuestionView:
    """One question, as lists show it. Raises NotFound."""
    return _view(call, questions.read(call.connection, call.by.workspace, task_id))


def _view(call: Call, row: Any) -> QuestionView:
    status = "expired" if is_overdue(call, row) else str(row.status)
    return QuestionView(row, status, _about(call, row), seal_of(call, row))


def _about(call: Call, row: Any) -> Document:
    if row.kind == "policy_change":
        document = workspaces.policy_document(call.connection, row.workspace_id, row.policy_version)
        digest = workspaces.policy_digest(call.connection, row.workspace_id, row.policy_version)
        return {"version": row.policy_version, "digest": digest, "policy": document}
    payload = cases.glass_reason(call.connection, row.run_id)
    body = workspaces.reveal(call.connection, [payload]).get(payload) if payload else None
    return {"campaign_id": row.campaign_id, "reason": json.loads(body)["reason"] if body else None}
