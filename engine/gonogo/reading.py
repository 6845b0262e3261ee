"""What people look at: campaigns, tasks, messages and events, read without holding anything."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from whenever import Instant

from gonogo import comments
from gonogo.addresses import address_key
from gonogo.ballots import Voters, is_escalated, standing_of
from gonogo.call import Call
from gonogo.campaign import CAMPAIGN, DRAFT
from gonogo.content import Content, Rendered, RenderError, TemplateInvalid
from gonogo.content import compile as compile_content
from gonogo.definition import Blocker
from gonogo.differences import Difference, difference
from gonogo.errors import Invalid, NotFound
from gonogo.execution.rendering import rendered_for, supplied
from gonogo.execution.segment import message_id
from gonogo.machine import decide
from gonogo.models import LEDGER_STATES, TASK_STATES, Document
from gonogo.policy import Requirement, Ruling, Tally, entitlement, satisfiable
from gonogo.proposal import facts_of, is_overdue, propose
from gonogo.review import Finding
from gonogo.store import cases, ledger, lists, people, workspaces
from gonogo.store.cases import Case

OPEN = ("reviewing", "pending")
#: How many people are named at the most.
NAMED = 100


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with what it says, as people wrote it."""

    case: Case
    content: Document | None
    sender: Document | None
    settings: Document


@dataclass(frozen=True, slots=True)
class MemberView:
    """A person of the workspace; no name and no address once they are forgotten."""

    id: str
    email: str | None
    name: str | None
    scopes: Sequence[str]
    created_at: Instant
    verified_at: Instant | None


@dataclass(frozen=True, slots=True)
class StageView:
    """One stage of what is asked: of whom, how many, and how many of them have approved."""

    group: str | None
    people: Sequence[str]
    quorum: int
    have: int


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with its case, and what the run proposed that it is about. Alone it has its votes and deciders, too."""

    case: Case
    recipients: int | None
    seal: str | None
    findings: list[Document]
    votes: Sequence[Document] = ()
    comments: Sequence[Document] = ()
    stages: Sequence[StageView] = ()
    unsatisfiable: bool = False  # nobody could complete what is asked, as people and groups are now
    deciders: Sequence[MemberView] = ()
    difference: Difference | None = None  # to the last run that people approved; None where there is none


@dataclass(frozen=True, slots=True)
class TaskPage:
    """Some tasks, and the last one that was looked at, where there may be more after it."""

    tasks: list[TaskView]
    last: Case | None


@dataclass(frozen=True, slots=True)
class ListView:
    """People whom campaigns can be sent to; `contacts` counts those whom a launch would take."""

    id: str
    name: str
    contacts: int
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Launchability:
    """What a start would meet now, and how many it would go to. Where the state offers none, nothing was looked at."""

    blockers: tuple[Blocker, ...]
    findings: tuple[Finding, ...] = ()
    ruling: Ruling | None = None
    recipients: int = 0


def campaign(call: Call, campaign_id: str) -> CampaignView:
    """One campaign. Raises NotFound."""
    return views(call, [cases.read(call.connection, call.by.workspace, campaign_id)])[0]


def views(call: Call, found: list[Case]) -> list[CampaignView]:
    """The cases with what they say, all read at once."""
    wanted = {pinned for case in found for pinned in (case.content_id, case.sender_id, case.settings_id) if pinned}
    bodies: dict[str | None, Document] = {
        key: row.body for key, row in workspaces.versions(call.connection, sorted(wanted)).items()
    }
    return [
        CampaignView(case, bodies.get(case.content_id), bodies.get(case.sender_id), bodies[case.settings_id])
        for case in found
    ]


def campaigns(
    call: Call, *, dialect: str | None = None, states: tuple[str, ...] | None = None, after: str = "", limit: int = 50
) -> list[CampaignView]:
    """A page of the workspace's campaigns, in order of their making."""
    return views(
        call, cases.page(call.connection, call.by.workspace, dialect=dialect, states=states, after=after, limit=limit)
    )


def tasks(
    call: Call,
    *,
    statuses: tuple[str, ...] = OPEN,
    campaign_id: str | None = None,
    mine: bool = False,
    after: tuple[Instant, str] | None = None,
    limit: int = 50,
) -> TaskPage:
    """A page of the workspace's tasks, in order of their making. A lapsed one never looks open.

    With `mine`, only those that the caller may decide. What does not fit is left out, so that a page may be short.
    """
    unknown = set(statuses) - set(TASK_STATES)
    if unknown:
        raise ValueError(f"no such status of a task: {', '.join(sorted(unknown))}")
    found = cases.tasks(
        call.connection, call.by.workspace, statuses=statuses, campaign_id=campaign_id, after=after, limit=limit
    )
    lapsed_fit = "expired" in statuses
    fit = [case for case in found if lapsed_fit or not is_overdue(case, call.now)]
    if mine:
        voters = Voters(call)
        fit = [case for case in fit if case.task_open and voters.entitled(case) is None]
    return TaskPage(_task_views(call, fit), found[-1] if len(found) == limit else None)


