"""What the engine raises. Refusals are values (`Outcome.blockers`); an exception is for what nobody could foresee.

GonogoError
  NotFound           no such row in this workspace (a foreign id looks the same)
  Invalid            input that can't be taken: every mistake, each with its path
  Conflict           another transaction was faster: roll back and try the whole of it again
  DatabaseUnusable   the database can't be served: not ours, older or newer, a guard missing, a wrong mode
"""

from collections.abc import Sequence
from dataclasses import dataclass


class GonogoError(Exception):
    """Anything the engine raises on purpose."""


class NotFound(GonogoError):
    """There is no such row in the caller's workspace."""

    def __init__(self, kind: str, wanted: str) -> None:
        super().__init__(f"no {kind} {wanted!r} in this workspace")
        self.kind, self.wanted = kind, wanted


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong with an input: where, and what was expected there."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class Invalid(GonogoError):
    """Input that can't be taken. Nothing was stored."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("; ".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)

    @classmethod
    def at(cls, path: str, message: str) -> "Invalid":
        return cls([Mistake(path, message)])


class Conflict(GonogoError):
    """Another transaction changed the case first. Roll back, and run the whole transaction again."""


class DatabaseUnusable(GonogoError):
    """The database can't be served as it is; the message says what is wrong and what cures it."""
