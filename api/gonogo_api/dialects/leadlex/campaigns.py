"""Campaigns, and what happens to them."""

import re
from typing import Annotated, cast

from fastapi import APIRouter, Path, Query, Response

from gonogo import reading, resolving, service
from gonogo.call import Call, Outcome
from gonogo.errors import NotFound
from gonogo.models import LEDGER_STATES, Document
from gonogo.reading import CampaignView
from gonogo.service import Draft
from gonogo.store import ledger
from gonogo_api import channels, contract
from gonogo_api.conditional import IfMatch, unchanged
from gonogo_api.dialects.leadlex.answers import (
    STARTED,
    Campaigns,
    Cancelled,
    Events,
    EventShown,
    Messages,
    MessageShown,
    OneCampaign,
    OneMessage,
    Preflight,
    Preview,
    Removed,
    RemovedCampaign,
    Resolutions,
    ResolutionShown,
    Started,
    campaign,
    data,
    finding_shape,
    launchability,
    paged,
)
from gonogo_api.dialects.leadlex.shapes import (
    DIALECT,
    UUID,
    CampaignEdit,
    Clone,
    InNeed,
    NewCampaign,
    Schedule,
    Selected,
    Verdict,
    changes_of,
    known,
    mark,
    settings_of,
)
from gonogo_api.openapi import refuses, says
from gonogo_api.problems import NO_CURSOR, Problem, Refused
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, content_of, iso
from gonogo_api.visits import Approver, Launcher, Reader, Visit, Writer

router = APIRouter(route_class=StrictRoute, tags=["campaigns"])
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
MessageId = Annotated[str, Path(description="A message's id, as messages are listed: run.step.position")]
Limit = Annotated[int, Query(ge=1, le=200)]
OK = 200
SHOWN = says(Data[OneCampaign])
MADE = says(Data[OneCampaign], 201) | refuses(404, when="There is no such list")
#: A step that is refused: by what the campaign says, by its state, or because of who asks.
STEP = SHOWN | refuses(400, 409)


@router.post("/v1/campaigns", status_code=201, responses=MADE)
def create_campaign(visit: Writer, body: NewCampaign) -> Response:
    """Write a campaign down. Nothing is sent before it is started."""
    draft = Draft(
        name=body.name,
        channel=channels.check(body.channel, visit.door.channels),
        content=content_of(body.template, body.steps or []),
        sender=body.sender.model_dump() if body.sender else None,
        settings=settings_of(body, {}),
        start_at=body.start_at,
        extra={"metadata": body.metadata or {}},
        list_id=known(body.list_id, "list") if body.list_id is not None else None,
    )
    view = visit.write(lambda call: reading.campaign(call, service.create(call, draft).case.id))
    return data(OneCampaign(campaign=campaign(view, visit.door.gate.clock.now())), 201)


@router.get("/v1/campaigns", responses=says(Data[Campaigns]))
def list_campaigns(visit: Reader, status: str | None = None, cursor: str = "", limit: Limit = 50) -> Response:
    """The campaigns of the workspace, in order of their making."""
    states = contract.states(DIALECT, status) if status is not None else None
    if states == ():
        raise Problem("invalid", f"status: there is no status {status!r}")
    found = visit.read(lambda call: reading.campaigns(call, states=states, after=mark(cursor), limit=limit))
    now = visit.door.gate.clock.now()
    last = found[-1].case.id if len(found) == limit else None
    return paged(
        Campaigns(campaigns=[campaign(view, now) for view in found]), last, "/v1/campaigns", status=status, limit=limit
    )


@router.get("/v1/campaigns/{campaign_id}", responses=SHOWN)
def get_campaign(visit: Reader, campaign_id: Id) -> Response:
    """One campaign, whole."""
    view = visit.read(lambda call: reading.campaign(call, known(campaign_id)))
    return data(OneCampaign(campaign=campaign(view, visit.door.gate.clock.now())))


