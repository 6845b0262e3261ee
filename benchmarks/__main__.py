"""Runs the subjects named on the command line, or all of them, and prints each figure beside its floor."""

import os
import sys
from collections.abc import Callable, Iterator

from benchmarks import (
    approving_postgresql,
    approving_sqlite,
    backtest,
    deciding,
    importing,
    launching,
    listing,
    memory,
    profiling,
    seal,
    sending,
    serving,
    streams,
    timers,
    voting,
)
from benchmarks.measure import HEADING, Comparison

SUBJECTS: dict[str, Callable[[], Iterator[Comparison]]] = {
    "decide": deciding.compare,
    "import": importing.compare,
    "approve-sqlite": approving_sqlite.compare,
    "approve-postgresql": approving_postgresql.compare,
    "launch": launching.compare,
    "send": sending.compare,
    "timers": timers.compare,
    "memory": memory.compare,
    "serve": serving.compare,
    "streams": streams.compare,
    "list": listing.compare,
    "seal": seal.compare,
    "backtest": backtest.compare,
    "vote": voting.compare,
}


def main(wanted: list[str]) -> int:
    """0 where every target is met, 1 where one is missed, 2 where there is no such subject."""
    known = [*SUBJECTS, "profile"]
    if not set(wanted) <= set(known):
        print(f"the subjects are {', '.join(known)}", file=sys.stderr)
        return 2
    missed = 0
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n{HEADING}")
    for name, compare in SUBJECTS.items():
        for comparison in compare() if name in (wanted or known) else ():
            print(comparison, flush=True)
            missed += comparison.target is not None and not comparison.target.met(comparison.ratio)
    if "profile" in (wanted or known):
        profiling.show()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
