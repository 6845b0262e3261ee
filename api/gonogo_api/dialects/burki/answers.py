"""What Burki shows."""

from typing import Annotated, Literal, NotRequired

from whenever import Instant

from gonogo import reading
from gonogo.contacts import Added
from gonogo.content import Template
from gonogo.parts import Part
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.dialects.burki.shapes import DIALECT, start_of
from gonogo_api.shapes import Rejected, Shown, iso_seconds, one_of, rejected_rows

CampaignWord = Annotated[str, one_of(contract.words(DIALECT))]


class AssistantShown(Shown):
    """Who does the talking: the text that campaigns are made with."""

    id: int
    name: str
    subject: str
    body: str
    created_at: str


class CampaignShown(Shown):
    id: int
    name: str
    description: str | None
    status: CampaignWord
    assistant_id: int | None
    schedule_type: Literal["immediate", "scheduled"]
    scheduled_time: str | None
    total_contacts: int
    started_at: str | None
    created_at: str
    updated_at: str


class Campaigns(Shown):
    """A page; `next_cursor` is null where it is not full: there are no more. The page after a full one may be empty."""

    campaigns: list[CampaignShown]
    next_cursor: int | None


class Progress(Shown):
    """Figures of the present run, in messages."""

    campaign_id: int
    status: CampaignWord
    total: int
    completed: int
    failed: int
    skipped: int
    pending: int
    progress_percentage: float


class AddedShown(Shown):
    """What became of contacts; those that were not taken are told with their row."""

    success: Literal[True]
    campaign_id: int
    added: int
    updated: int
    rejected: list[Rejected]


class Done(Shown):
    success: Literal[True]
    message: str
    campaign_id: int
    status: CampaignWord


class Started(Shown):
    """A start that was taken. `task_id` is the run's, and stays; `scheduled_time` is told where there is one."""

    success: Literal[True]
    message: str
    task_id: str
    campaign_id: int
    status: Literal["scheduled"]
    scheduled_time: NotRequired[str]


#: The answers to a start as seed 003 has them.
STARTED: dict[str, object] = {
    "Immediate Start": {
        "success": True,
        "message": "Campaign execution started immediately",
        "task_id": "abc123-def456",
        "campaign_id": 42,
        "status": "scheduled",
    },
    "Scheduled": {
        "success": True,
        "message": "Campaign scheduled for 2024-02-15 09:00:00 UTC",
        "task_id": "abc123-def456",
        "campaign_id": 42,
        "status": "scheduled",
        "scheduled_time": "2024-02-15T09:00:00Z",
    },
}
#: A campaign that has just been made: what may be null, is.
DRAFTED: dict[str, object] = {
    "Draft": {
        "id": 42,
        "name": "Spring",
        "description": None,
        "status": "draft",
        "assistant_id": None,
        "schedule_type": "immediate",
        "scheduled_time": None,
        "total_contacts": 0,
        "started_at": None,
        "created_at": "2024-02-14T16:20:00Z",
        "updated_at": "2024-02-14T16:20:00Z",
    }
}


def assistant(part: Part) -> AssistantShown:
    said = part.content.steps[0].template if part.content else Template("", "")
    return AssistantShown(
        id=int(part.wire_id),
        name=part.name,
        subject=said.subject,
        body=said.body,
        created_at=iso_seconds(part.created_at),
    )


def campaign(case: Case, now: Instant) -> CampaignShown:
    start_at = start_of(case)
    return CampaignShown(
        id=int(case.wire_id),
        name=case.name,
        description=case.extra.get("description"),
        status=contract.status(DIALECT, reading.status_of(case, now)),
        assistant_id=case.extra.get("assistant_id"),
        schedule_type="scheduled" if start_at else "immediate",
        scheduled_time=iso_seconds(start_at),
        total_contacts=case.contacts,
        started_at=iso_seconds(case.started_at),
        created_at=iso_seconds(case.created_at),
        updated_at=iso_seconds(case.updated_at),
    )


def started(case: Case) -> Started:
    """The answer to a start: `task_id` is the run's id, whether the run executes, is scheduled or awaits approval."""
    if case.run_id is None:
        raise TypeError("what was started has a run")
    announced = contract.ANNOUNCED[case.state]
    start_at = case.start_at if announced.timed else None
    answer = Started(
        success=True,
        message=announced.message.format(time=_spoken(start_at) if start_at else ""),
        task_id=case.run_id,
        campaign_id=int(case.wire_id),
        status="scheduled",
    )
    if start_at is not None:
        answer["scheduled_time"] = iso_seconds(start_at)
    return answer


def done(message: str, case: Case) -> Done:
    status = contract.status(DIALECT, case.state)
    return Done(success=True, message=message, campaign_id=int(case.wire_id), status=status)


def added_shape(campaign_id: int, added: Added) -> AddedShown:
    return AddedShown(
        success=True, campaign_id=campaign_id, added=added.added, updated=added.updated, rejected=rejected_rows(added)
    )


def progress(case: Case, now: Instant) -> Progress:
    total = (case.recipients or 0) * (case.steps or 1)
    return Progress(
        campaign_id=int(case.wire_id),
        status=contract.status(DIALECT, reading.status_of(case, now)),
        total=total,
        completed=case.sent or 0,
        failed=(case.rejected or 0) + (case.failed or 0) + (case.unknown or 0),
        skipped=case.skipped or 0,
        pending=max(0, total - case.settled) if case.run_open else 0,
        progress_percentage=round(100 * case.settled / total, 1) if total else 0.0,
    )


def _spoken(moment: Instant) -> str:
    return moment.to_stdlib().strftime("%Y-%m-%d %H:%M:%S UTC")