@router.patch("/v1/campaigns/{campaign_id}", responses=STEP)
def edit_campaign(visit: Writer, campaign_id: Id, body: CampaignEdit, if_match: IfMatch = None) -> Response:
    """Change what is given, and nothing else. What was proposed before is closed: it would not be the same."""

    def edit(call: Call) -> Outcome:
        view = _held(call, campaign_id, if_match)  # what is not given stays as it is, whoever edits beside us
        return service.revise(call, view.case.id, **changes_of(body, view))

    return _campaign(visit, visit.step("revise", edit))


@router.delete("/v1/campaigns/{campaign_id}", responses=says(Data[Removed]) | refuses(409))
def remove_campaign(visit: Writer, campaign_id: Id, if_match: IfMatch = None) -> Response:
    """Remove a campaign that was never submitted; its id is never given to another."""
    outcome = visit.step("remove", lambda call: service.remove(call, _held(call, campaign_id, if_match).case.id))
    return data(Removed(campaign=RemovedCampaign(id=outcome.case.id, removed=True)))


@router.post("/v1/campaigns/{campaign_id}/clone", status_code=201, responses=MADE)
def clone_campaign(visit: Writer, campaign_id: Id, body: Clone | None = None) -> Response:
    """Make a new draft that says the same, to the same people only if asked to."""
    said = body or Clone()
    outcome = visit.write(lambda call: service.clone(call, known(campaign_id), name=said.name, contacts=said.contacts))
    return _campaign(visit, outcome, status=201)


@router.get("/v1/campaigns/{campaign_id}/launchability", responses=says(Data[Preflight]))
def campaign_launchability(visit: Reader, campaign_id: Id) -> Response:
    """Would a start be refused now, and whom would it ask? Changes nothing."""
    return data(launchability(visit.read(lambda call: reading.launchability(call, known(campaign_id)))))


@router.get("/v1/campaigns/{campaign_id}/preview", responses=says(Data[Preview]))
def campaign_preview(visit: Reader, campaign_id: Id, contact: str, step: int = 0) -> Response:
    """A message as it would be sent to one contact."""
    made = visit.read(lambda call: reading.preview(call, known(campaign_id), contact, step))
    return data(Preview(subject=made.subject, body=made.body, html=made.html, step=step))


@router.get("/v1/campaigns/{campaign_id}/events", responses=says(Data[Events]))
def campaign_events(visit: Reader, campaign_id: Id, cursor: str = "", limit: Limit = 50) -> Response:
    """Every recorded step of a campaign in order, in the chain of their digests."""
    if cursor and not _FIGURE.fullmatch(cursor):
        raise Problem("invalid", NO_CURSOR)
    after = int(cursor or 0)
    found = visit.read(lambda call: reading.events(call, known(campaign_id), after=after, limit=limit))
    shown = [cast(EventShown, {**event, "at": iso(event["at"])}) for event in found]
    last = str(found[-1]["seq"]) if len(found) == limit else None
    return paged(Events(events=shown), last, f"/v1/campaigns/{campaign_id}/events", limit=limit)


@router.get("/v1/campaigns/{campaign_id}/messages", responses=says(Data[Messages]))
def campaign_messages(
    visit: Reader, campaign_id: Id, state: str | None = None, cursor: str = "", limit: Limit = 50
) -> Response:
    """The ledger: a row for every message that was claimed, and what became of it."""
    if state is not None and state not in LEDGER_STATES:
        raise Problem("invalid", f"state: expected one of {', '.join(LEDGER_STATES)}")
    states = (state,) if state else LEDGER_STATES
    after = _message_cursor(cursor)
    found = visit.read(lambda call: reading.messages(call, known(campaign_id), states=states, after=after, limit=limit))
    rows = [_message(row) for row in found]
    last = rows[-1]["id"] if len(rows) == limit else None
    return paged(Messages(messages=rows), last, f"/v1/campaigns/{campaign_id}/messages", state=state, limit=limit)


