"""Does a proof bite? Each condition, guard and memory entry of a table is dropped, and somebody must notice.

`check` proves a flow's laws (`gonogo.testing.checker`) and then tries every such mutant against them. What neither
the flow's validation nor a law would miss is a survivor: a law is lacking, or a guard is not needed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Generic, Literal, TypeVar

from gonogo.definition import Event, Flow, Guard, Move, problems, reads
from gonogo.machine import ask
from gonogo.testing.checker import Counterexample, Exploration, Fan, Laws, World

F = TypeVar("F")
Fate = Literal["noticed", "second lock", "idle", "survivor"]


@dataclass(frozen=True)
class Mutant(Generic[F]):
    """The flow with one thing dropped from one of its moves; `differs` tells for which facts that can matter."""

    move: Move[F]
    weaker: Move[F]
    dropped: str
    flow: Flow[F]
    differs: Callable[[F], bool]

    def __str__(self) -> str:
        return f"{self.move.event} from {self.move.source} to {self.move.to} without {self.dropped}"


@dataclass(frozen=True)
class Report(Generic[F]):
    """The proof of a flow's laws in figures, and what became of its mutants: noticed, or one of three kinds.

    An idle mutant never matters: its guard asks for what its move's conditions ensure. A second lock matters only in
    worlds that the rest of the table keeps away. A survivor matters, and nobody would miss it.
    """

    flow: str
    laws: int
    worlds: int
    tried: int  #: events fired with some facts in some world
    passed: int  #: of these, the ones that led somewhere
    counterexamples: tuple[Counterexample[F], ...]
    noticed: tuple[Mutant[F], ...]
    second_locks: tuple[Mutant[F], ...]
    idle: tuple[Mutant[F], ...]
    survivors: tuple[Mutant[F], ...]
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.counterexamples and not self.survivors

    @property
    def mutants(self) -> int:
        return len(self.noticed) + len(self.second_locks) + len(self.idle) + len(self.survivors)

    def lines(self) -> Iterator[str]:
        """The report for people, the bad news last."""
        tried = f"{self.worlds} worlds, {self.tried:,} events tried, {self.passed:,} passed"
        yield f"{self.flow}: {self.laws} laws, {tried}"
        fates = f"{len(self.second_locks)} second locks, {len(self.idle)} idle, {len(self.survivors)} survivors"
        yield f"{self.mutants} mutants: {len(self.noticed)} noticed, {fates} ({self.seconds:.1f} s)"
        yield from (f"BROKEN {counterexample}" for counterexample in self.counterexamples)
        yield from (f"NOT NOTICED {mutant}" for mutant in self.survivors)


def check(flow: Flow[F], laws: Laws[F]) -> Report[F]:
    """Prove the laws and, if they hold, try every mutant against them."""
    began = perf_counter()
    known = Exploration(flow, laws)
    counterexamples = tuple(known.proof())
    figures = (flow.name, len(laws), len(known.came), known.tried, known.passed)
    fates: dict[Fate, list[Mutant[F]]] = {"noticed": [], "second lock": [], "idle": [], "survivor": []}
    for mutant in () if counterexamples else mutants(flow):
        fates[_fate(mutant, known)].append(mutant)
    return Report(
        *figures,
        counterexamples,
        noticed=tuple(fates["noticed"]),
        second_locks=tuple(fates["second lock"]),
        idle=tuple(fates["idle"]),
        survivors=tuple(fates["survivor"]),
        seconds=perf_counter() - began,
    )


def mutants(flow: Flow[F]) -> Iterator[Mutant[F]]:
    """The flow with each condition, guard and memory entry of each move dropped, one at a time."""
    for at, move in enumerate(flow.moves):
        for dropped, weaker, differs in _weakened(move):
            changed = replace(flow, moves=(*flow.moves[:at], weaker, *flow.moves[at + 1 :]))
            yield Mutant(move, weaker, dropped, changed, partial(_applies_and, weaker, differs))


def _weakened(move: Move[F]) -> Iterator[tuple[str, Move[F], Callable[[F], bool]]]:
    for at, condition in enumerate(move.when):
        yield str(condition), replace(move, when=move.when[:at] + move.when[at + 1 :]), (~condition).holds
    for at, guard in enumerate(move.needs):
        name = getattr(guard, "__name__", repr(guard))
        yield name, replace(move, needs=move.needs[:at] + move.needs[at + 1 :]), partial(_refuses, guard)
    for name, value in move.sets.items():
        rest = {other: kept for other, kept in move.sets.items() if other != name}
        yield f"{name}={value!r}", replace(move, sets=rest), partial(_remembers_other, name, value)


def _applies_and(move: Move[F], differs: Callable[[F], bool], facts: F) -> bool:
    return move.applies(facts) and differs(facts)


def _refuses(guard: Guard[F], facts: F) -> bool:
    return ask(guard, facts) is not None


def _remembers_other(name: str, value: object, facts: F) -> bool:
    return bool(getattr(facts, name) != value)


def _fate(mutant: Mutant[F], known: Exploration[F]) -> Fate:
    if not any(map(mutant.differs, known.flow.worlds(reads(known.flow, [mutant.differs])))):
        return "idle"
    if mutant.weaker.when != mutant.move.when and problems(mutant.flow):  # nothing else can make a flow ill formed
        return "noticed"
    explored = _MutantExploration(mutant, known)
    if any(explored.counterexamples()):
        return "noticed"
    return "second lock" if explored.is_second_lock() else "survivor"


class _MutantExploration(Exploration[F]):
    """Asks the machine anew only where the mutant can differ, and stops at the first broken law."""

    def __init__(self, mutant: Mutant[F], known: Exploration[F]) -> None:
        super().__init__(mutant.flow, known.laws)
        self._mutant, self._known = mutant, known
        self._changed = (mutant.move.source, mutant.move.event)

    def fan(self, world: World[F], event: Event) -> Fan[F]:
        if (world.state, event) != self._changed:
            return self._known.fan(world, event)
        return super().fan(world, event)

    def look(self, world: World[F], event: Event) -> Fan[F]:
        fan: Fan[F] = Fan()
        same = self._known.fan(world, event).edges
        for facts in self.facts(world, event):
            differs = self._mutant.differs(facts)
            if edge := self.edge(world, event, facts) if differs else same.get(facts):
                fan.add(edge, self.laws.broken(edge) if differs else ())
            if fan.broken:
                break
        return fan

    def facts(self, world: World[F], event: Event) -> list[F]:
        return self._known.facts(world, event)

    def is_second_lock(self) -> bool:
        """In some world of that state, reachable or not, a law breaks that the whole flow keeps even there."""
        state, event = self._changed
        for world in (World(state, memory) for memory in self.flow.worlds(self.flow.memory)):
            where = filter(self._mutant.differs, self.facts(world, event))
            if any(self._breaks_more(world, event, facts) for facts in where):
                return True
        return False

    def _breaks_more(self, world: World[F], event: Event, facts: F) -> bool:
        """More than the whole flow would, which in such a world may be to stay there with what is wrong already."""
        edge, known = self.edge(world, event, facts), self._known.edge(world, event, facts)
        as_it_is = self.laws.broken(known) if known else self.laws.broken_in(world)
        return bool(edge and set(self.laws.broken(edge)).difference(as_it_is))
