"""Deciding: what the machine makes of a table, and each trap of the library below that it must not fall into."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

import pytest

from gonogo.definition import Blocker, Condition, Decision, Flow, Move
from gonogo.machine import Case, ask, decide, sealed

from .deploy_flow import DEPLOY, Facts

GOOD = Facts(signed_off=True)


def needing(*guards: Callable[[Facts], Any]) -> Flow[Facts]:
    """The deploy flow with one more event, `ship`, that needs just these."""
    return replace(DEPLOY, moves=(*DEPLOY.moves, Move("ship", "ready", "live", needs=guards)))


def codes(decision: Decision[Any]) -> list[str]:
    return [blocker.code for blocker in decision.blockers]


def test_a_move_that_nothing_stops_leads_to_its_state() -> None:
    assert decide(DEPLOY, "ready", "roll_out", GOOD) == Decision("canary")


def test_a_decision_names_the_row_of_the_table_that_was_taken() -> None:
    decision = decide(DEPLOY, "canary", "judge", replace(GOOD, errors=0.02))
    [row] = [move for move in DEPLOY.at("canary", "judge") if move.to == "rolled_back"]
    assert decision.to == "rolled_back"
    assert decision.move is row


def test_a_refusal_takes_no_row_and_leads_nowhere() -> None:
    decision = decide(DEPLOY, "ready", "roll_out", Facts())
    assert (decision.to, decision.move) == (None, None)


def test_every_blocker_is_told_in_the_order_of_the_table() -> None:
    facts = Facts(checks="red", frozen=True, elsewhere=2)
    assert decide(DEPLOY, "ready", "roll_out", facts).blockers == (
        Blocker("not_signed_off", "Nobody has signed this change off."),
        Blocker("checks_not_green", "The checks are red.", checks="red"),
        Blocker("frozen", "There is a freeze, and this change is not urgent."),
        Blocker("rollout_elsewhere", "Another change is being rolled out.", others=2),
    )


def test_the_blockers_of_a_move_that_does_not_apply_are_not_told() -> None:
    young_and_ill = replace(GOOD, watched=False, errors=0.02)
    assert codes(decide(DEPLOY, "canary", "judge", replace(GOOD, watched=False))) == ["canary_too_young"]
    assert decide(DEPLOY, "canary", "judge", young_and_ill) == Decision("rolled_back")


def test_equal_blockers_are_told_once_and_those_with_other_figures_each() -> None:
    def late(minutes: int) -> Callable[[Facts], Blocker]:
        return lambda _: Blocker("late", "Too late.", minutes=minutes)

    blockers = decide(needing(late(1), late(2), late(1)), "ready", "ship", GOOD).blockers
    assert [blocker.figures for blocker in blockers] == [{"minutes": 1}, {"minutes": 2}]


def test_a_guard_may_find_several_blockers() -> None:
    two = [Blocker("one", "One."), Blocker("two", "Two.")]
    assert codes(decide(needing(lambda _: two), "ready", "ship", GOOD)) == ["one", "two"]
    assert codes(decide(needing(lambda _: tuple(two)), "ready", "ship", GOOD)) == ["one", "two"]


@pytest.mark.parametrize(
    "answer",
    ["yes", "", 1, 0, 0.5, True, False, (), [], ("yes",), [Blocker("a", "A."), None]],
    ids=repr,
)
def test_only_none_lets_pass_and_only_blockers_are_reasons(answer: object) -> None:
    decision = decide(needing(lambda _: answer), "ready", "ship", GOOD)
    assert decision.to is None
    assert codes(decision) == ["guard_failed"]


def explode(facts: Facts) -> Blocker | None:
    raise ZeroDivisionError(facts.checks)


def test_a_guard_that_raises_refuses_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "gonogo.machine"):
        decision = decide(needing(explode), "ready", "ship", GOOD)
    message = "The check 'explode' failed."
    blocker = Blocker("guard_failed", message, guard="explode", error="ZeroDivisionError")
    assert decision == Decision(None, (blocker,))
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_a_guard_that_raises_does_not_silence_the_others() -> None:
    flow = needing(explode, lambda facts: Blocker("ours", "Ours.", checks=facts.checks))
    assert codes(decide(flow, "ready", "ship", GOOD)) == ["guard_failed", "ours"]


def test_a_condition_that_raises_refuses_even_where_another_move_would_apply() -> None:
    odd: Condition[Facts] = Condition("odd", lambda facts: 1 / facts.checks > 0)  # type: ignore[operator]
    moves = tuple(move for move in DEPLOY.moves if (move.source, move.event) != ("ready", "ship"))
    flow = replace(DEPLOY, moves=(*moves, Move("ship", "ready", "built", (odd,)), Move("ship", "ready", "live")))
    decision = decide(flow, "ready", "ship", GOOD)
    blocker = Blocker("guard_failed", "The check 'ship to built' failed.", move="ship to built", error="TypeError")
    assert decision == Decision(None, (blocker,))


def test_an_iterator_of_blockers_is_read_once_and_counts() -> None:
    answer = ask(lambda _: (blocker for blocker in [Blocker("one", "One.")]), GOOD)  # type: ignore[arg-type, return-value]
    assert answer == (Blocker("one", "One."),)


@pytest.mark.parametrize("answer", [1, "yes", None])
def test_a_condition_passes_only_by_a_bool_though_the_library_takes_a_one_for_true(answer: object) -> None:
    odd: Condition[Facts] = Condition("odd", lambda _: answer)  # type: ignore[arg-type, return-value]
    flow = replace(
        DEPLOY, moves=(*DEPLOY.moves, Move("ship", "ready", "live", (odd,)), Move("ship", "ready", "live", (~odd,)))
    )
    assert decide(flow, "ready", "ship", GOOD).to is None


@pytest.mark.parametrize(
    ("state", "event"),
    [("built", "judge"), ("built", "nonsense"), ("nowhere", "propose"), ("live", "to_built"), ("built", "add_model")],
)
def test_what_a_state_does_not_offer_is_a_refusal_and_never_an_error(state: str, event: str) -> None:
    [blocker] = decide(DEPLOY, state, event, GOOD).blockers
    assert blocker.code == "not_offered"
    assert blocker.figures == {"event": event, "state": state}


def test_a_flow_may_say_in_its_own_words_why_an_event_is_not_offered() -> None:
    def out_already(facts: Facts) -> Blocker:
        return Blocker("out_already", "It is out already.", errors=facts.errors)

    flow = replace(DEPLOY, refusals={("propose", "live"): out_already})
    told = decide(flow, "live", "propose", Facts(errors=0.01))
    assert told == Decision(None, (Blocker("out_already", "It is out already.", errors=0.01),))
    assert codes(decide(flow, "canary", "propose", GOOD)) == ["not_offered"]


def test_no_event_exists_that_is_not_in_the_table() -> None:
    machine = sealed(DEPLOY)
    assert set(machine.events) == set(DEPLOY.events)
    moves = [(event, source) for event in machine.events for source in machine.events[event].transitions]
    assert set(moves) == {(move.event, move.source) for move in DEPLOY.moves}


def test_the_shared_machine_takes_no_model() -> None:
    machine = sealed(DEPLOY)
    with pytest.raises(TypeError):
        machine.add_model(Case("built", GOOD))
    assert machine.models == []


@pytest.mark.parametrize("event", ["propose", "escape"])
def test_the_shared_machine_takes_no_new_move(event: str) -> None:
    machine = sealed(DEPLOY)
    with pytest.raises((TypeError, AttributeError)):
        machine.add_transition(event, "built", "live")
    assert decide(DEPLOY, "built", event, GOOD).to != "live"


def test_the_shared_machine_takes_no_new_state() -> None:
    machine = sealed(DEPLOY)
    with pytest.raises(TypeError):
        machine.add_states(["limbo"])
    with pytest.raises(TypeError):
        machine.states["limbo"] = machine.states["built"]


def test_to_ask_the_machine_about_an_unknown_state_does_not_make_it_known() -> None:
    machine = sealed(DEPLOY)
    with pytest.raises(KeyError):
        machine.events["propose"].transitions["nowhere"]
    assert "nowhere" not in machine.events["propose"].transitions


def test_guards_named_by_a_string_are_not_looked_up_anywhere() -> None:
    flow = needing("os.getcwd")  # type: ignore[arg-type]
    assert codes(decide(flow, "ready", "ship", GOOD)) == ["guard_failed"]


def test_flows_of_the_same_name_do_not_answer_for_each_other() -> None:
    strict, lax = needing(lambda _: Blocker("no", "No.")), needing()
    assert [decide(flow, "ready", "ship", GOOD).to for flow in (strict, lax, strict)] == [None, "live", None]


@dataclass(frozen=True)
class Awkward:
    """Facts that are equal to everything and count as false."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __bool__(self) -> bool:
        return False


