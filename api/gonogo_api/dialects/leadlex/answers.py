"""What LeadLex shows."""

from collections import Counter
from collections.abc import Sequence
from itertools import takewhile
from typing import Annotated, Any, Literal, NotRequired, cast

from fastapi import Response
from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict
from whenever import Instant

from gonogo import reading
from gonogo.definition import Blocker
from gonogo.models import LEDGER_STATES, TASK_STATES, Document
from gonogo.reading import CampaignView, Launchability, ListView, MemberView, StageView, TaskView
from gonogo.review import Finding
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.dialects.leadlex.differences import DifferenceShown, difference
from gonogo_api.dialects.leadlex.shapes import DIALECT
from gonogo_api.paging import linked
from gonogo_api.problems import json_response
from gonogo_api.shapes import Data, Rejected, Shown, iso, one_of

TaskWord = Annotated[str, one_of(contract.TASK_STATUS)]
CampaignWord = Annotated[str, one_of(contract.words(DIALECT))]


class TextShown(Shown):
    subject: str
    body: str
    html: str | None


class VariantShown(TextShown):
    weight: int


class TemplateShown(TextShown):
    """The text of a message; where there are several, with its weight and the others."""

    weight: NotRequired[int]
    variants: NotRequired[list[VariantShown]]


class StepShown(Shown):
    delay_days: int
    template: TemplateShown


class SenderShown(Shown):
    email: str
    name: str


class WindowShown(Shown):
    start: str
    end: str


class CampaignShown(Shown):
    """A campaign: what it says, to whom, when, and how far it is."""

    id: str
    name: str
    channel: str
    status: CampaignWord
    template: TemplateShown | None
    steps: list[StepShown]
    sender: SenderShown | None
    start_at: str | None
    timezone: str | None
    send_window: WindowShown | None
    send_days: list[str] | None
    daily_limit: int | None
    min_interval_seconds: int | None
    marketing: bool
    postal_address: str | None
    pool: str | None
    metadata: dict[str, Any]
    list_id: str
    recipients: int
    run: int
    revision: int
    task_id: str | None
    paused_reason: str | None
    launch_error: str | None
    rate_limited_until: str | None
    created_at: str
    updated_at: str


class OneCampaign(Shown):
    campaign: CampaignShown


class Cancelled(OneCampaign):
    in_flight: int


class Campaigns(Shown):
    campaigns: list[CampaignShown]


class RemovedCampaign(Shown):
    id: str
    removed: Literal[True]


class Removed(Shown):
    campaign: RemovedCampaign


class FindingShown(Shown):
    """One thing that Lexi found."""

    code: str
    severity: Literal["blocker", "warning", "note"]
    message: str
    count: int
    samples: list[str]
    fix: str


@with_config(ConfigDict(extra="allow"))
class BlockerShown(TypedDict):
    """A reason why a step is refused, with the figures behind it. `changed` comes with `seal_changed`: the sections in
    which the task differs from the run that bears the ballot's seal; null where no run of the campaign does."""

    code: str
    message: str
    changed: NotRequired[list[str] | None]


class StageShown(Shown):
    """So many of a group, or of the members who are named."""

    group: NotRequired[str]
    people: NotRequired[list[str]]
    quorum: int


class StageStanding(Shown):
    """How far a stage has come."""

    group: str | None
    people: list[str]
    have: int
    need: int


class EscalationShown(Shown):
    after: str
    to: str


class RequirementShown(Shown):
    """What people must do before a launch may go out."""

    stages: list[StageShown]
    separation: str
    acknowledge: str
    dismissals: int
    expires_after: str
    barred: NotRequired[list[str]]
    working_hours: NotRequired[dict[str, Any]]
    remind_after: NotRequired[str]
    escalate: NotRequired[EscalationShown]
    invite: NotRequired[bool]
    link_decides: NotRequired[bool]


class Preflight(Shown):
    launchable: bool
    blockers: list[BlockerShown]
    warnings: list[FindingShown]
    findings: list[FindingShown]
    rule: str | None
    requirement: RequirementShown | None


