"""From an active campaign to a completed one: segments of batches, each message claimed, sent, settled.

A segment is one durable job. It presents the permit, then goes on batch by batch: what was sent is settled and the
next messages are claimed in one transaction, which is where a pause, a revocation or a cancellation is felt. A claim
is committed before the first byte goes out; what a dead worker claimed and did not settle is unknown, and is never
sent again by itself. So: at most once each.
"""

import json
import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from whenever import Instant, TimeDelta

from gonogo import service
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.campaign import ACTIVE, RUNNING
from gonogo.clock import Clock, new_id
from gonogo.content import Compiled, Content, RenderError, TemplateInvalid
from gonogo.content import compile as compile_content
from gonogo.errors import DatabaseUnusable
from gonogo.execution.channels import Channel, Message
from gonogo.execution.rendering import rendered_for, supplied
from gonogo.jobs import Jobs
from gonogo.models import Document
from gonogo.record import dispatch
from gonogo.store import cases, ledger, workspaces
from gonogo.store.cases import Case
from gonogo.store.ledger import Claimed

log = logging.getLogger(__name__)

#: A worker that has not renewed its lease for so long is taken for dead.
LEASE = TimeDelta(seconds=5)
#: Batches in a segment: then the next one is enqueued, wherever it may run.
BATCHES = 200

#: How often a lease is renewed while a batch goes out, in a lease's length.
BEATS = 5

#: What became of one message: its position, the state of its row, and the reason where it was not sent.
Result = tuple[int, str, str]


@dataclass(slots=True)
class Segment:
    """A worker's hold on one run."""

    workspace: str
    campaign: str
    run_id: str
    dispatch: int
    number: int
    step: int
    token: str
    channel: Channel
    content: Content
    compiled: Compiled
    sender: Document
    supplied: Document  # variables that every message is given
    deadline: float  # on the monotonic clock: after it nothing may be sent under this lease
    batches: int = 0
    trouble: str | None = None  # why the channel can't carry anything now


