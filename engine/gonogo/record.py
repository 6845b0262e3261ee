"""How a decision is written down: every row of one step, in one transaction, in one order.

Vote, task, permit, its end, step, campaign, run, job. The move that was taken says what becomes of run, task and
permit (`Move.sets`); this module writes just that. Nothing else changes the state of a campaign.
"""

import logging
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from whenever import Instant

from gonogo import invitations, notices, seal
from gonogo.ballots import Ballot, Counted, cast
from gonogo.call import Call, Outcome
from gonogo.campaign import ACTIVE
from gonogo.clock import new_id
from gonogo.definition import Decision, Event, Move
from gonogo.facts import Facts
from gonogo.models import Document
from gonogo.policy import Requirement, Ruling
from gonogo.proposal import Proposal, seal_of
from gonogo.store import cases, ledger, lists, rulings, workspaces
from gonogo.store.cases import Case

log = logging.getLogger(__name__)

#: What becomes of the open task when a move closes it without a permit; `void` for every other event.
TASK_ENDS = {
    "dismiss": "dismissed",
    "request_changes": "changes_requested",
    "expire": "expired",
}
RUN_ENDS = {"complete": "completed", "cancel": "cancelled", "fail": "failed"}
PERMIT_ENDS = {"complete": "used", "revoke": "revoked", "lapse": "lapsed"}


@dataclass(frozen=True, slots=True)
class Change:
    """What a use case brings to the step, beside the decision."""

    proposal: Proposal | None = None  # opens a run, or ends its review
    ballot: Ballot | None = None
    counted: Counted | None = None  # for whom the ballot counts, and what stands once it is cast
    reason: str | None = None  # of who breaks the glass
    begin_by: Instant | None = None  # until when the permit opens the door
    campaign: Document = field(default_factory=dict)  # further values of the campaign's row
    run: Document = field(default_factory=dict)  # further values of the run's row
    figures: Document = field(default_factory=dict)  # told by the step


def record(call: Call, case: Case, event: Event, decision: Decision[Facts], change: Change | None = None) -> Outcome:
    """Write the decision down; a refusal writes nothing."""
    change = change or Change()
    findings = change.proposal.findings if change.proposal else ()
    if decision.move is not None:
        case = _Writing(call, case, event, decision.move, change).write()
    outcome = decision.to or "refused"
    told = {"workspace": case.workspace, "campaign": case.id, "run": case.run_id}
    log.info("%s: %s", event, outcome, extra={"decided": event, "outcome": outcome, **told})
    return Outcome(case, decision.blockers, findings)


