"""What must be true of every campaign, whatever the table says: the laws that `gonogo check` proves.

Written in raw facts, on purpose: a law that called a guard or a condition of the table would only prove that the
table agrees with itself.
"""

from collections.abc import Callable

from gonogo.campaign import CAMPAIGN
from gonogo.facts import Facts
from gonogo.testing.checker import Claim, Edge, Invariant, Laws, World
from gonogo.testing.mutation import Report, check

Which = Callable[[Edge[Facts]], bool]

SENDING = ("scheduled", "active", "running")
OVER = ("completed", "cancelled", "failed")
BALLOTS = ("approve", "dismiss", "request_changes")
RETURNS = (*BALLOTS, "reviewed", "withdraw", "expire", "revise", "unschedule", "lapse")


def fired(*events: str) -> Which:
    return lambda edge: edge.event in events


def entered(*states: str) -> Which:
    return lambda edge: edge.after.state in states and edge.before.state != edge.after.state


def left(*states: str) -> Which:
    return lambda edge: edge.before.state in states and edge.before.state != edge.after.state


def opens_run(edge: Edge[Facts]) -> bool:
    return proposes(edge) or edge.event == "break_glass"


def proposes(edge: Edge[Facts]) -> bool:
    return edge.event == "start" or (edge.event == "resume" and edge.facts.permit == "none")


def permits(edge: Edge[Facts]) -> bool:
    return edge.before.memory.permit == "none" and edge.after.memory.permit == "valid"


def permits_by_policy(edge: Edge[Facts]) -> bool:
    return permits(edge) and edge.event not in {"approve", "break_glass"}


def permits_as_asked(edge: Edge[Facts]) -> bool:
    """Whoever permits, nobody broke the glass."""
    return permits(edge) and edge.event != "break_glass"


def goes_back(edge: Edge[Facts]) -> bool:
    """What was proposed, or permitted and not begun, is taken off the table."""
    return edge.event in RETURNS and edge.after.state in {"draft", "paused"}


def only(which: Which, holds: Callable[[Facts], bool]) -> Which:
    """What `which` singles out happens only while the facts say so."""
    return lambda edge: not which(edge) or holds(edge.facts)


def never(which: Which, but: Which) -> Which:
    """What `which` singles out never happens, but for one exception."""
    return lambda edge: not which(edge) or but(edge)


INVARIANTS: dict[str, Callable[[World[Facts]], bool]] = {
    "scheduled, active or running only with a permit": (
        lambda world: world.state not in SENDING or world.memory.permit == "valid"
    ),
    "a permit lives only while sending or paused": (
        lambda world: world.state in (*SENDING, "paused") or world.memory.permit == "none"
    ),
    "a permit is for an open run": lambda world: world.memory.permit == "none" or world.memory.run == "open",
    "a task is open exactly while approval is pending": (
        lambda world: (world.state == "pending_approval") == (world.memory.task != "none")
    ),
    "approval is pending for an open run": (
        lambda world: world.state != "pending_approval" or world.memory.run == "open"
    ),
    "a draft proposes nothing": lambda world: world.state != "draft" or world.memory.run == "none",
    "what has begun is no draft": lambda world: world.state != "draft" or not world.memory.begun,
    "what is running has begun": lambda world: world.state != "running" or world.memory.begun,
    "an ended campaign has no open run": lambda world: world.state not in OVER or world.memory.run == "none",
}

PROPOSALS: dict[str, Which] = {
    "a run is opened only for somebody": only(opens_run, lambda facts: facts.recipients > 0),
    "a run is opened only with content": only(opens_run, lambda facts: facts.content),
    "a run is opened only with a sender": only(opens_run, lambda facts: facts.sender),
    "a run is opened only when imports are done": only(opens_run, lambda facts: not facts.importing),
    "a run is opened only when nothing is in flight": only(opens_run, lambda facts: facts.in_flight == 0),
    "a run is proposed only for a start to come": only(proposes, lambda facts: facts.start in {"none", "ahead"}),
    "a run is proposed for no time without launches": only(proposes, lambda facts: facts.frozen is None),
    "a run is opened only if no review has blocked it": only(opens_run, lambda facts: facts.review != "blocked"),
    "a review reports only while it is awaited": only(fired("reviewed"), lambda facts: facts.addressed == "reviewing"),
    "a finished review is not awaited any more": (
        lambda edge: edge.event != "reviewed" or edge.after.memory.task != "reviewing"
    ),
}

