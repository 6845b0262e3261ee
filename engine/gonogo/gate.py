"""The gate, as a host embeds it: the use cases of `service.py`, joined to the host's own transaction."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from whenever import TimeDelta

from gonogo import database, deliveries, migrations, review_mail, service, workspaces
from gonogo.actor import Actor, machine
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.checkpoint import Checkpoint, Watch
from gonogo.clock import Clock, SystemClock
from gonogo.contacts import Added
from gonogo.errors import DatabaseUnusable
from gonogo.execution.channels import Channel
from gonogo.execution.executor import Executor
from gonogo.execution.links import Links
from gonogo.execution.posting import Poster
from gonogo.jobs import Jobs
from gonogo.jobs_dbos import DbosJobs
from gonogo.models import Document
from gonogo.service import Draft, Selection
from gonogo.tick import Tick
from gonogo.workspaces import PolicyWritten

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outside:
    """What a gate knows of the world around it.

    `checkpoint` names a file outside the database that tells how far it has come: a database behind it was restored
    from an older backup, and everything under way in it is paused before work starts. `links` tells where the server
    is reached from outside, so that messages can be unsubscribed from with a click. `poster` carries notices to
    webhooks.
    """

    checkpoint: Path | None = None
    links: Links | None = None
    poster: Poster = field(default_factory=Poster)


#: Anything that a transaction is open on.
Host = Session | sa.Connection


class Gate:
    """A launch gate on a database.

    Every use case takes the host's session, joins its transaction and never commits: what it wrote stands or falls
    with the host's own rows. Refusals come back as values (`outcome.blockers`). Threads run only between `start_work`
    and `stop_work`.

    `outside` is what the gate knows of the world around it: see `Outside`.

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
        outside: Outside | None = None,
    ) -> None:
        for lacking in database.check(engine):
            raise DatabaseUnusable(lacking)
        migrations.ensure_usable(engine)
        self.engine, self.late_start = engine, late_start
        self.clock: Clock = clock or SystemClock()
        self.jobs: Jobs = jobs or DbosJobs(engine)
        self.jobs.prepare()
        self.outside = outside or Outside()
        self.executor = Executor(
            engine,
            self.jobs,
            self.clock,
            channels or {},
            claim_batch=claim_batch,
            late_start=late_start,
            links=self.outside.links,
        )
        self.tick = Tick(engine, self.jobs, self.clock, late_start=late_start)
        self.watch: Watch | None = None
        if self.outside.checkpoint is not None:
            checkpoint = Checkpoint(self.outside.checkpoint)
            self.watch = Watch(engine, self.jobs, self.clock, checkpoint, late_start=late_start)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []

    @classmethod
    def open(cls, url: str, **settings: Any) -> "Gate":
        """A gate on the database at `sqlite:///path` or `postgresql://...`, made or brought up to date first."""
        engine = database.connect(url)
        migrations.migrate(engine)
        return cls(engine, **settings)

    def close(self) -> None:
        """Stop working and let go of the channels and the database. Nobody waits for what a relay has not answered."""
        self._wind_down()
        self.executor.close()
        self._join()
        self.engine.dispose()

    def call(self, session: Host, by: Actor) -> Call:
        """What the functions of `service` and `workspaces` are called with, inside the host's transaction."""
        connection = session.connection() if isinstance(session, Session) else session
        return Call(connection, by, self.clock.now(), self.jobs, self.late_start, self.clock)

    # Work, in threads of this process

    def start_work(self, every: float = 1.0) -> None:
        """Execute launches and ask every so many seconds what time makes due, until `stop_work`."""
        if self.watch is not None:
            self.watch.look()
        self._stopping.clear()
        self.executor.draining.clear()
        self.jobs.start()
        works = {"gonogo-tick": self._tick, "gonogo-notices": self._tell, "gonogo-invitations": self._invite}
        for name, work in works.items():
            self._threads.append(threading.Thread(target=work, args=(every,), name=name, daemon=True))
            self._threads[-1].start()

    def stop_work(self, drain: int = 10) -> None:
        """Take no more work. What runs ends at its next batch; it is given `drain` seconds. The requests to webhooks
        and mails to reviewers that are under way are waited for meanwhile."""
        self._wind_down(drain)
        self._join()

    def _wind_down(self, drain: int = 10) -> None:
        if self._threads:
            self._stopping.set()
            self.executor.draining.set()
            self.jobs.stop(drain)

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()
        self._threads.clear()

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

    def _tell(self, every: float) -> None:
        """Deliver notices to webhooks; in a thread of its own, because a receiver may take its time."""
        post, stopping = self.outside.poster.post, self._stopping.is_set
        self._deliver("notices", partial(deliveries.deliver_due, self.engine, self.clock, post, stopping), every)

    def _invite(self, every: float) -> None:
        """Send mails to reviewers; in a thread of its own, because a relay may take its time."""
        links, channel = self.outside.links, self.executor.channels.get("email")
        if links is not None and channel is not None:
            stopping = self._stopping.is_set
            deliver = partial(review_mail.deliver_due, self.engine, self.clock, channel, links, stopping)
            self._deliver("mails to reviewers", deliver, every)

    def _deliver(self, what: str, round_of: Callable[[], int], every: float) -> None:
        """Deliver one round after the other, and rest where one had nothing to deliver."""
        while not self._stopping.is_set():
            delivered = 0
            try:
                delivered = round_of()
            except Exception:  # the database may be gone for a moment: what is due then stays due
                log.exception("%s could not be delivered; it tries again", what)
            if not delivered:
                self._stopping.wait(every)

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

    def break_glass(self, session: Host, campaign: str, reason: str, *, by: Actor) -> Outcome:
        """Launch now without approval, where the policy lets this person; a review of it is opened."""
        return service.break_glass(self.call(session, by), campaign, reason)

    def write_policy(self, session: Host, document: Document, *, by: Actor) -> PolicyWritten:
        """Write a policy, and put it into force unless the one in force asks people first. Raises Invalid with every
        mistake."""
        return workspaces.write_policy(self.call(session, by), document)
