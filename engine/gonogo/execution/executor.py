"""From an active campaign to a completed one: segments of batches, each message claimed, sent, settled.

A segment is one durable job. It presents the permit, then goes on batch by batch: what was sent is settled and the
next messages are claimed in one transaction, which is where a pause, a revocation, a cancellation, a hold and every
limit are felt. A claim is committed before the first byte goes out; what a dead worker claimed and did not settle is
unknown, and is never sent again by itself. So: at most once each.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from whenever import Instant, TimeDelta

from gonogo import service
from gonogo.actor import machine
from gonogo.addresses import address_key
from gonogo.call import Call
from gonogo.campaign import ACTIVE, RUNNING, SENDING
from gonogo.clock import Clock, new_id
from gonogo.content import Content, TemplateInvalid
from gonogo.content import compile as compile_content
from gonogo.errors import DatabaseUnusable
from gonogo.execution.channels import Channel
from gonogo.execution.links import Links
from gonogo.execution.rendering import supplied
from gonogo.execution.segment import Ending, Segment
from gonogo.execution.sending import Said, send
from gonogo.execution.throttle import Leave, Throttle, too_many_failures, tried
from gonogo.execution.waiting import LIMITS
from gonogo.jobs import Jobs
from gonogo.models import Document
from gonogo.record import dispatch
from gonogo.store import cases, ledger, throttles, workspaces
from gonogo.store.cases import Case
from gonogo.store.ledger import Claimed, Settled

log = logging.getLogger(__name__)

#: A worker that has not renewed its lease for so long is taken for dead.
LEASE = TimeDelta(seconds=5)
#: Batches in a segment: then the next one is enqueued, wherever it may run.
BATCHES = 200
#: How many messages a worker claims at first: twice as many after a batch that took less than `QUICK` seconds, up to
#: `claim_batch`, and half as many after one that took more than `SLOW`.
FIRST_BATCH, QUICK, SLOW = 20, 0.5, 2.0
#: How often a lease is renewed while a batch goes out, in a lease's length.
BEATS = 5
#: Seconds until a channel in trouble is tried again: a quarter of the time that it has been in trouble, within these.
SOONEST, LATEST = 5.0, 300.0
#: Seconds until a place without space is looked at again.
LOOK_AGAIN = 60.0
#: Waiting that whoever goes on earlier must keep to.
KEPT = ("step", "interval")
_CLEARED: Document = dict.fromkeys(("wake_at", "waiting_for", "rate_limited_until"))
_UNTROUBLED: Document = dict.fromkeys(("waiting_since", "trouble"))


class Executor:
    """Runs the jobs `segment`, `review` and `follow`. Give it the channels by kind: "email", "sms", "webhook".

    `links` tells where the server is reached from outside; without it messages can't be unsubscribed from with a click.
    """

    def __init__(
        self,
        engine: sa.Engine,
        jobs: Jobs,
        clock: Clock,
        channels: Mapping[str, Channel],
        *,
        claim_batch: int = 20,
        late_start: TimeDelta = TimeDelta(hours=1),
        links: Links | None = None,
    ) -> None:
        self.engine, self.jobs, self.clock, self.channels = engine, jobs, clock, channels
        self.claim_batch, self.late_start, self.links = claim_batch, late_start, links
        self.monotonic: Callable[[], float] = time.monotonic
        self.draining = threading.Event()  # while it is set, segments end at their next message
        jobs.handle("segment", self.segment)
        jobs.handle("review", self.review)
        jobs.handle("follow", self.follow)

    def review(self, workspace: str, campaign: str) -> None:
        """The review of a long list, which the start call did not wait for."""
        with self.engine.begin() as connection:
            service.reviewed(self._call(connection, workspace), campaign)

    def follow(self, workspace: str, campaign: str) -> None:
        """The run for those who joined while a launch was sending, where the policy permits it by itself."""
        with self.engine.begin() as connection:
            undone = connection.begin_nested()
            outcome = service.follow(self._call(connection, workspace), campaign)
            if outcome.refused or outcome.case.state not in SENDING:
                undone.rollback()

    def segment(self, workspace: str, campaign: str, dispatch_number: int, number: int, permit: str) -> None:
        """Send one segment of a run under the permit that was handed over with it.

        A dispatch that is not the campaign's any more ends without effect, as does one under another permit.
        """
        with self.engine.begin() as connection:
            held = self._enter(self._call(connection, workspace), campaign, dispatch_number, number, permit)
        if held is None:
            return
        settled: list[Settled] = []
        with self._renewing(held):
            while (batch := self._next(held, settled)) is not None:
                settled = self._send(held, batch)
                if len(settled) < len(batch):
                    self._put_down(held, settled)
                    return

    def close(self) -> None:
        """Let go of the channels."""
        for channel in self.channels.values():
            channel.close()

    def _call(self, connection: sa.Connection, workspace: str) -> Call:
        return Call(connection, machine(workspace), self.clock.now(), self.jobs, self.late_start)

    # Entering

    def _enter(self, call: Call, campaign: str, dispatch_number: int, number: int, permit: str) -> Segment | None:
        case = cases.lock(call.connection, call.by.workspace, campaign)
        if case.dispatch != dispatch_number or case.state not in (ACTIVE, RUNNING):
            return None
        if case.state == ACTIVE:
            case = service.begin(call, campaign, permit).case
        if case.state != RUNNING or case.permit_id != permit:
            return None
        if case.waiting_for in KEPT and case.wake_at is not None and case.wake_at > call.now:
            return None  # the clock sends us out again at that moment
        if case.step == case.steps:  # everything was claimed before a worker died
            service.complete(call, campaign)
            return None
        try:
            held = self._hold(call, case, number)
        except (LookupError, TemplateInvalid) as error:
            service.fail(call, campaign, str(error))
            return None
        ledger.add_lease(call.connection, case, held.token, call.now + LEASE)
        return held

    def _hold(self, call: Call, case: Case, number: int) -> Segment:
        """Everything a worker needs of what the run pinned. Raises LookupError and TemplateInvalid."""
        if case.channel not in self.channels:
            raise LookupError(f"no channel for {case.channel} is set up")
        run_id, opened_at = str(case.run_id), case.opened_at or call.now
        content_id, sender_id, settings_id = cases.pinned(call.connection, run_id)
        versions = workspaces.versions(call.connection, [content_id, sender_id, settings_id])
        content, sender = Content.from_document(versions[content_id].body), versions[sender_id].body
        settings = versions[settings_id].body
        return Segment(
            workspace=case.workspace,
            campaign=case.id,
            run_id=run_id,
            dispatch=case.dispatch,
            number=number,
            step=case.step or 0,
            token=new_id(call.now),
            channel=self.channels[case.channel],
            content=content,
            compiled=compile_content(content, case.run_start_at or opened_at),
            sender=sender,
            supplied=supplied(sender, settings),
            throttle=Throttle.of(case.id, settings, sender),
            links=self.links,
            salt=workspaces.get(call.connection, case.workspace).salt,
            since=cases.proposed_first(call.connection, case),
            deadline=self.monotonic() + LEASE.total("seconds"),
            size=min(FIRST_BATCH, self.claim_batch),
        )

    # One transaction between two batches

    def _next(self, held: Segment, settled: list[Settled]) -> list[Said] | None:
        """Settle what was sent and claim the next batch; None where this segment has nothing more to do."""
        deadline = self.monotonic() + LEASE.total("seconds")
        with self.engine.begin() as connection:
            call = self._call(connection, held.workspace)
            case = cases.lock(connection, held.workspace, held.campaign)
            counts = self._settle(call, held, settled)
            became = dict(counts)
            if not ledger.renew_lease(connection, held.token, call.now + LEASE):
                return None  # taken for dead meanwhile: what was claimed is listed as unknown
            leave = self._leave(call, held, case, counts)
            batch = self._claim(call, held, case, leave, counts, settled) if isinstance(leave, Leave) else leave
            if isinstance(batch, Ending):
                self._end(call, held, case, counts, batch)
        told = {"workspace": held.workspace, "campaign": held.campaign, "run": held.run_id}
        log.debug("a batch was settled", extra={"settled": became, **told})
        held.deadline = deadline
        held.batches += 1
        return None if isinstance(batch, Ending) else batch

    def _settle(self, call: Call, held: Segment, settled: Sequence[Settled]) -> dict[str, int]:
        """Write down what became of a batch. What was not tried keeps its claim, and is unknown once the lease is."""
        if not settled:
            return {}
        counts = ledger.settle(
            call.connection, run_id=held.run_id, step=held.step, token=held.token, now=call.now, settled=settled
        )
        ledger.count_minute(call.connection, held.run_id, counts, call.now)
        if held.leave is not None and counts.get("deferred"):
            held.leave.used(call, -counts["deferred"])  # daily limits are about what went out
        return counts

    def _leave(self, call: Call, held: Segment, case: Case, counts: dict[str, int]) -> Leave | Ending:
        """Leave to claim, or why this segment ends."""
        if (case.run_id, case.dispatch, case.state, case.step) != (held.run_id, held.dispatch, RUNNING, held.step):
            return Ending("stopped")
        if held.trouble is not None:
            return self._trouble(call, held, case)
        if ledger.unclaimed(case) + counts.get("deferred", 0) > 0 and (wrong := too_many_failures(case, counts)):
            return Ending("pauses", wrong)
        if held.batches >= BATCHES or self.draining.is_set():
            return Ending("hands_on")
        leave = held.throttle.leave(call, case, held.size)
        if leave.waiting_for is not None:
            return Ending("waits", leave.waiting_for, leave.until)
        return leave

    def _trouble(self, call: Call, held: Segment, case: Case) -> Ending:
        if held.cure == "people":
            return Ending("pauses", str(held.trouble))
        if held.cure == "space":
            return Ending("waits", "space", call.now + TimeDelta(seconds=LOOK_AGAIN))
        since = case.waiting_since or call.now
        pause = min(max((call.now - since).total("seconds") / 4, SOONEST), LATEST)
        return Ending("waits", "channel", call.now + TimeDelta(seconds=pause))

    def _claim(
        self, call: Call, held: Segment, case: Case, leave: Leave, counts: dict[str, int], settled: list[Settled]
    ) -> list[Said] | Ending:
        """The next messages, claimed: those whose further try is due first; or why there are none now."""
        connection, now = call.connection, call.now
        again = ledger.due_again(connection, case, now, leave.count) if case.deferred or counts.get("deferred") else []
        fresh = ledger.following(connection, case, leave.count - len(again)) if len(again) < leave.count else []
        if not again and not fresh:
            return self._exhausted(call, case)
        drawn = [(self._drawn(held, case, each), _due(held, case, held.step, each)) for each in fresh]
        fresh, early = [each for each, due in drawn if due <= now], [(each, due) for each, due in drawn if due > now]
        if not again and not fresh:
            return Ending("waits", "step", min(due for _, due in early))
        said = {each.position: json.loads(each.body) for each in (*again, *fresh) if each.body is not None}
        skipped = self._skipped(call, held, case, said, [*again, *fresh])
        ledger.claim_again(connection, case, held.token, now, again, skipped)
        ledger.claim(connection, case, held.token, now, fresh, skipped)
        ledger.put_off(connection, case, held.token, now, early)
        batch = [(each, said[each.position]) for each in (*again, *fresh) if each.position not in skipped]
        leave.used(call, len(batch))
        held.leave = leave
        counts["skipped"] = counts.get("skipped", 0) + len(skipped)
        counts["deferred"] = counts.get("deferred", 0) - len(again) + len(early)
        values: Document = {} if case.waiting_for is None else dict(_CLEARED)
        if drawn:
            values["cursor"] = drawn[-1][0].position + 1
        if settled and case.trouble is not None:
            values |= _UNTROUBLED
        if batch and held.throttle.timing.interval.total("seconds"):
            values |= {"wake_at": now + held.throttle.timing.interval, "waiting_for": "interval"}
        ledger.progress(connection, held.run_id, counts, values)
        return batch

    def _drawn(self, held: Segment, case: Case, each: Claimed) -> Claimed:
        variant = held.content.steps[held.step].draw(f"{case.id}.{each.contact_id}.{held.step}")
        return each if variant is None else replace(each, variant=variant)

    def _skipped(
        self, call: Call, held: Segment, case: Case, said: Mapping[int, Document], found: Sequence[Claimed]
    ) -> dict[int, str]:
        """Who is not written to after all, by position, and why."""
        keys = {position: address_key(held.salt, each["address"]) for position, each in said.items()}
        reasons = throttles.suppressed(call.connection, held.workspace, list(keys.values()), held.since)
        skipped = {position: reasons[key] for position, key in keys.items() if key in reasons}
        skipped |= dict.fromkeys(ledger.refused_before(call.connection, case, list(said)), "bounce")
        return skipped | {each.position: "the recipient was erased" for each in found if each.body is None}

    def _put_down(self, held: Segment, settled: list[Settled]) -> None:
        """This worker stood still past its lease. What it did send is settled; the rest lapses with the lease, for
        somebody may have taken the run over."""
        with self.engine.begin() as connection:
            call = self._call(connection, held.workspace)
            cases.lock(connection, held.workspace, held.campaign)
            ledger.progress(connection, held.run_id, self._settle(call, held, settled), {})

    # Leaving

    def _exhausted(self, call: Call, case: Case) -> Ending:
        """Nothing can be claimed now: the step is over, or what is left waits for its moment, or for another try."""
        waiting = ledger.next_retry(call.connection, case)
        if waiting is None:
            return Ending("done")
        until, tried_before = waiting
        return Ending("waits", "retry" if tried_before else "step", until)

    def _end(self, call: Call, held: Segment, case: Case, counts: dict[str, int], ending: Ending) -> None:
        values = self._values(call, held, case, counts, ending)
        ledger.progress(call.connection, held.run_id, counts, values)
        ledger.drop_lease(call.connection, held.token)
        if ending.kind == "pauses" or ending.reason == "space":
            service.pause(call, case.id, held.trouble or ending.reason)
        elif ending.kind == "hands_on":
            dispatch(call, case, held.number + 1)
            cases.move(call.connection, case, updated_at=call.now)
        elif ending.kind == "done" and values["wake_at"] is not None and values["wake_at"] <= call.now:
            service.wake(call, case.id)
        elif ending.kind in ("done", "stopped") and values.get("wake_at") is None:
            service.complete(call, case.id)  # refused while somebody else's messages are in flight

    def _values(self, call: Call, held: Segment, case: Case, counts: dict[str, int], ending: Ending) -> Document:
        """What the run's row tells from now on."""
        if ending.kind == "done":
            due = self._next_step(call, held, case)
            return {"step": held.step + 1, "cursor": 0, **_CLEARED, "wake_at": due, "waiting_for": due and "step"}
        if ending.kind == "pauses" and held.trouble is None:
            return {"tried_before": tried(case, counts)}  # whoever resumes it has seen these
        if ending.kind != "waits":
            return {}
        since = case.waiting_since if case.trouble is not None and held.trouble is not None else call.now
        limited = ending.reason in LIMITS.values()
        return {
            "wake_at": ending.until,
            "waiting_for": ending.reason,
            "waiting_since": since,
            "trouble": held.trouble,
            "rate_limited_until": ending.until if limited else None,
        }

    def _next_step(self, call: Call, held: Segment, case: Case) -> Instant | None:
        """When the first messages of the next step may go; None after the last step."""
        step = held.step + 1
        if step == len(held.content.steps):
            return None
        first = ledger.following(call.connection, replace(case, step=step, cursor=0), FIRST_BATCH)
        return min((_due(held, case, step, each) for each in first), default=call.now)

    # One batch

    def _send(self, held: Segment, batch: Sequence[Said]) -> list[Settled]:
        if not batch:
            return []
        begun = self.monotonic()

        def in_time() -> bool:
            return self.monotonic() <= held.deadline

        settled = send(held, batch, self.clock.now, in_time, self.draining.is_set)
        took = self.monotonic() - begun
        if took < QUICK:
            held.size = min(held.size * 2, self.claim_batch)
        elif took > SLOW:
            held.size = max(held.size // 2, 1)
        return settled

    @contextmanager
    def _renewing(self, held: Segment) -> Iterator[None]:
        """Keep the lease while batches go out, however slowly; a lease that was taken away is not."""
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(held, ended), name="gonogo-lease", daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()

    def _beat(self, held: Segment, ended: threading.Event) -> None:
        length = LEASE.total("seconds")
        while not ended.wait(length / BEATS):
            deadline = self.monotonic() + length
            try:
                with self.engine.begin() as connection:
                    renewed = ledger.renew_lease(connection, held.token, self.clock.now() + LEASE)
            except (SQLAlchemyError, DatabaseUnusable):
                told = {"workspace": held.workspace, "campaign": held.campaign, "run": held.run_id}
                log.warning("the lease was not renewed; it is tried again", exc_info=True, extra=told)
                continue
            held.deadline = deadline if renewed else -math.inf
            if not renewed:
                return


def _due(held: Segment, case: Case, step: int, each: Claimed) -> Instant:
    """When somebody's message of a step may go: so many days after the one before was sent, or after it would have been
    if the run had sent it at its beginning."""
    delays = [later.delay_days for later in held.content.steps[1 : step + 1]]
    if each.before is not None:
        return each.before + TimeDelta(hours=24 * delays[-1])
    return (case.begun_at or held.since) + TimeDelta(hours=24 * sum(delays))
