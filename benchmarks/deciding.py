"""A decision, beside what `transitions` takes to fire the same event under the same conditions and guards.

The floor is the library as its manual has it: a model registered with a machine, each guard one more condition that
answers a bool. So it stops at the first refusal and has lost the reason; that is what the difference buys.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from transitions import EventData, Machine

from benchmarks.measure import AtMost, Comparison, alternate, processor_seconds
from gonogo.campaign import CAMPAIGN, DRAFT, PENDING
from gonogo.definition import Condition, Guard
from gonogo.facts import Facts
from gonogo.machine import decide

TIMES = 2_000
ROUNDS = 41


class Model:
    """What the machine of the floor moves."""

    state: str


def compare() -> Iterator[Comparison]:
    """Microseconds of processor time for each decision."""
    for event, state in (("approve", PENDING), ("start", DRAFT)):
        ours, floor = alternate(ROUNDS, partial(_ours, state, event), partial(_floor, bare(), state, event))
        yield Comparison(f"decide: {event}", "a bare trigger of transitions", "us", ours, floor, AtMost(1.5))


def bare() -> Model:
    """A model with the campaign's table on it, in the way of the library's manual."""
    model = Model()
    Machine(
        model,
        states=list(CAMPAIGN.states),
        initial=CAMPAIGN.initial,
        transitions=[
            {
                "trigger": move.event,
                "source": move.source,
                "dest": move.to,
                "conditions": [*map(_routed, move.when), *map(_guarded, move.needs)],
            }
            for move in CAMPAIGN.moves
        ],
        send_event=True,
    )
    return model


def _routed(condition: Condition[Facts]) -> Callable[[EventData], bool]:
    return lambda data: condition.test(data.kwargs["facts"]) is condition.wants


def _guarded(guard: Guard[Facts]) -> Callable[[EventData], bool]:
    return lambda data: guard(data.kwargs["facts"]) is None


def _ours(state: str, event: str) -> float:
    facts = Facts()

    def work() -> None:
        for _ in range(TIMES):
            if decide(CAMPAIGN, state, event, facts).to is None:
                raise RuntimeError("the event was refused")

    return processor_seconds(work) / TIMES * 1e6


def _floor(model: Model, state: str, event: str) -> float:
    facts = Facts()
    trigger: Any = getattr(model, event)

    def work() -> None:
        for _ in range(TIMES):
            model.state = state
            if not trigger(facts=facts):
                raise RuntimeError("the event was refused")

    return processor_seconds(work) / TIMES * 1e6
