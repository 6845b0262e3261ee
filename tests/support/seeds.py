"""The sample code in the seeds, cut out of their text when a test runs, so that a changed text breaks the test."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SEEDS = Path(__file__).parent.parent / "seeds"


def between(number: str, heading: str, following: str | None = None) -> str:
    """The lines of a seed after the one that reads `heading`, up to the next that reads `following`, or to the end."""
    [path] = SEEDS.glob(f"{number}_*.txt")
    lines = path.read_text(encoding="utf-8").splitlines()
    start = lines.index(heading) + 1
    end = lines.index(following, start) if following is not None else None
    return "\n".join(lines[start:end]).strip("\n") + "\n"


def filled(sample: str, values: Mapping[str, str]) -> str:
    """The sample with its placeholders replaced; each must be there, exactly once."""
    for placeholder, value in values.items():
        assert sample.count(placeholder) == 1, f"{placeholder!r} in {sample}"
        sample = sample.replace(placeholder, value)
    return sample


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a sample: what it printed, and for a curl the status of the answer."""

    printed: str
    status: int = 0


def run_python(sample: str, names: Mapping[str, object] | None = None) -> Ran:
    """Run Python in a process of its own, with `requests` and these names defined as its reader would."""
    given = "".join(f"{name} = {value!r}\n" for name, value in (names or {}).items())
    return Ran(_run([sys.executable, "-W", "error", "-c", f"import requests\n{given}{sample}"]))


def run_javascript(sample: str) -> Ran:
    return Ran(_run(["node", "--input-type=module", "--eval", sample]))


def run_curl(command: str, folder: Path) -> Ran:
    """Run a curl through a shell. It is told by its own settings file, not by its arguments, to show the status."""
    (folder / ".curlrc").write_text('silent\nshow-error\nmax-time = 20\nwrite-out = "\\n%{http_code}"\n')
    printed, _, status = _run(["sh", "-c", command], CURL_HOME=str(folder)).rpartition("\n")
    return Ran(printed, int(status))


def _run(command: list[str], **environment: str) -> str:
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, **environment}
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
