"""A Hypothesis state machine that walks a keeper of cases and the flow side by side, and compares every answer.

Write a `Keeper` around a deployment, in process or over HTTP, and let the walk begin:

    TestLaunches = flow_machine(CAMPAIGN, MyKeeper).TestCase

Every event is fired in every state, offered or not, mostly in worlds where something happens or just does not. The
keeper's decision must be the machine's, its state must follow, and a refusal must have changed nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from itertools import product
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gonogo.definition import Decision, Event, Flow, State
from gonogo.machine import decide
from gonogo.testing.checker import Exploration, Laws, World, differences, moved

F = TypeVar("F")
F_contra = TypeVar("F_contra", contravariant=True)
Step = tuple[Event, F]
Seen = tuple[State, Event, State | None]


class Keeper(Protocol[F_contra]):
    """What is tested: it keeps one case, and moves it."""

    def learn(self, facts: F_contra) -> None:
        """Arrange that these facts are true of the next event. The flow's memory is in them, as the moves left it."""

    def fire(self, event: Event) -> Decision[Any]:
        """Let the event happen, or refuse it."""

    def state(self) -> State:
        """Where the case is now."""

    def snapshot(self) -> object:
        """A copy of all that a refusal must leave alone: a live object would always equal itself."""


def flow_machine(
    flow: Flow[F],
    make: Callable[[], Keeper[F]],
    *,
    possible: Callable[[State, Event, F], bool] = lambda state, event, facts: True,
) -> type["FlowMachine"]:
    """The walk through `flow` of the keepers that `make` makes, a new one for every case.

    One rule for each event, and `advance`. Facts that the keeper can't arrange are kept from it by `possible`; the
    values that facts take are the flow's, and `dataclasses.replace(flow, domain=...)` gives them others.
    """
    body: dict[str, object] = {f"fire_{event}": _firing(event) for event in flow.events}
    body |= {"flow": flow, "make": staticmethod(make), "worlds": Worlds(flow, possible), "seen": set()}
    return type("Walk", (FlowMachine,), body)


class FlowMachine(RuleBasedStateMachine):
    """The walk, to be made by `flow_machine`. `seen` is all that the walks of this class have met."""

    flow: ClassVar[Flow[Any]]
    make: Callable[[], Keeper[Any]]
    worlds: ClassVar["Worlds[Any]"]
    seen: ClassVar[set[Seen]]

    @classmethod
    def unseen(cls) -> set[Seen]:
        """What a walk can see and none has: the events by state, with where they lead, None for a refusal."""
        return set(cls.worlds.visible()) - cls.seen

    @initialize(number=st.integers(0, 999))
    def begin(self, number: int) -> None:
        """A new case, brought to any of the worlds that there are."""
        paths = list(self.worlds.paths.values())
        self.open(paths[number % len(paths)])

    @rule(number=st.integers(0, 999))
    def advance(self, number: int) -> None:
        """Take an open way. Where there is none, the steps that are left go to a new case."""
        ways = self.worlds.ways(self.world)
        if ways:
            self.fire(*ways[number % len(ways)])
        else:
            self.begin(number)

    def open(self, path: Iterable[Step[Any]]) -> None:
        """A new case, walked along the path."""
        self.keeper = self.make()
        self.world: World[Any] = World(self.flow.initial, self.flow.facts())
        _agree("the state of a new case", self.keeper.state(), self.flow.initial)
        for event, facts in path:
            self.fire(event, facts)

    def attempt(self, event: Event, number: int) -> None:
        """Fire the event here and, where it is not offered, mostly also in a new case that offers it.

        A walk that only wandered would turn in circles, and see little of what lies deep.
        """
        offered = self.flow.at(self.world.state, event)
        self.fire_picked(event, number)
        paths = self.worlds.offering(event)
        if number < FAR and not offered and paths:
            self.open(paths[number % len(paths)])
            self.fire_picked(event, number)

    def fire_picked(self, event: Event, number: int) -> None:
        """Fire the event in the facts of that number, if the keeper can arrange any."""
        facts = self.worlds.pick(self.world, event, number)
        if facts is not None:
            self.fire(event, facts)

    def fire(self, event: Event, facts: Any) -> None:
        """Fire the event in these facts, and compare."""
        expected = decide(self.flow, self.world.state, event, facts)
        self.seen.add((self.world.state, event, expected.to))
        note(f"# {event} in {self.world.state}, {differences(self.flow.facts(), facts)}: {expected}")
        self.keeper.learn(facts)
        before = self.keeper.snapshot()
        _agree(f"the decision about {event}", self.keeper.fire(event), expected)
        if expected.move:
            self.world = moved(self.world, expected.move)
        else:
            _agree(f"what is stored after {event} was refused", self.keeper.snapshot(), before)
        _agree(f"the state after {event}", self.keeper.state(), self.world.state)


