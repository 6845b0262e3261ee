"""Why somebody is asked about a launch, or nobody was: the rule, the facts it saw, and whose votes are missing."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from whenever import Instant

from gonogo import asking, policy
from gonogo.ballots import is_escalated, standing_of
from gonogo.call import Call
from gonogo.campaign import CAMPAIGN, DRAFT, PAUSED
from gonogo.counting import Counted, counted
from gonogo.definition import Blocker
from gonogo.machine import decide
from gonogo.policy import Change, Question, Requirement, Seat, Tally, Voter, seat_of, smallest_change
from gonogo.proposal import facts_of, is_overdue, propose
from gonogo.reading import NAMED, status_of
from gonogo.store import cases, people, rulings, workspaces
from gonogo.store.cases import Case

About = Literal["start", "task", "permit", "nothing"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody by name; no name once they are forgotten."""

    id: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Voice:
    """Somebody whose word counts, or would; in whose place, where that is a delegate."""

    person: Person
    instead_of: Person | None = None


@dataclass(frozen=True, slots=True)
class StageExplained:
    """What a stage asks, what it has, and who could give what it lacks; a hundred are named at the most."""

    whom: str
    need: int
    have: int
    could: tuple[Voice, ...] = ()
    more: int = 0  # who could, too, and are not named


@dataclass(frozen=True, slots=True)
class Explanation:
    """What was decided about a campaign, or would be, and by what.

    It is about what a `start` would meet now (a resume, on a campaign that paused), about the open `task`, or about the
    `permit` of the last run; about `nothing` where no run was permitted. While a review runs there is no rule yet.
    `permission` is what the policy said, `permit` what was given in the end, and `by` whose word that was.
    """

    campaign: str
    state: str
    about: About
    blockers: tuple[Blocker, ...] = ()
    permission: str | None = None
    rule: str | None = None
    policy: int | None = None
    asked: Question | None = None
    windows: tuple[Counted, ...] = ()
    stages: tuple[StageExplained, ...] = ()
    task: str | None = None
    unsatisfiable: bool = False
    expires_at: Instant | None = None
    escalates_at: Instant | None = None
    permit: str | None = None
    by: tuple[Voice, ...] = ()
    change: Change | None = None