@router.post(
    "/v1/campaigns/{campaign_id}/messages/{message_id}/resolve", responses=says(Data[OneMessage]) | refuses(400)
)
def resolve_message(visit: Launcher, campaign_id: Id, message_id: MessageId, body: Verdict) -> Response:
    """Say what became of an unknown message: it was sent after all, or it is released for another try, which a paused
    campaign makes with its next run, and an ended one when it is reopened. It stands in writing, once."""

    def resolve(call: Call) -> Document:
        case = service.hold(call, known(campaign_id))
        run, step, position = _message_of(message_id)
        resolving.resolve(call, case.id, message_id.lower(), body.verdict)
        [row] = reading.messages(call, case.id, states=LEDGER_STATES, after=(run, step, position - 1), limit=1)
        return row

    return data(OneMessage(message=_message(visit.write(resolve))))


@router.get("/v1/campaigns/{campaign_id}/resolutions", responses=says(Data[Resolutions]))
def campaign_resolutions(visit: Reader, campaign_id: Id) -> Response:
    """What people said about unknown messages, who said it, and when, in order."""

    def said(call: Call) -> list[ResolutionShown]:
        case = reading.campaign(call, known(campaign_id)).case
        return [
            ResolutionShown(
                message=f"{row.run_id}.{row.step}.{row.position}",
                verdict=row.verdict,
                person=row.person,
                actor=row.actor,
                at=iso(row.at),
            )
            for row in ledger.resolutions(call.connection, case.id)
        ]

    return data(Resolutions(resolutions=visit.read(said)))


# What happens to them


@router.post("/v1/campaigns/{campaign_id}/start", responses=says(Data[Started], examples=STARTED) | refuses(400))
def start(visit: Writer, campaign_id: Id) -> Response:
    """Propose the launch: it starts at once, is scheduled, or waits for approval."""
    outcome = visit.write(lambda call: service.start(call, known(campaign_id), resumes=DIALECT in contract.RESUMES))
    if outcome.refused and contract.start_answer(DIALECT, outcome.blockers).status != OK:
        raise Refused(outcome, "start")
    case = outcome.case
    started = Started(
        campaign_id=case.id,
        status=contract.status(DIALECT, case.state),
        task_id=case.task_id if case.task_open else None,
        warnings=[finding_shape(found) for found in outcome.findings if found.severity == "warning"],
    )
    return data(started)


@router.post("/v1/campaigns/{campaign_id}/pause", responses=STEP)
def pause(visit: Writer, campaign_id: Id) -> Response:
    """Stop handing messages out. On one that is paused already nothing happens."""
    outcome = visit.write(lambda call: service.pause(call, known(campaign_id)))
    if outcome.refused and outcome.blockers[0].code != "already_paused":
        raise Refused(outcome, "pause")
    return _campaign(visit, outcome)


@router.post("/v1/campaigns/{campaign_id}/resume", responses=STEP)
def resume(visit: Writer, campaign_id: Id) -> Response:
    """Go on under the permit; without one, propose what is left."""
    return _campaign(visit, visit.step("resume", lambda call: service.resume(call, known(campaign_id))))


@router.post("/v1/campaigns/{campaign_id}/cancel", responses=says(Data[Cancelled]) | refuses(409))
def cancel(visit: Writer, campaign_id: Id) -> Response:
    """Give the campaign up. What was handed over already is counted, and stays out."""
    outcome = visit.step("cancel", lambda call: service.cancel(call, known(campaign_id)))
    view = visit.read(lambda call: reading.campaign(call, outcome.case.id))
    return data(Cancelled(campaign=campaign(view, visit.door.gate.clock.now()), in_flight=outcome.in_flight))


