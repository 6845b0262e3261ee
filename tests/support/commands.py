"""What comes of a command of the command line."""

import json
import re
from dataclasses import dataclass
from typing import Any

PRINTED = re.compile(r"\x1b\[[0-9;]*m")


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