def _firing(event: Event) -> Callable[[FlowMachine, int], None]:
    def fire(self: FlowMachine, number: int) -> None:
        self.attempt(event, number)

    fire.__name__ = f"fire_{event}"  # what a failing walk prints
    return rule(number=NUMBERS)(fire)


def _agree(what: str, told: object, expected: object) -> None:
    if told != expected:
        raise AssertionError(f"{what}: {told!r}, where the flow says {expected!r}")


#: Numbers pick the facts, for they shrink well: the first ones those that pass, then nearly; the last ones any.
FAR = 1_000
NUMBERS = st.integers(0, 9) | st.integers(10, FAR - 1) | st.integers(FAR, 99 * FAR)


class Worlds(Generic[F]):
    """What a walk can meet: the worlds, the ways between them, and the facts that are worth trying in each."""

    def __init__(self, flow: Flow[F], possible: Callable[[State, Event, F], bool]) -> None:
        self.flow, self.possible = flow, possible
        self.explored = Exploration(flow, Laws())
        self.ways, self.near, self.all = cache(self._ways), cache(self._near), cache(self._all)

    def pick(self, world: World[F], event: Event, number: int) -> F | None:
        """The facts of that number; None if the keeper can arrange none."""
        found = self.near(world, event) if number < FAR else self.all(world, event)
        return found[number % len(found)] if found else None

    @cached_property
    def paths(self) -> dict[World[F], tuple[Step[F], ...]]:
        """Each world that can be reached, with the shortest way to it; the first is where every case begins."""
        start = World(self.flow.initial, self.flow.facts())
        paths: dict[World[F], tuple[Step[F], ...]] = {start: ()}
        todo = deque([start])
        while todo:
            world = todo.popleft()
            for event, facts in self.ways(world):
                after = self.explored.fan(world, event).edges[facts].after
                if after not in paths:
                    paths[after] = (*paths[world], (event, facts))
                    todo.append(after)
        return paths

    def offering(self, event: Event) -> list[tuple[Step[F], ...]]:
        """The ways to the worlds in which there are moves for the event."""
        return [path for world, path in self.paths.items() if self.flow.at(world.state, event)]

    def visible(self) -> Iterator[Seen]:
        """Each event in each state, with where it leads, for all worlds and all facts."""
        for world, event in product(self.paths, self.flow.events):
            passed = self.explored.fan(world, event).edges
            for edge in map(passed.get, self.all(world, event)):
                yield world.state, event, edge.after.state if edge else None

    def _ways(self, world: World[F]) -> list[Step[F]]:
        return [(event, facts) for event in self.flow.events for facts in self._passing(world, event)]

    def _passing(self, world: World[F], event: Event) -> list[F]:
        """For each end that the event can lead to, the facts nearest to the defaults."""
        ends: dict[World[F], F] = {}
        for facts, edge in self.explored.fan(world, event).edges.items():
            if self.possible(world.state, event, facts):
                ends.setdefault(edge.after, facts)
        return list(ends.values())

    def _near(self, world: World[F], event: Event) -> list[F]:
        """Facts that pass, then those that do not because of one difference from these."""
        passing = self._passing(world, event) or self.all(world, event)[:1]
        refused = (facts for facts in self.all(world, event) if facts not in self.explored.fan(world, event).edges)
        beside = (facts for facts in refused if any(len(differences(good, facts)) == 1 for good in passing))
        return [*passing, *beside]

    def _all(self, world: World[F], event: Event) -> list[F]:
        known = self.explored.facts(world, event)
        return [facts for facts in known if self.possible(world.state, event, facts)]
