"""Proof by exhaustion: every world that a flow can reach, and everything that can happen there.

A world is a state and what the case remembers. From each, every event is fired with every combination of the facts
that its moves, or the claims about them, look at; the machine itself decides. What must be true is written down as
`Laws`, apart from the guards: `prove` finds every law that can be broken, with the shortest story that breaks it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from itertools import product
from typing import Any, Generic, TypeVar

from gonogo.definition import Event, Flow, Move, State, reads
from gonogo.machine import decide

F = TypeVar("F")

REACHED = "every state can be reached"
ENDLESS = "every case can end"
TRAP = "no state is a trap"


@dataclass(frozen=True)
class World(Generic[F]):
    """Where a case stands: its state, and what it remembers. Facts that are not memory are at their defaults."""

    state: State
    memory: F


@dataclass(frozen=True)
class Edge(Generic[F]):
    """One thing that can happen: `event`, fired while `facts` were true, led from one world to another."""

    before: World[F]
    event: Event
    facts: F
    after: World[F]

    def __str__(self) -> str:
        free = differences(self.before.memory, self.facts)
        told = ", ".join(f"{name}={value!r}" for name, value in free.items())
        return f"{self.event}{f' ({told})' if told else ''} to {self.after.state}"


@dataclass(frozen=True)
class Invariant(Generic[F]):
    """What is true in every reachable world; of its facts, only the memory says anything."""

    name: str
    holds: Callable[[World[F]], bool]


@dataclass(frozen=True)
class Claim(Generic[F]):
    """What is true of everything that can happen."""

    name: str
    holds: Callable[[Edge[F]], bool]


@dataclass(frozen=True)
class Laws(Generic[F]):
    """What must be true of a flow, in words of its own: a law that calls a guard proves nothing about that guard.

    Three laws need no writing down. Every state can be reached. From every reachable world a final state can be
    reached; and, without the events in `escapes`, a final state or the initial one.
    """

    invariants: tuple[Invariant[F], ...] = ()
    claims: tuple[Claim[F], ...] = ()
    escapes: frozenset[Event] = frozenset()

    def __len__(self) -> int:
        return len(self.invariants) + len(self.claims) + len((REACHED, ENDLESS, TRAP))

    def broken(self, edge: Edge[F]) -> Iterator[str]:
        """The laws that this edge breaks, by what happens or by where it ends."""
        yield from (claim.name for claim in self.claims if not claim.holds(edge))
        yield from self.broken_in(edge.after)

    def broken_in(self, world: World[F]) -> Iterator[str]:
        yield from (invariant.name for invariant in self.invariants if not invariant.holds(world))


@dataclass(frozen=True)
class Counterexample(Generic[F]):
    """A law, and the shortest story that breaks it."""

    law: str
    story: tuple[Edge[F], ...]

    def __str__(self) -> str:
        return f"{self.law}: broken by {', '.join(map(str, self.story))}" if self.story else f"{self.law}: not so"


def prove(flow: Flow[F], laws: Laws[F]) -> list[Counterexample[F]]:
    """Every law that can be broken, each with the shortest story; an empty list is the proof."""
    return Exploration(flow, laws).proof()


@dataclass(slots=True)
class Fan(Generic[F]):
    """What one event can do in one world: each edge by its facts, one edge for each end, and the laws broken."""

    edges: dict[F, Edge[F]] = field(default_factory=dict)
    ways: dict[World[F], Edge[F]] = field(default_factory=dict)
    broken: list[tuple[str, Edge[F]]] = field(default_factory=list)

    def add(self, edge: Edge[F], broken: Iterable[str]) -> None:
        self.edges[edge.facts] = edge
        self.ways.setdefault(edge.after, edge)
        self.broken += [(law, edge) for law in broken]


class Exploration(Generic[F]):
    """The reachable worlds of a flow, each looked at when it is first come to.

    Facts are tried in the order of how much they differ from the defaults, so what is found first is told shortest.
    """

    def __init__(self, flow: Flow[F], laws: Laws[F]) -> None:
        self.flow, self.laws = flow, laws
        self.start = World(flow.initial, flow.facts())
        self.came: dict[World[F], Edge[F] | None] = {self.start: None}
        self._fans: dict[tuple[World[F], Event], Fan[F]] = {}
        self._facts: dict[tuple[World[F], Event], list[F]] = {}
        self._asked: dict[tuple[State, Event], set[str]] = {}

    @property
    def tried(self) -> int:
        return sum(map(len, self._facts.values()))

    @property
    def passed(self) -> int:
        return sum(len(fan.edges) for fan in self._fans.values())

    def proof(self) -> list[Counterexample[F]]:
        """Every law that can be broken, each with the shortest story."""
        shortest: dict[str, Counterexample[F]] = {}
        for found in self.counterexamples():
            shortest.setdefault(found.law, found)
        return list(shortest.values())

    def counterexamples(self) -> Iterator[Counterexample[F]]:
        """Explore, breadth first, and tell every broken law on the way; the same one perhaps several times."""
        self.came = {self.start: None}
        todo = deque([self.start])
        yield from (Counterexample(law, ()) for law in self.laws.broken_in(self.start))
        while todo:
            world = todo.popleft()
            for event in self.flow.events:
                fan = self.fan(world, event)
                yield from (Counterexample(law, (*self.story(world), edge)) for law, edge in fan.broken)
                new = [edge for after, edge in fan.ways.items() if after not in self.came]
                self.came |= {edge.after: edge for edge in new}
                todo += [edge.after for edge in new]
        missed = set(self.flow.states) - {world.state for world in self.came}
        yield from (Counterexample(f"{REACHED}, {state} too", ()) for state in sorted(missed))
        yield from self._stuck(ENDLESS, self.flow.finals, frozenset())
        yield from self._stuck(TRAP, self.flow.finals | {self.flow.initial}, self.laws.escapes)

    def story(self, world: World[F]) -> tuple[Edge[F], ...]:
        """How the world is first come to."""
        steps: list[Edge[F]] = []
        while edge := self.came[world]:
            steps.append(edge)
            world = edge.before
        return tuple(reversed(steps))

    def fan(self, world: World[F], event: Event) -> Fan[F]:
        known = self._fans.get((world, event))
        if known is None:
            known = self._fans[world, event] = self.look(world, event)
        return known

    def look(self, world: World[F], event: Event) -> Fan[F]:
        fan: Fan[F] = Fan()
        for facts in self.facts(world, event):
            if edge := self.edge(world, event, facts):
                fan.add(edge, self.laws.broken(edge))
        return fan

    def edge(self, world: World[F], event: Event, facts: F) -> Edge[F] | None:
        """What the machine makes of it; None where it refuses."""
        move = decide(self.flow, world.state, event, facts).move
        return Edge(world, event, facts, moved(world, move)) if move else None

    def facts(self, world: World[F], event: Event) -> list[F]:
        """Every combination of the facts that matter here, those nearest to the defaults first."""
        if (world, event) not in self._facts:
            names = self._reads_of_moves(world.state, event) | self._reads_of_claims(world, event)
            near = partial(differences, world.memory)
            all_facts = self.flow.worlds(names, **memory(self.flow, world))
            self._facts[world, event] = sorted(all_facts, key=lambda facts: len(near(facts)))
        return self._facts[world, event]

    def _reads_of_moves(self, state: State, event: Event) -> set[str]:
        if (state, event) not in self._asked:
            moves = self.flow.at(state, event)
            tests = [condition.test for move in moves for condition in move.when]
            guards = [guard for move in moves for guard in move.needs]
            words = [self.flow.refusals[event, state]] if (event, state) in self.flow.refusals else []
            self._asked[state, event] = reads_each(self.flow, [*tests, *guards, *words])
        return self._asked[state, event]

    def _reads_of_claims(self, world: World[F], event: Event) -> set[str]:
        """A fact that only a claim looks at must vary too, or a guard that is missing altogether stays unseen."""
        ends = {moved(world, move) for move in self.flow.at(world.state, event)}
        questions = [
            lambda facts, claim=claim, end=end: claim.holds(Edge(world, event, facts, end))
            for claim, end in product(self.laws.claims, ends)
        ]
        return reads_each(self.flow, questions, **memory(self.flow, world))

    def _stuck(self, law: str, ends: Iterable[State], without: frozenset[Event]) -> Iterator[Counterexample[F]]:
        before: dict[World[F], list[World[F]]] = {}
        for world, event in product(self.came, set(self.flow.events) - without):
            for after in self.fan(world, event).ways:
                before.setdefault(after, []).append(world)
        good = {world for world in self.came if world.state in set(ends)}
        todo = deque(good)
        while todo:
            new = set(before.get(todo.popleft(), ())) - good
            good |= new
            todo += new
        yield from (Counterexample(law, self.story(world)) for world in self.came if world not in good)


def reads_each(flow: Flow[F], questions: Iterable[Callable[[F], object]], **fixed: object) -> set[str]:
    """The facts that any of the questions looks at. Asked one by one: together they have far more combinations.

    What a question raises is let through, and so is a look at something that no domain knows, a property say: its
    values could not be varied, and the proof would be hollow.
    """
    names = {name for question in questions for name in reads(flow, [question], **fixed)}
    if unknown := names - set(flow.domain):
        raise TypeError(f"the flow {flow.name!r} has no values for what its guards look at: {sorted(unknown)}")
    return names


def differences(before: Any, after: Any) -> dict[str, object]:
    """The fields in which two facts differ, with their later values."""
    pairs = {each.name: (getattr(before, each.name), getattr(after, each.name)) for each in fields(before)}
    return {name: new for name, (old, new) in pairs.items() if old != new}


def memory(flow: Flow[F], world: World[F]) -> Mapping[str, Any]:
    """What the case remembers, by name."""
    return {name: getattr(world.memory, name) for name in flow.memory}


def moved(world: World[F], move: Move[F]) -> World[F]:
    """Where the move leads, and what is remembered there."""
    remembered: Any = world.memory
    return World(move.to, replace(remembered, **move.sets))
