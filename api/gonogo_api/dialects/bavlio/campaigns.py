"""Campaigns, and what happens to them."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from gonogo import parts, reading, service
from gonogo.call import Call, Outcome
from gonogo.reading import CampaignView
from gonogo.service import Draft
from gonogo.store import cases
from gonogo_api import contract
from gonogo_api.dialects.bavlio import answers
from gonogo_api.dialects.bavlio.answers import Campaigns, CampaignShown, Launched, Preflight, campaign
from gonogo_api.dialects.bavlio.shapes import DIALECT, CampaignEdit, Id, NewCampaign, changes_of, found
from gonogo_api.openapi import refuses, says
from gonogo_api.paging import linked
from gonogo_api.problems import Refused, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.visits import Reader, Visit, Writer

router = APIRouter(prefix="/api/v1/campaigns", route_class=StrictRoute, tags=["campaigns"])
Limit = Annotated[int, Query(ge=1, le=200)]
SHOWN = says(CampaignShown, examples=answers.SHOWN)
MADE = says(CampaignShown, 201, examples={"Draft": answers.DRAFTED}) | refuses(
    404, when="There is no such data set or template in the workspace"
)
PAGE = says(Campaigns) | refuses(404, when="The cursor names no campaign of the workspace")
STEP = SHOWN | refuses(409)


@router.post("", status_code=201, responses=MADE)
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    """Make a draft. Nobody is written to before it is launched."""

    def create(call: Call) -> Outcome:
        said = changes_of(call, body, None)
        return service.create(call, Draft(**said, dialect=DIALECT, wire_id=str(uuid.uuid4())))

    return _shown(visit, visit.write(create), 201)


@router.get("", responses=PAGE)
def list_campaigns(visit: Reader, cursor: uuid.UUID | None = None, limit: Limit = 50) -> Response:
    """A page of campaigns, in order of their making; `next_cursor` asks for the next one."""

    def page(call: Call) -> list[CampaignView]:
        after = found(call, cursor) if cursor else ""
        return reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)

    views, now = visit.read(page), visit.door.gate.clock.now()
    following = views[-1].case.wire_id if len(views) == limit else None
    shown = json_response(Campaigns(campaigns=[campaign(view, now) for view in views], next_cursor=following))
    return linked(shown, "/api/v1/campaigns", limit=limit, cursor=following)


@router.get("/{campaign_id}", responses=SHOWN)
def get_campaign(visit: Reader, campaign_id: Id) -> Response:
    """One campaign."""
    view = visit.read(lambda call: reading.campaign(call, found(call, campaign_id)))
    return json_response(campaign(view, visit.door.gate.clock.now()))


@router.patch("/{campaign_id}", responses=STEP)
def edit_campaign(visit: Writer, campaign_id: Id, body: CampaignEdit) -> Response:
    """Change what is named. What was proposed before is closed: the campaign is a draft again, or paused."""

    def edit(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))  # edits at once must both count
        return service.revise(call, case.id, **changes_of(call, body, reading.campaign(call, case.id)))

    return _shown(visit, visit.both("revise", edit))


@router.post("/{campaign_id}/launch", responses=says(Launched, examples=answers.LAUNCHED) | refuses(409))
def launch(visit: Writer, campaign_id: Id) -> Response:
    """Launch now or at its time, or ask the people whom the workspace's policy names."""
    outcome = visit.step("start", lambda call: service.start(call, found(call, campaign_id)))
    case = outcome.case
    warnings = [finding for finding in outcome.findings if finding.severity == "warning"]

    def answer(call: Call) -> Launched:
        rows = parts.rows(call, case.list_id)
        said = answers.preflight(rows, case.recipients or 0, case.extra["steps_config"], warnings)
        return Launched(campaign=campaign(reading.campaign(call, case.id), call.now), **said)

    return json_response(visit.read(answer))


@router.post("/{campaign_id}/preflight", responses=says(Preflight, examples=answers.LOOKED_AT) | refuses(409))
def preflight(visit: Reader, campaign_id: Id) -> Response:
    """What a launch would say now; nothing changes. Whatever a draft lacks for it stands among the warnings; in any
    other state it is refused as a launch would be."""

    def look(call: Call) -> Preflight:
        case = cases.read(call.connection, call.by.workspace, found(call, campaign_id))
        seen = reading.launchability(call, case.id)
        if reading.status_of(case, call.now) in contract.PLACE:
            raise Refused(Outcome(case, seen.blockers), "start")
        told = [finding for finding in seen.findings if finding.severity != "note"]
        codes = {finding.code for finding in told}
        lacks = [blocker for blocker in seen.blockers if blocker.code not in codes]
        rows = parts.rows(call, case.list_id)
        return answers.preflight(rows, seen.recipients, case.extra["steps_config"], [*told, *lacks])

    return json_response(visit.read(look))


@router.post("/{campaign_id}/pause", responses=STEP)
def pause(visit: Writer, campaign_id: Id) -> Response:
    """Stop sending until the campaign is resumed. What is out stays out."""
    return _shown(visit, visit.step("pause", lambda call: service.pause(call, found(call, campaign_id))))


@router.post("/{campaign_id}/resume", responses=STEP)
def resume(visit: Writer, campaign_id: Id) -> Response:
    """Go on where it was paused; where it was changed meanwhile, by a launch for whoever is left."""
    return _shown(visit, visit.step("resume", lambda call: service.resume(call, found(call, campaign_id))))


def _shown(visit: Visit, outcome: Outcome, status: int = 200) -> Response:
    view = visit.read(lambda call: reading.campaign(call, outcome.case.id))
    return json_response(campaign(view, visit.door.gate.clock.now()), status)
