"""Where the time goes, of an approval and of a launch: by library, and by function.

Measured with cProfile, which makes Python's part look larger than it is; what the disk and the database take is true.
"""

import cProfile
import pstats
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from benchmarks import launching
from benchmarks.campaigns import approve, ask, folder, new_list, opened

APPROVALS = 1_000
ROWS = 14


def show() -> None:
    """Print a table for each, both on SQLite."""
    with folder() as path:
        with opened(f"sqlite:///{path}/db") as (gate, by):
            list_id = new_list(gate, by, 1)
            for task in ask(gate, by, list_id, 20):
                approve(gate, by, task)  # statements are compiled
            tasks = ask(gate, by, list_id, APPROVALS)
            _profile(f"{APPROVALS:,} approvals", lambda: [approve(gate, by, task) for task in tasks])
        with launching.called(path / "launch") as launch:
            _profile(f"a launch to {launching.RECIPIENTS:,}: proposed, approved, sent", launch)


def _profile(what: str, work: Callable[[], object]) -> None:
    profile = cProfile.Profile()
    profile.runcall(work)
    stats: Any = pstats.Stats(profile)
    libraries, functions = Counter[str](), Counter[str]()
    for (file, _, name), (_, _, own, _, _) in stats.stats.items():
        library = _library(file, name)
        libraries[library] += own
        functions[name.strip("<>") if file == "~" else f"{name} ({library})"] += own
    print(f"\n{what}: {stats.total_tt:.2f} s")
    for row in zip(libraries.most_common(ROWS), functions.most_common(ROWS), strict=False):
        print("".join(f"  {own / stats.total_tt:4.0%} {name[:60]:<32}" for name, own in row).rstrip())


def _library(file: str, name: str) -> str:
    """Whose code it is."""
    if file == "~":
        for part, library in (("sqlite3", "SQLite"), ("posix.", "the file system")):
            if part in name:
                return library
    found = re.search(r"(?:site-packages/|/)(?:(gonogo/\w+)|(?<=site-packages/)(\w+))", file)
    return "Python" if found is None else (found[1] or found[2]).replace("/", ".")