def task(call: Call, task_id: str) -> TaskView:
    """One task, whole. Raises NotFound."""
    case = cases.read_by_task(call.connection, call.by.workspace, task_id)
    [view] = _task_views(call, [case])
    return replace(
        view,
        votes=votes_of(call, task_id),
        comments=comments.comments(call, task_id),
        **_asked(call, case),
        difference=difference(call, case),
    )


def task_in_brief(call: Call, task_id: str) -> TaskView:
    """One task, as lists show it. Raises NotFound."""
    [view] = _task_views(call, [cases.read_by_task(call.connection, call.by.workspace, task_id)])
    return view


def _asked(call: Call, case: Case) -> dict[str, Any]:
    """What is asked, how far it has come, whose vote would count still, and whether anybody could complete it."""
    if not case.requirement:
        return {}
    requirement, stands = Requirement.from_document(case.requirement), standing_of(call, case)
    open_ = case.task_open and not is_overdue(case, call.now)
    return standing_view(call, requirement, stands, open_=open_, escalated=is_escalated(call, case))


def standing_view(
    call: Call, requirement: Requirement, stands: Tally, *, open_: bool, escalated: bool = False
) -> dict[str, Any]:
    """The fields `stages`, `deciders` (a hundred are named) and `unsatisfiable` of whatever people are asked."""
    voters = people.everybody(call.connection, call.by.workspace) if open_ else []
    may = [
        voter.person
        for voter in voters
        if voter.person not in stands.used and entitlement(requirement, [voter], escalated=escalated) is None
    ]
    return {
        "stages": stages_of(requirement, stands),
        "deciders": members_of(call, may[:NAMED]),
        "unsatisfiable": open_ and not satisfiable(requirement, voters, stands, escalated=True),  # it will be
    }


def stages_of(requirement: Requirement, stands: Tally) -> list[StageView]:
    """What is asked, stage by stage."""
    return [
        StageView(stage.group, stage.people, stage.quorum, have)
        for stage, have in zip(requirement.stages, stands.have, strict=True)
    ]


def votes_of(call: Call, task_id: str) -> list[Document]:
    """Every vote about a task, in order, with what was said."""
    columns = ("person", "choice", "seat", "stage", "at", "comment")
    votes = [{name: getattr(row, name) for name in columns} for row in cases.votes(call.connection, task_id)]
    said = comments.texts(call, [vote["comment"] for vote in votes if vote["comment"]])
    return [{**vote, "comment": said.get(vote["comment"])} for vote in votes]


def _task_views(call: Call, found: list[Case]) -> list[TaskView]:
    runs = cases.proposed(call.connection, [case.task_run_id for case in found])
    bodies = workspaces.reveal(call.connection, [row.findings for row in runs.values() if row.findings])
    views = []
    for case in found:
        row = runs[case.task_run_id]
        body = bodies.get(row.findings)
        views.append(TaskView(case, row.recipients, row.seal, json.loads(body)["findings"] if body else []))
    return views


def deciders(call: Call, case: Case) -> Sequence[MemberView]:
    """The members whose vote would count and is not cast; nobody where nothing is asked any more.

    A hundred at most are named.
    """
    found: Sequence[MemberView] = _asked(call, case).get("deciders", ())
    return found


def events(call: Call, campaign_id: str, *, after: int = 0, limit: int = 50) -> list[Document]:
    """A page of the recorded steps of a campaign, in order. Raises NotFound."""
    cases.read(call.connection, call.by.workspace, campaign_id)
    columns = ("seq", "event", "source", "target", "run", "actor", "person", "figures", "at", "digest")
    found = cases.steps(call.connection, campaign_id, after=after, limit=limit)
    return [{name: getattr(row, name) for name in columns} for row in found]


def messages(
    call: Call,
    campaign_id: str,
    *,
    states: tuple[str, ...] = LEDGER_STATES,
    after: tuple[str, int, int] | None,
    limit: int,
) -> list[Document]:
    """A page of a campaign's ledger: one row per message that was claimed. Raises NotFound."""
    cases.read(call.connection, call.by.workspace, campaign_id)
    found = ledger.rows(call.connection, campaign_id, states=states, after=after, limit=limit)
    return [_message(row) for row in found]