DECISIONS: dict[str, Which] = {
    "a vote counts only for the open task": only(fired(*BALLOTS), lambda facts: facts.addressed == "pending"),
    "a vote counts only before the deadline": only(fired(*BALLOTS), lambda facts: not facts.overdue),
    "a vote counts only from the entitled": only(fired(*BALLOTS), lambda facts: facts.entitled is None),
    "an approval counts only once": only(fired("approve"), lambda facts: not facts.repeated),
    "an approval counts only for the seal that was shown": only(fired("approve"), lambda facts: facts.seen),
    "an approval counts only with its warnings read": only(fired("approve"), lambda facts: facts.acknowledged),
    "nobody approves over a blocker": only(fired("approve"), lambda facts: facts.review != "blocked"),
    "nobody approves a start that was missed": only(fired("approve"), lambda facts: facts.start != "late"),
    "only a standing vote is taken back": only(fired("retract"), lambda facts: facts.repeated),
    "a vote is taken back only while the task is open": only(
        fired("retract"), lambda facts: facts.addressed == "pending" and not facts.overdue
    ),
    "only the requester withdraws": only(fired("withdraw"), lambda facts: facts.requester),
    "what is withdrawn or expires was open": only(
        fired("withdraw", "expire"), lambda facts: facts.addressed in {"pending", "reviewing"}
    ),
    "a task expires only past its deadline": only(fired("expire"), lambda facts: facts.overdue),
    "silence never approves": lambda edge: edge.event != "expire" or edge.after.state in {"draft", "paused"},
}

LAUNCHES: dict[str, Which] = {
    "a permit needs a decision, a policy, or broken glass": never(
        permits, fired("approve", "start", "resume", "reviewed", "break_glass")
    ),
    "nothing is permitted for a time without launches": only(permits_as_asked, lambda facts: facts.frozen is None),
    "glass is broken only by those who may": only(fired("break_glass"), lambda facts: facts.entitled is None),
    "glass is broken only for what a review found clean": only(
        fired("break_glass"), lambda facts: facts.review == "clean"
    ),
    "glass is broken only to launch now": only(fired("break_glass"), lambda facts: facts.start in {"none", "due"}),
    "glass is broken only where there is no permit": only(fired("break_glass"), lambda facts: facts.permit == "none"),
    "people permit only with enough votes": only(
        lambda edge: permits(edge) and edge.event == "approve", lambda facts: facts.enough
    ),
    "policy permits only where it asks for no people": only(
        permits_by_policy, lambda facts: facts.permission in {"auto", "ungated"}
    ),
    "policy permits only what a review found clean": only(permits_by_policy, lambda facts: facts.review == "clean"),
    "what waits has its start ahead": only(entered("scheduled"), lambda facts: facts.start == "ahead"),
    "nothing is launched before its start": only(entered("active"), lambda facts: facts.start != "ahead"),
    "nothing is launched after its start was missed": only(
        entered("scheduled", "active"), lambda facts: facts.start != "late"
    ),
    "only a permitted run moves on": only(
        lambda edge: entered("active")(edge) and not permits(edge), lambda facts: facts.permit == "valid"
    ),
    "only `begin` starts the sending": never(entered("running"), fired("begin")),
    "sending begins only with a permit": only(fired("begin"), lambda facts: facts.permit == "valid"),
    "sending begins only with that very permit": only(fired("begin"), lambda facts: facts.presented),
    "sending begins only before the permit lapses": only(fired("begin"), lambda facts: not facts.lapsed),
    "only a permit that is held lapses, and in its time": only(
        fired("lapse"), lambda facts: facts.lapsed and facts.permit == "valid"
    ),
    "only a permit that is held is revoked": only(fired("revoke"), lambda facts: facts.permit == "valid"),
    "only the entitled revoke": only(fired("revoke"), lambda facts: facts.entitled is None),
    "what is revoked is gone": lambda edge: edge.event != "revoke" or edge.after.memory.permit == "none",
}

ENDS: dict[str, Which] = {
    "once begun, only `reopen` leads back to a draft": (
        lambda edge: edge.after.state != "draft" or not edge.facts.begun or edge.event == "reopen"
    ),
    "only `reopen` forgets that messages are out": never(
        lambda edge: edge.before.memory.begun and not edge.after.memory.begun, fired("reopen")
    ),
    "what is over is only reopened": never(left(*OVER), fired("reopen")),
    "what goes back leaves no open run": lambda edge: not goes_back(edge) or edge.after.memory.run == "none",
    "only `cancel` cancels": never(entered("cancelled"), fired("cancel")),
    "complete is only what has begun": only(entered("completed"), lambda facts: facts.begun),
    "complete is only what is settled": only(entered("completed"), lambda facts: facts.unsettled == 0),
    "complete is only what has nothing in flight": only(entered("completed"), lambda facts: facts.claimed == 0),
    "complete is only what leaves nobody for another run": only(
        entered("completed"), lambda facts: facts.run == "open" or facts.waiting == 0
    ),
}

CLAIMS = PROPOSALS | DECISIONS | LAUNCHES | ENDS

#: To give a campaign up is always possible, so it is no excuse for a state that leads nowhere else.
ESCAPES = frozenset({"cancel"})

LAWS: Laws[Facts] = Laws(
    tuple(Invariant(name, holds) for name, holds in INVARIANTS.items()),
    tuple(Claim(name, holds) for name, holds in CLAIMS.items()),
    ESCAPES,
)


def check_campaign() -> Report[Facts]:
    """Prove every law about the campaign table, and that a weaker table would be noticed."""
    return check(CAMPAIGN, LAWS)
