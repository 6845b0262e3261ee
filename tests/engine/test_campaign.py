"""The table of the campaign: row by row as it was designed, and what holds for all of it."""

import random
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gonogo.campaign import CAMPAIGN, CLOSED
from gonogo.definition import Blocker, Move
from gonogo.facts import DOMAIN, NOT_ENTITLED, Facts
from gonogo.guards import seal_seen
from gonogo.machine import decide
from gonogo.testing import Edge, Laws, Report, World, check_campaign, prove
from gonogo.testing.checker import Exploration
from gonogo.testing.claims import CLAIMS, INVARIANTS, LAWS

#: The design, written out once more: from which state an event leads where.
DESIGN = """
start            draft             pending_approval active scheduled
reviewed         pending_approval  pending_approval active scheduled draft paused
approve          pending_approval  pending_approval active scheduled
retract          pending_approval  pending_approval
dismiss          pending_approval  pending_approval draft paused
request_changes  pending_approval  draft paused
withdraw         pending_approval  draft paused
expire           pending_approval  draft paused
break_glass      draft             active
break_glass      pending_approval  active
break_glass      paused            active
revise           draft             draft paused
revise           pending_approval  draft paused
revise           scheduled         draft paused
revise           paused            draft paused
due              scheduled         active paused
unschedule       scheduled         draft paused
begin            active            running
lapse            active            draft paused
lapse            paused            draft paused
pause            scheduled         paused
pause            active            paused
pause            running           paused
revoke           scheduled         paused
revoke           active            paused
revoke           running           paused
revoke           paused            paused
resume           paused            active scheduled pending_approval
complete         running           completed
complete         paused            completed
cancel           draft             cancelled
cancel           pending_approval  cancelled
cancel           scheduled         cancelled
cancel           active            cancelled
cancel           running           cancelled
cancel           paused            cancelled
fail             active            failed
fail             running           failed
reopen           completed         draft
reopen           cancelled         draft
reopen           failed            draft
"""

OVER = ("completed", "cancelled", "failed")
SENDING = ("scheduled", "active", "running")


def to(state: str, event: str, **facts: Any) -> str | None:
    return decide(CAMPAIGN, state, event, Facts(**facts)).to


def codes(state: str, event: str, **facts: Any) -> list[str]:
    return [blocker.code for blocker in decide(CAMPAIGN, state, event, Facts(**facts)).blockers]


def test_the_table_leads_where_the_design_says_and_nowhere_else() -> None:
    rows = [line.split() for line in DESIGN.strip().splitlines()]
    designed = {(event, source): set(targets) for event, source, *targets in rows}
    table: dict[tuple[str, str], set[str]] = {}
    for move in CAMPAIGN.moves:
        table.setdefault((move.event, move.source), set()).add(move.to)
    assert table == designed
    assert len(rows) == len(designed)


def test_every_row_can_be_taken_but_that_of_a_draft_that_has_begun() -> None:
    explored = Exploration(CAMPAIGN, Laws())
    explored.proof()
    edges = [
        edge
        for world, event in product(explored.came, CAMPAIGN.events)
        for edge in explored.fan(world, event).ways.values()
    ]
    taken = {(edge.event, edge.before.state, edge.after.state) for edge in edges}
    assert {(move.event, move.source, move.to) for move in CAMPAIGN.moves} - taken == {("revise", "draft", "paused")}


def test_only_the_row_of_the_executor_leads_into_running() -> None:
    assert [(move.event, move.source) for move in CAMPAIGN.moves if move.to == "running"] == [("begin", "active")]


def test_only_three_states_end_a_campaign() -> None:
    assert CAMPAIGN.finals == set(OVER)
    assert CAMPAIGN.initial == "draft"


# The life of a campaign.


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"permission": "people"}, "pending_approval"),
        ({"permission": "auto"}, "active"),
        ({"permission": "ungated"}, "active"),
        ({"permission": "auto", "start": "ahead"}, "scheduled"),
        ({"permission": "auto", "review": "pending"}, "pending_approval"),
        ({"permission": "people", "start": "ahead"}, "pending_approval"),
    ],
)
@pytest.mark.parametrize(("state_before", "event"), [("draft", "start"), ("paused", "resume")])
def test_a_proposal_is_permitted_by_policy_or_waits_for_people(
    state_before: str, event: str, facts: dict[str, Any], state: str
) -> None:
    assert to(state_before, event, **facts) == state


