"""The checker itself: what holds is proved, and each thing that does not hold is told as the shortest story."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from gonogo.campaign import CAMPAIGN
from gonogo.definition import Blocker, Condition, Flow, Move, problems
from gonogo.testing import Claim, Invariant, Laws, Mutant, World, check, mutants, prove
from gonogo.testing.checker import ENDLESS, REACHED, TRAP, Exploration

from .deploy_flow import DEPLOY, LAWS, Facts, checks_green, road_free

NOTHING: Laws[Facts] = Laws()


def without_guard(dropped: object) -> Flow[Facts]:
    moves = (replace(move, needs=tuple(need for need in move.needs if need is not dropped)) for move in DEPLOY.moves)
    return replace(DEPLOY, moves=tuple(moves))


def told(flow: Flow[Facts], laws: Laws[Facts] = LAWS) -> list[str]:
    return [str(found) for found in prove(flow, laws)]


def claiming(*claims: Claim[Facts]) -> Laws[Facts]:
    return Laws(claims=claims)


def names(found: tuple[Mutant[Facts], ...]) -> list[str]:
    return [str(mutant) for mutant in found]


def test_a_flow_that_keeps_its_laws_is_proved() -> None:
    assert prove(DEPLOY, LAWS) == []


def test_every_world_that_can_be_reached_is_looked_at() -> None:
    explored = Exploration(DEPLOY, LAWS)
    assert explored.proof() == []
    worlds = {(world.state, world.memory.signed_off) for world in explored.came}
    assert worlds == {
        ("built", False),
        ("in_review", False),
        ("ready", True),
        ("canary", True),
        ("live", True),
        ("rolled_back", True),
        ("abandoned", False),
        ("abandoned", True),
    }


def test_each_event_is_tried_with_every_combination_of_the_facts_that_matter_and_of_no_others() -> None:
    explored = Exploration(DEPLOY, LAWS)
    ready = World("ready", Facts(signed_off=True))
    tried = explored.facts(ready, "roll_out")
    assert len(tried) == len(set(tried)) == 3 * 2 * 2 * 2  # checks, frozen, urgent, elsewhere
    assert {facts.signed_off for facts in tried} == {True}
    assert len(explored.facts(ready, "push")) == 1
    assert tried[0] == ready.memory


def test_a_guard_that_is_missing_is_told_as_the_shortest_story() -> None:
    assert told(without_guard(road_free)) == [
        "one rollout at a time: broken by propose to in_review, sign_off to ready, roll_out (elsewhere=1) to canary"
    ]


def test_a_law_that_breaks_in_several_ways_is_told_once() -> None:
    [found] = prove(without_guard(checks_green), LAWS)
    assert found.law == "nothing goes on while the checks are not green"
    assert [str(edge) for edge in found.story] == ["propose (checks='red') to in_review"]


def test_a_story_starts_at_the_beginning_and_each_step_follows_from_the_one_before() -> None:
    [found] = prove(without_guard(road_free), LAWS)
    assert found.story[0].before == World("built", Facts())
    assert [edge.after for edge in found.story[:-1]] == [edge.before for edge in found.story[1:]]
    assert found.story[-1].facts == Facts(elsewhere=1, signed_off=True)


def test_an_invariant_that_is_wrong_from_the_start_needs_no_story() -> None:
    laws: Laws[Facts] = Laws(invariants=(Invariant("nothing is ever built", lambda world: world.state != "built"),))
    assert told(DEPLOY, laws) == ["nothing is ever built: not so"]


def test_an_invariant_is_asked_about_what_the_moves_left_behind() -> None:
    laws: Laws[Facts] = Laws(invariants=(Invariant("nothing is signed", lambda world: not world.memory.signed_off),))
    assert told(DEPLOY, laws) == ["nothing is signed: broken by propose to in_review, sign_off to ready"]


def test_a_fact_that_only_the_law_looks_at_is_varied_too() -> None:
    """Else a flow that forgot a guard altogether would pass: no move looks at what nobody asks for."""
    law = Claim[Facts]("no push in a freeze", lambda edge: edge.event != "push" or not edge.facts.frozen)
    assert told(DEPLOY, claiming(law)) == [
        "no push in a freeze: broken by propose to in_review, push (frozen=True) to built"
    ]


def test_a_law_may_compare_what_was_remembered_before_and_after() -> None:
    law = Claim[Facts](
        "a sign-off is never taken back",
        lambda edge: not (edge.before.memory.signed_off and not edge.after.memory.signed_off),
    )
    assert told(DEPLOY, claiming(law)) == [
        "a sign-off is never taken back: broken by propose to in_review, sign_off to ready, push to built"
    ]


def test_a_state_that_only_memory_keeps_out_of_reach_is_found_though_the_flow_is_well_formed() -> None:
    moves = tuple(replace(move, sets={}) if move.event == "sign_off" else move for move in DEPLOY.moves)
    unsigned = replace(DEPLOY, moves=moves)
    assert problems(unsigned) == []
    assert [found.law for found in prove(unsigned, NOTHING)] == [
        f"{REACHED}, {state} too" for state in ("canary", "live", "rolled_back")
    ]


def stopped(facts: Facts) -> Blocker | None:
    return Blocker("stopped", "It has been signed off.") if facts.signed_off else None


def test_a_world_that_only_memory_makes_a_trap_is_found_though_the_flow_is_well_formed() -> None:
    moves = tuple(replace(move, needs=(stopped,)) if move.source == "ready" else move for move in DEPLOY.moves)
    stuck = replace(DEPLOY, moves=moves)
    assert problems(stuck) == []
    assert {ENDLESS, TRAP} <= {found.law for found in prove(stuck, NOTHING)}
    [trap] = [found for found in prove(stuck, NOTHING) if found.law == TRAP]
    assert str(trap) == f"{TRAP}: broken by propose to in_review, sign_off to ready"


def test_to_give_up_is_no_way_out_of_a_trap() -> None:
    moves = tuple(
        replace(move, needs=(stopped,)) if move.source == "ready" and move.event != "abandon" else move
        for move in DEPLOY.moves
    )
    laws: Laws[Facts] = Laws(escapes=frozenset({"abandon"}))
    stuck = replace(DEPLOY, moves=moves)
    assert TRAP not in {found.law for found in prove(stuck, NOTHING)}
    assert {TRAP, ENDLESS} & {found.law for found in prove(stuck, laws)} == {TRAP}


def test_circles_are_explored_once() -> None:
    @dataclass(frozen=True)
    class Lamp:
        """What a lamp remembers."""

        broken: bool = False

    flow: Flow[Lamp] = Flow(
        "lamp",
        {"on": "On.", "off": "Off."},
        "off",
        frozenset({"off"}),
        (Move("switch", "off", "on"), Move("switch", "on", "off"), Move("drop", "on", "off", sets={"broken": True})),
        Lamp,
        {"broken": (False, True)},
        memory=("broken",),
    )
    explored = Exploration(flow, Laws())
    assert explored.proof() == []
    assert [world.state for world in explored.came] == ["off", "on", "off", "on"]


def test_a_look_at_what_no_domain_knows_is_an_error_and_not_a_hollow_proof() -> None:
    class Derived(Facts):
        """Facts with something beside them that is the same for all."""

        calm: ClassVar[bool] = True

    condition: Condition[Derived] = Condition("calm", lambda facts: facts.calm)
    moves = (Move("go", "built", "live", (condition,)), Move("go", "built", "abandoned", (~condition,)))
    states = {state: DEPLOY.states[state] for state in ("built", "live", "abandoned")}
    flow = Flow("derived", states, "built", frozenset({"live", "abandoned"}), moves, Derived, DEPLOY.domain)
    with pytest.raises(TypeError, match=r"no values for what its guards look at: \['calm'\]"):
        prove(flow, Laws())


# Does the proof bite?


def test_one_mutant_is_made_of_each_condition_guard_and_memory_entry() -> None:
    flow = DEPLOY
    found = list(mutants(flow))
    assert len(found) == sum(len(move.when) + len(move.needs) + len(move.sets) for move in flow.moves)
    assert names(tuple(found))[:4] == [
        "propose from built to in_review without checks_green",
        "sign_off from in_review to ready without read_by_another",
        "sign_off from in_review to ready without checks_green",
        "sign_off from in_review to ready without signed_off=True",
    ]


@pytest.mark.parametrize("flow", [DEPLOY, CAMPAIGN], ids=lambda flow: flow.name)
def test_a_mutant_differs_from_its_flow_by_one_thing_in_one_row(flow: Flow[Any]) -> None:
    for mutant in mutants(flow):
        [(old, new)] = [pair for pair in zip(flow.moves, mutant.flow.moves, strict=True) if pair[0] is not pair[1]]
        assert (old, new) == (mutant.move, mutant.weaker)
        sizes = [len(move.when) + len(move.needs) + len(move.sets) for move in (old, new)]
        assert sizes[0] - sizes[1] == 1


def test_every_mutant_of_the_deploy_flow_is_noticed() -> None:
    report = check(DEPLOY, LAWS)
    assert report.ok
    assert names(report.survivors) == []
    assert (report.mutants, len(report.noticed), len(report.idle)) == (13, 11, 0)


def test_what_no_reachable_world_needs_is_a_second_lock() -> None:
    assert names(check(DEPLOY, LAWS).second_locks) == [
        "push from in_review to built without signed_off=False",
        "roll_out from ready to canary without sign_off_given",
    ]


@pytest.mark.parametrize("lacking", [claim.name for claim in LAWS.claims])
def test_without_one_of_its_laws_the_flow_has_a_guard_that_nobody_would_miss(lacking: str) -> None:
    laws = replace(LAWS, claims=tuple(claim for claim in LAWS.claims if claim.name != lacking))
    report = check(DEPLOY, laws)
    assert not report.ok
    assert report.survivors
    assert list(report.lines())[2:] == [f"NOT NOTICED {mutant}" for mutant in report.survivors]


def test_a_guard_that_asks_for_what_its_conditions_ensure_is_idle() -> None:
    def errors_few(facts: Facts) -> Blocker | None:
        return Blocker("errors", "Too many errors.") if facts.errors > 0.01 else None

    [judged] = [move for move in DEPLOY.moves if move.to == "live"]
    moves = tuple(replace(move, needs=(*move.needs, errors_few)) if move is judged else move for move in DEPLOY.moves)
    assert names(check(replace(DEPLOY, moves=moves), LAWS).idle) == ["judge from canary to live without errors_few"]


def test_a_dropped_condition_is_noticed_by_the_validation_alone() -> None:
    [healthy] = [mutant for mutant in check(DEPLOY, LAWS).noticed if mutant.dropped == "healthy"]
    assert problems(healthy.flow) == ["judge from canary: the moves to live and rolled_back can both apply"]


def test_no_mutants_are_tried_on_a_flow_that_breaks_a_law_as_it_is() -> None:
    report = check(without_guard(road_free), LAWS)
    assert (report.ok, report.mutants) == (False, 0)
    assert list(report.lines())[2:] == [f"BROKEN {found}" for found in report.counterexamples]
    assert len(report.counterexamples) == 1


def test_the_figures_of_a_report_are_those_of_the_exploration_without_its_mutants() -> None:
    report, explored = check(DEPLOY, LAWS), Exploration(DEPLOY, LAWS)
    explored.proof()
    assert (report.worlds, report.tried, report.passed) == (len(explored.came), explored.tried, explored.passed)
    assert report.laws == len(LAWS.invariants) + len(LAWS.claims) + 3