def explain(call: Call, campaign_id: str, *, hints: bool = False) -> Explanation:
    """Explain what stands about a campaign; with `hints` also the smallest change by which nobody would be asked.
    Raises NotFound. Writes and holds nothing."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    if is_overdue(case, call.now):  # whatever comes next would settle that first
        closed: dict[str, Any] = {"closed_at": call.now, "task_status": "expired"}
        case = replace(case, state=status_of(case, call.now), **closed)
    if case.state == DRAFT or (case.state == PAUSED and not case.permit_id):
        return _ahead(call, case, hints=hints)
    if case.task_open:
        return _pending(call, case, hints=hints)
    return _permitted(call, case)


# What a start would meet


def _ahead(call: Call, case: Case, *, hints: bool) -> Explanation:
    proposal = propose(call, case, at_once=True, binding=False)
    event = "start" if case.state == DRAFT else "resume"
    facts = facts_of(call, case, **proposal.facts())
    blockers = decide(CAMPAIGN, case.state, event, facts).blockers
    asked, ruling = proposal.asked, proposal.ruling
    if asked is None or ruling is None:
        raise TypeError("what is proposed at once was asked about")
    wanted = asking.Asking(call, case, requester=call.by.person, binding=False)
    subjects = {"requester": call.by.person, "list": case.list_id, "sender": str(asked.sender)}
    found = Explanation(
        case.id,
        case.state,
        "start",
        blockers,
        permission=ruling.permission,
        rule=ruling.rule,
        policy=case.policy,
        asked=asked,
        windows=counted(
            call,
            wanted.policy,
            subjects,
            at=call.now,
            starts_at=wanted.starts_at,
            but=(case.id, case.generation),
        ),
        change=_change(wanted, asked, proposal.chain - proposal.recipients) if hints else None,
    )
    if ruling.requirement is None:
        return found
    votes = _Votes(call, ruling.requirement, Tally(have=(0,) * len(ruling.requirement.stages)))
    return replace(found, stages=votes.stages(), unsatisfiable=votes.unsatisfiable)


# What is asked


def _pending(call: Call, case: Case, *, hints: bool) -> Explanation:
    frozen = asking.frozen_now(call, case)  # why an approval would be refused now, whoever gave it
    blockers = () if frozen is None else (frozen,)
    found = Explanation(case.id, case.state, "task", blockers, task=case.task_id, expires_at=case.expires_at)
    row = rulings.find(call.connection, case.id, case.run)
    if not case.requirement or row is None:  # the review still runs, or the run is older than rulings are
        return found
    votes = _Votes(
        call,
        Requirement.from_document(case.requirement),
        standing_of(call, case),
        escalated=is_escalated(call, case),
        task_id=case.task_id,
    )
    return replace(
        _as_asked(call, case, found, row),
        stages=votes.stages(),
        unsatisfiable=votes.unsatisfiable,
        escalates_at=case.escalates_at,
        change=_asked_again(call, case, row) if hints else None,
    )


def _as_asked(call: Call, case: Case, found: Explanation, row: Any) -> Explanation:
    """With what the policy was asked about the run, as it was stored then."""
    document = asking.policy_of(call, row.policy)
    subjects = {"requester": row.requester, "list": row.list_id, "sender": row.sender}
    return replace(
        found,
        permission=row.permission,
        rule=row.rule,
        policy=row.policy,
        asked=rulings.question(row, row.summed),
        windows=counted(call, document, subjects, at=row.at, starts_at=row.starts_at, but=(case.id, row.generation)),
    )


def _asked_again(call: Call, case: Case, row: Any) -> Change | None:
    """By the policy that is in force now, and what its windows hold now: it would be asked of a new start."""
    wanted = asking.Asking(call, case, requester=row.requester, binding=False)
    asked = wanted.question(row.recipients, sender=row.sender, clean=row.clean, warned=row.warned)
    return _change(wanted, asked, row.recipients - (case.recipients or 0))


def _change(wanted: asking.Asking, asked: Question, sent: int) -> Change | None:
    return smallest_change(wanted.policy, asked, wanted.leeway(asked, sent))


# What was permitted


def _permitted(call: Call, case: Case) -> Explanation:
    found = Explanation(case.id, case.state, "nothing", task=case.task_id)
    permit = rulings.permitted(call.connection, case.id, case.run)
    if permit is None:
        return found
    by = [(str(case.requester), str(case.requester))]
    if permit.task_id is not None:
        by = rulings.approvals(call.connection, case.id, case.run)
    named = _named(call, {name for seat in by for name in seat})
    row = rulings.find(call.connection, case.id, case.run)
    return replace(
        found if row is None else _as_asked(call, case, found, row),
        about="permit",
        rule=permit.rule,
        policy=permit.policy,
        permit=permit.kind,
        by=tuple(_voice(named, *seat) for seat in by),
    )


# Whose votes


@dataclass(frozen=True)
class _Votes:
    """What is asked of people about a launch, beside what they did."""

    call: Call
    requirement: Requirement
    done: Tally
    escalated: bool = False
    task_id: str | None = None

    @property
    def unsatisfiable(self) -> bool:
        return not policy.satisfiable(self.requirement, self._everybody, self.done, escalated=True)  # it will be

    def stages(self) -> tuple[StageExplained, ...]:
        could = [self._could(at) for at in range(len(self.requirement.stages))]
        named = _named(self.call, {name for seats in could for seat in seats[:NAMED] for name in seat})
        return tuple(
            StageExplained(
                stage.whom,
                stage.quorum,
                self.done.have[at],
                tuple(_voice(named, *seat) for seat in could[at][:NAMED]),
                len(could[at][NAMED:]),
            )
            for at, stage in enumerate(self.requirement.stages)
        )

    def _could(self, at: int) -> list[tuple[str, str]]:
        """Whose vote would count in a stage, and in whose seat; nobody where it has all it needs."""
        if self.done.have[at] >= self.requirement.stages[at].quorum:
            return []
        found = []
        for voter in self._everybody:
            voters = [voter, *self._delegated.get(voter.person, ())]
            seat = seat_of(self.requirement, voters, [at], used=self.done.used, escalated=self.escalated)
            if isinstance(seat, Seat):
                found.append((voter.person, seat.person))
        return found

    @cached_property
    def _everybody(self) -> list[Voter]:
        return people.everybody(self.call.connection, self.call.by.workspace)

    @cached_property
    def _delegated(self) -> dict[str, list[Voter]]:
        """Those who let somebody decide now, by who that is."""
        call, known = self.call, {voter.person: voter for voter in self._everybody}
        found: dict[str, list[Voter]] = {}
        for row in people.delegations(call.connection, call.by.workspace, call.now):
            stands = row.starts_at <= call.now and row.task_id in (None, self.task_id)
            if stands and row.member_id in known:
                found.setdefault(row.delegate_id, []).append(known[row.member_id])
        return found


def _voice(named: Mapping[str, Person], person: str, seat: str) -> Voice:
    return Voice(named[person], None if person == seat else named[seat])


def _named(call: Call, ids: Collection[str]) -> dict[str, Person]:
    """People by id, also those who are gone."""
    rows: Sequence[Any] = people.rows(call.connection, call.by.workspace, ids)
    bodies = workspaces.reveal(call.connection, [row.payload for row in rows])
    names = {row.id: json.loads(bodies.get(row.payload) or "{}").get("name") for row in rows}
    return {each: Person(each, names.get(each)) for each in ids}