class Executor:
    """Runs the jobs `segment` and `review`. Give it the channels by kind: "email", "sms", "webhook"."""

    def __init__(
        self,
        engine: sa.Engine,
        jobs: Jobs,
        clock: Clock,
        channels: Mapping[str, Channel],
        *,
        claim_batch: int = 20,
        late_start: TimeDelta = TimeDelta(hours=1),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.engine, self.jobs, self.clock, self.channels = engine, jobs, clock, channels
        self.claim_batch, self.late_start, self.monotonic = claim_batch, late_start, monotonic
        jobs.handle("segment", self.segment)
        jobs.handle("review", self.review)

    def review(self, workspace: str, campaign: str) -> None:
        """The review of a long list, which the start call did not wait for."""
        with self.engine.begin() as connection:
            service.reviewed(self._call(connection, workspace), campaign)

    def segment(self, workspace: str, campaign: str, dispatch_number: int, number: int, permit: str) -> None:
        """Send one segment of a run under the permit that was handed over with it.

        A dispatch that is not the campaign's any more ends without effect, as does one under another permit.
        """
        with self.engine.begin() as connection:
            held = self._enter(self._call(connection, workspace), campaign, dispatch_number, number, permit)
        results: list[Result] = []
        while held and (batch := self._next(held, results)):
            results = self._send(held, batch)
            if len(results) < len(batch):
                self._put_down(held, results)
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
        if case.wake_at is not None and case.wake_at > call.now:
            return None  # the clock sends us out again on that day
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
        run_id = str(case.run_id)
        content_id, sender_id, settings_id = cases.pinned(call.connection, run_id)
        versions = workspaces.versions(call.connection, [content_id, sender_id, settings_id])
        content = Content.from_document(versions[content_id].body)
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
            compiled=compile_content(content, case.run_start_at or case.opened_at or call.now),
            sender=versions[sender_id].body,
            supplied=supplied(versions[sender_id].body, versions[settings_id].body),
            deadline=self.monotonic() + LEASE.total("seconds"),
        )

    # One transaction between two batches

    def _next(self, held: Segment, results: list[Result]) -> list[Claimed]:
        """Settle what was sent and claim the next batch; empty where this segment has nothing more to do."""
        deadline = self.monotonic() + LEASE.total("seconds")
        with self.engine.begin() as connection:
            call = self._call(connection, held.workspace)
            case = cases.lock(connection, held.workspace, held.campaign)
            counts = self._settle(call, held, results)
            if not ledger.renew_lease(connection, held.token, call.now + LEASE):
                return []  # taken for dead meanwhile: what was claimed is listed as unknown
            here = (case.run_id, case.dispatch, case.state, case.step)
            goes_on = here == (held.run_id, held.dispatch, RUNNING, held.step)
            claimed: list[Claimed] = []
            if goes_on and held.trouble is None and held.batches < BATCHES:
                claimed = ledger.claim(connection, case, held.token, call.now, self.claim_batch)
            if claimed:
                ledger.progress(connection, held.run_id, counts, {"cursor": claimed[-1].position + 1})
            else:
                self._leave(call, held, case, counts, goes_on=goes_on)
        held.deadline = deadline
        held.batches += 1
        return claimed

    def _settle(self, call: Call, held: Segment, results: list[Result]) -> dict[str, int]:
        """Write down what became of a batch. What was not tried keeps its claim, and is unknown once the lease is."""
        if not results:
            return {}
        return ledger.settle(
            call.connection,
            run_id=held.run_id,
            step=held.step,
            token=held.token,
            now=call.now,
            sent=[position for position, state, _ in results if state == "sent"],
            unsent=[result for result in results if result[1] != "sent"],
        )

    def _put_down(self, held: Segment, results: list[Result]) -> None:
        """This worker stood still past its lease. What it did send is settled; the rest lapses with the lease, for
        somebody may have taken the run over."""
        with self.engine.begin() as connection:
            call = self._call(connection, held.workspace)
            cases.lock(connection, held.workspace, held.campaign)
            ledger.progress(connection, held.run_id, self._settle(call, held, results), {})

    def _leave(self, call: Call, held: Segment, case: Case, counts: dict[str, int], *, goes_on: bool) -> None:
        """This segment ends: stopped by somebody, handed to its successor, or at the end of a step."""
        values: Document = {}
        ended = goes_on and held.trouble is None and held.batches < BATCHES
        if ended:
            values = {"step": held.step + 1, "cursor": 0, "wake_at": self._due(held, case)}
        ledger.progress(call.connection, held.run_id, counts, values)
        ledger.drop_lease(call.connection, held.token)
        if goes_on and held.trouble is not None:
            service.pause(call, case.id, held.trouble)
        elif goes_on and not ended:
            dispatch(call, case, held.number + 1)
            cases.move(call.connection, case, updated_at=call.now)
        elif values.get("wake_at") is None:
            service.complete(call, case.id)  # refused while somebody else's messages are in flight
        if ended and values["wake_at"] is not None and values["wake_at"] <= call.now:
            service.redispatch(call, case.id)

    def _due(self, held: Segment, case: Case) -> Instant | None:
        """When the next step's day comes; None after the last step."""
        following = held.content.steps[held.step + 1 :]
        if not following or case.begun_at is None:
            return None
        days = sum(step.delay_days for step in held.content.steps[1 : held.step + 2])
        return case.begun_at + TimeDelta(hours=24 * days)

    # One batch

    def _send(self, held: Segment, batch: list[Claimed]) -> list[Result]:
        """What became of a batch; nothing of those that time ran out for."""
        results: list[Result] = []
        messages: list[tuple[int, Message]] = []
        for each in batch:
            if each.body is None:
                results.append((each.position, "skipped", "the recipient was erased"))
                continue
            try:
                messages.append((each.position, self._message(held, each, json.loads(each.body))))
            except RenderError as error:
                results.append((each.position, "failed", error.reason))
        with self._renewing(held):
            delivery = held.channel.deliver(
                [message for _, message in messages], lambda: self.monotonic() <= held.deadline
            )
        held.trouble = delivery.trouble
        for (position, _), receipt in zip(messages, delivery.receipts, strict=True):
            if receipt is not None:
                results.append((position, receipt.state, receipt.reason))
            elif delivery.trouble is not None:
                results.append((position, "failed", delivery.trouble))
        return sorted(results)

    @contextmanager
    def _renewing(self, held: Segment) -> Iterator[None]:
        """Keep the lease while a batch goes out, however slowly; a lease that was taken away is not."""
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
                log.warning("the lease of %s was not renewed; it is tried again", held.campaign, exc_info=True)
                continue
            held.deadline = deadline if renewed else -math.inf
            if not renewed:
                return

    def _message(self, held: Segment, each: Claimed, said: Document) -> Message:
        rendered = rendered_for(said, held.compiled, held.step, held.supplied)
        return Message(
            message_id=message_id(held.run_id, held.step, each.position),
            sender_email=held.sender["email"],
            sender_name=held.sender.get("name") or "",
            address=said["address"],
            subject=rendered.subject,
            body=rendered.body,
            html=rendered.html,
            date=self.clock.now(),
        )


def message_id(run_id: str, step: int, position: int) -> str:
    """The same message has the same id, however often it is made."""
    return f"<{run_id}.{step}.{position}@gonogo>"
