"""Leadterra (seed 002): sequences of steps for leads; answers are plain objects, and a start may be repeated."""

import re
import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel
from whenever import Instant

from gonogo import reading, service
from gonogo.call import Call, Outcome
from gonogo.content import Content, Step, Template
from gonogo.definition import Blocker
from gonogo.errors import NotFound
from gonogo.models import Document
from gonogo.reading import CampaignView
from gonogo.service import Draft
from gonogo.store import cases
from gonogo_api import contract
from gonogo_api.door import Door, Reader, StrictRoute, Visit, Writer, dialect_app
from gonogo_api.problems import STATUS, Kind, Problem, Refused, install, json_response
from gonogo_api.shapes import Contacts, Long, LooseShape, Name, Text, iso_seconds

DIALECT = "leadterra"
CODES: dict[Kind, str] = {
    "malformed": "invalid_request",
    "invalid": "invalid_request",
    "unauthorized": "authentication_failed",
    "forbidden": "insufficient_permissions",
    "method": "method_not_allowed",
    "conflict": "conflict",
    "too_large": "request_too_large",
    "media_type": "unsupported_media_type",
    "limited": "rate_limited",
    "unavailable": "service_unavailable",
    "internal": "internal_error",
}
OK = 200
_ID = re.compile(r"camp_[0-9A-Za-z]{1,64}")

router = APIRouter(route_class=StrictRoute, tags=["campaigns"])
Id = Annotated[str, Path(alias="id", description="Campaign id, such as camp_123")]
Limit = Annotated[int, Query(ge=1, le=200)]


