"""Why is nothing being sent? Every reason there is now, the one that matters most first, with its figures."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from whenever import Instant

from gonogo.call import Call
from gonogo.campaign import ACTIVE, DRAFT, OVER, PAUSED, RUNNING, SCHEDULED
from gonogo.execution.throttle import Throttle
from gonogo.execution.waiting import WAITING
from gonogo.models import Document
from gonogo.proposal import is_overdue
from gonogo.reading import deciders
from gonogo.store import cases, throttles, workspaces
from gonogo.store.cases import Case

#: Seconds without a sign of life after which there is no worker.
SILENCE = 15.0


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
        found += _waiting(case)
        found += _no_worker(call)
    return found


def held_up(call: Call, campaign_id: str) -> list[Reason]:
    """The same for a campaign that is under way; nothing for a draft, and for one that is over. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    return [] if case.state in (DRAFT, *OVER) else why(call, campaign_id)


def _of_state(call: Call, case: Case) -> Iterator[Reason]:
    match case.state:
        case "draft":
            yield Reason("not_started", "The campaign is a draft: nobody started it.")
        case "pending_approval" if is_overdue(case, call.now):
            yield Reason("expired", "Nobody decided in time.", figures={"expired_at": case.expires_at})
        case "pending_approval" if case.task_status == "reviewing":
            yield Reason("in_review", "The review of the list has not ended.")
        case "pending_approval":
            names = [person.name or person.id for person in deciders(call, case)]
            figures: Document = {"task": case.task_id, "rule": case.task_rule, "have": case.have, "may_decide": names}
            message = f"It waits for approval of {', '.join(names) or 'somebody who is entitled, and nobody is'}."
            yield Reason("awaits_approval", message, case.expires_at, figures)
        case "scheduled":
            yield Reason("scheduled", "Its start time has not come.", case.run_start_at)
        case "paused":
            until = case.wake_at if case.waiting_for == "space" else None
            message = _sentence(f"Paused: {case.paused_reason or 'it goes on when it is resumed'}")
            yield Reason("paused", message, until, {"reason": case.paused_reason})
        case "failed":
            message = _sentence(f"The launch failed: {case.launch_error}")
            yield Reason("failed", message, figures={"error": case.launch_error})
        case ended if ended in OVER:
            yield Reason("ended", f"The campaign is {ended}.")


def _sentence(said: str) -> str:
    """With one full stop: what others said may have its own."""
    return f"{said.removesuffix('.')}."


def _held(call: Call, case: Case) -> Iterator[Reason]:
    throttle = _throttle(call, case)
    for hold in throttles.standing(call.connection, case.workspace, throttle.sender):
        whom = {"sender": f"the sender {hold.subject}", "workspace": "the workspace"}.get(hold.kind, "everything")
        figures: Document = {"kind": hold.kind, "reason": hold.reason, "set_by": hold.set_by, "set_at": hold.set_at}
        yield Reason("held", f"A hold stands on {whom}: {hold.reason}", figures=figures)


def _waiting(case: Case) -> Iterator[Reason]:
    if case.waiting_for is None or case.waiting_for == "hold":
        return
    figures: Document = {}
    message = WAITING[case.waiting_for]
    if case.trouble is not None:
        figures = {"since": case.waiting_since, "trouble": case.trouble}
        message = f"{message.removesuffix('.')}: {case.trouble}"
    yield Reason(case.waiting_for, message, case.wake_at, figures)


def _no_worker(call: Call) -> Iterator[Reason]:
    silent = workspaces.seconds_since_life(call.connection)
    if silent > SILENCE:
        figures: Document = {} if silent == float("inf") else {"seconds": round(silent)}
        yield Reason("no_worker", "No worker is running: start `gonogo serve` or `gonogo worker`.", figures=figures)


def _throttle(call: Call, case: Case) -> Throttle:
    _, sender_id, settings_id = cases.pinned(call.connection, str(case.run_id))
    versions = workspaces.versions(call.connection, [sender_id, settings_id])
    return Throttle.of(case.id, versions[settings_id].body, versions[sender_id].body)
