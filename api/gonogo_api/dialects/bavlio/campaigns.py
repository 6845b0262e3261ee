"""Campaigns, and what happens to them."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response

from gonogo import parts, reading, service
from gonogo.call import Call, Outcome
from gonogo.models import Document
from gonogo.reading import CampaignView
from gonogo.service import Draft
from gonogo.store import cases
from gonogo_api.dialects.bavlio.shapes import (
    DIALECT,
    CampaignEdit,
    Id,
    NewCampaign,
    campaign,
    changes_of,
    found,
    launched,
)
from gonogo_api.door import Reader, StrictRoute, Visit, Writer
from gonogo_api.problems import json_response

router = APIRouter(prefix="/api/v1/campaigns", route_class=StrictRoute, tags=["campaigns"])
Limit = Annotated[int, Query(ge=1, le=200)]


@router.post("")
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    def create(call: Call) -> Outcome:
        said = changes_of(call, body, None)
        return service.create(call, Draft(**said, dialect=DIALECT, wire_id=str(uuid.uuid4())))

    return _shown(visit, visit.write(create), 201)


@router.get("")
def list_campaigns(visit: Reader, cursor: uuid.UUID | None = None, limit: Limit = 50) -> Response:
    def page(call: Call) -> list[CampaignView]:
        after = found(call, cursor) if cursor else ""
        return reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)

    views, now = visit.read(page), visit.door.gate.clock.now()
    following = views[-1].case.wire_id if len(views) == limit else None
    return json_response({"campaigns": [campaign(view, now) for view in views], "next_cursor": following})


@router.get("/{campaign_id}")
def get_campaign(visit: Reader, campaign_id: Id) -> Response:
    view = visit.read(lambda call: reading.campaign(call, found(call, campaign_id)))
    return json_response(campaign(view, visit.door.gate.clock.now()))


@router.patch("/{campaign_id}")
def edit_campaign(visit: Writer, campaign_id: Id, body: CampaignEdit) -> Response:
    def edit(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, found(call, campaign_id))  # edits at once must both count
        return service.revise(call, case.id, **changes_of(call, body, reading.campaign(call, case.id)))

    return _shown(visit, visit.step("revise", edit))


@router.post("/{campaign_id}/launch")
def launch(visit: Writer, campaign_id: Id) -> Response:
    """Launch now or at its time, or ask the people whom the workspace's policy names."""
    outcome = visit.step("start", lambda call: service.start(call, found(call, campaign_id)))
    case = outcome.case
    warnings = [finding for finding in outcome.findings if finding.severity == "warning"]

    def answer(call: Call) -> Document:
        rows = parts.rows(call, case.list_id)
        said = launched(rows, case.recipients or 0, case.extra["steps_config"], warnings)
        return {"campaign": campaign(reading.campaign(call, case.id), call.now), **said}

    return json_response(visit.read(answer))


@router.post("/{campaign_id}/preflight")
def preflight(visit: Reader, campaign_id: Id) -> Response:
    """What a launch would say now; nothing changes. Whatever would refuse it stands among the warnings."""

    def look(call: Call) -> Document:
        case = cases.read(call.connection, call.by.workspace, found(call, campaign_id))
        proposal = parts.preflight(call, case.id)
        findings = [finding for finding in proposal.findings if finding.severity != "note"]
        rows = parts.rows(call, case.list_id)
        return launched(rows, proposal.recipients, case.extra["steps_config"], findings)

    return json_response(visit.read(look))


@router.post("/{campaign_id}/pause")
def pause(visit: Writer, campaign_id: Id) -> Response:
    return _shown(visit, visit.step("pause", lambda call: service.pause(call, found(call, campaign_id))))


@router.post("/{campaign_id}/resume")
def resume(visit: Writer, campaign_id: Id) -> Response:
    return _shown(visit, visit.step("resume", lambda call: service.resume(call, found(call, campaign_id))))


def _shown(visit: Visit, outcome: Outcome, status: int = 200) -> Response:
    view = visit.read(lambda call: reading.campaign(call, outcome.case.id))
    return json_response(campaign(view, visit.door.gate.clock.now()), status)
