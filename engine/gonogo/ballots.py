"""What a vote means: whose it is, whether it counts, and what stands once it is cast."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gonogo.call import Call
from gonogo.comments import keep
from gonogo.definition import Blocker
from gonogo.facts import Facts
from gonogo.models import Document
from gonogo.policy import BUILT_IN, Cast, Requirement, Seat, Tally, Voter, seat_of, standing, tally
from gonogo.proposal import facts_of
from gonogo.store import cases, people
from gonogo.store.cases import Case

_ANY_APPROVER = Requirement(separation="none")
#: The blockers of who has no seat of their own in the stages that are open.
_NOT_ASKED = ("not_entitled", "stage_closed")


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a person says about a task. `acknowledge` is None where every warning shown is acknowledged implicitly."""

    choice: str  # approve | retract | dismiss | request_changes
    seal: str | None = None
    acknowledge: tuple[str, ...] | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """For whom a ballot counts, and what stands once it is cast."""

    seat: Seat
    tally: Tally


class Voters:
    """Who votes by a call: the person behind it, and those who let that person decide instead."""

    def __init__(self, call: Call) -> None:
        self.call = call

    @cached_property
    def member(self) -> Voter:
        """The caller, as membership has it now. A key that belongs to no member has its own scopes alone, and so has a
        person of whom only an embedding host knows."""
        by = self.call.by
        held = frozenset(name for name, scope in BUILT_IN.items() if scope in by.scopes)
        if not by.is_member:
            return Voter(by.person, held, is_member=False)
        found = people.voters(self.call.connection, by.workspace, [by.person])
        return found.get(by.person, Voter(by.person, held, vouched=True))

    @property
    def person(self) -> Voter:
        """The same, with no more than the key that is used may do."""
        scopes = self.call.by.scopes
        held = (name for name in self.member.groups if name not in BUILT_IN or BUILT_IN[name] in scopes)
        return replace(self.member, groups=frozenset(held))

    @cached_property
    def _delegated(self) -> list[people.Delegated]:
        by = self.call.by
        if not by.is_member:
            return []
        return people.delegated_to(self.call.connection, by.workspace, by.person, self.call.now)

    def about(self, task_id: str | None) -> list[Voter]:
        """The caller first, then those whom the caller may stand for in this task."""
        return [self.person, *(each.voter for each in self._delegated if each.task_id in (None, task_id))]

    def seat(
        self,
        requirement: Requirement,
        task_id: str | None,
        stages: Sequence[int],
        *,
        used: frozenset[str] = frozenset(),
        escalated: bool = False,
    ) -> Seat | Blocker:
        """In whose seat the caller would vote, or why not. Others' are looked up only where there is none of one's
        own: a vote in one's own seat goes first anyway."""
        own = seat_of(requirement, [self.person], stages, used=used, escalated=escalated)
        if isinstance(own, Seat) or own.code not in _NOT_ASKED:
            return own
        return seat_of(requirement, self.about(task_id), stages, used=used, escalated=escalated)

    def entitled(self, case: Case) -> Blocker | None:
        """Why the caller may not decide about the present run, if so."""
        requirement = Requirement.from_document(case.requirement) if case.requirement else _ANY_APPROVER
        stages = range(len(requirement.stages))
        found = self.seat(requirement, case.task_id, stages, escalated=is_escalated(self.call, case))
        return found if isinstance(found, Blocker) else None


def ballot_facts(call: Call, case: Case, ballot: Ballot) -> tuple[Facts, Counted | None]:
    """The facts about a ballot, and what it counts for; None where it counts for nothing."""
    if not case.task_open or not case.requirement:
        return facts_of(call, case), None
    requirement = Requirement.from_document(case.requirement)
    judged = judge(
        call,
        requirement,
        ballot.choice,
        task_id=str(case.task_id),
        casts=_cast(call, case),
        escalated=is_escalated(call, case),
    )
    acknowledged = requirement.acknowledge == "implicit" and ballot.acknowledge is None
    facts = facts_of(
        call,
        case,
        entitled=judged.refused,
        repeated=judged.repeated,
        seen=ballot.seal in (None, case.seal),
        acknowledged=acknowledged or set(case.warnings or ()) <= set(ballot.acknowledge or ()),
        enough=judged.enough,
    )
    return facts, judged.counted


