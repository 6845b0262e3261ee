"""`gonogo` as processes of their own, and what comes of them.

To import it takes two seconds of a processor, longer than most commands run. So each is forked from one process that
has imported it and done nothing else; its arguments, variables, folder, output and end are its own.
"""

import ctypes
import gc
import json
import multiprocessing
import os
import re
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

PRINTED = re.compile(r"\x1b\[[0-9;]*m")
#: Imported before the fork: the commands, and what they import when they serve or migrate.
PRELOADED = ["gonogo_api.commands", "alembic.command", "uvicorn.loops.auto", "uvicorn.lifespan.on"]

_forks = multiprocessing.get_context("forkserver")
_forks.set_forkserver_preload(PRELOADED)


class Running:
    """A command under way, in a process that does not outlive the tests. What it says is added to files."""

    def __init__(self, *arguments: str, variables: Mapping[str, str], out: Path, err: Path, folder: str = ".") -> None:
        for path in (out, err):
            path.touch()
        given = (arguments, {**os.environ, **variables}, folder, out.absolute(), err.absolute())
        self._process = _forks.Process(target=_be, args=given, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float = 30) -> int:
        """Its exit code, once it has ended. Raises TimeoutError."""
        self._process.join(seconds)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"process {self.pid} has not ended within {seconds} s")
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _be(arguments: tuple[str, ...], variables: Mapping[str, str], folder: str, out: Path, err: Path) -> None:
    """Be the command, in the process that was forked for it."""
    for number, path in ((1, out), (2, err)):
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    gc.freeze()  # what was imported before the fork is not gone through once more
    sys.argv = ["gonogo", *arguments]
    from gonogo_api.cli import main  # noqa: PLC0415  # only where it was imported before the fork

    try:
        main()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    # `multiprocessing` would leave without finalising the interpreter, which closes what is open.
    ctypes.pythonapi.Py_Exit(code)


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """What a command that failed says, on stderr and nowhere else."""
        assert self.code == 1
        return self._said()

    @property
    def line(self) -> str:
        """The one line that a command says which failed, or was called wrongly."""
        assert self.code not in (0, None)
        [line] = self._said()
        return line

    def _said(self) -> list[str]:
        assert self.out == ""
        assert "Traceback" not in self.err
        first, *more = PRINTED.sub("", self.err).splitlines()
        assert first.startswith("gonogo: ")
        return [first.removeprefix("gonogo: "), *(line.removeprefix("  ") for line in more)]


def run(*arguments: str, folder: str | Path = ".", **variables: str) -> Ended:
    """What comes of a command that ends by itself."""
    with TemporaryDirectory() as said:
        out, err = Path(said, "out"), Path(said, "err")
        running = Running(*arguments, variables=variables, out=out, err=err, folder=str(folder))
        try:
            code = running.wait(60)
        finally:
            running.kill()
        return Ended(code, out.read_text(), err.read_text())
