"""What others are told of a step: notices, written in the transaction of the step itself, with a delivery for every
webhook that wants to hear of it.

A notice tells ids, states and figures, never a person's data: who may know more asks the API.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace

from whenever import Instant

from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.definition import Event
from gonogo.models import Document
from gonogo.store import notices
from gonogo.store.cases import Case

#: What a step of a campaign is told as. A vote that leaves the campaign where it is, is told of the task alone.
CAMPAIGN_TYPES: dict[Event, str] = {
    "start": "campaign.started",
    "reviewed": "campaign.reviewed",
    "approve": "campaign.approved",
    "dismiss": "campaign.dismissed",
    "request_changes": "campaign.changes_requested",
    "withdraw": "campaign.withdrawn",
    "expire": "campaign.expired",
    "revise": "campaign.revised",
    "due": "campaign.due",
    "unschedule": "campaign.unscheduled",
    "begin": "campaign.begun",
    "pause": "campaign.paused",
    "revoke": "campaign.revoked",
    "resume": "campaign.resumed",
    "complete": "campaign.completed",
    "cancel": "campaign.cancelled",
    "fail": "campaign.failed",
    "reopen": "campaign.reopened",
    "break_glass": "campaign.glass_broken",
    "lapse": "campaign.lapsed",
}
VOTES = ("approve", "dismiss", "retract")
#: What a task is told as when it comes to be in a state.
TASK_TYPES = {
    "pending": "task.pending",
    "approved": "task.approved",
    "dismissed": "task.dismissed",
    "changes_requested": "task.changes_requested",
    "expired": "task.expired",
    "void": "task.voided",
}
CREATED, VOTED, REMINDED, ESCALATED = "task.created", "task.voted", "task.reminded", "task.escalated"
TYPES = (*CAMPAIGN_TYPES.values(), CREATED, *TASK_TYPES.values(), VOTED, REMINDED, ESCALATED)
#: What a webhook may ask for: types, all of a kind, all.
WANTED = ("*", "campaign.*", "task.*", *TYPES)

Told = tuple[str, Document]


def announce(call: Call, event: Event, before: Case, after: Case) -> None:
    """Tell of a step that was just written, in its transaction. Costs nothing in a workspace without webhooks."""
    if not after.endpoints:
        return
    _tell(call, after, [*_of_campaign(call, event, before, after), *_of_task(call, before, after)])


def announce_task(call: Call, case: Case, kinds: Sequence[str]) -> None:
    """Tell of an open task again, in the caller's transaction."""
    if case.endpoints:
        _tell(call, case, [(kind, _task(call, case)) for kind in kinds])


def _tell(call: Call, after: Case, told: Sequence[Told]) -> None:
    live = notices.endpoints(call.connection, after.workspace)
    wanting = [(kind, data, [each.id for each in live if wants(each.events, kind)]) for kind, data in told]
    if not any(endpoints for _, _, endpoints in wanting):
        return
    latest = max(notices.latest_step(call.connection, after.id), call.now)  # a reminder comes after its step
    for place, (kind, data, endpoints) in enumerate(wanting):
        row: Document = {
            "id": notice_id(latest, after.seq, place),
            "workspace_id": after.workspace,
            "campaign_id": after.id,
            "type": kind,
            "body": data,
            "at": call.now,
        }
        notices.add(call.connection, row, endpoints)


def wants(events: Sequence[str], kind: str) -> bool:
    """Whether a webhook that asked for these events is told of this one."""
    return bool({"*", kind, f"{kind.split('.', maxsplit=1)[0]}.*"} & set(events))


def notice_id(latest: Instant, seq: int, place: int) -> str:
    """An id that follows every earlier one of its campaign: `latest` never goes back from step to step, as clocks of
    several machines do; then comes the number of the step, and the place among what is told of it (UUID, version 7).
    """
    ordered = (seq & 0xFF_FFFF) << 50 | (place & 0b11) << 48 | secrets.randbits(48)  # the 74 bits that are free
    tail = f"{0x7000 | ordered >> 62:04x}{0x8 << 60 | ordered & ((1 << 62) - 1):016x}"
    return f"{new_id(latest)[:14]}{tail[:4]}-{tail[4:8]}-{tail[8:]}"


def _of_campaign(call: Call, event: Event, before: Case, after: Case) -> Iterator[Told]:
    if event in VOTES and before.state == after.state:
        return
    yield (
        CAMPAIGN_TYPES[event],
        {
            **_campaign(call, after),
            "status": after.state,
            "previous_status": before.state,
            "task_id": after.task_id,
            "paused_reason": after.paused_reason,
            "launch_error": after.launch_error,
        },
    )


def _of_task(call: Call, before: Case, after: Case) -> Iterator[Told]:
    if before.task_open and before.task_id != after.task_id:  # the step closed it, and has none or another
        yield TASK_TYPES["void"], _task(call, replace(before, task_status="void", seq=after.seq))
    if after.task_id is None or after.task_status is None:
        return
    same = before.task_id == after.task_id
    if same and (before.task_status, before.votes) == (after.task_status, after.votes):
        return
    changed = TASK_TYPES.get(after.task_status) if before.task_status != after.task_status else None
    yield (changed or VOTED) if same else CREATED, _task(call, after)


def _task(call: Call, case: Case) -> Document:
    return {
        **_campaign(call, case),
        "task_id": case.task_id,
        "status": case.task_status,
        "votes": case.votes,
        "approvals": case.have,
        "seal": case.seal,
        "expires_at": case.expires_at.format_iso() if case.expires_at else None,
    }


def _campaign(call: Call, case: Case) -> Document:
    return {
        "campaign_id": case.id,
        "dialect": case.dialect,
        "dialect_id": case.wire_id,
        "name": case.name,
        "run": case.run,
        "seq": case.seq,
        "actor": call.by.person,
    }
