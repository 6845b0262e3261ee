"""Campaigns, and what happens to them."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Response

from gonogo import reading, service
from gonogo.call import Call, Outcome
from gonogo.content import Content, Step, Template
from gonogo.service import Draft
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.dialects.sonarly.accounts import Launcher, Reader, Writer
from gonogo_api.dialects.sonarly.answers import (
    LISTED,
    SHOWN,
    STARTED,
    WITH_LEADS,
    Campaigns,
    Envelope,
    OneCampaign,
    Started,
    StartedCampaignSuccessResponse,
    WithLeads,
)
from gonogo_api.dialects.sonarly.shapes import DIALECT, OWN, NewCampaign, NewLeads, well_formed
from gonogo_api.openapi import refuses, says
from gonogo_api.paging import linked
from gonogo_api.problems import Problem, Refused, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import rejected_rows
from gonogo_api.visits import Executing

router = APIRouter(prefix="/v1/accounts/{accountGroupId}/campaigns", route_class=StrictRoute, tags=["campaigns"])


async def _campaign_id(
    wire_id: Annotated[str, Path(alias="campaignId", description="Campaign ID: 24 hexadecimal digits")],
) -> str:
    return well_formed("campaignId", wire_id)


CampaignId = Annotated[str, Depends(_campaign_id)]
Limit = Annotated[int, Query(ge=1, le=200)]
ONE = says(Envelope[OneCampaign], examples=SHOWN)
#: What a call that only reads answers to an id or a cursor that is none.
MALFORMED = refuses(400, when="An id or a cursor is not of 24 hexadecimal digits")
#: A step that is refused: by the campaign's state, or by what it lacks.
STATE = refuses(409, when="The campaign is in a state that prevents this")
LACKS = refuses(422, when="The campaign lacks what a launch needs")


@router.post("", status_code=201, responses=says(Envelope[OneCampaign], 201, examples=SHOWN))
def create_campaign(account: Writer, body: NewCampaign) -> Response:
    """Make a draft that says one message."""
    said = body.message
    draft = Draft(
        name=body.name,
        content=Content((Step(0, Template(said.subject, said.body)),)) if said else None,
        extra={name: value for name, value in body.model_dump(by_alias=True).items() if name in OWN},
        dialect=DIALECT,
        wire_id=secrets.token_hex(12),
    )
    return account.campaign(account.visit.write(lambda call: service.create(call, draft)).case, 201)


@router.get("", responses=says(Envelope[Campaigns], examples=LISTED) | MALFORMED)
def list_campaigns(account: Reader, cursor: str = "", limit: Limit = 50) -> Response:
    """The campaigns of the account group, page by page, as they were made."""
    after = well_formed("cursor", cursor) if cursor else ""

    def page(call: Call) -> list[Case]:
        start = _found(call, after) if after else ""
        return [view.case for view in reading.campaigns(call, dialect=DIALECT, after=start, limit=limit)]

    found = account.visit.read(page)
    following = found[-1].wire_id if len(found) == limit else None
    shown = account.answer(Campaigns(campaigns=[account.shown(case) for case in found], nextCursor=following))
    path = f"/v1/accounts/{account.visit.visitor.account_group}/campaigns"
    return linked(shown, path, limit=limit, cursor=following)


@router.get("/{campaignId}", responses=ONE | MALFORMED)
def get_campaign(account: Reader, wire_id: CampaignId) -> Response:
    """One campaign."""
    return account.campaign(account.visit.read(lambda call: reading.campaign(call, _found(call, wire_id))).case)


@router.post("/{campaignId}/leads", responses=says(Envelope[WithLeads], examples=WITH_LEADS) | STATE)
def add_leads(account: Writer, wire_id: CampaignId, body: NewLeads) -> Response:
    """Select leads for a campaign. Each is taken or refused for itself; rows are counted from 0."""
    outcome, added = account.visit.write(lambda call: service.add_contacts(call, _found(call, wire_id), body.leads))
    if outcome.refused:
        raise Refused(outcome, "revise")
    shown = account.shown(outcome.case)
    return account.answer(
        WithLeads(campaign=shown, added=added.added, updated=added.updated, rejected=rejected_rows(added))
    )


@router.post("/{campaignId}/start", responses=says(StartedCampaignSuccessResponse, examples=STARTED) | STATE | LACKS)
def start(account: Launcher, wire_id: CampaignId, executing: Executing) -> Response:
    """Launch, or ask the people whom the workspace's policy names: then nothing is triggered yet."""
    bound = account.visit.door.settings.sonarly_bound

    def launch(call: Call) -> Outcome:
        outcome = service.start(call, executing(_found(call, wire_id)))
        leads = outcome.case.recipients or 0
        if not outcome.refused and leads > bound:
            raise Problem("invalid", f"A campaign of {leads} leads is over the bound of {bound}")
        return outcome

    case = account.visit.step("start", launch).case
    triggered = case.state in contract.SENDING
    created = (case.recipients or 0) if triggered else 0
    started = Started(campaign=account.shown(case), triggered=triggered, instancesCreated=created)
    body: StartedCampaignSuccessResponse = account.envelope(started)
    return json_response(body)


@router.post("/{campaignId}/pause", responses=ONE | STATE)
def pause(account: Launcher, wire_id: CampaignId) -> Response:
    """Stop handing out messages; what is left waits for a resume."""
    outcome = account.visit.step("pause", lambda call: service.pause(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


@router.post("/{campaignId}/resume", responses=ONE | STATE | LACKS)
def resume(account: Launcher, wire_id: CampaignId) -> Response:
    """Go on where the campaign was paused; where something has changed since, people may be asked again."""
    outcome = account.visit.step("resume", lambda call: service.resume(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


@router.post("/{campaignId}/cancel", responses=ONE | STATE)
def cancel(account: Launcher, wire_id: CampaignId) -> Response:
    """End the campaign; what was handed over stays out."""
    outcome = account.visit.step("cancel", lambda call: service.cancel(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


def _found(call: Call, wire_id: str) -> str:
    return cases.find(call.connection, call.by.workspace, DIALECT, wire_id)
