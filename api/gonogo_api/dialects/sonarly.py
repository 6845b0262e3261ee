"""Sonarly (seed 001): campaigns of an account group; every answer in an envelope with a trace id."""

import re
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Path, Query, Request, Response
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from gonogo import reading, service
from gonogo.call import Call, Outcome
from gonogo.content import Content, Step, Template
from gonogo.definition import Blocker
from gonogo.models import Document
from gonogo.service import Draft
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.door import Door, StrictRoute, Visit, dialect_app, executing, needs
from gonogo_api.problems import STATUS, Kind, Problem, Refused, install, json_response
from gonogo_api.shapes import Contacts, Long, LooseShape, Name, Text, iso

DIALECT = "sonarly"
CODES: dict[Kind, str] = {
    "malformed": "VALIDATION_ERROR",
    "invalid": "VALIDATION_ERROR",
    "unauthorized": "UNAUTHORIZED",
    "forbidden": "FORBIDDEN",
    "not_found": "NOT_FOUND",
    "method": "METHOD_NOT_ALLOWED",
    "conflict": "CONFLICT",
    "too_large": "PAYLOAD_TOO_LARGE",
    "media_type": "UNSUPPORTED_MEDIA_TYPE",
    "limited": "RATE_LIMITED",
    "unavailable": "UPSTREAM_ERROR",
    "internal": "INTERNAL_ERROR",
}
_ID = re.compile(r"[0-9a-f]{24}")

router = APIRouter(prefix="/v1/accounts/{accountGroupId}/campaigns", route_class=StrictRoute, tags=["campaigns"])


def app(door: Door) -> FastAPI:
    """Sonarly's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Sonarly", "", door)
    made.include_router(router)
    install(made, render, refuse, lambda _: dict)
    return made


# What is taken


class Body(LooseShape):
    model_config = ConfigDict(alias_generator=to_camel)


class Message(Body):
    subject: Text = ""
    body: Long


class NewCampaign(Body):
    name: Name
    description: Text | None = None
    message: Message | None = None
    outreach_language: Annotated[str, Field(min_length=2, max_length=35)] | None = None
    include_conversation_history: bool = False
    auto_cancel_on_message_received: bool = False


class NewLeads(Body):
    leads: Contacts


#: Fields that only Sonarly has: kept, and shown as they were given.
OWN = ("description", "includeConversationHistory", "autoCancelOnMessageReceived", "outreachLanguage")


# Who asks, and where


@dataclass(frozen=True, slots=True)
class Account:
    """One authenticated request to an account group that its key grants."""

    visit: Visit
    trace_id: str

    def answer(self, data: Document, status: int = 200) -> Response:
        return json_response({"success": True, "data": data, "error": None, "traceId": self.trace_id}, status)

    def campaign(self, case: Case, status: int = 200, **more: object) -> Response:
        return self.answer({"campaign": self.shown(case), **more}, status)

    def shown(self, case: Case) -> Document:
        now = self.visit.door.gate.clock.now()
        return {
            "id": case.wire_id,
            "name": case.name,
            "status": contract.status(DIALECT, reading.status_of(case, now)),
            "selectedLeadCount": case.recipients if case.run_open else case.contacts,
            **{name: case.extra[name] for name in OWN},
            "createdAt": iso(case.created_at),
            "updatedAt": iso(case.updated_at),
            "startedAt": iso(case.started_at),
            "rateLimitedUntil": iso(case.rate_limited_until),
        }


def granted(scope: str) -> Any:
    """The dependency of a route: a valid key with the scope, and an account group that it grants.

    Whether another account group exists is nobody's business: the answer is the same.
    """

    def account(
        request: Request,
        visit: Annotated[Visit, needs(scope)],
        account_group: Annotated[str, Path(alias="accountGroupId")],
    ) -> Account:
        if account_group != visit.visitor.account_group:
            well_formed("accountGroupId", account_group)
            raise Problem("forbidden", "The key does not grant access to this account group", "account_group_access")
        return Account(visit, request.scope["request_id"])

    return Depends(account)


def well_formed(name: str, wanted: str) -> str:
    """An id of 24 hexadecimal digits. Raises Problem."""
    if not _ID.fullmatch(wanted.lower()):
        raise Problem("malformed", f"{name}: expected 24 hexadecimal digits")
    return wanted.lower()


def _campaign_id(wire_id: Annotated[str, Path(alias="campaignId")]) -> str:
    return well_formed("campaignId", wire_id)


Reader = Annotated[Account, granted("campaigns:read")]
Writer = Annotated[Account, granted("campaigns:write")]
Launcher = Annotated[Account, granted("campaigns:execute")]
CampaignId = Annotated[str, Depends(_campaign_id)]
Executing = Annotated[None, Depends(executing)]
Limit = Annotated[int, Query(ge=1, le=200)]


def _found(call: Call, wire_id: str) -> str:
    return cases.find(call.connection, call.by.workspace, DIALECT, wire_id)


# Campaigns, and what happens to them


@router.post("")
def create_campaign(account: Writer, body: NewCampaign) -> Response:
    said = body.message
    draft = Draft(
        name=body.name,
        content=Content((Step(0, Template(said.subject, said.body)),)) if said else None,
        extra={name: value for name, value in body.model_dump(by_alias=True).items() if name in OWN},
        dialect=DIALECT,
        wire_id=secrets.token_hex(12),
    )
    return account.campaign(account.visit.write(lambda call: service.create(call, draft)).case, 201)


@router.get("")
def list_campaigns(account: Reader, cursor: str = "", limit: Limit = 50) -> Response:
    after = well_formed("cursor", cursor) if cursor else ""

    def page(call: Call) -> list[Case]:
        start = _found(call, after) if after else ""
        return [view.case for view in reading.campaigns(call, dialect=DIALECT, after=start, limit=limit)]

    found = account.visit.read(page)
    following = found[-1].wire_id if len(found) == limit else None
    return account.answer({"campaigns": [account.shown(case) for case in found], "nextCursor": following})


@router.get("/{campaignId}")
def get_campaign(account: Reader, wire_id: CampaignId) -> Response:
    return account.campaign(account.visit.read(lambda call: reading.campaign(call, _found(call, wire_id))).case)


@router.post("/{campaignId}/leads")
def add_leads(account: Writer, wire_id: CampaignId, body: NewLeads) -> Response:
    outcome, added = account.visit.write(lambda call: service.add_contacts(call, _found(call, wire_id), body.leads))
    if outcome.refused:
        raise Refused(outcome, "revise")
    rejected = [{"row": each.row, "reason": each.reason} for each in added.rejected]
    return account.campaign(outcome.case, added=added.added, updated=added.updated, rejected=rejected)


@router.post("/{campaignId}/start")
def start(account: Launcher, wire_id: CampaignId, _: Executing) -> Response:
    """Launch, or ask the people whom the workspace's policy names: then nothing is triggered yet."""
    bound = account.visit.door.settings.sonarly_bound

    def launch(call: Call) -> Outcome:
        outcome = service.start(call, _found(call, wire_id))
        leads = outcome.case.recipients or 0
        if not outcome.refused and leads > bound:
            raise Problem("invalid", f"A campaign of {leads} leads is over the bound of {bound}")
        return outcome

    case = account.visit.step("start", launch).case
    triggered = contract.status(DIALECT, case.state) == "active"
    return account.campaign(case, triggered=triggered, instancesCreated=case.recipients if triggered else 0)


