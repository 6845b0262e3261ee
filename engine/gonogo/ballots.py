"""What a vote means: whose it is, whether it counts, and what stands once it is cast."""

from dataclasses import dataclass

from whenever import TimeDelta

from gonogo.call import Call
from gonogo.definition import Blocker
from gonogo.facts import Facts
from gonogo.policy import Requirement, entitlement, standing
from gonogo.proposal import facts_of
from gonogo.store import cases
from gonogo.store.cases import Case

_ANY_APPROVER = Requirement("approvers", 1, "none", "implicit", 1, TimeDelta(hours=72))


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a person says about a task. `acknowledge` is None where every warning shown is acknowledged implicitly."""

    choice: str  # approve | retract | dismiss | request_changes
    seal: str | None = None
    acknowledge: tuple[str, ...] | None = None
    comment: str | None = None


def ballot_facts(call: Call, case: Case, ballot: Ballot) -> tuple[Facts, int]:
    """The facts about a ballot, and the approvals that stand once it is cast."""
    if not case.task_open or not case.requirement:
        return facts_of(call, case), 0
    requirement = Requirement.from_document(case.requirement)
    cast = cases.ballots(call.connection, task_id=str(case.task_id)) if case.votes else []
    stood = standing(cast).get(call.by.person)
    stand = list(standing([*cast, (call.by.person, ballot.choice)]).values())
    enough = (
        stand.count("approve") >= requirement.need
        if ballot.choice == "approve"
        else stand.count("dismiss") >= requirement.dismissals
    )
    acknowledged = requirement.acknowledge == "implicit" and ballot.acknowledge is None
    facts = facts_of(
        call,
        case,
        entitled=entitlement_of(call, case),
        repeated=stood == "approve",
        seen=ballot.seal in (None, case.seal),
        acknowledged=acknowledged or set(case.warnings or ()) <= set(ballot.acknowledge or ()),
        enough=enough,
    )
    return facts, stand.count("approve")


def entitlement_of(call: Call, case: Case) -> Blocker | None:
    """Why this person may not decide about the present run, if so."""
    requirement = Requirement.from_document(case.requirement) if case.requirement else _ANY_APPROVER
    return entitlement(
        requirement,
        person=call.by.person,
        is_member=call.by.is_member,
        scopes=call.by.scopes,
        requester=case.requester or "",
    )
