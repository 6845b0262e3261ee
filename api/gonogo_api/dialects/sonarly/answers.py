"""What Sonarly shows, under the names that its reference has for it."""
# ruff: noqa: N815 - names as they are on the wire

from typing import Annotated, Any, Generic, Literal, TypeVar

from whenever import Instant

from gonogo import reading
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.dialects.sonarly.shapes import DIALECT
from gonogo_api.shapes import Rejected, Shown, iso, one_of

T = TypeVar("T")


class CampaignShown(Shown):
    """A campaign, and how far it is."""

    id: str
    name: str
    status: Annotated[str, one_of(contract.words(DIALECT))]
    selectedLeadCount: int
    description: str | None
    includeConversationHistory: bool
    autoCancelOnMessageReceived: bool
    outreachLanguage: str | None
    createdAt: str
    updatedAt: str
    startedAt: str | None
    rateLimitedUntil: str | None


class OneCampaign(Shown):
    campaign: CampaignShown


class Campaigns(Shown):
    """A page of campaigns; the cursor leads to the next one."""

    campaigns: list[CampaignShown]
    nextCursor: str | None


class WithLeads(OneCampaign):
    """What became of leads; of those that were not taken, the first are named."""

    added: int
    updated: int
    rejected: list[Rejected]


class Started(OneCampaign):
    """The campaign, whether anything was set off, and for how many leads."""

    triggered: bool
    instancesCreated: int


class Envelope(Shown, Generic[T]):
    """Every answer that reports success."""

    success: Literal[True]
    data: T
    error: None
    traceId: str


class StartedCampaignSuccessResponse(Shown):
    success: Literal[True]
    data: Started
    error: None
    traceId: str


def campaign(case: Case, now: Instant) -> CampaignShown:
    own = case.extra
    return CampaignShown(
        id=case.wire_id,
        name=case.name,
        status=contract.status(DIALECT, reading.status_of(case, now)),
        selectedLeadCount=case.recipients if case.run_open and case.recipients is not None else case.contacts,
        description=own["description"],
        includeConversationHistory=own["includeConversationHistory"],
        autoCancelOnMessageReceived=own["autoCancelOnMessageReceived"],
        outreachLanguage=own["outreachLanguage"],
        createdAt=iso(case.created_at),
        updatedAt=iso(case.updated_at),
        startedAt=iso(case.started_at),
        rateLimitedUntil=iso(case.rate_limited_until),
    )


#: The campaign of seed 001.
_CAMPAIGN: dict[str, Any] = {
    "id": "507f1f77bcf86cd799439011",
    "name": "Avery Stone",
    "description": "string",
    "status": "draft",
    "selectedLeadCount": 25,
    "includeConversationHistory": True,
    "autoCancelOnMessageReceived": True,
    "outreachLanguage": "en",
    "createdAt": "string",
    "updatedAt": "string",
    "startedAt": "string",
    "rateLimitedUntil": "string",
}
#: The same before it has begun, with null wherever there may be null.
_UNSTARTED = {**_CAMPAIGN, **dict.fromkeys(("description", "outreachLanguage", "startedAt", "rateLimitedUntil"))}


def _example(data: dict[str, Any]) -> dict[str, Any]:
    return {"success": True, "data": data, "error": None, "traceId": "507f1f77bcf86cd799439011"}


#: The answer to a start as seed 001 has it.
STARTED: dict[str, object] = {
    "Started": _example({"campaign": _CAMPAIGN, "triggered": True, "instancesCreated": 25}),
}
SHOWN: dict[str, object] = {"Campaign": _example({"campaign": _UNSTARTED})}
LISTED: dict[str, object] = {"Last Page": _example({"campaigns": [_UNSTARTED], "nextCursor": None})}
WITH_LEADS: dict[str, object] = {
    "Leads Added": _example({"campaign": _UNSTARTED, "added": 25, "updated": 0, "rejected": []})
}