class Preview(Shown):
    subject: str
    body: str
    html: str | None
    step: int


class EventShown(Shown):
    """A recorded step of a campaign, in the chain of its digests."""

    seq: int
    event: str
    source: str
    target: str
    run: int
    actor: str
    person: str
    figures: dict[str, Any]
    at: str
    digest: str


class Events(Shown):
    events: list[EventShown]


class MessageShown(Shown):
    """A row of the ledger: one message that was claimed, and what became of it. `variant` tells which of the texts it
    was, counted from 0; null where there is but one."""

    id: str
    recipient: str | None
    step: int
    variant: int | None
    state: Annotated[str, one_of(LEDGER_STATES)]
    message_id: str
    claimed_at: str
    settled_at: str | None
    error: str | None


class Messages(Shown):
    messages: list[MessageShown]


class OneMessage(Shown):
    message: MessageShown


class ResolutionShown(Shown):
    """What somebody said about an unknown message."""

    message: str
    verdict: Literal["sent", "released"]
    person: str
    actor: str
    at: str


class Resolutions(Shown):
    resolutions: list[ResolutionShown]


class Started(Shown):
    campaign_id: str
    status: CampaignWord
    task_id: str | None
    warnings: list[FindingShown]


class Approvals(Shown):
    have: int
    need: int


class About(Shown):
    """What a task is about: a campaign, or a version of the policy."""

    campaign_id: NotRequired[str]
    policy_version: NotRequired[int]


class Counts(Shown):
    """How much Lexi found, by severity."""

    blocker: int
    warning: int
    note: int


class TaskShown(Shown):
    """A question that reviewers answer. `stage` is the one that is being decided, counted from 1."""

    id: str
    type: Literal["campaign_start", "policy_change", "break_glass_review"]
    status: TaskWord
    outcome: Annotated[str, one_of(TASK_STATES)]
    description: str
    created_at: str
    decided_at: str | None
    expires_at: str | None
    metadata: About
    recipients: int | None
    seal: str | None
    rule: str | None
    warnings: list[str]
    finding_counts: Counts
    stage: int | None
    approvals: Approvals


class VoteShown(Shown):
    """A vote, in which stage, and in whose seat where it was cast for somebody else."""

    person: str
    seat: str | None
    stage: int
    choice: Literal["approve", "retract", "dismiss", "request_changes"]
    at: str
    comment: str | None


class CommentShown(Shown):
    person: str
    at: str
    text: str | None


class Decider(Shown):
    id: str
    name: str | None
    email: str | None


class WholeTask(TaskShown):
    """The same with all that a reviewer looks at. `changed` names the sections of `difference` that differ from the
    last run that people approved; both are null where there was none. `about` is null for a launch: a policy_change
    shows the `policy` that would be put into force, a break_glass_review the `reason` that was given."""

    findings: list[FindingShown]
    votes: list[VoteShown]
    comments: list[CommentShown]
    stages: list[StageStanding]
    unsatisfiable: bool
    escalates_at: str | None
    requirement: RequirementShown | None
    may_decide: list[Decider]
    changed: list[str] | None
    difference: DifferenceShown | None
    about: dict[str, Any] | None


class OneTask(Shown):
    task: TaskShown


class OneWholeTask(Shown):
    task: WholeTask


class Tasks(Shown):
    tasks: list[TaskShown]


class Approved(Shown):
    task_id: str
    status: Literal["approved", "pending"]
    execution_started: bool
    approvals: NotRequired[Approvals]


class Dismissed(Shown):
    task_id: str
    status: Literal["dismissed", "pending"]


class AddedShown(Shown):
    """What became of rows; a hundred of those that were not taken are named, and all are counted."""

    added: int
    updated: int
    rejected_count: int
    rejected: list[Rejected]


class ListShown(Shown):
    id: str
    name: str
    contacts: int
    created_at: str


class OneList(Shown):
    list: ListShown


