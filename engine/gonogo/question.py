"""A second table: questions put to people that are not about a campaign's state. The next policy, and whether breaking
the glass was right. Decided as a launch is: by the same guards, with the same facts."""

from collections.abc import Callable, Iterator

from gonogo.definition import Blocker, Flow, Move, validate
from gonogo.facts import DOMAIN, Facts
from gonogo.guards import (
    ENOUGH,
    by_requester,
    deadline_passed,
    in_time,
    seal_seen,
    task_decided,
    vote_is_new,
    vote_stands,
    voter_entitled,
)

STATES = {
    "pending": "People are asked.",
    "approved": "They said yes.",
    "dismissed": "They said no.",
    "expired": "Nobody said yes in time, which is a no.",
    "void": "Another question took its place, or it was taken back.",
}
PENDING, APPROVED, DISMISSED, EXPIRED, VOID = STATES
BALLOT = (in_time, voter_entitled)


def moves() -> Iterator[Move[Facts]]:
    for target, when in ((PENDING, ~ENOUGH), (APPROVED, ENOUGH)):
        yield Move("approve", PENDING, target, (when,), (*BALLOT, vote_is_new, seal_seen))
    for target, when in ((PENDING, ~ENOUGH), (DISMISSED, ENOUGH)):
        yield Move("dismiss", PENDING, target, (when,), (*BALLOT, seal_seen))
    yield Move("retract", PENDING, PENDING, (), (in_time, vote_stands))
    yield Move("withdraw", PENDING, VOID, (), (by_requester,))
    yield Move("replace", PENDING, VOID)
    yield Move("expire", PENDING, EXPIRED, (), (deadline_passed,))


def refusals() -> Iterator[tuple[tuple[str, str], Callable[[Facts], Blocker]]]:
    """A question that was decided stays so."""
    for event in ("approve", "dismiss", "retract", "withdraw"):
        for state in STATES:
            if state != PENDING:
                yield (event, state), task_decided


QUESTION: Flow[Facts] = validate(
    Flow(
        name="question",
        states=STATES,
        initial=PENDING,
        finals=frozenset({APPROVED, DISMISSED, EXPIRED, VOID}),
        moves=tuple(moves()),
        facts=Facts,
        domain=DOMAIN,
        memory=(),
        refusals=dict(refusals()),
    )
)