@pytest.mark.parametrize(("state", "event"), [("draft", "start"), ("paused", "resume")])
def test_a_proposal_that_is_not_ready_is_refused_with_every_reason(state: str, event: str) -> None:
    found = (Blocker("link_broken", "A link is broken."), Blocker("no_unsubscribe", "Nobody can unsubscribe."))
    facts = Facts(0, content=False, sender=False, importing=True, in_flight=2, start="late", review="blocked")
    decision = decide(CAMPAIGN, state, event, replace(facts, findings=found))
    assert decision.to is None
    assert [blocker.code for blocker in decision.blockers] == [
        "audience_empty",
        "content_missing",
        "sender_missing",
        "import_open",
        "messages_in_flight",
        "start_in_past",
        "link_broken",
        "no_unsubscribe",
    ]


@pytest.mark.parametrize("permission", ["auto", "ungated"])
@pytest.mark.parametrize(("review", "start"), [("blocked", "none"), ("pending", "none"), ("clean", "late")])
@pytest.mark.parametrize(("begun", "back"), [(False, "draft"), (True, "paused")])
def test_no_policy_permits_what_the_review_did_not_find_sound(
    permission: str, review: str, start: str, begun: bool, back: str
) -> None:
    facts = {"permission": permission, "review": review, "start": start, "begun": begun}
    assert to("pending_approval", "reviewed", addressed="reviewing", **facts) == back


def test_an_approval_below_the_quorum_waits_and_at_the_quorum_launches() -> None:
    assert to("pending_approval", "approve", enough=False) == "pending_approval"
    assert to("pending_approval", "approve", enough=True) == "active"
    assert to("pending_approval", "approve", enough=True, start="ahead") == "scheduled"


@pytest.mark.parametrize("enough", [True, False])
def test_an_approval_is_refused_with_every_reason(enough: bool) -> None:
    wrong: dict[str, Any] = {
        "addressed": "expired",
        "overdue": True,
        "entitled": NOT_ENTITLED,
        "repeated": True,
        "seen": False,
        "acknowledged": False,
        "review": "blocked",
        "start": "late",
    }
    assert codes("pending_approval", "approve", enough=enough, **wrong) == [
        "task_decided",
        "task_expired",
        "not_entitled",
        "already_voted",
        "seal_changed",
        "acknowledgement_missing",
        "review_blocked",
        "start_missed",
    ]


@pytest.mark.parametrize("event", ["dismiss", "request_changes", "withdraw", "expire", "revise"])
@pytest.mark.parametrize(("begun", "back"), [(False, "draft"), (True, "paused")])
def test_what_is_turned_down_goes_back_to_where_it_came_from(event: str, begun: bool, back: str) -> None:
    assert to("pending_approval", event, begun=begun, overdue=event == "expire") == back


def test_a_dismissal_below_the_number_asked_for_waits() -> None:
    assert to("pending_approval", "dismiss", enough=False, begun=True) == "pending_approval"


def test_a_scheduled_campaign_waits_goes_or_has_missed_its_start() -> None:
    assert codes("scheduled", "due", start="ahead", permit="valid") == ["start_ahead"]
    assert to("scheduled", "due", start="due", permit="valid") == "active"
    assert to("scheduled", "due", start="late", permit="valid") == "paused"


def test_the_executor_begins_only_with_the_permit_that_the_campaign_holds() -> None:
    assert to("active", "begin", permit="valid") == "running"
    assert codes("active", "begin", permit="valid", presented=False) == ["permit_mismatch"]
    assert codes("active", "begin", presented=False) == ["permit_missing", "permit_mismatch"]


def test_a_paused_campaign_goes_on_with_its_permit_unless_its_start_was_missed() -> None:
    assert to("paused", "resume", permit="valid") == "active"
    assert to("paused", "resume", permit="valid", start="ahead") == "scheduled"
    assert codes("paused", "resume", permit="valid", start="late") == ["start_missed"]
    assert to("paused", "resume", permit="valid", recipients=0, content=False) == "active"  # judged when permitted


def test_a_campaign_is_complete_when_all_is_settled_and_nobody_is_left_over() -> None:
    assert to("running", "complete", begun=True, run="open", waiting=5) == "completed"
    assert to("paused", "complete", begun=True) == "completed"
    assert codes("paused", "complete", unsettled=2, claimed=1, waiting=4) == [
        "not_begun",
        "recipients_unsettled",
        "messages_in_flight",
        "recipients_left",
    ]