class Lists(Shown):
    lists: list[ListShown]


class MemberShown(Shown):
    """A person of the workspace. Without a name and an address once they are forgotten. `verified_at` tells since when
    it is known that the address is theirs; null where it is not."""

    id: str
    email: str | None
    name: str | None
    scopes: list[str]
    created_at: str
    verified_at: str | None


class OneMember(Shown):
    member: MemberShown


class Members(Shown):
    members: list[MemberShown]


class PolicyShown(Shown):
    version: int
    digest: str
    policy: dict[str, Any]


class PolicyWritten(PolicyShown):
    """`task_id` where people are asked first; null where it is in force."""

    task_id: str | None


class PolicyVersion(PolicyShown):
    at: str
    in_force: bool


class PolicyVersions(Shown):
    versions: list[PolicyVersion]


class Valid(Shown):
    valid: Literal[True]


#: The answers to a start as seed 000 has them, and what is added.
STARTED: dict[str, object] = {
    "Approval Required": {
        "data": {
            "campaign_id": "campaign-uuid",
            "status": "pending_approval",
            "task_id": "lexi-task-uuid",
            "warnings": [],
        }
    },
    "Auto-Started": {"data": {"campaign_id": "campaign-uuid", "status": "active", "task_id": None, "warnings": []}},
}


def data(body: Any, status: int = 200) -> Response:
    return json_response(Data[Any](data=body), status)


def paged(body: Any, cursor: str | None, path: str, **query: object) -> Response:
    """A page; where there is more, with a link to the next one of the same question."""
    return linked(data(body), path, **query, cursor=cursor)


def campaign(view: CampaignView, now: Instant) -> CampaignShown:
    case, settings = view.case, view.settings
    said: list[Document] = view.content["steps"] if view.content else []
    templates = [_template(step) for step in said]
    later = zip(said[1:], templates[1:], strict=True)
    return CampaignShown(
        id=case.id,
        name=case.name,
        channel=case.channel,
        status=contract.status(DIALECT, reading.status_of(case, now)),
        template=templates[0] if templates else None,
        steps=[StepShown(delay_days=step["delay_days"], template=template) for step, template in later],
        sender=cast("SenderShown | None", view.sender),
        start_at=iso(case.start_at),
        timezone=settings.get("timezone"),
        send_window=settings.get("send_window"),
        send_days=settings.get("send_days"),
        daily_limit=settings.get("daily_limit"),
        min_interval_seconds=settings.get("min_interval_seconds"),
        marketing=settings.get("marketing", False),
        postal_address=settings.get("postal_address"),
        pool=settings.get("pool"),
        metadata=case.extra.get("metadata", {}),
        list_id=case.list_id,
        recipients=case.recipients if case.run_open and case.recipients is not None else case.contacts,
        run=case.run,
        revision=case.revision,
        task_id=case.task_id if case.task_open else None,
        paused_reason=case.paused_reason,
        launch_error=case.launch_error,
        rate_limited_until=iso(case.rate_limited_until),
        created_at=iso(case.created_at),
        updated_at=iso(case.updated_at),
    )


def _template(step: Document) -> TemplateShown:
    made = TemplateShown(subject=step["subject"], body=step["body"], html=step["html"])
    if "others" in step:
        made["weight"], made["variants"] = step["weight"], cast(list[VariantShown], step["others"])
    return made


def task(view: TaskView, now: Instant) -> TaskShown:
    case, own = view.case, reading.task_status(view.case, now)
    if case.task_id is None or case.asked_at is None:
        raise TypeError("a task is shown by its case, which has one")
    severity = Counter(found["severity"] for found in view.findings)
    return TaskShown(
        id=case.task_id,
        type="campaign_start",
        status=contract.task_status(own, case.closed_as if case.task_run_id == case.run_id else None),
        outcome=own,
        description=f"Launch “{case.name}” to {view.recipients} recipients",
        created_at=iso(case.asked_at),
        decided_at=iso(case.decided_at),
        expires_at=iso(case.expires_at),
        metadata=About(campaign_id=case.id),
        recipients=view.recipients,
        seal=view.seal,
        rule=case.task_rule,
        warnings=[found["code"] for found in view.findings if found["severity"] == "warning"],
        finding_counts=Counts(blocker=severity["blocker"], warning=severity["warning"], note=severity["note"]),
        stage=(case.stage or 0) + 1 if case.task_open and case.requirement else None,
        approvals=approvals(case),
    )


