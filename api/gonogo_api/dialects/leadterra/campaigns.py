"""A campaign, its steps and its leads, and what happens to them."""

import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from gonogo import reading, service
from gonogo.call import Call, Outcome
from gonogo.content import Content, Step, Template
from gonogo.errors import NotFound
from gonogo.reading import CampaignView
from gonogo.service import Draft
from gonogo.store import cases
from gonogo_api import contract
from gonogo_api.dialects.leadterra.answers import (
    ENROLLED,
    LISTED,
    MADE,
    PAUSED,
    SHOWN,
    STARTED,
    STEP,
    Campaigns,
    CampaignShown,
    Enrolled,
    Paused,
    Started,
    StepShown,
    campaign,
    step_shape,
)
from gonogo_api.dialects.leadterra.errors import approval_required
from gonogo_api.dialects.leadterra.shapes import DIALECT, BulkLeads, NewCampaign, NewLeads, NewStep
from gonogo_api.openapi import refuses, says
from gonogo_api.paging import linked
from gonogo_api.problems import Refused, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import iso_seconds, rejected_rows
from gonogo_api.visits import Reader, Visit, Writer

OK = 200
_ID = re.compile(r"camp_[0-9A-Za-z]{1,64}")
router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["campaigns"])
Id = Annotated[str, Path(alias="id", description="Campaign id, such as camp_123")]
Limit = Annotated[int, Query(ge=1, le=200)]
#: What takes no changes while it runs, or any more.
EDITED = refuses(409, when="The campaign is in a state in which it takes no changes")
LEADS = says(Enrolled, examples=ENROLLED) | EDITED
UNKNOWN = "There is no such campaign in the workspace"


@router.post("/campaigns", status_code=201, responses=says(CampaignShown, 201, examples=MADE))
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    """Make a draft without steps and leads."""
    draft = Draft(
        name=body.name,
        settings={"pool": body.sender_pool_id} if body.sender_pool_id else {},
        extra={"senderPoolId": body.sender_pool_id},
        dialect=DIALECT,
        wire_id=f"camp_{secrets.token_hex(8)}",
    )
    view = visit.write(lambda call: reading.campaign(call, service.create(call, draft).case.id))
    return json_response(campaign(view, visit.door.gate.clock.now()), 201)


@router.get(
    "/campaigns", responses=says(Campaigns, examples=LISTED) | refuses(404, when="The cursor names no campaign")
)
def list_campaigns(visit: Reader, cursor: str = "", limit: Limit = 50) -> Response:
    """The campaigns of the workspace, page by page, as they were made."""

    def page(call: Call) -> list[CampaignView]:
        after = _found(call, cursor) if cursor else ""
        return reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)

    found, now = visit.read(page), visit.door.gate.clock.now()
    following = found[-1].case.wire_id if len(found) == limit else None
    shown = json_response(Campaigns(campaigns=[campaign(view, now) for view in found], nextCursor=following))
    return linked(shown, "/v1/campaigns", limit=limit, cursor=following)


@router.get("/campaigns/{id}", responses=says(CampaignShown, examples=SHOWN))
def get_campaign(visit: Reader, wire_id: Id) -> Response:
    """One campaign."""
    view = visit.read(lambda call: reading.campaign(call, _found(call, wire_id)))
    return json_response(campaign(view, visit.door.gate.clock.now()))


@router.post("/campaigns/{id}/steps", status_code=201, responses=says(StepShown, 201, examples=STEP) | EDITED)
def add_step(visit: Writer, wire_id: Id, body: NewStep) -> Response:
    """Add a message at the end of the sequence."""
    new = Step(body.delay_days, Template(body.subject, body.body))

    def extend(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, _found(call, wire_id))  # two at once must both count
        old = reading.campaign(call, case.id).content
        steps = Content.from_document(old).steps if old else ()
        return service.revise(call, case.id, content=Content((*steps, new)))

    visit.step("revise", extend)
    return json_response(step_shape(body.subject, body.body, body.delay_days), 201)


@router.post("/campaigns/{id}/leads", responses=LEADS)
def add_leads(visit: Writer, wire_id: Id, body: NewLeads) -> Response:
    """Enroll leads. Each is taken or refused for itself; rows are counted from 0."""
    return _enrolled(visit, wire_id, body)


@router.post("/leads/bulk", responses=LEADS | refuses(404, when=UNKNOWN))
def upsert_leads(visit: Writer, body: BulkLeads) -> Response:
    """The same, with the campaign named in the body."""
    return _enrolled(visit, body.campaign_id, body)


def _enrolled(visit: Visit, wire_id: str, body: NewLeads) -> Response:
    outcome, added = visit.write(lambda call: service.add_contacts(call, _found(call, wire_id), body.leads))
    if outcome.refused:
        raise Refused(outcome, "revise")
    case = outcome.case
    waiting = added.added if case.run_open or case.begun else 0  # a run that is open has its audience pinned
    return json_response(
        Enrolled(added=added.added, updated=added.updated, waiting=waiting, rejected=rejected_rows(added))
    )


@router.post(
    "/campaigns/{id}/start",
    responses=says(Started, examples=STARTED)
    | refuses(400, when="No leads are enrolled, there are no steps, or the campaign is not ready for another reason")
    | refuses(409, when="The campaign has ended, or awaits approval (where the server is set up to refuse that)"),
)
def start(visit: Writer, wire_id: Id) -> Response:
    """Start a draft or resume what is paused; on one that is under way nothing happens and its state is answered."""
    resumes = DIALECT in contract.RESUMES
    outcome = visit.write(lambda call: service.start(call, _found(call, wire_id), resumes=resumes))
    if outcome.refused and contract.start_answer(DIALECT, outcome.blockers).status != OK:
        raise Refused(outcome, "start")
    case = outcome.case
    if case.task_open and visit.door.settings.leadterra_gated == "refuse":
        return approval_required()
    word = contract.status(DIALECT, case.state)
    started_at = case.started_at if case.state in contract.SENDING else None  # gated anew, it is not under way
    return json_response(Started(id=case.wire_id, status=word, startedAt=iso_seconds(started_at)))


@router.post(
    "/campaigns/{id}/pause", responses=says(Paused, examples=PAUSED) | refuses(409, when="The campaign has ended")
)
def pause(visit: Writer, wire_id: Id) -> Response:
    """Stop sending; on a draft and on what is paused already nothing happens."""
    outcome = visit.write(lambda call: service.pause(call, _found(call, wire_id)))
    word = contract.status(DIALECT, outcome.case.state)
    if outcome.refused and outcome.case.state not in contract.STILL:
        raise Refused(outcome, "pause")
    return json_response(Paused(id=outcome.case.wire_id, status=word))


def _found(call: Call, wire_id: str) -> str:
    """The engine's id of a campaign. Raises NotFound, also for an id that looks like no campaign's."""
    if not _ID.fullmatch(wire_id):
        raise NotFound("campaign", wire_id)
    return cases.find(call.connection, call.by.workspace, DIALECT, wire_id)