# Why something is not offered, in the words that people and the documents know.


@pytest.mark.parametrize(
    ("state", "event", "code", "message"),
    [
        ("active", "start", "already_active", "Campaign is already active"),
        ("running", "start", "already_active", "Campaign is already active"),
        ("scheduled", "start", "already_scheduled", "Campaign is already scheduled"),
        ("pending_approval", "start", "approval_pending", "The campaign already awaits approval"),
        ("paused", "start", "campaign_paused", "Campaign is paused"),
        ("completed", "start", "campaign_ended", "Campaign is already completed"),
        ("running", "revise", "pause_first", "Pause the campaign before you edit it"),
        ("cancelled", "cancel", "campaign_ended", "Campaign is already cancelled"),
        ("draft", "pause", "campaign_not_active", "Campaign is not active: it is draft"),
        ("paused", "pause", "already_paused", "Campaign is already paused"),
        ("running", "resume", "campaign_not_paused", "Campaign is not paused: it is running"),
        ("draft", "begin", "not_offered", "'begin' is not possible in the state 'draft'."),
    ],
)
def test_what_is_not_offered_is_refused_in_words_that_people_know(
    state: str, event: str, code: str, message: str
) -> None:
    [blocker] = decide(CAMPAIGN, state, event, Facts()).blockers
    assert (blocker.code, blocker.message) == (code, message)
    assert state in blocker.figures.values()


@pytest.mark.parametrize("event", ["approve", "retract", "dismiss", "request_changes"])
def test_a_ballot_that_comes_too_late_learns_the_decision_that_stood(event: str) -> None:
    for state in set(CAMPAIGN.states) - {"pending_approval"}:
        [blocker] = decide(CAMPAIGN, state, event, Facts(addressed="approved")).blockers
        assert (blocker.code, blocker.figures) == ("task_decided", {"decision": "approved"})


# What holds for every event, in every state, with all facts.

FACTS = st.builds(Facts, **{name: st.sampled_from(values) for name, values in DOMAIN.items()})
STATES = st.sampled_from(list(CAMPAIGN.states))
QUICK = settings(max_examples=100, derandomize=True, database=None, deadline=None)


@QUICK
@given(facts=FACTS)
def test_every_question_has_an_answer_and_twice_the_same(facts: Facts) -> None:
    for state, event in product(CAMPAIGN.states, CAMPAIGN.events):
        decision = decide(CAMPAIGN, state, event, facts)
        assert (decision.to is None) == bool(decision.blockers)
        assert (decision.to is None) == (decision.move is None)
        assert "guard_failed" not in codes_of(decision)
        assert decide(CAMPAIGN, state, event, replace(facts)) == decision


@QUICK
@given(state=st.text(max_size=5) | STATES, event=st.text(max_size=5), facts=FACTS)
def test_unknown_events_and_states_are_refused_like_any_other(state: str, event: str, facts: Facts) -> None:
    assert codes_of(decide(CAMPAIGN, state, event, facts)) == ["not_offered"]


def codes_of(decision: Any) -> list[str]:
    return [blocker.code for blocker in decision.blockers]


@QUICK
@given(facts=FACTS)
def test_a_campaign_can_be_stopped_and_given_up_whatever_the_facts(facts: Facts) -> None:
    assert {decide(CAMPAIGN, state, "pause", facts).to for state in SENDING} == {"paused"}
    alive = set(CAMPAIGN.states) - set(OVER)
    assert {decide(CAMPAIGN, state, "cancel", facts).to for state in alive} == {"cancelled"}
    assert {decide(CAMPAIGN, state, "fail", facts).to for state in ("active", "running")} == {"failed"}


@QUICK
@given(facts=FACTS)
def test_a_scheduled_campaign_does_not_stay_once_its_time_has_come(facts: Facts) -> None:
    come = replace(facts, permit="valid", start="due" if facts.start in ("none", "ahead") else facts.start)
    assert decide(CAMPAIGN, "scheduled", "due", come).to in {"active", "paused"}


# The proof.


@pytest.fixture(scope="module")
def report() -> Report[Facts]:
    return check_campaign()


def test_no_law_about_campaigns_can_be_broken_and_no_guard_is_missed_by_nobody(report: Report[Facts]) -> None:
    assert list(map(str, report.counterexamples)) == []
    assert list(map(str, report.survivors)) == []
    assert report.ok