def whole_task(view: TaskView, now: Instant) -> WholeTask:
    shown = task(view, now)
    if shown["stage"] is not None:
        shown["stage"], shown["approvals"] = standing(view.stages)
    return WholeTask(
        **shown,
        findings=cast(list[FindingShown], view.findings),
        votes=votes(view.votes),
        comments=said(view.comments),
        stages=stages(view.stages),
        unsatisfiable=view.unsatisfiable,
        about=None,
        escalates_at=iso(view.case.escalates_at),
        requirement=cast("RequirementShown | None", view.case.requirement),
        may_decide=deciders(view.deciders),
        changed=view.difference.changed if view.difference else None,
        difference=difference(view.difference) if view.difference else None,
    )


def votes(found: Sequence[Document]) -> list[VoteShown]:
    return [cast(VoteShown, {**vote, "stage": vote["stage"] + 1, "at": iso(vote["at"])}) for vote in found]


def said(found: Sequence[Document]) -> list[CommentShown]:
    return [CommentShown(person=each["person"], at=iso(each["at"]), text=each["text"]) for each in found]


def stages(found: Sequence[StageView]) -> list[StageStanding]:
    return [
        StageStanding(group=each.group, people=list(each.people), have=each.have, need=each.quorum) for each in found
    ]


def standing(found: Sequence[StageView]) -> tuple[int, Approvals]:
    """The stage that is being decided, and the approvals, as membership makes them count now."""
    met = list(takewhile(lambda stage: stage.have >= stage.quorum, found))
    counted = Approvals(have=sum(each.have for each in found), need=sum(each.quorum for each in found))
    return min(len(met) + 1, len(found)), counted


def deciders(found: Sequence[MemberView]) -> list[Decider]:
    return [Decider(id=each.id, name=each.name, email=each.email) for each in found]


def approvals(case: Case) -> Approvals:
    stages = (case.requirement or {}).get("stages", [])
    return Approvals(have=case.have or 0, need=sum(stage["quorum"] for stage in stages))


def finding_shape(found: Finding) -> FindingShown:
    return FindingShown(
        code=found.code,
        severity=found.severity,
        message=found.message,
        count=found.count,
        samples=list(found.samples),
        fix=found.fix,
    )


def blocker_shape(blocker: Blocker) -> BlockerShown:
    figures = dict(blocker.figures)
    if figures.get("status") in contract.STATUS:
        figures["status"] = contract.status(DIALECT, str(figures["status"]))
    return cast(BlockerShown, {"code": blocker.code, "message": contract.told(DIALECT, blocker), **figures})


def contact_list(view: ListView) -> ListShown:
    return ListShown(id=view.id, name=view.name, contacts=view.contacts, created_at=iso(view.created_at))


def member(view: MemberView) -> MemberShown:
    return MemberShown(
        id=view.id,
        email=view.email,
        name=view.name,
        scopes=list(view.scopes),
        created_at=iso(view.created_at),
        verified_at=iso(view.verified_at) if view.verified_at else None,
    )


def launchability(found: Launchability) -> Preflight:
    shown = [finding_shape(finding) for finding in found.findings]
    asked = found.ruling.requirement if found.ruling else None
    return Preflight(
        launchable=not found.blockers,
        blockers=[blocker_shape(blocker) for blocker in found.blockers],
        warnings=[finding for finding in shown if finding["severity"] == "warning"],
        findings=shown,
        rule=found.ruling.rule if found.ruling else None,
        requirement=cast(RequirementShown, asked.to_document()) if asked else None,
    )