def app(door: Door) -> FastAPI:
    """Leadterra's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Leadterra", "", door)
    made.include_router(router)
    install(made, render, refuse, lambda _: dict)
    return made


# What is taken, and what is shown


class Body(LooseShape):
    model_config = ConfigDict(alias_generator=to_camel)


class NewCampaign(Body):
    name: Name
    sender_pool_id: Annotated[str, Field(min_length=1, max_length=100)] | None = None


class NewStep(Body):
    type: Literal["email"] = "email"
    subject: Text = ""
    body: Long
    delay_days: Annotated[int, Field(ge=0, le=365)] = 0


class NewLeads(Body):
    leads: Contacts


class BulkLeads(NewLeads):
    campaign_id: str


def campaign(view: CampaignView, now: Instant) -> Document:
    case = view.case
    steps: list[Document] = view.content["steps"] if view.content else []
    return {
        "id": case.wire_id,
        "name": case.name,
        "status": contract.status(DIALECT, reading.status_of(case, now)),
        "senderPoolId": case.extra["senderPoolId"],
        "leadCount": case.contacts,
        "steps": [_step(step) for step in steps],
        "createdAt": iso_seconds(case.created_at),
        "updatedAt": iso_seconds(case.updated_at),
        "startedAt": iso_seconds(case.started_at),
    }


def _step(step: Document) -> Document:
    shown = {"type": "email", "subject": step["subject"], "body": step["body"]}
    return {**shown, "delayDays": step["delay_days"]}


def _found(call: Call, wire_id: str) -> str:
    """The engine's id of a campaign. Raises NotFound, also for an id that looks like no campaign's."""
    if not _ID.fullmatch(wire_id):
        raise NotFound("campaign", wire_id)
    return cases.find(call.connection, call.by.workspace, DIALECT, wire_id)


# A campaign, its steps and its leads


@router.post("/v1/campaigns")
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    draft = Draft(
        name=body.name,
        extra={"senderPoolId": body.sender_pool_id},
        dialect=DIALECT,
        wire_id=f"camp_{secrets.token_hex(8)}",
    )
    view = visit.write(lambda call: reading.campaign(call, service.create(call, draft).case.id))
    return json_response(campaign(view, visit.door.gate.clock.now()), 201)


@router.get("/v1/campaigns")
def list_campaigns(visit: Reader, cursor: str = "", limit: Limit = 50) -> Response:
    def page(call: Call) -> list[CampaignView]:
        after = _found(call, cursor) if cursor else ""
        return reading.campaigns(call, dialect=DIALECT, after=after, limit=limit)

    found, now = visit.read(page), visit.door.gate.clock.now()
    following = found[-1].case.wire_id if len(found) == limit else None
    return json_response({"campaigns": [campaign(view, now) for view in found], "nextCursor": following})


@router.get("/v1/campaigns/{id}")
def get_campaign(visit: Reader, wire_id: Id) -> Response:
    view = visit.read(lambda call: reading.campaign(call, _found(call, wire_id)))
    return json_response(campaign(view, visit.door.gate.clock.now()))


@router.post("/v1/campaigns/{id}/steps")
def add_step(visit: Writer, wire_id: Id, body: NewStep) -> Response:
    """Add a message at the end of the sequence."""
    new = Step(body.delay_days, Template(body.subject, body.body))

    def extend(call: Call) -> Outcome:
        case = cases.lock(call.connection, call.by.workspace, _found(call, wire_id))  # two at once must both count
        old = reading.campaign(call, case.id).content
        steps = Content.from_document(old).steps if old else ()
        return service.revise(call, case.id, content=Content((*steps, new)))

    visit.step("revise", extend)
    return json_response(_step({"subject": body.subject, "body": body.body, "delay_days": body.delay_days}), 201)


@router.post("/v1/campaigns/{id}/leads")
def add_leads(visit: Writer, wire_id: Id, body: NewLeads) -> Response:
    return _enrolled(visit, wire_id, body)


@router.post("/v1/leads/bulk")
def upsert_leads(visit: Writer, body: BulkLeads) -> Response:
    return _enrolled(visit, body.campaign_id, body)


def _enrolled(visit: Visit, wire_id: str, body: NewLeads) -> Response:
    outcome, added = visit.write(lambda call: service.add_contacts(call, _found(call, wire_id), body.leads))
    if outcome.refused:
        raise Refused(outcome, "revise")
    case = outcome.case
    waiting = added.added if case.run_open or case.begun else 0  # a run that is open has its audience pinned
    rejected = [{"row": each.row, "reason": each.reason} for each in added.rejected]
    return json_response({"added": added.added, "updated": added.updated, "waiting": waiting, "rejected": rejected})


# Started, resumed, paused


@router.post("/v1/campaigns/{id}/start")
def start(visit: Writer, wire_id: Id) -> Response:
    """Start a draft or resume what is paused; on one that is under way nothing happens and its state is answered."""
    resumes = DIALECT in contract.RESUMES
    outcome = visit.write(lambda call: service.start(call, _found(call, wire_id), resumes=resumes))
    if outcome.refused and contract.start_answer(DIALECT, outcome.blockers).status != OK:
        raise Refused(outcome, "start")
    case = outcome.case
    word = contract.status(DIALECT, case.state)
    started_at = case.started_at if word == "running" else None  # gated anew, it is not under way
    return json_response({"id": case.wire_id, "status": word, "startedAt": iso_seconds(started_at)})


@router.post("/v1/campaigns/{id}/pause")
def pause(visit: Writer, wire_id: Id) -> Response:
    """Stop sending; on a draft and on what is paused already nothing happens."""
    outcome = visit.write(lambda call: service.pause(call, _found(call, wire_id)))
    word = contract.status(DIALECT, outcome.case.state)
    if outcome.refused and word not in ("draft", "paused"):
        raise Refused(outcome, "pause")
    return json_response({"id": outcome.case.wire_id, "status": word})


# Sender pools: there is one, the workspace's default sender, and no volume is set for it


POOL: Document = {
    "id": "pool_default",
    "senderCount": 1,
    "dailyCapacity": None,
    "remainingToday": None,
    "remainingVolume": None,
}


@router.get("/v1/sender-pools")
def list_sender_pools(_: Reader) -> Response:
    return json_response({"senderPools": [POOL]})


@router.get("/v1/sender-pools/{id}")
def get_sender_pool(_: Reader, pool_id: Annotated[str, Path(alias="id")]) -> Response:
    if pool_id != POOL["id"]:
        raise Problem("not_found", "Sender pool not found", "sender_pool")
    return json_response(POOL)


# How Leadterra says no


def render(problem: Problem, _: Request) -> Response:
    code = CODES.get(problem.kind) or f"{problem.what}_not_found".removeprefix("path_")
    return _error(STATUS[problem.kind], code, problem.message)


def refuse(refused: Refused, _: Request) -> Response:
    answer = _answer(refused.event, refused.blockers)
    return _error(answer.status, answer.code, answer.message)


def _answer(event: str, blockers: tuple[Blocker, ...]) -> contract.Answer:
    first = blockers[0]
    if event == "start" or first.code in contract.READINESS:
        return contract.start_answer(DIALECT, blockers)
    ended = event == "pause"  # a draft's and a paused one's is no refusal here
    return contract.Answer(409, "campaign_ended" if ended else first.code, first.message)


def _error(status: int, code: str, message: str) -> Response:
    return json_response({"error": {"code": code, "message": message}}, status)
