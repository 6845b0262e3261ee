"""What makes a flow well formed. Every fault here is one that the library below would accept in silence."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace

import pytest

from gonogo.campaign import CAMPAIGN
from gonogo.definition import (
    Blocker,
    Condition,
    Flow,
    FlowInvalid,
    Move,
    closure,
    problems,
    reads,
    validate,
)
from gonogo.machine import sealed

from .deploy_flow import DEPLOY, HEALTHY, Facts

URGENT: Condition[Facts] = Condition("urgent", lambda facts: facts.urgent)
CALM: Condition[Facts] = Condition("calm", lambda facts: not facts.urgent)


def with_moves(*more: Move[Facts]) -> Flow[Facts]:
    return replace(DEPLOY, moves=(*DEPLOY.moves, *more))


def without_moves(event: str) -> Flow[Facts]:
    return replace(DEPLOY, moves=tuple(move for move in DEPLOY.moves if move.event != event))


def test_a_well_formed_flow_is_handed_back_as_it_is() -> None:
    assert validate(DEPLOY) is DEPLOY
    assert problems(CAMPAIGN) == []


@pytest.mark.parametrize(
    "flow",
    [
        with_moves(Move("park", "ready", "parkd")),
        with_moves(Move("park", "parkd", "ready")),
        replace(DEPLOY, finals=DEPLOY.finals | {"parkd"}),
        replace(DEPLOY, refusals={("propose", "parkd"): lambda _: Blocker("parked", "It is parked.")}),
    ],
    ids=["target", "source", "final", "refusal"],
)
def test_a_misspelt_state_is_refused_wherever_it_stands(flow: Flow[Facts]) -> None:
    assert problems(flow) == ["unknown state 'parkd'"]


def test_a_misspelt_initial_state_is_refused_though_transitions_would_add_it() -> None:
    flow = replace(DEPLOY, initial="bilt")
    assert "bilt" in sealed(flow).states
    assert "unknown state 'bilt'" in problems(flow)


@pytest.mark.parametrize("wildcard", ["*", "="])
def test_the_wildcards_of_transitions_are_no_states(wildcard: str) -> None:
    assert f"unknown state {wildcard!r}" in problems(with_moves(Move("park", wildcard, "ready")))
    assert f"unknown state {wildcard!r}" in problems(with_moves(Move("park", "ready", wildcard)))


def test_a_state_that_no_move_leads_to_is_refused() -> None:
    flow = replace(DEPLOY, states={**DEPLOY.states, "moon": "Far away."}, finals=DEPLOY.finals | {"moon"})
    assert problems(flow) == ["moon can't be reached"]


def test_a_state_that_no_final_state_follows_is_refused() -> None:
    flow = replace(with_moves(Move("park", "ready", "limbo")), states={**DEPLOY.states, "limbo": "For ever."})
    assert problems(flow) == ["limbo is a trap: no final state can be reached"]


def test_states_that_only_lead_to_each_other_are_a_trap_too() -> None:
    circle = with_moves(Move("park", "ready", "here"), Move("on", "here", "there"), Move("on", "there", "here"))
    flow = replace(circle, states={**DEPLOY.states, "here": "Here.", "there": "There."})
    assert problems(flow) == [f"{state} is a trap: no final state can be reached" for state in ("here", "there")]


def test_every_fact_needs_values_and_every_value_a_fact() -> None:
    some = {name: values for name, values in DEPLOY.domain.items() if name != "frozen"}
    assert "no values are given for the fact 'frozen'" in problems(replace(DEPLOY, domain=some))
    assert problems(replace(DEPLOY, domain={**DEPLOY.domain, "mood": (1, 2)})) == ["'mood' is not a fact"]
    assert problems(replace(DEPLOY, memory=(*DEPLOY.memory, "mood"))) == ["'mood' is not a fact"]


def test_the_defaults_are_of_the_domain_too() -> None:
    default = Facts().urgent
    flow = replace(DEPLOY, domain={**DEPLOY.domain, "urgent": (not default,)})
    assert f"the default of the fact 'urgent', {default!r}, is not in the domain" in problems(flow)


@dataclass(frozen=True, slots=True)
class Wrapped(Facts):
    @property
    def hurried(self) -> bool:
        return self.urgent

    def calm(self) -> bool:
        return not self.hurried


def test_facts_behind_a_property_or_a_method_are_seen() -> None:
    flow: Flow[Wrapped] = replace(DEPLOY, facts=Wrapped)  # type: ignore[assignment]
    assert reads(flow, [lambda facts: facts.hurried]) == {"urgent"}
    assert reads(flow, [lambda facts: facts.calm()]) == {"urgent"}


@pytest.mark.parametrize(
    ("name", "value"), [("signed_off", "yes"), ("frozen", True), ("mood", 1)], ids=["value", "memory", "fact"]
)
def test_a_move_sets_only_what_is_memory_to_what_is_in_its_domain(name: str, value: object) -> None:
    [problem] = problems(with_moves(Move("park", "ready", "built", sets={name: value})))
    assert problem == f"park from ready sets {name} to {value!r}, which is not in the domain"


def test_an_event_has_a_move_or_a_refusal_and_never_both() -> None:
    refusals = {("propose", state): lambda _: Blocker("no", "No.") for state in ("built", "live")}
    assert problems(replace(DEPLOY, refusals=refusals)) == ["propose in built has both a move and a refusal"]


def test_moves_that_leave_some_facts_out_are_refused() -> None:
    flow = with_moves(Move("park", "ready", "built", (HEALTHY,)), Move("park", "ready", "ready", (~HEALTHY, URGENT)))
    assert problems(flow) == ["park from ready: for some facts no move applies"]


def test_moves_that_can_both_apply_are_refused_though_transitions_would_take_the_first() -> None:
    flow = with_moves(Move("park", "ready", "built", (HEALTHY,)), Move("park", "ready", "ready"))
    assert problems(flow) == ["park from ready: the moves to built and ready can both apply"]
    assert [move.to for move in flow.at("ready", "park")] == ["built", "ready"]


def test_the_same_move_twice_is_refused() -> None:
    assert problems(with_moves(DEPLOY.moves[0])) == [
        "propose from built: the moves to in_review and in_review can both apply"
    ]


def test_conditions_are_judged_by_what_they_answer_not_by_their_names() -> None:
    assert (
        problems(with_moves(Move("park", "ready", "built", (URGENT,)), Move("park", "ready", "ready", (CALM,)))) == []
    )


def test_a_move_whose_conditions_contradict_each_other_is_refused() -> None:
    flow = with_moves(Move("park", "ready", "built", (URGENT, CALM)), Move("park", "ready", "ready"))
    assert problems(flow) == ["park from ready: the move to built can never apply"]


@pytest.mark.parametrize("answer", [1, "yes", None, 0])
def test_a_condition_that_does_not_answer_with_a_bool_routes_nowhere(answer: object) -> None:
    odd: Condition[Facts] = Condition("odd", lambda _: answer)  # type: ignore[arg-type, return-value]
    flow = with_moves(Move("park", "ready", "built", (odd,)), Move("park", "ready", "ready", (~odd,)))
    assert "park from ready: for some facts no move applies" in problems(flow)
    assert not odd.holds(Facts())
    assert not (~odd).holds(Facts())


def test_all_that_is_wrong_is_told_at_once() -> None:
    flow = replace(with_moves(Move("park", "ready", "limbo")), memory=("mood",))
    with pytest.raises(FlowInvalid) as caught:
        validate(flow)
    assert caught.value.problems == tuple(problems(flow))
    assert len(caught.value.problems) == 5  # the state, the memory, and three moves that set what is no memory now
    assert str(caught.value).startswith("the flow 'deploy' is not well formed: unknown state 'limbo'; ")


def test_a_condition_turned_round_wants_the_other_answer() -> None:
    assert HEALTHY.holds(Facts())
    assert not (~HEALTHY).holds(Facts())
    assert (~~HEALTHY) == HEALTHY
    assert (str(HEALTHY), str(~HEALTHY)) == ("healthy", "not healthy")


def test_events_are_listed_once_in_the_order_of_the_table() -> None:
    assert DEPLOY.events == ("propose", "sign_off", "push", "roll_out", "judge", "roll_back", "abandon")


def test_worlds_combine_the_named_facts_and_leave_the_rest_alone() -> None:
    worlds = list(DEPLOY.worlds({"checks", "frozen"}, urgent=True))
    assert len(worlds) == len(set(worlds)) == 6
    assert {world.urgent for world in worlds} == {True}
    assert {world.elsewhere for world in worlds} == {0}


def test_a_fixed_fact_does_not_vary_even_when_named() -> None:
    assert {world.checks for world in DEPLOY.worlds({"checks", "frozen"}, checks="red")} == {"red"}


QUESTIONS: list[tuple[Callable[[Facts], object], set[str]]] = [
    (lambda facts: None, set()),
    (lambda facts: facts.frozen, {"frozen"}),
    (lambda facts: facts.frozen and facts.elsewhere, {"frozen", "elsewhere"}),
    (
        lambda facts: facts.elsewhere if facts.checks == "red" and facts.urgent else 0,
        {"checks", "urgent", "elsewhere"},
    ),
]


@pytest.mark.parametrize(("question", "names"), QUESTIONS, ids=["none", "plain", "second", "third"])
def test_what_a_question_looks_at_is_found_behind_what_it_looks_at_first(
    question: Callable[[Facts], object], names: set[str]
) -> None:
    assert reads(DEPLOY, [question]) == names


def test_what_is_only_looked_at_in_other_worlds_than_the_fixed_one_is_not_read() -> None:
    assert reads(DEPLOY, [lambda facts: facts.frozen and facts.elsewhere], frozen=False) == {"frozen"}


def test_closure_follows_the_edges_round_circles() -> None:
    assert closure([("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")], {"a"}) == {"a", "b", "c"}


def test_blockers_are_equal_by_code_message_and_figures() -> None:
    one = Blocker("late", "Too late.", minutes=5)
    assert one == Blocker("late", "Too late.", minutes=5)
    assert hash(one) == hash(Blocker("late", "Too late.", minutes=5))
    assert one != Blocker("late", "Too late.", minutes=6)
    assert one != Blocker("later", "Too late.", minutes=5)


def test_a_figure_may_be_named_like_a_part_of_the_blocker() -> None:
    blocker = Blocker("late", "Too late.", code=5, message="x")
    assert (blocker.code, blocker.figures) == ("late", {"code": 5, "message": "x"})


def test_the_words_of_a_flow_cannot_be_changed() -> None:
    for thing, name in (
        (DEPLOY, "initial"),
        (DEPLOY.moves[0], "to"),
        (HEALTHY, "wants"),
        (Blocker("a", "b"), "code"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, "other")


def test_a_flow_works_with_facts_of_any_frozen_dataclass() -> None:
    @dataclass(frozen=True)
    class Nothing:
        """A flow that depends on nothing."""

    states = {"on": "It is on.", "off": "It is off."}
    moves: tuple[Move[Nothing], ...] = (Move("switch", "on", "off"), Move("switch", "off", "on"))
    assert problems(Flow("lamp", states, "on", frozenset({"off"}), moves, Nothing, {})) == []
