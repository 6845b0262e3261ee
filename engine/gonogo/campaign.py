"""THE TABLE: the life of a campaign. Every state, every event, and what each needs.

Diagrams, documents, the harness, the model checker and the database's list of legal moves are made from this page.
"Back" is `paused` for a campaign that has begun sending, else `draft`.
"""

from collections.abc import Callable, Iterator

from gonogo.definition import Blocker, Condition, Flow, Guard, Move, validate
from gonogo.facts import DOMAIN, Facts
from gonogo.guards import (
    AHEAD,
    BEGUN,
    ENOUGH,
    GLASS,
    LATE,
    PERMITTED,
    READY,
    REVIEWED,
    SOUND,
    VALID,
    by_requester,
    deadline_passed,
    has_begun,
    in_time,
    not_frozen,
    nothing_claimed,
    nothing_left_over,
    nothing_unsettled,
    permit_held,
    permit_in_time,
    permit_lapsed,
    permit_presented,
    review_passed,
    review_running,
    seal_seen,
    start_not_missed,
    start_reached,
    task_addressed,
    task_decided,
    task_pending,
    vote_is_new,
    vote_stands,
    voter_entitled,
    warnings_acknowledged,
)

STATES = {
    "draft": "People edit it; nothing is proposed.",
    "pending_approval": "A run is proposed and sealed; people are asked.",
    "scheduled": "Permitted; waits for its start time.",
    "active": "Permitted; handed to the executor.",
    "running": "The executor is dispatching messages.",
    "paused": "Stopped, for a reason that is shown; what is out stays out.",
    "completed": "Every recipient of the run is settled.",
    "cancelled": "Given up by a person.",
    "failed": "Given up by the machine; launch_error says why.",
}
DRAFT, PENDING, SCHEDULED, ACTIVE, RUNNING, PAUSED, COMPLETED, CANCELLED, FAILED = STATES
SENDING = (SCHEDULED, ACTIVE, RUNNING)
OVER = (COMPLETED, CANCELLED, FAILED)

# What a move leaves behind.
REVIEWING = {"run": "open", "permit": "none", "task": "reviewing"}
ASKED = {"run": "open", "permit": "none", "task": "pending"}
GRANTED = {"run": "open", "permit": "valid", "task": "none"}
CLOSED = {"run": "none", "permit": "none", "task": "none"}

BALLOT = (task_pending, in_time, voter_entitled)
VOTE = (*BALLOT, vote_is_new, seal_seen, warnings_acknowledged, review_passed, start_not_missed)

Row = Move[Facts]
When = tuple[Condition[Facts], ...]
Needs = tuple[Guard[Facts], ...]


def launch(event: str, source: str, when: When, needs: Needs) -> Iterator[Row]:
    """A permit is granted: now, or for a start time ahead."""
    yield Move(event, source, ACTIVE, (*when, ~AHEAD), needs, GRANTED)
    yield Move(event, source, SCHEDULED, (*when, AHEAD), needs, GRANTED)


def propose(event: str, source: str, when: When = ()) -> Iterator[Row]:
    """A new run is opened, and reviewed; people are asked, or the policy permits."""
    yield Move(event, source, PENDING, (*when, ~REVIEWED), READY, REVIEWING)
    yield Move(event, source, PENDING, (*when, REVIEWED, ~PERMITTED), READY, ASKED)
    yield from launch(event, source, (*when, REVIEWED, PERMITTED), READY)


def back(event: str, source: str, when: When = (), needs: Needs = ()) -> Iterator[Row]:
    """The run is closed, its task and permit with it."""
    yield Move(event, source, DRAFT, (*when, ~BEGUN), needs, CLOSED)
    yield Move(event, source, PAUSED, (*when, BEGUN), needs, CLOSED)


def moves() -> Iterator[Row]:
    yield from proposed()
    yield from launched()
    yield from over()


