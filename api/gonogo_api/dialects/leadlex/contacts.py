"""People: those of one campaign, and lists that campaigns share."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from gonogo import reading, service
from gonogo.call import Call, Outcome
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
from gonogo_api.dialects.leadlex.rows import ROWS_BODY, Incoming, Rows
from gonogo_api.dialects.leadlex.shapes import UUID, NewList, known, mark
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import Refused
from gonogo_api.routes import StrictRoute
from gonogo_api.rows import Row
from gonogo_api.shapes import Data, rejected_rows
from gonogo_api.visits import Reader, Visit, Writer

router = APIRouter(route_class=StrictRoute, tags=["contacts"])
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
ListId = Annotated[str, Path(description="List UUID", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]
#: Rows that are taken in one transaction.
PART = 5_000
#: What became of some rows; with an outcome where a campaign is changed by them.
Taken = tuple[Outcome | None, Added]


@router.post(
    "/v1/campaigns/{campaign_id}/contacts", openapi_extra=ROWS_BODY, responses=says(Data[AddedShown]) | refuses(409)
)
def add_contacts(visit: Writer, campaign_id: Id, rows: Incoming) -> Response:
    """Add people or change them; who can't be taken is told row by row.

    A body that can't be read changes nothing. A long one is taken in parts; until the last of them nothing is launched.
    """

    def add(call: Call, some: Iterable[Row], **part: Any) -> Taken:
        return service.add_contacts(call, known(campaign_id), some, **part)

    return data(_added(_in_parts(visit, rows, add)))


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
    found = visit.read(lambda call: reading.contact_lists(call, after=mark(cursor), limit=limit))
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

    def add(call: Call, some: Iterable[Row], **part: Any) -> Taken:
        return None, service.add_to_list(call, known(list_id, "list"), some, **part)

    return data(_added(_in_parts(visit, rows, add)))


def _in_parts(visit: Visit, rows: Rows, add: Callable[..., Taken]) -> Added:
    """Take the rows, so many in a transaction that others wait for none of them long. A request that named itself has
    one transaction, and a short body. Raises Refused; and Invalid before anything is taken."""

    def take(some: Iterable[Row], **part: Any) -> Added:
        outcome, added = visit.write(lambda call: add(call, some, **part))
        if outcome is not None and outcome.refused:
            raise Refused(outcome, "revise")
        return added

    if visit.named is not None:
        return take(rows())
    for _ in rows():
        pass
    waiting = iter(rows())
    some = list(islice(waiting, PART))
    if len(some) < PART:
        return take(some)
    done = None
    while some:
        following = list(islice(waiting, PART))
        done = take(some, after=done, more=bool(following))
        some = following
    return done or Added()


def _added(added: Added) -> AddedShown:
    return AddedShown(
        added=added.added, updated=added.updated, rejected_count=added.rejected_count, rejected=rejected_rows(added)
    )
