"""The words of a flow: states, events, moves, facts and blockers, and what makes a flow well formed.

Nothing here knows campaigns. A flow is data: `Move`s between states, each with conditions that route (`when`) and
prerequisites that refuse (`needs`). Facts are any frozen dataclass whose fields all have defaults; `Flow.domain`
lists, for the proofs, the values that each field may take.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, dataclass, field, replace
from itertools import combinations, product
from typing import Any, Generic, TypeVar

State = str
Event = str
F = TypeVar("F")


@dataclass(frozen=True, slots=True, init=False)
class Blocker:
    """One reason why a step may not happen: a stable code, a sentence for people, and the figures behind it."""

    code: str
    message: str
    figures: Mapping[str, object] = field(hash=False)

    def __init__(self, code: str, message: str, /, **figures: object) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "message", message)
        object.__setattr__(self, "figures", figures)


#: A prerequisite: None lets pass; a blocker, or several, refuses. Anything else, and an exception, refuses too.
Guard = Callable[[F], "Blocker | Sequence[Blocker] | None"]


@dataclass(frozen=True)  # no slots: with them `Condition[Facts](...)` fails on Python 3.11
class Condition(Generic[F]):
    """A named question that routes between the moves of one event; `~condition` wants the answer False."""

    name: str
    test: Callable[[F], bool]
    wants: bool = True

    def __invert__(self) -> "Condition[F]":
        return replace(self, wants=not self.wants)

    def __str__(self) -> str:
        return self.name if self.wants else f"not {self.name}"

    def holds(self, facts: F) -> bool:
        return self.test(facts) is self.wants


@dataclass(frozen=True)
class Move(Generic[F]):
    """One row of the table: `event` leads from `source` to `to`.

    `when` routes, silently: the moves of one (source, event) partition the facts. `needs` are prerequisites; the
    failed ones are the blockers. `sets` tells what becomes of the facts that the case remembers (`Flow.memory`).
    """

    event: Event
    source: State
    to: State
    when: tuple[Condition[F], ...] = ()
    needs: tuple[Guard[F], ...] = ()
    sets: Mapping[str, object] = field(default_factory=dict)

    def applies(self, facts: F) -> bool:
        return all(condition.test(facts) is condition.wants for condition in self.when)


@dataclass(frozen=True)
class Decision(Generic[F]):
    """What an event did, or every reason why it did nothing. `move` is the row of the table that was taken."""

    to: State | None
    blockers: tuple[Blocker, ...] = ()
    move: Move[F] | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, eq=False)
class Flow(Generic[F]):
    """A table of moves, with all that is needed to draw it, to run it and to prove things about it."""

    name: str
    states: Mapping[State, str]  # each with one sentence: what it means to be there
    initial: State
    finals: frozenset[State]
    moves: tuple[Move[F], ...]
    facts: type[F]
    domain: Mapping[str, tuple[object, ...]]  # the values of each fact, for the proofs
    memory: tuple[str, ...] = ()  # facts that only moves change: Move.sets
    #: why an event is not offered in a state, where that deserves better words than "not possible"
    refusals: Mapping[tuple[Event, State], Callable[[F], Blocker]] = field(default_factory=dict)

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(dict.fromkeys(move.event for move in self.moves))

    def at(self, state: State, event: Event) -> tuple[Move[F], ...]:
        """The moves that `event` may take from `state`."""
        return tuple(move for move in self.moves if (move.source, move.event) == (state, event))

    def worlds(self, names: Iterable[str], **fixed: Any) -> Iterator[F]:
        """Facts with every combination of values of the named fields, the rest fixed or at their defaults."""
        free = [name for name in self.domain if name in names and name not in fixed]
        for values in product(*(self.domain[name] for name in free)):
            yield self.facts(**fixed, **dict(zip(free, values, strict=True)))


class FlowInvalid(ValueError):
    """A table that may not be used. `problems` lists everything that is wrong with it."""

    def __init__(self, flow: Flow[Any], problems: Sequence[str]) -> None:
        super().__init__(f"the flow {flow.name!r} is not well formed: {'; '.join(problems)}")
        self.problems = tuple(problems)


def validate(flow: Flow[F]) -> Flow[F]:
    """Return the flow if it is well formed; raise `FlowInvalid` with every problem otherwise.

    Refused are: unknown or unreachable states, states from which no final state can be reached, facts without a
    domain, defaults and values set that no domain has, and moves of one (state, event) whose `when`s do not partition
    the facts.
    """
    found = problems(flow)
    if found:
        raise FlowInvalid(flow, found)
    return flow


def problems(flow: Flow[F]) -> list[str]:
    """Every way in which the flow is not well formed, in words."""
    return [*_unknown(flow), *_unreachable(flow), *_not_partitioned(flow)]


def reads(flow: Flow[F], questions: Iterable[Callable[[F], object]], **fixed: object) -> set[str]:
    """The facts that the questions look at, found by asking them.

    Asked about every combination of what was read so far, until nothing new is read: a fact outside the answer can
    therefore not change any of them.
    """
    asked, seen, known = list(questions), set[str](), set[str]({""})
    while known != seen:
        known = set(seen)
        for facts in flow.worlds(known, **fixed):
            traced: Any = _Traced(facts, seen)
            for question in asked:
                question(traced)
    return seen


class _Traced:
    """Facts that write down which of their fields were looked at."""

    def __init__(self, facts: object, seen: set[str]) -> None:
        self._facts, self._seen = facts, seen

    def __getattr__(self, name: str) -> object:
        computed: Any = getattr(type(self._facts), name, None)
        if name not in fields_of(type(self._facts)) and hasattr(computed, "__get__"):
            return computed.__get__(self, type(self._facts))  # a property or a method, which looks at facts itself
        self._seen.add(name)
        return getattr(self._facts, name)


def fields_of(facts: type) -> Mapping[str, Field[Any]]:
    """The facts by name, as their class declares them."""
    declared: Mapping[str, Field[Any]] = getattr(facts, "__dataclass_fields__", {})
    return declared


def _unknown(flow: Flow[F]) -> Iterator[str]:
    named = {flow.initial, *flow.finals, *(state for _, state in flow.refusals)}
    named |= {state for move in flow.moves for state in (move.source, move.to)}
    yield from (f"unknown state {state!r}" for state in sorted(named - set(flow.states)))
    known = fields_of(flow.facts)
    yield from (f"no values are given for the fact {name!r}" for name in sorted(known.keys() - flow.domain.keys()))
    yield from (f"{name!r} is not a fact" for name in sorted({*flow.domain, *flow.memory} - known.keys()))
    for name in known.keys() & flow.domain.keys():
        if known[name].default not in flow.domain[name]:
            yield f"the default of the fact {name!r}, {known[name].default!r}, is not in the domain"
    for event, state in flow.refusals:
        if flow.at(state, event):
            yield f"{event} in {state} has both a move and a refusal"
    for move in flow.moves:
        for name, value in move.sets.items():
            if name not in flow.memory or value not in flow.domain.get(name, ()):
                yield f"{move.event} from {move.source} sets {name} to {value!r}, which is not in the domain"


def _unreachable(flow: Flow[F]) -> Iterator[str]:
    edges = {(move.source, move.to) for move in flow.moves}
    reached = closure(edges, {flow.initial})
    ending = closure({(to, source) for source, to in edges}, flow.finals)
    yield from (f"{state} can't be reached" for state in flow.states if state not in reached)
    yield from (f"{state} is a trap: no final state can be reached" for state in flow.states if state not in ending)


def _not_partitioned(flow: Flow[F]) -> Iterator[str]:
    for state, event in sorted({(move.source, move.event) for move in flow.moves}):
        moves = flow.at(state, event)
        names = reads(flow, [condition.test for move in moves for condition in move.when])
        worlds = list(flow.worlds(names))
        if any(not any(move.applies(facts) for move in moves) for facts in worlds):
            yield f"{event} from {state}: for some facts no move applies"
        for a, b in combinations(moves, 2):
            if any(a.applies(facts) and b.applies(facts) for facts in worlds):
                yield f"{event} from {state}: the moves to {a.to} and {b.to} can both apply"
        for move in moves:
            if not any(move.applies(facts) for facts in worlds):
                yield f"{event} from {state}: the move to {move.to} can never apply"


def closure(edges: Iterable[tuple[State, State]], start: Iterable[State]) -> set[State]:
    """All states that can be reached along the edges, the start included."""
    links, found = set(edges), set(start)
    while new := {to for source, to in links if source in found} - found:
        found |= new
    return found
