"""Whose vote counts, for whom, and what stands once several were cast. Pure.

People count once, however many identities, keys and delegations they hold: a vote is cast by one person and takes one
seat, the voter's own or that of somebody who delegated to the voter; nobody votes twice, and no seat is taken twice.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gonogo.definition import Blocker
from gonogo.policy.requirement import Requirement, Stage

#: Groups that nobody writes down: whoever holds the scope is in them.
BUILT_IN: Mapping[str, str] = {"approvers": "lexi", "owners": "admin"}


@dataclass(frozen=True, slots=True)
class Voter:
    """A person as membership has it at the moment of a vote. No member is a key that belongs to none, and who left.

    `vouched` is a person of whom only an embedding host knows: what they may do is what the host says when they act.
    """

    person: str
    groups: frozenset[str] = frozenset()
    is_member: bool = True
    vouched: bool = False

    @property
    def is_approver(self) -> bool:
        return "approvers" in self.groups


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote that was cast: by whom, what, in whose seat, and in which stage."""

    person: str
    choice: str  # approve | retract | dismiss | request_changes
    seat: str
    stage: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """For whom a vote would count, and in which stage."""

    person: str
    stage: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What stands. `stage` is the first that is not met, or the number of stages where all are."""

    approvals: tuple[Cast, ...] = ()
    dismissals: int = 0
    stage: int = 0
    have: tuple[int, ...] = field(default=())  # approvals, by stage

    @property
    def used(self) -> frozenset[str]:
        """Seats and people that count already."""
        return frozenset(name for cast in self.approvals for name in (cast.person, cast.seat))


def standing(casts: Iterable[Cast]) -> dict[str, Cast]:
    """Each person's vote that stands, of votes in order of time."""
    held: dict[str, Cast] = {}
    for cast in casts:
        held.pop(cast.person, None)
        if cast.choice != "retract":
            held[cast.person] = cast
    return held


def tally(
    requirement: Requirement, casts: Iterable[Cast], electorate: Mapping[str, Voter], *, escalated: bool = False
) -> Tally:
    """What stands of the votes cast. Membership is live: a vote counts while its seat is entitled to it."""
    stand = standing(casts).values()
    approvals = _once(
        cast for cast in stand if cast.choice == "approve" and _counts(requirement, cast, electorate, escalated)
    )
    have = [0] * len(requirement.stages)
    for cast in approvals:
        have[cast.stage] += 1
    open_ = (at for at, stage in enumerate(requirement.stages) if have[at] < stage.quorum)
    dismissals = _once(
        cast for cast in stand if cast.choice == "dismiss" and _counts(requirement, cast, electorate, escalated)
    )
    return Tally(approvals, len(dismissals), next(open_, len(have)), tuple(have))


def _once(casts: Iterable[Cast]) -> tuple[Cast, ...]:
    """Those of different people in different seats; a vote in one's own seat goes before a delegate's, whichever was
    cast first."""
    kept: list[Cast] = []
    taken = set[str]()
    for cast in sorted(casts, key=lambda cast: (cast.person != cast.seat, cast.person)):
        if taken.isdisjoint({cast.person, cast.seat}):
            kept.append(cast)
            taken |= {cast.person, cast.seat}
    return tuple(kept)


def seat_of(
    requirement: Requirement,
    voters: Sequence[Voter],
    stages: Iterable[int],
    *,
    used: frozenset[str] = frozenset(),
    escalated: bool = False,
) -> Seat | Blocker:
    """In whose seat the first of the voters would vote: the own one, else that of one of the others, who delegated to
    the first. Or why the vote would not count."""
    voter = voters[0]
    found = [
        Seat(each.person, at) for each in voters for at in stages if _may(requirement, each, at, escalated=escalated)
    ]
    if not found:
        return _not_entitled(requirement, voters, escalated)
    if not voter.is_member and (requirement.separation != "none" or requirement.need > 1):
        message = "This launch must be decided by a person; the key belongs to no member."
        figures: dict[str, object] = {"separation": requirement.separation, "quorum": requirement.need}
        return Blocker("person_required", message, **figures)
    if voter.person in requirement.barred or all(seat.person in requirement.barred for seat in found):
        return _barred(requirement)
    free = [seat for seat in found if seat.person not in requirement.barred and seat.person not in used]
    if not free or voter.person in used:
        return Blocker("seat_taken", "A delegate has voted in this person's place already.")
    return free[0]


def entitlement(requirement: Requirement, voters: Sequence[Voter], *, escalated: bool = False) -> Blocker | None:
    """Why the first voter may not decide in any stage, or None where that is so in some."""
    found = seat_of(requirement, voters, range(len(requirement.stages)), escalated=escalated)
    return found if isinstance(found, Blocker) else None