def test_facts_are_handed_to_the_guards_as_they_are() -> None:
    got: list[object] = []
    facts = Awkward()

    def look(given: Awkward) -> None:
        got.append(given)

    states = {"on": "On.", "off": "Off."}
    flow = Flow("lamp", states, "on", frozenset({"off"}), (Move("switch", "on", "off", needs=(look,)),), Awkward, {})
    assert decide(flow, "on", "switch", facts).to == "off"
    assert got[0] is facts


def test_threads_share_one_machine_without_mixing_their_cases() -> None:
    wanted = {
        "live": replace(GOOD, errors=0.0),
        "rolled_back": replace(GOOD, errors=0.02),
        None: replace(GOOD, watched=False),
    }
    found: dict[str | None, set[str | None]] = {}

    def work(to: str | None) -> None:
        found[to] = {decide(DEPLOY, "canary", "judge", wanted[to]).to for _ in range(1000)}

    threads = [Thread(target=work, args=(to,)) for to in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {to: {to} for to in wanted}


def test_a_guard_may_itself_ask_the_machine() -> None:
    def rolled_out(facts: Facts) -> Blocker | None:
        return None if decide(DEPLOY, "ready", "roll_out", facts).to == "canary" else Blocker("no", "No.")

    flow = needing(rolled_out)
    assert decide(flow, "ready", "ship", GOOD).to == "live"
    assert codes(decide(flow, "ready", "ship", Facts())) == ["no"]
