"""Whose vote counts, for whom, and what stands once several were cast; whether a requirement can be met at all."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import TimeDelta

from gonogo.definition import Blocker
from gonogo.policy import (
    Cast,
    Escalation,
    Requirement,
    Seat,
    Stage,
    Tally,
    Voter,
    entitlement,
    may_fill,
    satisfiable,
    seat_of,
    standing,
    tally,
)
from support.policies import CHOICES, GROUPS, PEOPLE, casts, distinct_casts, electorates

MARKETING, LEGAL, NAMED = Stage(group="marketing"), Stage(group="legal"), Stage(group=None, people=("ann", "bob"))
LEADS = Escalation(TimeDelta(hours=1), "leads")


def voter(person: str, *groups: str, is_member: bool = True) -> Voter:
    """Somebody in no group, or an approver who is in some."""
    return Voter(person, frozenset({"approvers", *groups} if groups else ()), is_member)


def asking(*stages: Stage, **more: object) -> Requirement:
    return Requirement(stages=stages or (MARKETING,), **{"separation": "none", **more})  # type: ignore[arg-type]


def known(*voters: Voter) -> dict[str, Voter]:
    return {each.person: each for each in voters}


def code(found: Seat | Blocker | None) -> str | None:
    return found.code if isinstance(found, Blocker) else None


def approve(person: str, stage: int = 0, seat: str = "") -> Cast:
    return Cast(person, "approve", seat or person, stage)


# Who may vote

_ROBOT = voter("key", "approvers", is_member=False)


@pytest.mark.parametrize(
    ("requirement", "voters", "refused"),
    [
        (asking(), [voter("bob", "marketing")], None),
        (asking(), [voter("bob", "owners", "legal")], "not_entitled"),
        (asking(), [voter("bob")], "not_entitled"),
        (asking(LEGAL), [voter("bob", "legal")], None),
        (asking(LEGAL), [voter("bob", "marketing")], "not_entitled"),
        (asking(Stage(group="owners")), [voter("bob", "owners")], None),
        (asking(Stage()), [voter("bob", "legal")], None),
        # no group makes an approver
        (asking(LEGAL), [Voter("bob", frozenset({"legal"}))], "not_entitled"),
        # named people
        (asking(NAMED), [voter("bob", "approvers")], None),
        (asking(NAMED), [voter("bob")], "not_entitled"),
        (asking(NAMED), [voter("cid", "marketing", "legal", "owners")], "not_entitled"),
        # any of several stages
        (asking(MARKETING, LEGAL), [voter("bob", "legal")], None),
        (asking(MARKETING, NAMED), [voter("ann", "approvers")], None),
        (asking(MARKETING, LEGAL), [voter("bob", "leads")], "not_entitled"),
        # separation of duties
        (asking(separation="requester", barred=("ann",)), [voter("ann", "marketing")], "separation_of_duties"),
        (asking(separation="requester", barred=("ann",)), [voter("bob", "marketing")], None),
        (asking(separation="contributors", barred=("ann", "bob")), [voter("bob", "marketing")], "separation_of_duties"),
        (asking(separation="none"), [voter("ann", "marketing")], None),
        (asking(separation="requester", barred=("ann",)), [voter("ann", "legal")], "not_entitled"),
        # keys that belong to no member
        (asking(Stage()), [_ROBOT], None),
        (asking(LEGAL), [_ROBOT], "not_entitled"),
        (asking(Stage(2)), [_ROBOT], "person_required"),
        (asking(Stage(), LEGAL), [_ROBOT], "person_required"),
        (asking(Stage(), separation="requester"), [_ROBOT], "person_required"),
        (asking(Stage(), separation="contributors"), [_ROBOT], "person_required"),
        # delegation: the first stands for those behind
        (asking(), [voter("bob"), voter("ann", "marketing")], None),
        (asking(), [voter("bob"), voter("ann", "legal")], "not_entitled"),
        (asking(barred=("ann",)), [voter("bob"), voter("ann", "marketing")], "separation_of_duties"),
        (asking(barred=("bob",)), [voter("bob"), voter("ann", "marketing")], "separation_of_duties"),
        (asking(barred=("bob",)), [voter("bob", "marketing"), voter("ann", "marketing")], "separation_of_duties"),
        (asking(barred=("ann",)), [voter("bob", "marketing"), voter("ann", "marketing")], None),
        (asking(barred=("ann",)), [voter("bob"), voter("ann", "marketing"), voter("cid", "marketing")], None),
    ],
)
def test_a_vote_counts_only_for_whom_the_policy_asks(
    requirement: Requirement, voters: list[Voter], refused: str | None
) -> None:
    assert code(entitlement(requirement, voters)) == refused


def test_who_may_not_decide_is_told_who_may() -> None:
    refused = entitlement(asking(MARKETING, LEGAL, MARKETING, NAMED), [voter("zoe")])
    assert refused is not None
    assert refused.message == "Only marketing, then legal, then those who are named may decide about this launch."
    assert refused.figures == {"groups": ["marketing", "legal", "marketing", None]}
    alone = entitlement(asking(LEGAL), [voter("zoe")])
    assert alone is not None
    assert alone.figures == {"group": "legal"}


def test_a_key_without_a_member_is_told_why_a_person_is_wanted() -> None:
    refused = entitlement(asking(Stage(2), LEGAL, separation="requester"), [_ROBOT])
    assert refused is not None
    assert refused.figures == {"separation": "requester", "quorum": 3}


# Escalation


def test_a_further_group_may_vote_in_every_stage_once_the_question_was_escalated() -> None:
    requirement = asking(MARKETING, NAMED, escalate=LEADS)
    lead = voter("zoe", "leads")
    assert code(entitlement(requirement, [lead])) == "not_entitled"
    for stage in (0, 1):
        assert seat_of(requirement, [lead], [stage], escalated=True) == Seat("zoe", stage)
        assert code(seat_of(requirement, [lead], [stage])) == "not_entitled"
    assert code(entitlement(asking(), [lead], escalated=True)) == "not_entitled"  # nobody further was named


def test_escalation_lets_nobody_vote_who_is_barred() -> None:
    requirement = asking(escalate=LEADS, barred=("zoe",))
    assert code(entitlement(requirement, [voter("zoe", "leads")], escalated=True)) == "separation_of_duties"


def test_what_leads_approved_after_escalation_stands() -> None:
    requirement = asking(Stage(2, "marketing"), escalate=LEADS)
    people = known(voter("zoe", "leads"), voter("bob", "marketing"))
    both = [approve("bob"), approve("zoe")]
    assert tally(requirement, both, people, escalated=True).have == (2,)
    assert tally(requirement, both, people).have == (1,)


# Seats


def test_people_vote_in_their_own_seat_before_they_stand_for_others() -> None:
    ann, bob = voter("ann", "marketing"), voter("bob", "marketing")
    assert seat_of(asking(), [bob, ann], [0]) == Seat("bob", 0)
    assert seat_of(asking(), [voter("bob"), ann], [0]) == Seat("ann", 0)
    assert seat_of(asking(), [voter("bob"), voter("cid"), ann], [0]) == Seat("ann", 0)
    assert seat_of(asking(MARKETING, LEGAL), [voter("bob", "legal"), ann], [0, 1]) == Seat("bob", 1)


def test_a_seat_is_taken_once_whoever_came_first() -> None:
    ann, bob, cid = voter("ann", "marketing"), voter("bob"), voter("cid", "marketing")
    taken = tally(asking(Stage(2)), [approve("bob", seat="ann")], known(ann, bob, cid)).used
    assert taken == {"ann", "bob"}
    assert code(seat_of(asking(Stage(2)), [ann], [0], used=taken)) == "seat_taken"
    assert code(seat_of(asking(Stage(2)), [voter("dora"), ann], [0], used=taken)) == "seat_taken"
    assert seat_of(asking(Stage(2)), [voter("dora"), ann, cid], [0], used=taken) == Seat("cid", 0)


def test_who_was_stood_for_can_not_stand_for_somebody_else_in_turn() -> None:
    ann, cid = voter("ann", "marketing"), voter("cid", "marketing")
    used = frozenset({"ann", "bob"})  # Bob voted in Ann's seat
    assert code(seat_of(asking(Stage(2)), [ann, cid], [0], used=used)) == "seat_taken"
    used = frozenset({"ann", "cid"})  # Ann voted in Cid's seat
    assert code(seat_of(asking(Stage(2)), [voter("bob"), ann], [0], used=used)) == "seat_taken"


def test_a_stage_whose_turn_it_is_not_is_closed_to_those_of_another() -> None:
    requirement = asking(MARKETING, LEGAL)
    closed = seat_of(requirement, [voter("bob", "legal")], [0])
    assert isinstance(closed, Blocker)
    assert (closed.code, closed.figures) == ("stage_closed", {"stage": 2})
    past = seat_of(requirement, [voter("bob", "marketing")], [1])
    assert isinstance(past, Blocker)
    assert (past.code, past.figures) == ("stage_closed", {"stage": 1})
    assert code(seat_of(requirement, [voter("bob"), voter("ann", "legal")], [0])) == "stage_closed"
    assert code(seat_of(requirement, [voter("zoe")], [0])) == "not_entitled"


# What stands


def test_a_quorum_is_so_many_different_people() -> None:
    people = known(*(voter(name, "marketing") for name in PEOPLE))
    three = asking(Stage(3))
    votes = [approve(name) for name in ("ann", "bob", "cid", "dora")]
    for count, stage in enumerate([0, 0, 0, 1, 1]):
        assert tally(three, votes[:count], people) == Tally(tuple(votes[:count]), 0, stage, (count,))
    assert tally(three, [votes[0]] * 3, people).have == (1,)


def test_stages_are_met_one_after_the_other_each_by_its_own_people() -> None:
    people = known(voter("ann", "marketing"), voter("bob", "legal"), voter("cid", "legal"), voter("dora", "x"))
    requirement = asking(MARKETING, Stage(2, "legal"), Stage(1, None, ("dora",)))
    votes = [approve("ann", 0), approve("bob", 1), approve("cid", 1), approve("dora", 2)]
    found = [tally(requirement, votes[:count], people) for count in range(5)]
    assert [each.stage for each in found] == [0, 1, 1, 2, 3]
    assert [each.have for each in found] == [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 2, 0), (1, 2, 1)]
    lacking = tally(requirement, votes[1:], people)  # later stages are met, the first is not
    assert (lacking.stage, lacking.have) == (0, (0, 2, 1))


def test_nobody_fills_two_stages() -> None:
    people = known(voter("ann", "marketing", "legal"))
    requirement = asking(MARKETING, LEGAL)
    assert tally(requirement, [approve("ann", 0), approve("ann", 1)], people).have == (0, 1)  # the last word stands


@pytest.mark.parametrize(
    ("cast", "why"),
    [
        (approve("bob", seat="cid"), "the seat's owner is in no group that is asked"),
        (approve("bob", seat="gone"), "the seat's owner left"),
        (approve("gone", seat="ann"), "the delegate left"),
        (approve("gone"), "the voter left"),
        (approve("cid"), "the voter is in no group that is asked"),
        (approve("ann", 1), "there is no such stage"),
        (approve("eve"), "the voter is barred"),
        (approve("bob", seat="eve"), "the seat's owner is barred"),
        (approve("eve", seat="ann"), "the delegate is barred"),
    ],
)
def test_an_approval_counts_only_while_it_is_entitled_to(cast: Cast, why: str) -> None:
    groups = {"ann": ["marketing"], "bob": ["marketing"], "cid": ["legal"], "eve": ["marketing"]}
    people = known(*(voter(name, *held) for name, held in groups.items()))
    requirement = asking(separation="requester", barred=("eve",))
    assert tally(requirement, [cast], people) == Tally(have=(0,)), why


def test_an_approval_of_somebody_who_left_counts_no_more_and_again_after_the_return() -> None:
    here, left = known(voter("ann", "marketing")), known(voter("ann", "legal"))
    found = [tally(asking(), [approve("ann")], people) for people in (here, left, {}, here)]
    assert [each.have for each in found] == [(1,), (0,), (0,), (1,)]
    assert [each.stage for each in found] == [1, 0, 0, 1]


def test_a_retraction_takes_a_vote_back_and_the_next_vote_replaces_it() -> None:
    people = known(voter("ann", "marketing"), voter("bob", "marketing"))
    history = [approve("ann"), approve("bob"), Cast("ann", "retract", "ann"), Cast("ann", "dismiss", "ann")]
    found = [tally(asking(Stage(2)), history[:count], people) for count in range(5)]
    assert [(each.have, each.dismissals) for each in found] == [((0,), 0), ((1,), 0), ((2,), 0), ((1,), 0), ((1,), 1)]


def test_dismissals_are_counted_by_person_and_by_seat() -> None:
    people = known(voter("ann", "marketing"), voter("bob"), voter("cid", "marketing"))

    def dismissed(*votes: tuple[str, str]) -> int:
        return tally(asking(), [Cast(person, "dismiss", seat) for person, seat in votes], people).dismissals

    assert dismissed(("ann", "ann"), ("cid", "cid")) == 2
    assert dismissed(("ann", "ann"), ("ann", "ann")) == 1
    assert dismissed(("bob", "ann")) == 1
    assert dismissed(("bob", "ann"), ("ann", "ann")) == dismissed(("ann", "ann"), ("bob", "ann")) == 1


def test_of_a_delegate_and_the_person_who_both_voted_the_person_counts() -> None:
    people = known(voter("ann", "marketing", "legal"), voter("bob"))
    requirement = asking(MARKETING, LEGAL)
    both = [approve("bob", 0, seat="ann"), approve("ann", 1)]
    for votes in (both, both[::-1]):
        assert tally(requirement, votes, people).approvals == (approve("ann", 1),)


# Whether it can be met


def _built_in(count: int) -> list[Voter]:
    return [voter(name, "marketing") for name in PEOPLE[:count]]


@pytest.mark.parametrize(
    ("requirement", "voters", "answer"),
    [
        (asking(Stage()), [], True),  # a key that belongs to no member would do
        (asking(Stage(group="owners")), [], True),
        (asking(LEGAL), [], False),
        (asking(NAMED), [], False),
        (asking(separation="requester"), [], False),
        (asking(Stage(2)), _built_in(1), False),
        (asking(Stage(2)), _built_in(2), True),
        (asking(Stage(2), barred=("ann",)), _built_in(2), False),
        (asking(Stage(2), barred=("ann",)), _built_in(3), True),
        (asking(NAMED), [voter("ann", "approvers")], True),
        (asking(NAMED), [voter("ann")], False),
        (asking(LEGAL), [Voter("ann", frozenset({"legal"}))], False),
        (asking(NAMED), [voter("cid", "marketing")], False),
        # nobody counts twice, however many stages ask for the same person
        (asking(MARKETING, LEGAL), [voter("ann", "marketing", "legal")], False),
        (asking(MARKETING, LEGAL), [voter("ann", "marketing", "legal"), voter("bob", "marketing")], True),
        (asking(MARKETING, LEGAL), [voter("ann", "marketing", "legal"), voter("bob", "legal")], True),
        (asking(MARKETING, MARKETING), _built_in(1), False),
        (asking(MARKETING, MARKETING), _built_in(2), True),
        # whoever is taken first must make room: cid can do only the first, bob the first and second
        (asking(NAMED, MARKETING), [voter("ann", "approvers"), voter("bob", "marketing")], True),
        (asking(MARKETING, NAMED), [voter("ann", "approvers"), voter("bob", "marketing")], True),
        (asking(Stage(2, "marketing"), escalate=LEADS), [*_built_in(1), voter("zoe", "leads")], False),
    ],
)
def test_what_these_people_could_complete(requirement: Requirement, voters: list[Voter], answer: bool) -> None:
    assert satisfiable(requirement, voters) is answer


def test_escalation_may_make_possible_what_was_not() -> None:
    people = [*_built_in(1), voter("zoe", "leads")]
    assert satisfiable(asking(Stage(2), escalate=LEADS), people, escalated=True)


def test_what_is_done_counts_and_can_be_taken_back() -> None:
    requirement = asking(Stage(2), LEGAL)
    people = [voter("ann", "marketing", "legal"), voter("bob", "marketing"), voter("cid", "marketing")]
    assert satisfiable(requirement, people)
    done = tally(requirement, [approve("ann"), approve("bob")], known(*people))
    assert satisfiable(requirement, people, done)  # Ann is the only one for the second stage, and can make room for Cid
    assert not satisfiable(requirement, people[:2], done)
    host = tally(requirement, [approve("hal")], {"hal": Voter("hal", vouched=True)})
    assert satisfiable(requirement, people[:2], host)  # Hal did what Ann need not do


STAGES = st.builds(Stage, st.integers(1, 3), st.sampled_from(GROUPS)) | st.builds(
    Stage, st.integers(1, 2), st.none(), st.lists(st.sampled_from(PEOPLE), min_size=2, unique=True).map(tuple)
)


@st.composite
def requirements(draw: st.DrawFn, most: int = 3) -> Requirement:
    return asking(
        *draw(st.lists(STAGES, min_size=1, max_size=most)),
        separation=draw(st.sampled_from(["none", "requester"])),
        barred=tuple(draw(st.lists(st.sampled_from(PEOPLE), max_size=2, unique=True))),
        escalate=draw(st.none() | st.just(LEADS)),
    )


def _by_trying(requirement: Requirement, voters: Sequence[Voter], done: Tally, escalated: bool) -> bool:
    """Every way of giving the open places to people."""
    free = [each for each in voters if each.person not in {*requirement.barred, *done.used}]
    more = {"leads"} if escalated and requirement.escalate else set()
    places = [
        [each.person for each in free if may_fill(stage, each) or (more & each.groups and each.is_approver)]
        for have, stage in zip(done.have, requirement.stages, strict=True)
        for _ in range(stage.quorum - have)
    ]
    if len(places) > len(free):
        return False
    return any(len(set(chosen)) == len(places) for chosen in product(*places))


@given(requirements(2), electorates(), distinct_casts(), st.booleans())
def test_it_can_be_met_exactly_if_some_way_of_seating_people_does(
    requirement: Requirement, people: dict[str, Voter], votes: list[Cast], escalated: bool
) -> None:
    done = tally(requirement, votes, people, escalated=escalated)
    found = satisfiable(requirement, list(people.values()), done, escalated=escalated)
    by_key = requirement.need == 1 and requirement.separation == "none"
    by_key = by_key and requirement.stages[0].group in ("approvers", "owners")
    anew = Tally(have=(0,) * len(requirement.stages))
    tried = (_by_trying(requirement, list(people.values()), each, escalated) for each in (done, anew))
    assert found == (by_key or any(tried))


@given(requirements(), electorates(), st.sampled_from(PEOPLE), st.sampled_from(GROUPS))
def test_one_more_person_or_group_never_makes_it_impossible(
    requirement: Requirement, people: dict[str, Voter], person: str, group: str
) -> None:
    joined = people.get(person, Voter(person))
    more = {**people, person: replace(joined, groups=joined.groups | {group})}
    assert satisfiable(requirement, more.values()) or not satisfiable(requirement, people.values())


# Laws of standing and counting


@given(casts)
def test_of_each_person_the_last_word_stands_and_a_retraction_leaves_none(votes: list[Cast]) -> None:
    last = {cast.person: cast for cast in votes}
    assert standing(votes) == {person: cast for person, cast in last.items() if cast.choice != "retract"}


@given(casts)
def test_voting_again_as_before_changes_nothing(votes: list[Cast]) -> None:
    assert standing([*votes, *votes]) == standing(votes)


@given(requirements(), electorates(), casts, st.booleans(), st.data())
def test_the_order_between_people_does_not_matter(
    requirement: Requirement, people: dict[str, Voter], votes: list[Cast], escalated: bool, data: st.DataObject
) -> None:
    own = {who: iter([cast for cast in votes if cast.person == who]) for who in PEOPLE}
    mixed = [next(own[cast.person]) for cast in data.draw(st.permutations(votes))]  # each person's own in order
    assert standing(mixed) == standing(votes)
    assert tally(requirement, mixed, people, escalated=escalated) == tally(
        requirement, votes, people, escalated=escalated
    )


@given(requirements(), electorates(), casts, st.booleans())
def test_nobody_and_no_seat_counts_twice_and_only_those_who_are_entitled(
    requirement: Requirement, people: dict[str, Voter], votes: list[Cast], escalated: bool
) -> None:
    found = tally(requirement, votes, people, escalated=escalated)
    names = [name for cast in found.approvals for name in {cast.person, cast.seat}]
    assert sorted(names) == sorted(found.used)
    assert found.used.isdisjoint(requirement.barred)
    assert found.used <= people.keys()
    further = {"leads"} if escalated and requirement.escalate else set()
    for cast in found.approvals:
        seat = people[cast.seat]
        assert may_fill(requirement.stages[cast.stage], seat) or seat.groups & further
    assert sum(found.have) == len(found.approvals)
    assert found.have == tuple(sum(cast.stage == at for cast in found.approvals) for at in range(len(found.have)))
    met = [have >= stage.quorum for have, stage in zip(found.have, requirement.stages, strict=True)]
    assert found.stage == (met.index(False) if False in met else len(met))


@given(requirements(), electorates(), casts, st.sampled_from(CHOICES), st.integers(0, 4))
def test_a_vote_of_somebody_who_may_not_vote_changes_nothing(
    requirement: Requirement, people: dict[str, Voter], votes: list[Cast], choice: str, stage: int
) -> None:
    stranger, before = Voter("zoe", frozenset({"strangers"})), tally(requirement, votes, people)
    everybody = {**people, "zoe": stranger}
    assert isinstance(seat_of(requirement, [stranger], range(len(requirement.stages))), Blocker)
    for seat in ("zoe", "nobody", *requirement.barred):
        if choice != "dismiss":  # which is refused before it is counted, and counted whoever leaves afterwards
            assert tally(requirement, [*votes, Cast("zoe", choice, seat, stage)], everybody) == before
    barred = asking(*requirement.stages, separation="requester", barred=(*requirement.barred, "zoe"))
    entitled = {**people, "zoe": Voter("zoe", frozenset(GROUPS))}
    found = seat_of(barred, [entitled["zoe"], *people.values()], range(len(barred.stages)))
    assert isinstance(found, Blocker)
    assert tally(barred, [*votes, Cast("zoe", "approve", "zoe", stage)], entitled) == tally(barred, votes, entitled)


@given(requirements(), electorates(), distinct_casts(), st.integers(0, 2), st.booleans())
def test_one_more_vote_that_counts_never_undoes_another(
    requirement: Requirement, people: dict[str, Voter], votes: list[Cast], stage: int, escalated: bool
) -> None:
    everybody = {**people, "zoe": Voter("zoe", frozenset(GROUPS))}
    before = tally(requirement, votes, everybody, escalated=escalated)
    seat = seat_of(requirement, [everybody["zoe"]], range(len(requirement.stages)), escalated=escalated)
    if isinstance(seat, Seat):
        after = tally(requirement, [*votes, Cast("zoe", "approve", "zoe", seat.stage)], everybody, escalated=escalated)
        assert len(after.approvals) == len(before.approvals) + 1
        assert after.stage >= before.stage


_MOVES = st.lists(
    st.tuples(st.permutations(PEOPLE), st.integers(1, 3), st.sampled_from(("approve", "approve", *CHOICES))),
    max_size=10,
)


@given(requirements(), electorates(), _MOVES)
def test_what_is_let_in_at_the_door_is_what_is_counted(
    requirement: Requirement, people: dict[str, Voter], moves: list[tuple[list[str], int, str]]
) -> None:
    """People come with what was delegated to them, one after another; each vote that finds a seat counts, exactly."""
    votes: list[Cast] = []
    for names, count, choice in moves:
        come = [people[name] for name in names[:count] if name in people]
        before = tally(requirement, votes, people)
        if not come or before.stage == len(requirement.stages):
            continue
        if any(cast.person == come[0].person for cast in before.approvals):
            continue
        stages = [before.stage] if choice == "approve" else range(len(requirement.stages))
        seat = seat_of(requirement, come, stages, used=before.used)
        if isinstance(seat, Blocker):
            continue
        votes.append(Cast(come[0].person, choice, seat.person, seat.stage))
        after = tally(requirement, votes, people)
        assert len(after.approvals) == len(before.approvals) + (choice == "approve")


# A stricter requirement


def launched(requirement: Requirement, votes: list[Cast], people: dict[str, Voter]) -> bool:
    return tally(requirement, votes, people).stage == len(requirement.stages)


@st.composite
def stricter(draw: st.DrawFn) -> tuple[Requirement, Requirement]:
    """A requirement, and one that asks more: of more people, in more stages, or not of everybody."""
    loose = draw(requirements(2))
    stages = [replace(stage, quorum=stage.quorum + draw(st.integers(0, 1))) for stage in loose.stages]
    stages += draw(st.lists(STAGES, max_size=1))
    barred = {*loose.barred, *draw(st.sets(st.sampled_from(PEOPLE), max_size=2))}
    return loose, replace(loose, stages=tuple(stages), barred=tuple(sorted(barred)))


@given(stricter(), electorates(), distinct_casts(2))
def test_a_stricter_requirement_never_launches_what_a_looser_one_stops(
    both: tuple[Requirement, Requirement], people: dict[str, Voter], votes: list[Cast]
) -> None:
    loose, strict = both
    assert launched(loose, votes, people) or not launched(strict, votes, people)
    assert satisfiable(loose, people.values()) or not satisfiable(strict, people.values())