@dataclass(frozen=True, slots=True)
class Judged:
    """What becomes of a ballot: why it is refused, whether the voter's approval stood already (or, to be taken back,
    any vote), and whether it is the last that was missing."""

    refused: Blocker | None
    repeated: bool
    enough: bool
    counted: Counted | None


def judge(
    call: Call, requirement: Requirement, choice: str, *, task_id: str, casts: Sequence[Cast], escalated: bool = False
) -> Judged:
    """Judge a ballot by everything that stands now."""
    knocking = Voters(call)
    known = electorate(call, casts, [knocking.member])
    before = tally(requirement, casts, known, escalated=escalated)
    mine = [cast for cast in before.approvals if cast.person == call.by.person]
    used = before.used - {name for cast in mine for name in (cast.person, cast.seat)}
    stages: Sequence[int] = range(len(requirement.stages))
    if choice == "approve":
        stages = [min(before.stage, len(requirement.stages) - 1)]
    seat = knocking.seat(requirement, task_id, stages, used=used, escalated=escalated)
    repeated = bool(mine)
    if choice == "retract":  # whatever the voter may still do, a vote that stands can be taken back, a no as well
        stood = standing(casts).get(call.by.person)
        repeated = stood is not None
        seat = seat if stood is None else Seat(stood.seat, stood.stage)
    if isinstance(seat, Blocker):
        return Judged(seat, repeated, enough=False, counted=None)
    casts = [*casts, Cast(call.by.person, choice, seat.person, seat.stage)]
    if seat.person not in known:
        known |= electorate(call, casts)
    after = tally(requirement, casts, known, escalated=escalated)
    enough = after.stage == len(requirement.stages)
    if choice != "approve":
        enough = after.dismissals >= requirement.dismissals
    return Judged(None, repeated, enough, Counted(seat, after))


def cast(call: Call, task_id: str, ballot: Ballot, counted: Counted, *, before: int, seal: str) -> None:
    """Store a vote that counts, after so many about the task, under the seal that was shown."""
    seat, person = counted.seat, call.by.person
    row: Document = {
        "task_id": task_id,
        "seq": before + 1,
        "choice": ballot.choice,
        "person": person,
        "seat": None if seat.person == person else seat.person,
        "stage": seat.stage,
        "actor": call.by.id,
        "seal": seal,
        "acknowledged": None if ballot.acknowledge is None else list(ballot.acknowledge),
        "comment": keep(call, ballot.comment) if ballot.comment else None,
        "at": call.now,
    }
    cases.add_vote(call.connection, row)


def electorate(call: Call, casts: Sequence[Cast], voters: Sequence[Voter] = ()) -> dict[str, Voter]:
    """Everybody whom the votes are of, as membership has them now."""
    known = {voter.person: voter for voter in voters}
    wanted = {name for cast in casts for name in (cast.person, cast.seat)} - known.keys()
    if not wanted:
        return known
    hosts = {name: Voter(name, vouched=True) for name in wanted}
    return {**hosts, **people.voters(call.connection, call.by.workspace, wanted), **known}


def standing_of(call: Call, case: Case) -> Tally:
    """What stands about a task now."""
    requirement, casts = Requirement.from_document(case.requirement or {}), _cast(call, case)
    return tally(requirement, casts, electorate(call, casts), escalated=is_escalated(call, case))


def is_escalated(call: Call, case: Case) -> bool:
    """Whether a further group may vote by now."""
    return case.escalates_at is not None and call.now >= case.escalates_at


def _cast(call: Call, case: Case) -> list[Cast]:
    return cases.ballots(call.connection, task_id=str(case.task_id)) if case.votes else []