def test_the_proof_has_looked_at_something(report: Report[Facts]) -> None:
    assert report.worlds >= 20
    assert report.tried > 20_000
    assert report.passed > 2_000
    parts = sum(len(move.when) + len(move.needs) + len(move.sets) for move in CAMPAIGN.moves)
    assert report.mutants == parts
    assert len(report.noticed) > 0.75 * report.mutants


def test_what_never_matters_is_known_by_name(report: Report[Facts]) -> None:
    """`READY` and `VOTE` are shared by rows whose conditions already answer one of their questions."""
    assert sorted(map(str, report.idle)) == [
        "approve from pending_approval to scheduled without start_not_missed",
        "resume from paused to pending_approval without permit='none'",
        "resume from paused to pending_approval without permit='none'",
        "resume from paused to pending_approval without review_passed",
        "resume from paused to scheduled without start_not_past",
        "start from draft to pending_approval without review_passed",
        "start from draft to scheduled without start_not_past",
    ]


def test_the_guards_that_are_a_second_lock_are_known_by_name(report: Report[Facts]) -> None:
    """No world that can be reached needs them; a database that somebody tampered with would."""
    assert sorted(str(mutant) for mutant in report.second_locks if "=" not in mutant.dropped) == [
        "begin from active to running without permit_held",
        "break_glass from draft to active without without_permit",
        "break_glass from pending_approval to active without without_permit",
        "complete from running to completed without has_begun",
        "complete from running to completed without nothing_left_over",
        "due from scheduled to active without permit_held",
        "lapse from active to draft without permit_held",
        "lapse from active to paused without permit_held",
        "revoke from active to paused without permit_held",
        "revoke from running to paused without permit_held",
        "revoke from scheduled to paused without permit_held",
    ]


def test_the_report_reads_as_two_lines_when_all_is_well(report: Report[Facts]) -> None:
    proof, gate = report.lines()
    assert proof.startswith(f"campaign: {report.laws} laws, {report.worlds} worlds, ")
    assert gate.startswith(f"{report.mutants} mutants: {len(report.noticed)} noticed, ")


def test_a_campaign_that_could_be_a_draft_again_after_it_began_is_told_as_a_story() -> None:
    moves = (move for move in CAMPAIGN.moves if (move.event, move.source) != ("revise", "paused"))
    loose = replace(CAMPAIGN, moves=(*moves, Move("revise", "paused", "draft", sets=CLOSED)))
    [found] = [found for found in prove(loose, LAWS) if found.law == "what has begun is no draft"]
    assert [edge.event for edge in found.story] == ["start", "begin", "pause", "revise"]
    assert str(found) == (
        "what has begun is no draft: broken by start (permission='auto') to active, begin to running, pause to paused, "
        "revise to draft"
    )


def test_a_vote_that_no_guard_asks_the_seal_of_is_noticed_though_no_move_looks_at_it() -> None:
    moves = (
        replace(move, needs=tuple(need for need in move.needs if need is not seal_seen)) for move in CAMPAIGN.moves
    )
    [found] = prove(replace(CAMPAIGN, moves=tuple(moves)), LAWS)
    assert found.law == "an approval counts only for the seal that was shown"
    assert str(found.story[-1]) == "approve (seen=False) to active"


def test_every_law_can_be_broken_by_something() -> None:
    """A misspelt state or event would make a law that nothing can ever break."""
    chance = random.Random(7)  # noqa: S311 - not a secret
    broken: set[str] = set()
    for _ in range(10_000):
        edge = any_edge(chance)
        broken |= {name for name, holds in CLAIMS.items() if not holds(edge)}
        broken |= {name for name, holds in INVARIANTS.items() if not holds(edge.after)}
    assert {*CLAIMS, *INVARIANTS} - broken == set()


def any_edge(chance: random.Random) -> Edge[Facts]:
    before, after, facts = (Facts(**{name: chance.choice(values) for name, values in DOMAIN.items()}) for _ in "abc")  # type: ignore[arg-type]
    remembered = {name: getattr(facts, name) for name in CAMPAIGN.memory}
    states = list(CAMPAIGN.states)
    return Edge(
        World(chance.choice(states), replace(before, **remembered)),
        chance.choice(CAMPAIGN.events),
        facts,
        World(chance.choice(states), after),
    )
