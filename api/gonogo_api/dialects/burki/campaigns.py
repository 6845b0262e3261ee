"""Assistants, campaigns and their contacts."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from gonogo import parts, reading, service
from gonogo.call import Call, Outcome
from gonogo.contacts import Added
from gonogo.service import Draft
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api.dialects.burki.answers import (
    DRAFTED,
    AddedShown,
    AssistantShown,
    Campaigns,
    CampaignShown,
    Progress,
    added_shape,
    assistant,
    campaign,
    progress,
)
from gonogo_api.dialects.burki.shapes import (
    DIALECT,
    CampaignEdit,
    NewAssistant,
    NewCampaign,
    NewContacts,
    Number,
    changes_of,
    csv_contacts,
    found,
    text_of,
)
from gonogo_api.openapi import refuses, says
from gonogo_api.paging import linked
from gonogo_api.problems import Refused, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.rows import Row
from gonogo_api.visits import Reader, Visit, Writer

router = APIRouter(prefix="/api/v1", route_class=StrictRoute, tags=["assistants and campaigns"])
CsvContacts = Annotated[Sequence[Row], Depends(csv_contacts)]
Limit = Annotated[int, Query(ge=1, le=200)]
SHOWN = says(CampaignShown, examples=DRAFTED)
MADE = says(CampaignShown, 201, examples=DRAFTED) | refuses(404, when="There is no such assistant in the workspace")
PAGE = says(Campaigns) | refuses(404, when="The cursor names no campaign of the workspace")
ADDED = says(AddedShown) | refuses(400)
CSV = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.post("/assistants", status_code=201, responses=says(AssistantShown, 201))
def create_assistant(visit: Writer, body: NewAssistant) -> Response:
    """Keep the text that campaigns are made with."""
    made = visit.write(lambda call: parts.add_text(call, "assistant", parts.number(call), body.name, text_of(body)))
    return json_response(assistant(made), 201)


@router.get("/assistants/{assistant_id}", responses=says(AssistantShown))
def get_assistant(visit: Reader, assistant_id: Number) -> Response:
    """One assistant."""
    return json_response(assistant(visit.read(lambda call: parts.find(call, "assistant", str(assistant_id)))))


@router.post("/campaigns", status_code=201, responses=MADE)
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    """Make a draft. Nobody is contacted before it is started."""

    def create(call: Call) -> Outcome:
        said = changes_of(call, body, None)
        return service.create(call, Draft(**said, dialect=DIALECT, wire_id=parts.number(call)))

    return _shown(visit, visit.write(create).case, 201)


@router.get("/campaigns", responses=PAGE)
def list_campaigns(visit: Reader, cursor: int | None = None, limit: Limit = 50) -> Response:
    """A page of campaigns, in order of their making; `next_cursor` asks for the next one."""

    def page(call: Call) -> list[Case]:
        after = found(call, cursor) if cursor is not None else ""
        return [view.case for view in reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)]

    cases_found, now = visit.read(page), visit.door.gate.clock.now()
    following = int(cases_found[-1].wire_id) if len(cases_found) == limit else None
    shown = [campaign(case, now) for case in cases_found]
    body = json_response(Campaigns(campaigns=shown, next_cursor=following))
    return linked(body, "/api/v1/campaigns", limit=limit, cursor=following)


@router.get("/campaigns/{campaign_id}", responses=SHOWN)
def get_campaign(visit: Reader, campaign_id: Number) -> Response:
    """One campaign."""
    return _shown(visit, visit.read(lambda call: reading.campaign(call, found(call, campaign_id))).case)


@router.patch("/campaigns/{campaign_id}", responses=SHOWN | refuses(400))
def edit_campaign(visit: Writer, campaign_id: Number, body: CampaignEdit) -> Response:
    """Change what is named. What was proposed before is closed: the campaign is a draft again, or paused."""

    def edit(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))  # edits at once must both count
        return service.revise(call, case.id, **changes_of(call, body, case))

    return _shown(visit, visit.step("revise", edit).case)


@router.get("/campaigns/{campaign_id}/progress", responses=says(Progress))
def campaign_progress(visit: Reader, campaign_id: Number) -> Response:
    """How far the present run is."""
    case = visit.read(lambda call: reading.campaign(call, found(call, campaign_id))).case
    return json_response(progress(case, visit.door.gate.clock.now()))


@router.post("/campaigns/{campaign_id}/contacts", responses=ADDED)
def add_contacts(visit: Writer, campaign_id: Number, body: NewContacts) -> Response:
    """Add contacts, or change those with the same address; up to 1,000 a call."""
    return _added(visit, campaign_id, body.contacts)


@router.post("/campaigns/{campaign_id}/import-data", responses=ADDED, openapi_extra=CSV)
def import_data(visit: Writer, campaign_id: Number, contacts: CsvContacts) -> Response:
    """Add the rows of a CSV body: a header of field names, then a contact a line."""
    return _added(visit, campaign_id, contacts)


def _added(visit: Visit, campaign_id: int, contacts: Sequence[Row]) -> Response:
    def add(call: Call) -> tuple[Outcome, Added]:
        return service.add_contacts(call, found(call, campaign_id), contacts)

    outcome, added = visit.write(add)
    if outcome.refused:
        raise Refused(outcome, "revise")
    return json_response(added_shape(campaign_id, added))


def _shown(visit: Visit, case: Case, status: int = 200) -> Response:
    return json_response(campaign(case, visit.door.gate.clock.now()), status)
