"""The walk: a right keeper passes it and all of the flow is seen; wrong keepers are found."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

import gonogo.testing
from gonogo.campaign import CAMPAIGN
from gonogo.definition import Decision, Flow
from gonogo.machine import decide
from gonogo.testing import FlowMachine, flow_machine
from gonogo.testing.checker import differences
from gonogo.testing.harness import FAR, Worlds

from .deploy_flow import DEPLOY, Facts

CALM = settings(derandomize=True, database=None, deadline=None, report_multiple_bugs=False)
HUNT = settings(CALM, max_examples=200, phases=[Phase.generate])  # to shrink takes seconds


class InMemory:
    """Does it right, for any flow."""

    flow: ClassVar[Flow[Any]] = DEPLOY

    def __init__(self) -> None:
        self.at = self.flow.initial
        self.facts: Any = self.flow.facts()
        self.log: list[str] = []

    def learn(self, facts: Any) -> None:
        self.facts = facts

    def fire(self, event: str) -> Decision[Any]:
        decision = decide(self.flow, self.at, event, self.facts)
        if decision.to:
            self.at = decision.to
            self.log.append(event)
        return decision

    def state(self) -> str:
        return self.at

    def snapshot(self) -> object:
        return self.at, tuple(self.log)


class LogsRefusals(InMemory):
    def fire(self, event: str) -> Decision[Any]:
        self.log.append(event)
        return super().fire(event)


class RemembersOldFacts(InMemory):
    def learn(self, facts: Any) -> None:
        self.facts = self.facts if self.at == "canary" else facts


class TellsOneReasonOnly(InMemory):
    def fire(self, event: str) -> Decision[Any]:
        decision = super().fire(event)
        return Decision(decision.to, decision.blockers[:1])


class ForgetsToMove(InMemory):
    def fire(self, event: str) -> Decision[Any]:
        return decide(self.flow, self.at, event, self.facts) if event == "push" else super().fire(event)


class AllowsWhatIsNotOffered(InMemory):
    def fire(self, event: str) -> Decision[Any]:
        if (self.at, event) == ("abandoned", "propose"):
            return Decision("in_review")
        return super().fire(event)


class SkipsOneGuard(InMemory):
    """Signs off in a hurry: whoever wrote it is not asked for."""

    def learn(self, facts: Any) -> None:
        self.facts = replace(facts, own_change=False) if self.at == "in_review" else facts


class TellsAnOldState(InMemory):
    def state(self) -> str:
        return "ready" if self.at == "canary" else self.at


class BeginsElsewhere(InMemory):
    def __init__(self) -> None:
        super().__init__()
        self.at = "ready"


def walk(machine: type[FlowMachine], calm: settings = CALM) -> type[FlowMachine]:
    run_state_machine_as_test(machine, settings=calm)
    return machine


def test_a_right_keeper_passes_a_walk_that_sees_nearly_everything() -> None:
    machine = walk(flow_machine(DEPLOY, InMemory), settings(CALM, max_examples=40))
    assert len(machine.unseen()) <= 8  # of 54: which ones is a matter of chance


def test_a_short_walk_through_the_campaign_gets_everywhere_and_sees_most_of_it() -> None:
    class Campaigns(InMemory):
        flow = CAMPAIGN

    machine = walk(flow_machine(CAMPAIGN, Campaigns), settings(CALM, max_examples=25))
    assert {state for state, _, _ in machine.seen} == set(CAMPAIGN.states)
    assert {event for _, event, _ in machine.seen} == set(CAMPAIGN.events)
    assert len(machine.unseen()) < 0.5 * len(set(machine.worlds.visible()))


@pytest.mark.parametrize(
    ("broken", "found"),
    [
        (LogsRefusals, "what is stored after"),
        (RemembersOldFacts, "the decision about judge"),
        (TellsOneReasonOnly, "the decision about"),
        (ForgetsToMove, "the state after push"),
        (TellsAnOldState, "the state after roll_out"),
        (AllowsWhatIsNotOffered, "the decision about propose"),
        (SkipsOneGuard, "the decision about sign_off"),
        (BeginsElsewhere, "the state of a new case"),
    ],
)
def test_a_wrong_keeper_is_found(broken: Callable[[], InMemory], found: str) -> None:
    with pytest.raises(AssertionError, match=f"^{found}"):
        walk(flow_machine(DEPLOY, broken), HUNT)


def test_what_is_told_about_a_wrong_keeper_names_the_step_and_both_answers() -> None:
    with pytest.raises(AssertionError, match=r"what is stored after \w+ was refused: .* where the flow says") as caught:
        walk(flow_machine(DEPLOY, LogsRefusals), HUNT)
    told = "\n".join(getattr(caught.value, "__notes__", ()))
    assert "state.fire_" in told or "state.advance" in told
    assert "# " in told


def test_the_same_wrong_keeper_is_found_by_chance_too() -> None:
    for _ in range(3):
        with pytest.raises(AssertionError):
            walk(flow_machine(DEPLOY, RemembersOldFacts), settings(HUNT, derandomize=False))


def test_a_case_is_brought_to_every_state_without_wandering() -> None:
    machine = walk(flow_machine(DEPLOY, InMemory), settings(CALM, stateful_step_count=2))
    assert {state for state, _, _ in machine.seen} == set(DEPLOY.states)


def test_each_event_has_a_rule_of_its_own_name_that_hides_no_method() -> None:
    machine = flow_machine(DEPLOY, InMemory)
    names = {f"fire_{event}" for event in DEPLOY.events}
    assert names == {name for name in vars(machine) if name.startswith("fire_")}
    assert {getattr(machine, name).__name__ for name in names} == names
    assert not any(hasattr(FlowMachine, name) for name in names)


def test_what_a_walk_has_seen_is_its_own() -> None:
    one, other = flow_machine(DEPLOY, InMemory), flow_machine(DEPLOY, InMemory)
    walk(one, settings(CALM, max_examples=5))
    assert one.seen
    assert not other.seen
    assert other.unseen() == set(other.worlds.visible())


def test_a_keeper_is_not_asked_for_facts_that_it_cannot_arrange() -> None:
    learnt: list[Facts] = []

    class Watching(InMemory):
        def learn(self, facts: Any) -> None:
            learnt.append(facts)
            super().learn(facts)

    def possible(state: str, event: str, facts: Facts) -> bool:
        return not facts.frozen and (event != "judge" or facts.errors == 0)

    machine = walk(flow_machine(DEPLOY, Watching, possible=possible), settings(CALM, max_examples=15))
    assert not any(facts.frozen for facts in learnt)
    assert {facts.elsewhere for facts in learnt} == {0, 1}
    assert "canary" in {state for state, _, _ in machine.seen}
    assert ("canary", "judge", "rolled_back") not in machine.seen | set(machine.worlds.visible())


def test_an_event_of_which_no_facts_can_be_arranged_is_left_out() -> None:
    machine = flow_machine(DEPLOY, InMemory, possible=lambda state, event, facts: event != "roll_out")
    walk(machine, settings(CALM, max_examples=20))
    assert {event for _, event, _ in machine.seen} == set(DEPLOY.events) - {"roll_out"}
    assert {state for state, _, _ in machine.seen} == {"built", "in_review", "ready", "abandoned"}


def test_the_values_of_a_fact_are_those_of_the_flow() -> None:
    learnt: set[int] = set()

    class Watching(InMemory):
        flow = replace(DEPLOY, domain={**DEPLOY.domain, "elsewhere": (0, 7)})

        def learn(self, facts: Any) -> None:
            learnt.add(facts.elsewhere)
            super().learn(facts)

    walk(flow_machine(Watching.flow, Watching), settings(CALM, max_examples=60))
    assert learnt == {0, 7}


def test_facts_carry_what_the_moves_left_behind() -> None:
    class Checking(InMemory):
        def learn(self, facts: Any) -> None:
            events = [event for event in self.log if event in ("sign_off", "push")]
            assert facts.signed_off is (events[-1:] == ["sign_off"])
            super().learn(facts)

    machine = walk(flow_machine(DEPLOY, Checking), settings(CALM, max_examples=20))
    assert ("ready", "push", "built") in machine.seen


def test_low_numbers_pick_what_passes_then_what_just_does_not_and_high_ones_anything() -> None:
    worlds = Worlds(DEPLOY, lambda state, event, facts: True)
    [ready] = [world for world in worlds.paths if world.state == "ready"]
    first, second = (worlds.pick(ready, "roll_out", number) for number in (0, 1))
    assert first == Facts(signed_off=True)
    assert second
    assert len(differences(first, second)) == 1
    far = {worlds.pick(ready, "roll_out", FAR + number) for number in range(24)}
    assert far == set(worlds.explored.facts(ready, "roll_out"))


def test_hypothesis_is_loaded_only_when_the_walk_is_asked_for() -> None:
    code = (
        "import sys, gonogo.testing as t; t.prove; t.check_campaign; assert 'hypothesis' not in sys.modules;"
        "t.flow_machine; assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_all_public_names_are_there_and_no_others() -> None:
    for name in gonogo.testing.__all__:
        assert getattr(gonogo.testing, name)
    with pytest.raises(AttributeError, match="has no attribute 'walk'"):
        gonogo.testing.walk  # type: ignore[attr-defined] # noqa: B018