def launchability(call: Call, campaign_id: str) -> Launchability:
    """Whether a start would be refused now, and what the policy would ask for if not. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    if is_overdue(case, call.now):  # a start would settle that first
        closed: Document = {"closed_at": call.now, "task_status": "expired"}
        case = replace(case, state=status_of(case, call.now), **closed)
    if case.state != DRAFT:
        return Launchability(decide(CAMPAIGN, case.state, "start", facts_of(call, case)).blockers)
    proposal = propose(call, case, at_once=True, binding=False)
    decision = decide(CAMPAIGN, case.state, "start", facts_of(call, case, **proposal.facts()))
    return Launchability(decision.blockers, proposal.findings, proposal.ruling, proposal.recipients)


def preview(call: Call, campaign_id: str, address: str, step: int = 0) -> Rendered:
    """A message as the executor would make it for one contact, as campaign and contact read now.

    Raises NotFound for a contact that is not on the list, and Invalid where the message can't be made.
    """
    view = campaign(call, campaign_id)
    case, content = view.case, Content.from_document(view.content) if view.content else Content(())
    key = address_key(workspaces.get(call.connection, call.by.workspace).salt, address)
    body = lists.body(call.connection, case.list_id, key)
    if body is None:
        raise NotFound("contact", address)
    if not 0 <= step < len(content.steps):
        raise Invalid.at("step", f"the campaign has {len(content.steps)} messages, counted from 0")
    opened = (case.run_start_at or case.opened_at) if case.run_open else case.start_at
    try:
        compiled = compile_content(content, opened or call.now)
        return rendered_for(json.loads(body), compiled, step, supplied(_sender(call, view), view.settings))
    except (TemplateInvalid, RenderError) as error:
        raise Invalid.at("template", str(error)) from error


def contact_list(call: Call, list_id: str) -> ListView:
    """One list. Raises NotFound."""
    return _list(lists.read(call.connection, call.by.workspace, list_id))


def contact_lists(call: Call, *, after: str = "", limit: int = 50) -> list[ListView]:
    """A page of the workspace's lists, in order of their making: those that were made as such, and every campaign's."""
    return [_list(row) for row in lists.page_of_lists(call.connection, call.by.workspace, after, limit)]


def member(call: Call, member_id: str) -> MemberView:
    """One member. Raises NotFound."""
    return _members(call, [workspaces.find_member(call.connection, call.by.workspace, member_id)])[0]


def members(call: Call) -> list[MemberView]:
    """The people of the workspace, in order of their joining."""
    return _members(call, workspaces.members(call.connection, call.by.workspace))


def members_of(call: Call, ids: Sequence[str]) -> list[MemberView]:
    """The present members of these ids, in order of their joining."""
    rows = people.rows(call.connection, call.by.workspace, ids)
    return _members(call, [row for row in sorted(rows, key=lambda row: str(row.id)) if row.removed_at is None])


def _members(call: Call, found: Sequence[Any]) -> list[MemberView]:
    bodies = workspaces.reveal(call.connection, [row.payload for row in found])
    said = {digest: json.loads(body or "{}") for digest, body in bodies.items()}
    return [
        MemberView(
            id=row.id,
            email=said[row.payload].get("email"),
            name=said[row.payload].get("name"),
            scopes=row.scopes,
            created_at=row.created_at,
            verified_at=row.verified_at,
        )
        for row in found
    ]


def policy_versions(call: Call) -> list[Document]:
    """Every policy that was written, the newest first, and which is in force."""
    columns = ("number", "digest", "document", "at")
    found = workspaces.policies(call.connection, call.by.workspace)
    now: int = workspaces.get(call.connection, call.by.workspace).policy
    return [{**{name: getattr(row, name) for name in columns}, "in_force": row.number == now} for row in found]


def status_of(case: Case, now: Instant) -> str:
    """The state as people see it: a task past its deadline has expired, whether or not the clock wrote it down yet."""
    if is_overdue(case, now) and case.task_run_id == case.run_id:
        return "paused" if case.begun else "draft"
    return case.state


def task_status(case: Case, now: Instant) -> str:
    """The task's status, read by its deadline."""
    return "expired" if is_overdue(case, now) else str(case.task_status)


def _list(row: Any) -> ListView:
    return ListView(row.id, row.name, row.size, row.created_at)


def _sender(call: Call, view: CampaignView) -> Document:
    """The campaign's sender, else the workspace's. Raises Invalid where there is neither."""
    if view.sender is not None:
        return view.sender
    default = view.case.default_sender_id
    if default is None:
        raise Invalid.at("sender", "the campaign has no sender")
    body: Document = workspaces.versions(call.connection, [default])[default].body
    return body


def _message(row: Any) -> Document:
    return {
        "id": f"{row.run_id}.{row.step}.{row.position}",
        "recipient": json.loads(row.body)["address"] if row.body else None,
        "step": row.step,
        "state": row.state,
        "variant": row.variant,
        "message_id": message_id(row.run_id, row.step, row.position),
        "claimed_at": row.claimed_at,
        "settled_at": row.settled_at,
        "error": row.error,
    }
