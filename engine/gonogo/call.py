"""What every use case is called with, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo.actor import Actor
from gonogo.clock import Clock
from gonogo.definition import Blocker
from gonogo.jobs import Jobs
from gonogo.review import Finding
from gonogo.store.cases import Case


@dataclass(frozen=True, slots=True)
class Call:
    """One knock at the door: in whose transaction, by whom, when. Use cases never commit."""

    connection: sa.Connection
    by: Actor
    now: Instant
    jobs: Jobs
    late_start: TimeDelta = TimeDelta(hours=1)
    clock: Clock | None = None

    def waited(self) -> "Call":
        """The call as of now: a lock may have been waited for, and a deadline may have passed meanwhile."""
        return self if self.clock is None else replace(self, now=max(self.now, self.clock.now()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a use case: the case as it is now, and every blocker if the step did not happen."""

    case: Case
    blockers: tuple[Blocker, ...] = ()
    findings: Sequence[Finding] = ()
    in_flight: int = 0  # messages handed over that cancelling could not stop

    @property
    def refused(self) -> bool:
        return bool(self.blockers)
