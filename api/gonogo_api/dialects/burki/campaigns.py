"""Assistants, campaigns and their contacts."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gonogo import parts, reading, service
from gonogo.call import Call, Outcome
from gonogo.contacts import Added
from gonogo.models import Document
from gonogo.service import Draft
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api.dialects.burki.shapes import (
    DIALECT,
    CampaignEdit,
    NewAssistant,
    NewCampaign,
    NewContacts,
    Number,
    assistant,
    campaign,
    changes_of,
    csv_contacts,
    found,
    progress,
    text_of,
)
from gonogo_api.door import Reader, StrictRoute, Visit, Writer
from gonogo_api.problems import Refused, json_response

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["campaigns"])
CsvContacts = Annotated[list[Document], Depends(csv_contacts)]
Limit = Annotated[int, Query(ge=1, le=200)]
CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.post("/assistants")
def create_assistant(visit: Writer, body: NewAssistant) -> Response:
    made = visit.write(lambda call: parts.add_text(call, "assistant", parts.number(call), body.name, text_of(body)))
    return json_response(assistant(made), 201)


@router.get("/assistants/{assistant_id}")
def get_assistant(visit: Reader, assistant_id: Number) -> Response:
    return json_response(assistant(visit.read(lambda call: parts.find(call, "assistant", str(assistant_id)))))


@router.post("/campaigns")
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    def create(call: Call) -> Outcome:
        said = changes_of(call, body, {"description": None, "assistant_id": None, "schedule_type": "immediate"}, None)
        return service.create(call, Draft(**said, dialect=DIALECT, wire_id=parts.number(call)))

    return _shown(visit, visit.write(create).case, 201)


@router.get("/campaigns")
def list_campaigns(visit: Reader, cursor: int | None = None, limit: Limit = 50) -> Response:
    def page(call: Call) -> list[Case]:
        after = found(call, cursor) if cursor is not None else ""
        return [view.case for view in reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)]

    cases_found, now = visit.read(page), visit.door.gate.clock.now()
    following = int(cases_found[-1].wire_id) if len(cases_found) == limit else None
    return json_response({"campaigns": [campaign(case, now) for case in cases_found], "next_cursor": following})


@router.get("/campaigns/{campaign_id}")
def get_campaign(visit: Reader, campaign_id: Number) -> Response:
    return _shown(visit, visit.read(lambda call: reading.campaign(call, found(call, campaign_id))).case)


@router.patch("/campaigns/{campaign_id}")
def edit_campaign(visit: Writer, campaign_id: Number, body: CampaignEdit) -> Response:
    def edit(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))  # edits at once must both count
        return service.revise(call, case.id, **changes_of(call, body, case.extra, case.start_at))

    return _shown(visit, visit.step("revise", edit).case)


@router.get("/campaigns/{campaign_id}/progress")
def campaign_progress(visit: Reader, campaign_id: Number) -> Response:
    case = visit.read(lambda call: reading.campaign(call, found(call, campaign_id))).case
    return json_response(progress(case, visit.door.gate.clock.now()))


@router.post("/campaigns/{campaign_id}/contacts")
def add_contacts(visit: Writer, campaign_id: Number, body: NewContacts) -> Response:
    return _added(visit, campaign_id, body.contacts)


@router.post("/campaigns/{campaign_id}/import-data", openapi_extra=CSV)
def import_data(visit: Writer, campaign_id: Number, contacts: CsvContacts) -> Response:
    """Add the rows of a CSV body: a header of field names, then a contact a line."""
    return _added(visit, campaign_id, contacts)


def _added(visit: Visit, campaign_id: int, contacts: list[Document]) -> Response:
    def add(call: Call) -> tuple[Outcome, Added]:
        return service.add_contacts(call, found(call, campaign_id), contacts)

    outcome, added = visit.write(add)
    if outcome.refused:
        raise Refused(outcome, "revise")
    rejected = [{"row": each.row, "reason": each.reason} for each in added.rejected]
    figures = {"added": added.added, "updated": added.updated, "rejected": rejected}
    return json_response({"success": True, "campaign_id": campaign_id, **figures})


def _shown(visit: Visit, case: Case, status: int = 200) -> Response:
    return json_response(campaign(case, visit.door.gate.clock.now()), status)
