"""Questions that are not about a launch, put and decided: the next policy, and whether breaking the glass was right.

Decided by the table of `question.py`, with the same votes that launches have; every one of them is an act on its
subject: the policy's version, or the campaign whose glass was broken.
"""

from dataclasses import dataclass, replace
from typing import Any

from gonogo import drafts, in_force
from gonogo.acting import act
from gonogo.asking import document_of
from gonogo.ballots import Ballot, cast, judge
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.definition import Blocker
from gonogo.errors import Invalid
from gonogo.facts import Facts
from gonogo.machine import decide
from gonogo.models import Document
from gonogo.policy import Requirement, Stage, Tally
from gonogo.question import APPROVED, PENDING, QUESTION
from gonogo.store import cases, questions, workspaces
from gonogo.store.cases import Case


@dataclass(frozen=True, slots=True)
class Answer:
    """A question as it is now, and every blocker if the step did not happen."""

    task: Any
    blockers: tuple[Blocker, ...] = ()

    @property
    def refused(self) -> bool:
        return bool(self.blockers)


def ask_about_policy(call: Call, version: int, requirement: Requirement, rule: str) -> str:
    """Ask people whether a version that was written may be put into force; returns the task's id. What was asked before
    is asked no more: it would put an older wish into force. Whoever calls holds the workspace."""
    for found in questions.open_changes(call.connection, call.by.workspace):
        _replace(call, found.id)
    row = _task(call, "policy_change", requirement, rule)
    row |= {"policy_version": version, "expires_at": requirement.later(call.now, requirement.expires_after)}
    questions.add(call.connection, row)
    act(call, "policy", str(version), "proposed", {"task": row["id"]})
    return str(row["id"])


def review_glass(call: Call, case: Case) -> str:
    """Ask the owners, but for who broke it, whether breaking the glass was right; returns the task's id."""
    requirement = Requirement(stages=(Stage(1, "owners"),), separation="requester", barred=(call.by.person,))
    row = _task(call, "break_glass_review", requirement, "break glass")
    row |= {"campaign_id": case.id, "run_id": case.run_id}
    questions.add(call.connection, row)
    act(call, "break_glass", case.id, "broken", {"run": case.run, "permit": case.permit_id, "task": row["id"]})
    return str(row["id"])


def vote(call: Call, task_id: str, ballot: Ballot) -> Answer:
    """Record a vote about a question, and do what it decides. Raises NotFound."""
    held = questions.lock(call.connection, call.by.workspace, task_id)
    call = call.waited()
    task = _settled(call, held)
    requirement = Requirement.from_document(task.requirement)
    casts, seal = cases.ballots(call.connection, task_id), seal_of(call, task)
    judged = judge(call, requirement, ballot.choice, task_id=task_id, casts=casts)
    decides = task.kind == "policy_change" and ballot.choice == "approve" and judged.enough
    facts = Facts(
        addressed=task.status,
        overdue=is_overdue(call, task),
        entitled=judged.refused or (_outdated(call, task) if decides else None),
        repeated=judged.repeated,
        seen=ballot.seal in (None, seal),
        enough=judged.enough,
    )
    decision = decide(QUESTION, task.status, ballot.choice, facts)
    if decision.move is None or judged.counted is None:
        return Answer(task, decision.blockers)
    ballot = replace(ballot, acknowledge=None)  # there are no warnings to acknowledge
    cast(call, task.id, ballot, judged.counted, before=task.votes, seal=seal)
    return Answer(_move(call, task, ballot.choice, str(decision.to), judged.counted.tally))


def _outdated(call: Call, task: Any) -> Blocker | None:
    """Why a policy that was right when it was proposed is no more: people may have left since."""
    try:
        drafts.check(call, document_of(call, task.policy_version))
    except Invalid as invalid:
        message = f"What was proposed can't come into force as people and groups are now: {invalid}"
        return Blocker("policy_outdated", message, mistakes=[str(mistake) for mistake in invalid.mistakes])
    return None


def withdraw(call: Call, task_id: str) -> Answer:
    """Take a question about the policy back; only who asked may. Raises NotFound."""
    task = _settled(call, questions.lock(call.connection, call.by.workspace, task_id))
    mine = task.kind == "policy_change" and call.by.person == _asker(call, task)
    decision = decide(QUESTION, task.status, "withdraw", Facts(addressed=task.status, requester=mine))
    if decision.move is None:
        return Answer(task, decision.blockers)
    return Answer(_move(call, task, "withdraw", str(decision.to)))


def expire(call: Call, task_id: str) -> Answer:
    """The deadline of a question has passed. Raises NotFound."""
    return Answer(_settled(call, questions.lock(call.connection, call.by.workspace, task_id)))


def seal_of(call: Call, task: Any) -> str:
    """What a vote about a question is about: the digest of the policy, or the seal of the run."""
    if task.kind == "policy_change":
        return workspaces.policy_digest(call.connection, task.workspace_id, task.policy_version)
    return str(cases.proposed(call.connection, [task.run_id])[task.run_id].seal)


def _task(call: Call, kind: str, requirement: Requirement, rule: str) -> Document:
    number: int = workspaces.get(call.connection, call.by.workspace).policy
    return {
        "id": new_id(call.now),
        "workspace_id": call.by.workspace,
        "kind": kind,
        "status": PENDING,
        "rule": rule,
        "policy": number,
        "requirement": requirement.to_document(),
        "votes": 0,
        "have": 0,
        "stage": 0,
        "created_at": call.now,
    }


def _settled(call: Call, task: Any) -> Any:
    """The question, its overdue deadline settled first."""
    if not is_overdue(call, task):
        return task
    decision = decide(QUESTION, task.status, "expire", Facts(addressed=task.status, overdue=True))
    return _move(call, task, "expire", str(decision.to))


def is_overdue(call: Call, task: Any) -> bool:
    """The question is open, and its deadline has passed."""
    return task.status == PENDING and task.expires_at is not None and call.now >= task.expires_at


def _replace(call: Call, task_id: str) -> None:
    task = questions.lock(call.connection, call.by.workspace, task_id)
    decision = decide(QUESTION, task.status, "replace", Facts(addressed=task.status))
    _move(call, task, "replace", str(decision.to))


def _move(call: Call, task: Any, event: str, to: str, stands: Tally | None = None) -> Any:
    """Write the step down: the task's row, and an act on what it is about."""
    values: Document = {"status": to}
    if stands is not None:
        values |= {"votes": task.votes + 1, "have": len(stands.approvals), "stage": stands.stage}
    if to != PENDING:
        values["decided_at"] = call.now
    questions.change(call.connection, task.id, **values)
    is_policy = task.kind == "policy_change"
    kind, subject = ("policy", str(task.policy_version)) if is_policy else ("break_glass", task.campaign_id)
    act(call, kind, subject, event, {"task": task.id, "status": to})
    if is_policy and to == APPROVED:
        in_force.put(call, task.policy_version)
    return questions.read(call.connection, call.by.workspace, task.id)


def _asker(call: Call, task: Any) -> str:
    return workspaces.policy_author(call.connection, task.workspace_id, task.policy_version)