@router.post("/v1/campaigns/{campaign_id}/revoke", responses=STEP)
def revoke(visit: Approver, campaign_id: Id) -> Response:
    """Take the approval back: the launch stops at the next batch."""
    return _campaign(visit, visit.step("revoke", lambda call: service.revoke(call, known(campaign_id))))


@router.post("/v1/campaigns/{campaign_id}/break-glass", responses=STEP)
def break_glass(visit: Launcher, campaign_id: Id, body: InNeed) -> Response:
    """Launch now without the approval that would be needed, where the policy lets this person. The permit says so, the
    launch must begin soon, and the owners are asked whether it was right."""
    return _campaign(
        visit, visit.step("break_glass", lambda call: service.break_glass(call, known(campaign_id), body.reason))
    )


@router.post("/v1/campaigns/{campaign_id}/unschedule", responses=STEP)
def unschedule(visit: Writer, campaign_id: Id) -> Response:
    """Give the start time up; the campaign is a draft again."""
    return _campaign(visit, visit.step("unschedule", lambda call: service.unschedule(call, known(campaign_id))))


@router.post("/v1/campaigns/{campaign_id}/schedule", responses=STEP)
def schedule(visit: Writer, campaign_id: Id, body: Schedule) -> Response:
    """Give the campaign a start time and propose its launch; both or neither."""

    def propose(call: Call) -> Outcome:
        service.revise(call, known(campaign_id), start_at=body.start_at)
        return service.start(call, known(campaign_id))

    return _campaign(visit, visit.both("start", propose))


@router.post("/v1/campaigns/{campaign_id}/reopen", responses=STEP)
def reopen(visit: Writer, campaign_id: Id, body: Selected | None = None) -> Response:
    """Make an ended campaign a draft again, for the recipients selected."""
    wanted = (body or Selected()).recipients
    return _campaign(visit, visit.step("reopen", lambda call: service.reopen(call, known(campaign_id), wanted)))


@router.post("/v1/campaigns/{campaign_id}/rerun", responses=STEP)
def rerun(visit: Writer, campaign_id: Id, body: Selected | None = None) -> Response:
    """Reopen and start; both or neither."""
    wanted = (body or Selected()).recipients
    outcome = visit.both("rerun", lambda call: service.rerun(call, known(campaign_id), wanted))
    return _campaign(visit, outcome)


def _held(call: Call, campaign_id: str, if_match: str | None) -> CampaignView:
    """The campaign, which stays as it is until the transaction ends. Raises Problem where it was seen otherwise."""
    service.hold(call, known(campaign_id))
    view = reading.campaign(call, known(campaign_id))
    unchanged(if_match, data(OneCampaign(campaign=campaign(view, call.now))))
    return view


def _campaign(visit: Visit, outcome: Outcome, status: int = 200) -> Response:
    view = visit.read(lambda call: reading.campaign(call, outcome.case.id))
    return data(OneCampaign(campaign=campaign(view, visit.door.gate.clock.now())), status)


def _message(row: Document) -> MessageShown:
    times = {name: iso(row[name]) for name in ("claimed_at", "settled_at")}
    return cast(MessageShown, {**row, **times})


_FIGURE = re.compile("[0-9]{1,9}")


def _message_of(message_id: str) -> tuple[str, int, int]:
    """A message's run, step and position. Raises NotFound for what names none."""
    run, _, rest = message_id.partition(".")
    step, _, position = rest.partition(".")
    if not (_FIGURE.fullmatch(step) and _FIGURE.fullmatch(position)):
        raise NotFound("message", message_id)
    return known(run, "message"), int(step), int(position)


def _message_cursor(cursor: str) -> tuple[str, int, int] | None:
    if not cursor:
        return None
    run, _, rest = cursor.partition(".")
    step, _, position = rest.partition(".")
    if not (_FIGURE.fullmatch(step) and _FIGURE.fullmatch(position)):
        raise Problem("invalid", NO_CURSOR)
    return run, int(step), int(position)
