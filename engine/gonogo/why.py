"""Why is nothing being sent? Every reason there is now, the one that matters most first, with its figures."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from whenever import Instant, TimeDelta

from gonogo.actor import machine
from gonogo.call import Call
from gonogo.campaign import ACTIVE, DRAFT, OVER, PAUSED, RUNNING, SCHEDULED
from gonogo.execution.throttle import Throttle
from gonogo.execution.waiting import WAITING
from gonogo.models import Document
from gonogo.proposal import is_overdue
from gonogo.reading import deciders, members_of
from gonogo.store import cases, notices, standing, throttles, workspaces
from gonogo.store.cases import Case

#: Seconds without a sign of life after which there is no worker.
SILENCE = 15.0
#: How long what was handed out may go unheard of before the workers are said to be busy.
UNHEARD = TimeDelta(seconds=5)
#: Why it paused, where the reason is stored as a word.
PAUSES = {
    "bounce_rate": "too many messages bounced or were refused",
    "error_rate": "too many messages failed",
    "start_missed": "its start time was missed",
    "restored": "the database was restored from a backup while it was under way",
    "revoked": "its approval was revoked",
    "person": "somebody wants it to stay so",
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why nothing is sent: a code, what it means to people, and until when, where that is known."""

    code: str
    message: str
    until: Instant | None = None
    figures: Document = field(default_factory=dict)


def why(call: Call, campaign_id: str) -> list[Reason]:
    """Every reason why the campaign sends nothing now; empty while it sends. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    found = list(_of_state(call, case))
    if case.state in (SCHEDULED, ACTIVE, RUNNING, PAUSED) and case.run_open:
        found += _held(call, case)
    if case.state in (ACTIVE, RUNNING):
        found += _waiting(call, case)
        found += _no_worker(call)
        if not found:
            found += _queued(call, case)
    return found


def held_up(call: Call, campaign_id: str) -> list[Reason]:
    """The same for a campaign that is under way; nothing for a draft, and for one that is over. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    return [] if case.state in (DRAFT, *OVER) else why(call, campaign_id)


def _of_state(call: Call, case: Case) -> Iterator[Reason]:
    match case.state:
        case "draft":
            yield Reason("not_started", "The campaign is a draft: nobody started it.")
        case "pending_approval":
            yield from _undecided(call, case)
        case "scheduled":
            yield from _scheduled(call, case)
        case "paused":
            yield _paused(call, case)
        case "failed":
            message = _sentence(f"The launch failed: {case.launch_error}")
            yield Reason("failed", message, figures={"error": case.launch_error})
        case ended if ended in OVER:
            yield Reason("ended", f"The campaign is {ended}.")


def _undecided(call: Call, case: Case) -> Iterator[Reason]:
    if is_overdue(case, call.now):
        yield Reason("expired", "Nobody decided in time.", figures={"expired_at": case.expires_at})
    elif case.task_status == "reviewing":
        yield from _no_worker(call)
        yield Reason("in_review", "The review of the list has not ended.")
    else:
        names = [person.name or person.id for person in deciders(call, case)]
        figures: Document = {"task": case.task_id, "rule": case.task_rule, "have": case.have, "may_decide": names}
        message = f"It waits for approval of {', '.join(names) or 'somebody who is entitled, and nobody is'}."
        yield Reason("awaits_approval", message, case.expires_at, figures)


def _scheduled(call: Call, case: Case) -> Iterator[Reason]:
    start = case.run_start_at
    if start is None or start > call.now:
        yield Reason("scheduled", "Its start time has not come.", start)
        return
    yield from _no_worker(call)
    message = f"Its start time came at {_time(call, start)}, and it has not been started yet."
    yield Reason("scheduled", message, figures={"since": start})


def _paused(call: Call, case: Case) -> Reason:
    """Who paused it, or why the machine did; and since when."""
    stop = standing.stopped(call.connection, case.id)
    by = _name(call, stop.person) if stop.event in ("pause", "revoke") else None
    reason = case.paused_reason or "it goes on when it is resumed"
    why_so = "" if by and reason == "person" else f": {PAUSES.get(reason, reason)}"
    message = _sentence(f"Paused{f' by {by}' if by else ''} since {_time(call, stop.at)}{why_so}")
    until = case.wake_at if case.waiting_for == "space" else None
    return Reason("paused", message, until, {"reason": case.paused_reason, "by": by, "since": stop.at})


def _sentence(said: str) -> str:
    """With one full stop: what others said may have its own."""
    return f"{said.removesuffix('.')}."


def _held(call: Call, case: Case) -> Iterator[Reason]:
    throttle = _throttle(call, case)
    for hold in throttles.standing(call.connection, case.workspace, throttle.sender):
        whom = {"sender": f"the sender {hold.subject}", "workspace": "the workspace"}.get(hold.kind, "everything")
        by = _name(call, hold.set_by) or "whoever runs the server"
        figures: Document = {"kind": hold.kind, "reason": hold.reason, "by": by, "since": hold.set_at}
        message = f"A hold by {by} stands on {whom} since {_time(call, hold.set_at)}: {hold.reason}"
        yield Reason("held", message, figures=figures)


def _waiting(call: Call, case: Case) -> Iterator[Reason]:
    if case.waiting_for is None or case.waiting_for == "hold":
        return
    figures: Document = {}
    message = WAITING[case.waiting_for]
    if case.trouble is not None:
        figures = {"since": case.waiting_since, "trouble": case.trouble}
        message = f"{message.removesuffix('.')}: {case.trouble}"
        if case.waiting_since is not None:
            message = f"{message.removesuffix('.')} (since {_time(call, case.waiting_since)})."
    yield Reason(case.waiting_for, message, case.wake_at, figures)


def _queued(call: Call, case: Case) -> Iterator[Reason]:
    # what has not begun is handed out again and again; its last step tells when it was first
    since = notices.latest_step(call.connection, case.id) if case.state == ACTIVE else case.updated_at
    if since > call.now - UNHEARD or standing.is_held(call.connection, case.id):
        return
    message = f"Handed out at {_time(call, since)}; the workers are busy with other campaigns."
    yield Reason("queued", message, figures={"since": since})


def _no_worker(call: Call) -> Iterator[Reason]:
    silent = workspaces.seconds_since_life(call.connection)
    if silent > SILENCE:
        figures: Document = {} if silent == float("inf") else {"seconds": round(silent)}
        yield Reason("no_worker", "No worker is running: start `gonogo serve` or `gonogo worker`.", figures=figures)


def _throttle(call: Call, case: Case) -> Throttle:
    _, sender_id, settings_id = cases.pinned(call.connection, str(case.run_id))
    versions = workspaces.versions(call.connection, [sender_id, settings_id])
    return Throttle.of(case.id, versions[settings_id].body, versions[sender_id].body)


def _name(call: Call, person: str) -> str | None:
    """How people know somebody; None for the machine."""
    if person == machine(call.by.workspace).person:
        return None
    for member in members_of(call, [person]):
        return member.name or person
    return f"the key {person}" if workspaces.keys_among(call.connection, [person]) else person


def _time(call: Call, at: Instant) -> str:
    """A time to the minute, as people read it; with its day where that is not today."""
    day, _, time = at.format_iso()[:16].partition("T")
    return f"{time} UTC" if call.now.format_iso().startswith(day) else f"{day} {time} UTC"
