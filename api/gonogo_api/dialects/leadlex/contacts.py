"""People: those of one campaign, and lists that campaigns share."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from gonogo import reading, service
from gonogo.contacts import Added, new_list
from gonogo_api.dialects.leadlex.answers import (
    AddedShown,
    Lists,
    OneCampaign,
    OneList,
    campaign,
    contact_list,
    data,
    paged,
)
from gonogo_api.dialects.leadlex.rows import ROWS_BODY, Incoming
from gonogo_api.dialects.leadlex.shapes import UUID, NewList, known
from gonogo_api.door import Reader, StrictRoute, Writer
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import Refused
from gonogo_api.shapes import Data, Rejected

router = APIRouter(route_class=StrictRoute, tags=["contacts"])
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
ListId = Annotated[str, Path(description="List UUID", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post(
    "/v1/campaigns/{campaign_id}/contacts", openapi_extra=ROWS_BODY, responses=says(Data[AddedShown]) | refuses(409)
)
def add_contacts(visit: Writer, campaign_id: Id, rows: Incoming) -> Response:
    """Add people or change them, all in one transaction; who can't be taken is told row by row."""
    outcome, added = visit.write(lambda call: service.add_contacts(call, known(campaign_id), rows()))
    if outcome.refused:
        raise Refused(outcome, "revise")
    return data(_added(added))


@router.delete("/v1/campaigns/{campaign_id}/contacts/{email:path}", responses=says(Data[OneCampaign]) | refuses(409))
def remove_contact(visit: Writer, campaign_id: Id, email: str) -> Response:
    """Take one person off the list."""
    outcome = visit.step("revise", lambda call: service.remove_contact(call, known(campaign_id), email))
    view = visit.read(lambda call: reading.campaign(call, outcome.case.id))
    return data(OneCampaign(campaign=campaign(view, visit.door.gate.clock.now())))


@router.post("/v1/lists", status_code=201, responses=says(Data[OneList], 201))
def create_list(visit: Writer, body: NewList) -> Response:
    """Make a list that campaigns can share."""
    view = visit.write(lambda call: reading.contact_list(call, new_list(call, body.name)))
    return data(OneList(list=contact_list(view)), 201)


@router.get("/v1/lists", responses=says(Data[Lists]))
def list_lists(visit: Reader, cursor: str = "", limit: Limit = 50) -> Response:
    """The lists of the workspace, in order of their making."""
    found = visit.read(lambda call: reading.contact_lists(call, after=cursor, limit=limit))
    last = found[-1].id if len(found) == limit else None
    return paged(Lists(lists=[contact_list(view) for view in found]), last, "/v1/lists", limit=limit)


@router.get("/v1/lists/{list_id}", responses=says(Data[OneList]))
def get_list(visit: Reader, list_id: ListId) -> Response:
    """One list."""
    view = visit.read(lambda call: reading.contact_list(call, known(list_id, "list")))
    return data(OneList(list=contact_list(view)))


@router.post("/v1/lists/{list_id}/contacts", openapi_extra=ROWS_BODY, responses=says(Data[AddedShown]))
def add_to_list(visit: Writer, list_id: ListId, rows: Incoming) -> Response:
    """The same for a list, whoever shares it; what is proposed keeps the people that it took."""
    return data(_added(visit.write(lambda call: service.add_to_list(call, known(list_id, "list"), rows()))))


def _added(added: Added) -> AddedShown:
    rejected = [Rejected(row=each.row, reason=each.reason) for each in added.rejected]
    return AddedShown(added=added.added, updated=added.updated, rejected_count=added.rejected_count, rejected=rejected)
