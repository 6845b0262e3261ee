"""The gate, as a host embeds it: the use cases of `service.py`, joined to the host's own transaction."""

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from whenever import TimeDelta

from gonogo import database, migrations, service, workspaces
from gonogo.actor import Actor, machine
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.checkpoint import Checkpoint, Watch
from gonogo.clock import Clock, SystemClock
from gonogo.contacts import Added
from gonogo.errors import DatabaseUnusable
from gonogo.execution.channels import Channel
from gonogo.execution.executor import Executor
from gonogo.jobs import Jobs
from gonogo.jobs_dbos import DbosJobs
from gonogo.models import Document
from gonogo.service import Draft, Selection
from gonogo.tick import Tick

log = logging.getLogger(__name__)

#: Anything that a transaction is open on.
Host = Session | sa.Connection


class Gate:
    """A launch gate on a database.

    Every use case takes the host's session, joins its transaction and never commits: what it wrote stands or falls
    with the host's own rows. Refusals come back as values (`outcome.blockers`). Threads run only between `start_work`
    and `stop_work`.

    `checkpoint` names a file outside the database that tells how far it has come: a database behind it was restored
    from an older backup, and everything under way in it is paused before work starts.

    Raises `DatabaseUnusable`, in one line, where the engine or the schema is not as the laws need it: `gonogo.prepare`
    and `gonogo.migrate` are the cures, and `Gate.open` does both. A checkpoint that can't be read is refused, too.
    """

    def __init__(
        self,
        engine: sa.Engine,
        *,
        channels: Mapping[str, Channel] | None = None,
        jobs: Jobs | None = None,
        clock: Clock | None = None,
        late_start: TimeDelta = TimeDelta(hours=1),
        claim_batch: int = 20,
        checkpoint: Path | None = None,
    ) -> None:
        for lacking in database.check(engine):
            raise DatabaseUnusable(lacking)
        migrations.ensure_usable(engine)
        self.engine, self.late_start = engine, late_start
        self.clock: Clock = clock or SystemClock()
        self.jobs: Jobs = jobs or DbosJobs(engine)
        self.jobs.prepare()
        self.executor = Executor(
            engine, self.jobs, self.clock, channels or {}, claim_batch=claim_batch, late_start=late_start
        )
        self.tick = Tick(engine, self.jobs, self.clock, late_start=late_start)
        self.watch: Watch | None = None
        if checkpoint is not None:
            self.watch = Watch(engine, self.jobs, self.clock, Checkpoint(checkpoint), late_start=late_start)
        self._stopping = threading.Event()
        self._ticking: threading.Thread | None = None

    @classmethod
    def open(cls, url: str, **settings: Any) -> "Gate":
        """A gate on the database at `sqlite:///path` or `postgresql://...`, made or brought up to date first."""
        engine = database.connect(url)
        migrations.migrate(engine)
        return cls(engine, **settings)

    def close(self) -> None:
        """Stop working and let go of the channels and the database."""
        self.stop_work()
        self.executor.close()
        self.engine.dispose()

    def call(self, session: Host, by: Actor) -> Call:
        """What the functions of `service` and `workspaces` are called with, inside the host's transaction."""
        connection = session.connection() if isinstance(session, Session) else session
        return Call(connection, by, self.clock.now(), self.jobs, self.late_start)

    # Work, in threads of this process

    def start_work(self, every: float = 1.0) -> None:
        """Execute launches and ask every so many seconds what time makes due, until `stop_work`."""
        if self.watch is not None:
            self.watch.look()
        self.jobs.start()
        self._stopping.clear()
        self._ticking = threading.Thread(target=self._tick, args=(every,), name="gonogo-tick", daemon=True)
        self._ticking.start()

    def stop_work(self, drain: int = 10) -> None:
        """Take no more work, and give what runs `drain` seconds to end."""
        if self._ticking is None:
            return
        self._stopping.set()
        self._ticking.join()
        self._ticking = None
        self.jobs.stop(drain)

    def _tick(self, every: float) -> None:
        while True:
            try:
                self.tick.once()
                if self.watch is not None:
                    self.watch.look()
            except Exception:  # the database may be gone for a moment: what is due then stays due
                log.exception("the clock could not ask what is due; it tries again")
            if self._stopping.wait(every):
                return

    # Use cases, in order of a campaign's life

    def create(self, session: Host, *, by: Actor, **draft: Any) -> Outcome:
        """Make a campaign, a draft; the keywords are the fields of `gonogo.service.Draft`."""
        return service.create(self.call(session, by), Draft(**draft))

    def revise(self, session: Host, campaign: str, *, by: Actor, **changes: Any) -> Outcome:
        """Edit a campaign; what was proposed before is closed."""
        return service.revise(self.call(session, by), campaign, **changes)

    def add_contacts(
        self, session: Host, campaign: str, contacts: Sequence[Mapping[str, Any]], *, by: Actor
    ) -> tuple[Outcome, Added]:
        """Add people to a campaign, or change them; equal addresses are one person."""
        return service.add_contacts(self.call(session, by), campaign, contacts)

    def remove_contact(self, session: Host, campaign: str, address: str, *, by: Actor) -> Outcome:
        """Take one person off the list."""
        return service.remove_contact(self.call(session, by), campaign, address)

    def start(self, session: Host, campaign: str, *, by: Actor, resumes: bool = False) -> Outcome:
        """Propose a launch; the policy permits it at once, or people are asked."""
        return service.start(self.call(session, by), campaign, resumes=resumes)

    def approve(self, session: Host, task: str, *, by: Actor, ballot: Ballot | None = None) -> Outcome:
        """Record one approval and, if it completes the quorum, launch."""
        return service.approve(self.call(session, by), task, ballot)

    def retract(self, session: Host, task: str, *, by: Actor) -> Outcome:
        """Take one's approval back, while more are awaited."""
        return service.retract(self.call(session, by), task)

    def dismiss(self, session: Host, task: str, *, by: Actor, comment: str | None = None) -> Outcome:
        """Say no."""
        return service.dismiss(self.call(session, by), task, comment)

    def request_changes(self, session: Host, task: str, *, by: Actor, comment: str | None = None) -> Outcome:
        """Say: not like this."""
        return service.request_changes(self.call(session, by), task, comment)

    def withdraw(self, session: Host, task: str, *, by: Actor) -> Outcome:
        """Take the question back."""
        return service.withdraw(self.call(session, by), task)

    def pause(self, session: Host, campaign: str, *, by: Actor, reason: str = "person") -> Outcome:
        """Stop handing out messages, at the next batch."""
        return service.pause(self.call(session, by), campaign, reason)

    def resume(self, session: Host, campaign: str, *, by: Actor) -> Outcome:
        """Go on where it left off; without a valid permit, propose a new run."""
        return service.resume(self.call(session, by), campaign)

    def revoke(self, session: Host, campaign: str, *, by: Actor) -> Outcome:
        """Take the approval back, also of a launch in flight."""
        return service.revoke(self.call(session, by), campaign)

    def unschedule(self, session: Host, campaign: str, *, by: Actor) -> Outcome:
        """Give the start time up before it comes."""
        return service.unschedule(self.call(session, by), campaign)

    def cancel(self, session: Host, campaign: str, *, by: Actor) -> Outcome:
        """Give the campaign up; the answer names what is in flight."""
        return service.cancel(self.call(session, by), campaign)

    def reopen(self, session: Host, campaign: str, *, by: Actor, recipients: Selection = "unsent") -> Outcome:
        """Make an ended campaign a draft again, for the recipients selected."""
        return service.reopen(self.call(session, by), campaign, recipients)

    # Around campaigns

    def create_workspace(self, session: Host, name: str, *, dialect: str = "leadlex") -> str:
        """Make a workspace; returns its id."""
        return workspaces.create(self.call(session, machine("")), name, dialect)

    def write_policy(self, session: Host, document: Document, *, by: Actor) -> int:
        """Put a policy into force; returns its version number. Raises Invalid with every mistake."""
        return workspaces.write_policy(self.call(session, by), document)
