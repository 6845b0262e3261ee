"""How far a launch is, and why it stands still: asked for, or told as it changes."""

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Any, cast

from fastapi import APIRouter, Path, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from whenever import Instant

from gonogo import progress
from gonogo.call import Call
from gonogo.progress import Progress
from gonogo.why import Reason, held_up, why
from gonogo_api import contract
from gonogo_api.dialects.leadlex.answers import CampaignWord, data
from gonogo_api.dialects.leadlex.shapes import DIALECT, UUID, known
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shown, iso
from gonogo_api.visits import Reader
from gonogo_api.watching import Watcher, event

router = APIRouter(route_class=StrictRoute, tags=["campaigns"])
#: Outside the document, which can't tell of an answer that goes on; and no answer to keep, to tag or to give again.
streams = APIRouter(route_class=APIRoute, include_in_schema=False)
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class ReasonShown(Shown):
    """A reason why nothing is sent, until when where that is known, and the figures behind it."""

    code: str
    message: str
    until: str | None
    figures: dict[str, Any]


class Reasons(Shown):
    reasons: list[ReasonShown]


class Waiting(Shown):
    code: str
    message: str


class MinuteShown(Shown):
    minute: str
    sent: int
    unsent: int


class ProgressShown(Shown):
    """The messages of the present run, by what became of them: `pending` are those that nobody claimed yet, `deferred`
    those that were refused for now. `rate_per_minute` is that of the last full minutes, null before there is one. `eta`
    is null where nobody can tell. `waiting_for` names what the run waits for, `until` when it looks again."""

    recipients: int
    pending: int
    claimed: int
    sent: int
    rejected: int
    failed: int
    unknown: int
    skipped: int
    deferred: int
    cancelled: int
    superseded: int
    rate_per_minute: float | None
    eta: str | None
    waiting_for: str | None
    until: str | None


class Stats(ProgressShown):
    """The same with what matters most of why nothing is sent, null while it is, and for what is a draft or over; with
    people who came too late for this run and wait for the next; and with the last hour, minute by minute."""

    waiting: Waiting | None
    newcomers: int
    by_minute: list[MinuteShown]


class Told(ProgressShown):
    """What an event of a stream tells."""

    status: CampaignWord


@router.get("/v1/campaigns/{campaign_id}/why", responses=says(Data[Reasons]))
def campaign_why(visit: Reader, campaign_id: Id) -> Response:
    """Why is nothing being sent? Every reason, the one that matters most first; none while it sends."""
    found = visit.read(lambda call: why(call, known(campaign_id)))
    return data(Reasons(reasons=[_reason(each) for each in found]))


@router.get("/v1/campaigns/{campaign_id}/stats", responses=says(Data[Stats]))
def campaign_stats(visit: Reader, campaign_id: Id) -> Response:
    """How far the launch is: messages by what became of them. `/progress` beside it tells the same as it changes, as
    Server-Sent Events."""
    return data(visit.read(lambda call: _stats(call, known(campaign_id))))


@streams.get("/v1/campaigns/{campaign_id}/progress")
async def campaign_progress(request: Request, reader: Reader, campaign_id: str) -> Response:
    """Tell how far the launch is, now and whenever that changes, until it is over."""
    wanted, watcher = known(campaign_id), cast(Watcher, request.app.state.watcher)

    def now(call: Call) -> bytes:
        return told(progress.progress(call, wanted))

    first = await run_in_threadpool(reader.read, now)

    async def events() -> AsyncIterator[bytes]:
        with watcher.stream(wanted, reader.visitor.actor.id) as stream:
            yield b"retry: 2000\n\n" + first
            async for each in stream:
                yield each

    return StreamingResponse(events(), media_type="text/event-stream", headers=HEADERS)


def told(found: Progress) -> bytes:
    """An event of a stream."""
    status = contract.status(DIALECT, found.state)
    return event("progress", json.dumps(Told(**_progress(found), status=status)))


def _stats(call: Call, campaign_id: str) -> Stats:
    found = progress.progress(call, campaign_id)
    stands_still = held_up(call, campaign_id)
    return Stats(
        **_progress(found),
        waiting=Waiting(code=stands_still[0].code, message=stands_still[0].message) if stands_still else None,
        newcomers=progress.newcomers(call, campaign_id),
        by_minute=[
            MinuteShown(minute=iso(each.minute), sent=each.sent, unsent=each.unsent)
            for each in progress.by_minute(call, campaign_id)
        ],
    )


def _progress(found: Progress) -> ProgressShown:
    told = {name: value for name, value in asdict(found).items() if name in ProgressShown.__annotations__}
    return cast(ProgressShown, {**told, "eta": iso(found.eta), "until": iso(found.until)})


def _reason(found: Reason) -> ReasonShown:
    figures = {name: iso(value) if isinstance(value, Instant) else value for name, value in found.figures.items()}
    return ReasonShown(code=found.code, message=found.message, until=iso(found.until), figures=figures)
