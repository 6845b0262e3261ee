"""Deciding: a flow compiled once into one sealed `transitions` machine, fired on a throw-away case.

The only module that imports `transitions`. Its traps, and why the machine is built as it is: `auto_transitions`
would add `to_x()` methods that skip every guard; a list of conditions stops at the first refusal and loses the
reason, so each move is one condition; a registered model would be changed by the library, so none is.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from transitions import EventData, Machine

from gonogo.definition import Blocker, Decision, Event, Flow, Guard, Move, State

F = TypeVar("F")
log = logging.getLogger(__name__)


def decide(flow: Flow[F], state: State, event: Event, facts: F) -> Decision[F]:
    """Where `event` leads a case that is in `state`, or every reason why it leads nowhere.

    Pure: the same question has the same answer, and nothing is changed. An event that the state does not offer is a
    refusal like any other. A guard that raises refuses, with the code `guard_failed`, and is logged.
    """
    trigger = _compiled(flow).get((state, event))
    if trigger is None:
        return Decision(None, (_not_offered(flow, state, event, facts),))
    case = Case(state, facts)
    if trigger(case):
        return Decision(case.state, (), case.move)
    return Decision(None, tuple(dict.fromkeys(case.blockers)) or (_undecided(state, event),))


class Case:
    """The throw-away model an event is fired on: never registered with the machine, and never stored."""

    __slots__ = ("blockers", "facts", "move", "state")

    def __init__(self, state: State, facts: object) -> None:
        self.state = state
        self.facts: Any = facts
        self.blockers: list[Blocker] = []
        self.move: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A move as `transitions` sees it: one condition, which asks all guards and collects every refusal."""

    move: Move[Any]

    def passes(self, data: EventData) -> bool:
        case: Any = data.model
        try:
            if not self.move.applies(case.facts):
                return False
        except Exception as error:
            case.blockers.append(_failed("move", f"{self.move.event} to {self.move.to}", error))
            return False
        case.move = self.move
        for guard in self.move.needs:
            refused = ask(guard, case.facts)
            if refused is not None:
                case.blockers += refused
        return not case.blockers


def ask(guard: Guard[F], facts: F) -> tuple[Blocker, ...] | None:
    """The guard's answer; only None passes. What raises, or answers with something else, refuses as well."""
    try:
        answer = guard(facts)
        if answer is None:
            return None
        found = (answer,) if isinstance(answer, Blocker) else tuple(answer)
        if not found or not all(isinstance(blocker, Blocker) for blocker in found):
            raise TypeError(f"a guard answers None or blockers, not {answer!r}")
    except Exception as error:
        return (_failed("guard", getattr(guard, "__name__", repr(guard)), error),)
    return found


def _failed(kind: str, name: str, error: Exception) -> Blocker:
    log.error("the %s %s failed, which refuses", kind, name, exc_info=error)
    return Blocker("guard_failed", f"The check {name!r} failed.", **{kind: name}, error=type(error).__name__)


class SealedMachine(Machine):
    """Shared by every thread, so it takes no model and, once sealed, no new state, event or move."""

    def add_model(self, model: object, initial: object = None) -> NoReturn:
        raise TypeError("fire events on a throw-away Case")

    def seal(self) -> None:
        for event in self.events.values():
            rules = {source: tuple(rules) for source, rules in event.transitions.items()}
            vars(event)["transitions"] = MappingProxyType(rules)
        for name in ("states", "events"):
            vars(self)[name] = MappingProxyType(vars(self)[name])


def sealed(flow: Flow[Any]) -> SealedMachine:
    """The flow as a machine of `transitions`, closed to changes."""
    machine = SealedMachine(
        model=None,
        states=list(flow.states),
        initial=flow.initial,
        transitions=[
            {"trigger": move.event, "source": move.source, "dest": move.to, "conditions": [Rule(move).passes]}
            for move in flow.moves
        ],
        auto_transitions=False,
        send_event=True,
        queued=False,
    )
    machine.seal()
    return machine


@lru_cache(maxsize=256)  # by identity: a flow is compiled once, and the model checker tries many
def _compiled(flow: Flow[Any]) -> dict[tuple[State, Event], partial[bool]]:
    machine = sealed(flow)
    return {
        (source, name): partial(event.trigger) for name, event in machine.events.items() for source in event.transitions
    }


def _undecided(state: State, event: Event) -> Blocker:
    """No condition answered with a plain yes or no: nothing opens."""
    return Blocker("undecided", f"No move for {event!r} from {state!r} applies.", event=event, state=state)


def _not_offered(flow: Flow[F], state: State, event: Event, facts: F) -> Blocker:
    why = flow.refusals.get((event, state))
    if why is not None:
        return why(facts)
    message = f"{event!r} is not possible in the state {state!r}."
    return Blocker("not_offered", message, event=event, state=state)