class _Writing:
    """One step on its way into the database; `case` is kept as the rows will read."""

    def __init__(self, call: Call, case: Case, event: Event, move: Move[Facts], change: Change) -> None:
        self.call, self.case, self.event, self.move, self.change = call, case, event, move, change
        self.before = case
        self.run: Document = dict(change.run)

    def write(self) -> Case:
        if self.change.proposal is not None:
            self._propose(self.change.proposal)
        self._task()
        self._permit()
        self._step()
        self._run()
        notices.announce(self.call, self.event, self.before, self.case)
        invitations.invite(self.call, self.before, self.case)
        self._enqueue()
        return self.case

    # The run

    def _propose(self, proposal: Proposal) -> None:
        """Open a run that pins everything as it is now; or seal the one whose review has ended."""
        if self.event == "reviewed":
            self._review(proposal)
            return
        connection, case = self.call.connection, self.case
        if case.run_id and case.run_open:
            cases.change_run(connection, case.run_id, closed_at=self.call.now, closed_as="superseded", **_ASLEEP)
            ledger.give_up_retries(connection, case.run_id, "superseded", self.call.now)
        if case.task_id and case.task_open:  # nobody is asked about a run that is closed
            cases.change_task(connection, case.task_id, status="void", decided_at=self.call.now)
        row: Document = {
            "id": new_id(self.call.now),
            "campaign_id": case.id,
            "number": case.run + 1,
            "generation": case.generation,
            "requester": self.call.by.person,
            "opened_at": self.call.now,
            "content_id": proposal.content_id,
            "sender_id": proposal.sender_id,
            "settings_id": proposal.settings_id,
            "start_at": proposal.start_at,
            "recipients": proposal.recipients,
            "chain": proposal.chain,
            "steps": proposal.steps,
            **dict.fromkeys(_NONE_YET, 0),
            **_interval(case, self.call.now),
        }
        cases.add_run(connection, {**row, "warnings": []})
        taken = lists.snapshot(connection, case, proposal.steps, row["id"])
        if taken != proposal.recipients:  # somebody unsubscribed since they were counted
            chain = proposal.chain - proposal.recipients + taken
            proposal = replace(proposal, recipients=taken, chain=chain)
            row |= {"recipients": taken, "chain": chain}
            cases.change_run(connection, row["id"], recipients=taken, chain=chain)
        self.case = replace(
            case,
            run=case.run + 1,
            run_id=row["id"],
            requester=row["requester"],
            run_start_at=proposal.start_at,
            warnings=[],
            **{name: row[name] for name in _RUN_ECHO},
            **(_FRESH_RUN | _interval(case, self.call.now)),
            **_NO_TASK,
        )
        if proposal.ruling is not None:
            self._review(proposal)

    def _review(self, proposal: Proposal) -> None:
        """The last act of the review: what it found, and the seal over all that is proposed."""
        run_id = self.case.run_id
        if run_id is None:
            raise TypeError("a review ends on a run")
        connection = self.call.connection
        root = seal.merkle_root(lists.leaves(connection, run_id))
        found = {"findings": [asdict(finding) for finding in proposal.findings]}
        self.run["findings"] = workspaces.conceal(connection, self.case.workspace, found, secrets.token_bytes(32))
        self.run["warnings"] = [finding.code for finding in proposal.warnings]
        self.run["seal"] = seal_of(self.case, self.case.run, proposal, root)
        self.case = replace(self.case, seal=self.run["seal"], warnings=self.run["warnings"])
        self._ruled(proposal)

    def _ruled(self, proposal: Proposal) -> None:
        """What the policy was asked, and said: what windows sum, and other policies may be asked later."""
        case, asked, ruling = self.case, proposal.asked, proposal.ruling
        if asked is None or ruling is None:
            raise TypeError("a run is sealed once the policy has ruled on it")
        row: Document = {
            "campaign_id": case.id,
            "run": case.run,
            "workspace_id": case.workspace,
            "generation": case.generation,
            "at": self.call.now,
            "starts_at": asked.at,
            "requester": case.requester,
            "list_id": asked.list,
            **{name: getattr(asked, name) for name in ("sender", "channel", "recipients", "clean", "warned")},
            "template_changed": asked.template_changed,
            "summed": asked.summed,
            "policy": case.policy,
            "permission": ruling.permission,
            "rule": ruling.rule,
        }
        rulings.add(self.call.connection, row)

    def _run(self) -> None:
        if self.move.sets.get("run") == "none" and self.case.run_open:
            self.run["closed_at"] = self.call.now
            self.run["closed_as"] = RUN_ENDS.get(self.event, "superseded")
            self.run |= {**_ASLEEP, "deferred": 0}
            if self.case.deferred:
                left = "cancelled" if self.event == "cancel" else "superseded"
                ledger.give_up_retries(self.call.connection, str(self.case.run_id), left, self.call.now)
        if self.run and self.case.run_id:
            cases.change_run(self.call.connection, self.case.run_id, **self.run)
            known = {name: value for name, value in self.run.items() if name in Case.__slots__}
            self.case = replace(self.case, **known)

    # The task and its votes

    def _task(self) -> None:
        task = self.move.sets.get("task")
        if task in ("reviewing", "pending") and not self.case.task_open:
            self._ask(str(task))
            return
        values: Document = self._cast() if self.change.ballot else {}
        if task in ("reviewing", "pending"):
            values |= {"status": task, **self._asked()}
        elif task == "none" and self.case.task_open:
            permitted = self.move.sets.get("permit") == "valid" and self.event != "break_glass"
            ended = "approved" if permitted else TASK_ENDS.get(self.event, "void")
            values |= {"status": ended, "decided_at": self.call.now}
        if values and self.case.task_id:
            cases.change_task(self.call.connection, self.case.task_id, **values)
            self.case = replace(self.case, **{_TASK_ECHO[name]: value for name, value in values.items()})

    def _ask(self, status: str) -> None:
        """Put the question."""
        case, now = self.case, self.call.now
        row: Document = {
            "id": new_id(now),
            "workspace_id": case.workspace,
            "kind": "campaign_start",
            "campaign_id": case.id,
            "run_id": case.run_id,
            "status": status,
            "policy": case.policy,
            "votes": 0,
            "have": 0,
            "stage": 0,
            "created_at": now,
            **self._asked(),
        }
        cases.add_task(self.call.connection, row)
        self.case = replace(
            case,
            task_id=row["id"],
            task_run_id=case.run_id,
            task_status=status,
            task_rule=row["rule"],
            task_policy=case.policy,
            requirement=row["requirement"],
            votes=0,
            have=0,
            stage=0,
            escalates_at=row["escalates_at"],
            nudge_at=row["nudge_at"],
            expires_at=row["expires_at"],
            asked_at=now,
            decided_at=None,
        )

    def _asked(self) -> Document:
        """What the policy asks of people, and by when."""
        ruling = self._ruling()
        if ruling is None or ruling.requirement is None:  # the review still runs
            return {"rule": "", "requirement": {}, "expires_at": None, "escalates_at": None, "nudge_at": None}
        requirement = ruling.requirement
        deadline = requirement.later(self.call.now, requirement.expires_after)
        if self.case.start_at is not None:
            deadline = min(deadline, self.case.start_at + self.call.late_start)
        return {
            "rule": ruling.rule,
            "requirement": requirement.to_document(),
            "expires_at": deadline,
            **first_nudge(requirement, self.call.now),
        }

    def _cast(self) -> Document:
        """Store the vote; returns what it changes in the task."""
        ballot, case = self.change.ballot, self.case
        if ballot is None or case.task_id is None or case.votes is None or case.seal is None:
            raise TypeError("a ballot is cast on a sealed task")
        counted = self.change.counted
        if counted is None:
            raise TypeError("a ballot that is cast counts for somebody")
        cast(self.call, case.task_id, ballot, counted, before=case.votes, seal=case.seal)
        return {"votes": case.votes + 1, "have": len(counted.tally.approvals), "stage": counted.tally.stage}

    # The permit

    def _permit(self) -> None:
        permit, case = self.move.sets.get("permit"), self.case
        if permit == "none" and case.permit_id:
            reason = PERMIT_ENDS.get(self.event, self.event)
            row = {"permit_id": case.permit_id, "reason": reason, "actor": self.call.by.id, "at": self.call.now}
            cases.end_permit(self.call.connection, row)
            self.case = replace(case, permit_id=None)
        if permit == "valid" and not case.permit_id:
            self._grant()

    def _grant(self) -> None:
        case, ruling = self.case, self._ruling()
        kind, rule, task = "quorum", case.task_rule, case.task_id
        if ruling is not None:
            kind, rule, task = ruling.permission, ruling.rule, None
        row: Document = {
            "id": new_id(self.call.now),
            "campaign_id": case.id,
            "run": case.run,
            "kind": kind,
            "task_id": task,
            "rule": rule,
            "policy": case.policy if ruling is not None else case.task_policy,
            "seal": case.seal,
            "granted_at": self.call.now,
        }
        cases.add_permit(self.call.connection, row)
        if self.change.reason is not None:
            self._glass(row["id"], self.change.reason)
        self.case = replace(case, permit_id=row["id"])

    def _glass(self, permit_id: str, reason: str) -> None:
        said = workspaces.conceal(
            self.call.connection, self.case.workspace, {"reason": reason}, secrets.token_bytes(32)
        )
        row: Document = {"permit_id": permit_id, "reason": said, "begin_by": self.change.begin_by}
        cases.add_glass(self.call.connection, row)

    def _ruling(self) -> Ruling | None:
        return self.change.proposal.ruling if self.change.proposal else None

    # The step, the campaign, the job

    def _step(self) -> None:
        case, move, now = self.case, self.move, self.call.now
        row: Document = {
            "campaign_id": case.id,
            "seq": case.seq + 1,
            "event": self.event,
            "source": move.source,
            "target": move.to,
            "run": case.run,
            "actor": self.call.by.id,
            "person": self.call.by.person,
            "figures": self.change.figures,
        }
        chained = {**row, "before": case.head, "at": now.format_iso(unit="microsecond")}
        row |= {"at": now, "digest": seal.digest(chained)}
        cases.add_step(self.call.connection, row)
        entered = move.to == ACTIVE
        values: dict[str, Any] = {
            "state": move.to,
            "run": case.run,
            "permit_id": case.permit_id,
            "begun": move.sets.get("begun", case.begun),
            "dispatch": case.dispatch + 1 if entered else case.dispatch,
            "seq": row["seq"],
            "head": row["digest"],
            "started_at": now if entered and case.started_at is None else case.started_at,
            "updated_at": now,
            **self.change.campaign,
        }
        cases.move(self.call.connection, self.before, **values)
        self.case = replace(case, version=case.version + 1, **values)

    def _enqueue(self) -> None:
        case, jobs = self.case, self.call.jobs
        if self.move.to == ACTIVE:
            dispatch(self.call, case)
        if self.event == "complete" and lists.has_newcomers(self.call.connection, case):
            jobs.enqueue(self.call.connection, "follow", f"follow-{case.run_id}", case.workspace, case.id)
        if self.move.sets.get("task") == "reviewing":
            jobs.enqueue(self.call.connection, "review", f"review-{case.run_id}", case.workspace, case.id)


