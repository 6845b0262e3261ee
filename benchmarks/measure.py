"""Two programs taking turns, and what their turns say about each other."""

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: One turn of one program: answers its figure, such as seconds a step or steps a second.
Turn = Callable[[], float]


@dataclass(frozen=True, slots=True)
class AtMost:
    """The ratio may not be higher: the figures are costs."""

    ratio: float

    def met(self, ratio: float) -> bool:
        return ratio <= self.ratio

    def __str__(self) -> str:
        return f"<= {self.ratio:g}"


@dataclass(frozen=True, slots=True)
class AtLeast:
    """The ratio may not be lower: the figures are speeds."""

    ratio: float

    def met(self, ratio: float) -> bool:
        return ratio >= self.ratio

    def __str__(self) -> str:
        return f">= {self.ratio:g}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Our figures and those of the floor, round by round. Without a target it is told for what it is worth."""

    name: str
    floor_name: str
    unit: str
    ours: list[float]
    floor: list[float]
    target: AtMost | AtLeast | None = None

    @property
    def ratios(self) -> list[float]:
        return sorted(ours / floor for ours, floor in zip(self.ours, self.floor, strict=True))

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    def __str__(self) -> str:
        ours, floor = statistics.median(self.ours), statistics.median(self.floor)
        verdict = ""
        if self.target is not None:
            verdict = f"{self.target}  {'met' if self.target.met(self.ratio) else 'MISSED'}"
        spread = f"{self.ratio:5.2f} ({self.ratios[0]:.2f} to {self.ratios[-1]:.2f})"
        return (
            f"{self.name:<34} {ours:>9,.1f} {floor:>9,.1f} {self.unit:<5} {spread:<22} {verdict:<14} {self.floor_name}"
        )


HEADING = f"{'subject':<34} {'ours':>9} {'floor':>9} {'unit':<5} {'ratio (min to max)':<22} {'target':<14} the floor is"


def alternate(rounds: int, *turns: Turn) -> list[list[float]]:
    """The figures of each program, round by round. The order changes, so that no one always meets a warm machine."""
    figures: list[list[float]] = [[] for _ in turns]
    for number in range(rounds):
        order = range(len(turns)) if number % 2 == 0 else reversed(range(len(turns)))
        for at in order:
            figures[at].append(turns[at]())
    return figures


def seconds(work: Callable[[], object]) -> float:
    """How long the work takes on the wall's clock."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def processor_seconds(work: Callable[[], object]) -> float:
    """How much of a processor the work takes: for what never waits, and is to be fair on a busy machine."""
    begun = time.process_time()
    work()
    return time.process_time() - begun


def peak_memory() -> float:
    """The most that this process ever held, in megabytes."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    # ru_maxrss would tell of the process that started this one, where that was larger: it outlives exec
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024 / 1e6
