"""The first import, beside that of SQLModel, which the tables are written with: each in a fresh interpreter."""

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

from benchmarks.measure import AtMost, Comparison, alternate

ROUNDS = 15
_TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"


def compare() -> Iterator[Comparison]:
    """Milliseconds, the start of the interpreter not counted."""
    statements = ("import gonogo", "from gonogo import Gate", "import sqlmodel")
    package, gate, floor = alternate(ROUNDS, *(partial(_milliseconds, statement) for statement in statements))
    yield Comparison("import gonogo", "import sqlmodel", "ms", package, floor, AtMost(1.3))
    yield Comparison("from gonogo import Gate", "import sqlmodel", "ms", gate, floor)


def _milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(answer.stdout) * 1e3