@router.post("/{campaignId}/pause")
def pause(account: Launcher, wire_id: CampaignId) -> Response:
    outcome = account.visit.step("pause", lambda call: service.pause(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


@router.post("/{campaignId}/resume")
def resume(account: Launcher, wire_id: CampaignId) -> Response:
    outcome = account.visit.step("resume", lambda call: service.resume(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


@router.post("/{campaignId}/cancel")
def cancel(account: Launcher, wire_id: CampaignId) -> Response:
    outcome = account.visit.step("cancel", lambda call: service.cancel(call, _found(call, wire_id)))
    return account.campaign(outcome.case)


# How Sonarly says no


def render(problem: Problem, request: Request) -> Response:
    details = "; ".join(map(str, problem.mistakes)) or problem.what
    return _error(STATUS[problem.kind], CODES[problem.kind], problem.message, details, request)


def refuse(refused: Refused, request: Request) -> Response:
    answer = _answer(refused.event, refused.blockers)
    details = "; ".join(f"{each.code}: {each.message}" for each in refused.blockers)
    return _error(answer.status, answer.code, answer.message, details, request)


def _answer(event: str, blockers: tuple[Blocker, ...]) -> contract.Answer:
    if event == "start" or blockers[0].code in contract.READINESS:
        return contract.start_answer(DIALECT, blockers)
    return contract.Answer(409, "CONFLICT", blockers[0].message)


def _error(status: int, code: str, message: str, details: str, request: Request) -> Response:
    error = {"code": code, "message": message, "details": details}
    body = {"success": False, "data": None, "error": error, "traceId": request.scope["request_id"]}
    return json_response(body, status)
