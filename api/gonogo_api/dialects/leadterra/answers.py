"""What Leadterra shows."""
# ruff: noqa: N815 - names as they are on the wire

from typing import Annotated, Any, Literal

from whenever import Instant

from gonogo import reading
from gonogo.models import Document
from gonogo.reading import CampaignView
from gonogo_api import contract
from gonogo_api.dialects.leadterra.shapes import DIALECT
from gonogo_api.shapes import Rejected, Shown, iso_seconds, one_of

Status = Annotated[str, one_of(contract.words(DIALECT))]


class StepShown(Shown):
    """A message of the sequence, and how many days after the one before it is due."""

    type: Literal["email"]
    subject: str
    body: str
    delayDays: int


class CampaignShown(Shown):
    """A campaign with its sequence."""

    id: str
    name: str
    status: Status
    senderPoolId: str | None
    leadCount: int
    steps: list[StepShown]
    createdAt: str
    updatedAt: str
    startedAt: str | None


class Campaigns(Shown):
    """A page of campaigns; the cursor leads to the next one."""

    campaigns: list[CampaignShown]
    nextCursor: str | None


class Enrolled(Shown):
    """What became of leads. Those that wait came too late for the present run.

    Of those that were not taken, the first are named.
    """

    added: int
    updated: int
    waiting: int
    rejected: list[Rejected]


class Started(Shown):
    """The campaign's state, and when it first came to run: null while it does not."""

    id: str
    status: Status
    startedAt: str | None


class Paused(Shown):
    id: str
    status: Status


class Pool(Shown):
    """A sender pool, and the volume that it has left; null where none is set."""

    id: str
    senderCount: int
    dailyCapacity: int | None
    remainingToday: int | None
    remainingVolume: int | None


class Pools(Shown):
    senderPools: list[Pool]


def campaign(view: CampaignView, now: Instant) -> CampaignShown:
    case = view.case
    steps: list[Document] = view.content["steps"] if view.content else []
    return CampaignShown(
        id=case.wire_id,
        name=case.name,
        status=contract.status(DIALECT, reading.status_of(case, now)),
        senderPoolId=case.extra["senderPoolId"],
        leadCount=case.contacts,
        steps=[step_shape(step["subject"], step["body"], step["delay_days"]) for step in steps],
        createdAt=iso_seconds(case.created_at),
        updatedAt=iso_seconds(case.updated_at),
        startedAt=iso_seconds(case.started_at),
    )


def step_shape(subject: str, body: str, delay_days: int) -> StepShown:
    return StepShown(type="email", subject=subject, body=body, delayDays=delay_days)


#: The answer to a start as seed 002 has it.
STARTED: dict[str, object] = {
    "Started": {"id": "camp_123", "status": "running", "startedAt": "2025-01-15T11:00:00Z"},
}
PAUSED: dict[str, object] = {"Paused": {"id": "camp_123", "status": "paused"}}
_STEP = {"type": "email", "subject": "Hello", "body": "Dear {{ first_name }}, we launch.", "delayDays": 0}
_CAMPAIGN: dict[str, Any] = {
    "id": "camp_123",
    "name": "Spring",
    "status": "draft",
    "senderPoolId": None,
    "leadCount": 0,
    "steps": [],
    "createdAt": "2025-01-15T10:00:00Z",
    "updatedAt": "2025-01-15T10:00:00Z",
    "startedAt": None,
}
_BEGUN = {
    **_CAMPAIGN,
    "status": "running",
    "senderPoolId": "pool_default",
    "leadCount": 25,
    "steps": [_STEP],
    "updatedAt": "2025-01-15T11:00:00Z",
    "startedAt": "2025-01-15T11:00:00Z",
}
MADE: dict[str, object] = {"Draft": _CAMPAIGN}
SHOWN: dict[str, object] = {"Draft": _CAMPAIGN, "Running": _BEGUN}
LISTED: dict[str, object] = {"Last Page": {"campaigns": [_CAMPAIGN, _BEGUN], "nextCursor": None}}
STEP: dict[str, object] = {"Step": _STEP}
ENROLLED: dict[str, object] = {"Enrolled": {"added": 25, "updated": 0, "waiting": 0, "rejected": []}}