def satisfiable(
    requirement: Requirement, voters: Collection[Voter], done: Tally | None = None, *, escalated: bool = False
) -> bool:
    """Whether these people could ever complete what is asked, each counted once: on top of what is done, or from the
    beginning, for votes can be taken back."""
    if requirement.need == 1 and requirement.separation == "none" and requirement.stages[0].group in BUILT_IN:
        return True  # a key that belongs to no member would do
    anew = Tally(have=(0,) * len(requirement.stages))
    return any(_fits(requirement, voters, each, escalated) for each in (done or anew, anew))


def _fits(requirement: Requirement, voters: Collection[Voter], done: Tally, escalated: bool) -> bool:
    """Whether everything that is missing beside what is done finds somebody of its own."""
    free = [each for each in voters if each.person not in requirement.barred and each.person not in done.used]
    missing = [max(0, stage.quorum - done.have[at]) for at, stage in enumerate(requirement.stages)]
    could = [
        [each.person for each in free if _may(requirement, each, at, escalated=escalated)]
        for at in range(len(requirement.stages))
    ]
    # a stage that more people could fill than are needed in all is never the one that lacks somebody
    tight = [at for at, people in enumerate(could) if len(people) < sum(missing)]
    seats = [at for at in tight for _ in range(missing[at])]
    return _all_seated(seats, could)


def _all_seated(seats: Sequence[int], could: Sequence[Sequence[str]]) -> bool:
    """Whether every seat finds a person of its own: a matching, made larger along augmenting paths."""
    sits: dict[str, int] = {}  # person -> seat
    on: dict[int, str] = {}  # seat -> person
    for seat in range(len(seats)):
        person, came = _last_of_path(seat, seats, could, sits)
        if person is None:
            return False
        while person is not None:  # everybody on the path moves on by one
            at = came[person]
            before = on.get(at)
            sits[person], on[at], person = at, person, before
    return True


def _last_of_path(
    first: int, seats: Sequence[int], could: Sequence[Sequence[str]], sits: Mapping[str, int]
) -> tuple[str | None, Mapping[str, int]]:
    """Somebody who sits nowhere yet, at the end of a path of those who could move for it; and who came from where."""
    came: dict[str, int] = {}
    reached = [first]
    for seat in reached:
        for person in could[seats[seat]]:
            if person in came:
                continue
            came[person] = seat
            if person not in sits:
                return person, came
            reached.append(sits[person])
    return None, came


def may_fill(stage: Stage, voter: Voter) -> bool:
    """Whether a stage asks this person, who must be an approver, too: no group makes one."""
    if not voter.is_approver:
        return False
    return voter.is_member and voter.person in stage.people if stage.group is None else stage.group in voter.groups


def _may(requirement: Requirement, voter: Voter, at: int, *, escalated: bool) -> bool:
    further = requirement.escalate.to if escalated and requirement.escalate else None
    return (voter.is_approver and further in voter.groups) or may_fill(requirement.stages[at], voter)


def _counts(requirement: Requirement, cast: Cast, electorate: Mapping[str, Voter], escalated: bool) -> bool:
    seat, caster = electorate.get(cast.seat), electorate.get(cast.person)
    return (
        seat is not None
        and caster is not None
        and (caster.is_member or cast.person == cast.seat)
        and cast.stage < len(requirement.stages)
        and {cast.person, cast.seat}.isdisjoint(requirement.barred)
        and (seat.vouched or _may(requirement, seat, cast.stage, escalated=escalated))
    )


def _not_entitled(requirement: Requirement, voters: Sequence[Voter], escalated: bool) -> Blocker:
    stages = range(len(requirement.stages))
    later = [at for at in stages if any(_may(requirement, each, at, escalated=escalated) for each in voters)]
    if later:
        message = "It is another stage's turn to decide about this launch."
        return Blocker("stage_closed", message, stage=later[0] + 1)
    whom = ", then ".join(dict.fromkeys(stage.whom for stage in requirement.stages))
    groups = [stage.group for stage in requirement.stages]
    figures: dict[str, object] = {"group": groups[0]} if len(groups) == 1 else {"groups": groups}
    return Blocker("not_entitled", f"Only {whom} may decide about this launch.", **figures)


def _barred(requirement: Requirement) -> Blocker:
    message = "The person who asked for the launch may not approve it."
    if requirement.separation == "contributors":
        message = "Whoever asked for the launch, or edited what it sends, may not approve it."
    return Blocker("separation_of_duties", message, separation=requirement.separation)