def dispatch(call: Call, case: Case, segment: int = 0) -> None:
    """Hand a segment of the present run to the executor, with its permit, in the caller's transaction."""
    permit = str(case.permit_id)
    key = f"run-{case.run_id}-{case.dispatch}-{segment}"
    queue = "email" if case.channel == "email" else "channels"
    args = (case.workspace, case.id, case.dispatch, segment, permit)
    call.jobs.enqueue(call.connection, "segment", key, *args, queue=queue)


def first_nudge(requirement: Requirement, now: Instant) -> Document:
    """When people hear of an open task again, and from when a further group may vote."""
    reminded = requirement.later(now, requirement.remind_after) if requirement.remind_after else None
    escalates = requirement.later(now, requirement.escalate.after) if requirement.escalate else None
    ahead = [moment for moment in (reminded, escalates) if moment is not None]
    return {"escalates_at": escalates, "nudge_at": min(ahead, default=None)}


def _interval(case: Case, now: Instant) -> Document:
    """The interval between two messages that the next run, too, must keep to."""
    if case.waiting_for != "interval" or case.wake_at is None or case.wake_at <= now:
        return {}
    return {"wake_at": case.wake_at, "waiting_for": "interval"}


_ASLEEP: Document = dict.fromkeys(("wake_at", "waiting_for"))
_NONE_YET = ("step", "cursor", "sent", "rejected", "failed", "unknown", "skipped", "deferred", "bounced")
_RUN_ECHO = (
    "recipients", "chain", "steps", "step", "cursor", "sent", "rejected", "failed", "unknown", "skipped", "deferred",
    "bounced", "opened_at",
)  # fmt: skip
_FRESH_RUN: Document = dict.fromkeys(
    (
        "seal", "wake_at", "waiting_for", "waiting_since", "trouble", "begun_at", "closed_at", "closed_as",
        "paused_reason", "launch_error", "rate_limited_until", "tried_before",
    )
)  # fmt: skip
_NO_TASK: Document = dict.fromkeys(
    (
        "task_id", "task_run_id", "task_status", "task_rule", "task_policy", "requirement", "votes", "have",
        "stage", "escalates_at", "nudge_at", "expires_at", "asked_at", "decided_at",
    )
)  # fmt: skip
_TASK_ECHO = {
    "votes": "votes",
    "have": "have",
    "stage": "stage",
    "escalates_at": "escalates_at",
    "nudge_at": "nudge_at",
    "status": "task_status",
    "decided_at": "decided_at",
    "rule": "task_rule",
    "requirement": "requirement",
    "expires_at": "expires_at",
}