def proposed() -> Iterator[Row]:
    # Proposed, and reviewed by Lexi.
    yield from propose("start", DRAFT)
    yield Move("reviewed", PENDING, PENDING, (SOUND, ~PERMITTED), (review_running,), ASKED)
    yield from launch("reviewed", PENDING, (SOUND, PERMITTED), (review_running,))
    yield from back("reviewed", PENDING, (~SOUND,), (review_running,))

    # Decided by people.
    yield Move("approve", PENDING, PENDING, (~ENOUGH,), VOTE)
    yield from launch("approve", PENDING, (ENOUGH,), (*VOTE, not_frozen))
    yield Move("retract", PENDING, PENDING, (), (task_pending, in_time, vote_stands))
    yield Move("dismiss", PENDING, PENDING, (~ENOUGH,), BALLOT)
    yield from back("dismiss", PENDING, (ENOUGH,), BALLOT)
    yield from back("request_changes", PENDING, (), BALLOT)
    yield from back("withdraw", PENDING, (), (task_addressed, by_requester))
    yield from back("expire", PENDING, (), (task_addressed, deadline_passed))

    # Launched in need, without asking: by whom the policy names, with a reason, and answered for afterwards.
    for state in (DRAFT, PENDING, PAUSED):
        yield Move("break_glass", state, ACTIVE, (), GLASS, GRANTED)

    # Edited: whatever was proposed is not what would be sent any more.
    for state in (DRAFT, PENDING, SCHEDULED, PAUSED):
        yield from back("revise", state)


def launched() -> Iterator[Row]:
    yield Move("due", SCHEDULED, ACTIVE, (~LATE,), (start_reached, permit_held))
    yield Move("due", SCHEDULED, PAUSED, (LATE,))
    yield from back("unschedule", SCHEDULED)
    yield Move("begin", ACTIVE, RUNNING, (), (permit_held, permit_presented, permit_in_time), {"begun": True})
    for state in (ACTIVE, PAUSED):
        yield from back("lapse", state, (), (permit_held, permit_lapsed))

    # Stopped, and set going again.
    for state in SENDING:
        yield Move("pause", state, PAUSED)
    for state in (*SENDING, PAUSED):
        yield Move("revoke", state, PAUSED, (), (permit_held, voter_entitled), {"permit": "none"})
    yield Move("resume", PAUSED, ACTIVE, (VALID, ~AHEAD), (start_not_missed,))
    yield Move("resume", PAUSED, SCHEDULED, (VALID, AHEAD))
    yield from propose("resume", PAUSED, (~VALID,))


def over() -> Iterator[Row]:
    # Over, and opened again.
    for state in (RUNNING, PAUSED):
        ended = (has_begun, nothing_unsettled, nothing_claimed, nothing_left_over)
        yield Move("complete", state, COMPLETED, (), ended, CLOSED)
    for state in STATES:
        if state not in OVER:
            yield Move("cancel", state, CANCELLED, (), (), CLOSED)
    for state in (ACTIVE, RUNNING):
        yield Move("fail", state, FAILED, (), (), CLOSED)
    for state in OVER:
        yield Move("reopen", state, DRAFT, (), (), {"begun": False})


def refusals() -> Iterator[tuple[tuple[str, str], Callable[[Facts], Blocker]]]:
    """Why an event is not offered in a state, in the words that people know."""

    def because(code: str, message: str, state: str) -> Callable[[Facts], Blocker]:
        return lambda _: Blocker(code, message, status=state)

    yield ("start", PENDING), because("approval_pending", "The campaign already awaits approval", PENDING)
    yield ("start", SCHEDULED), because("already_scheduled", "Campaign is already scheduled", SCHEDULED)
    for state in (ACTIVE, RUNNING):  # seed 000
        yield ("start", state), because("already_active", "Campaign is already active", state)
        message = "Pause the campaign before you edit it"
        yield ("revise", state), because("pause_first", message, state)
    yield ("start", PAUSED), because("campaign_paused", "Campaign is paused", PAUSED)
    for state in OVER:
        for event in ("start", "revise", "cancel", "resume", "withdraw"):
            yield (event, state), because("campaign_ended", f"Campaign is already {state}", state)
    for state in (DRAFT, PENDING, *OVER):
        yield ("pause", state), because("campaign_not_active", f"Campaign is not active: it is {state}", state)
    yield ("pause", PAUSED), because("already_paused", "Campaign is already paused", PAUSED)
    for state in (DRAFT, PENDING, *SENDING):
        yield ("resume", state), because("campaign_not_paused", f"Campaign is not paused: it is {state}", state)
    for event in ("approve", "retract", "dismiss", "request_changes"):
        for state in STATES:
            if state != PENDING:
                yield (event, state), task_decided


CAMPAIGN: Flow[Facts] = validate(
    Flow(
        name="campaign",
        states=STATES,
        initial=DRAFT,
        finals=frozenset(OVER),
        moves=tuple(moves()),
        facts=Facts,
        domain=DOMAIN,
        memory=("begun", "permit", "run", "task"),
        refusals=dict(refusals()),
    )
)
