"""What people look at: campaigns, tasks, messages and events, read without holding anything."""

import json
from dataclasses import dataclass
from typing import Any

from whenever import Instant

from gonogo.call import Call
from gonogo.execution.executor import message_id
from gonogo.models import LEDGER_STATES, TASK_STATES, Document
from gonogo.proposal import is_overdue
from gonogo.store import cases, ledger, workspaces
from gonogo.store.cases import Case

OPEN = ("reviewing", "pending")


@dataclass(frozen=True, slots=True)
class CampaignView:
    """A campaign with what it says, as people wrote it."""

    case: Case
    content: Document | None
    sender: Document | None
    settings: Document


@dataclass(frozen=True, slots=True)
class TaskView:
    """A task with its case, what Lexi found, and the votes so far."""

    case: Case
    findings: list[Document]
    votes: list[Document]


def campaign(call: Call, campaign_id: str) -> CampaignView:
    """One campaign. Raises NotFound."""
    return views(call, [cases.read(call.connection, call.by.workspace, campaign_id)])[0]


def views(call: Call, found: list[Case]) -> list[CampaignView]:
    """The cases with what they say, all read at once."""
    wanted = {pinned for case in found for pinned in (case.content_id, case.sender_id, case.settings_id) if pinned}
    bodies: dict[str | None, Document] = {
        key: row.body for key, row in workspaces.versions(call.connection, sorted(wanted)).items()
    }
    return [
        CampaignView(case, bodies.get(case.content_id), bodies.get(case.sender_id), bodies[case.settings_id])
        for case in found
    ]


def campaigns(
    call: Call, *, dialect: str | None = None, states: tuple[str, ...] | None = None, after: str = "", limit: int = 50
) -> list[CampaignView]:
    """A page of the workspace's campaigns, in order of their making."""
    return views(
        call, cases.page(call.connection, call.by.workspace, dialect=dialect, states=states, after=after, limit=limit)
    )


def tasks(
    call: Call,
    *,
    statuses: tuple[str, ...] = OPEN,
    campaign_id: str | None = None,
    after: tuple[Instant, str] | None = None,
    limit: int = 50,
) -> list[TaskView]:
    """A page of the workspace's tasks, in order of their making. A lapsed one never looks open."""
    unknown = set(statuses) - set(TASK_STATES)
    if unknown:
        raise ValueError(f"no such status of a task: {', '.join(sorted(unknown))}")
    found = cases.tasks(
        call.connection, call.by.workspace, statuses=statuses, campaign_id=campaign_id, after=after, limit=limit
    )
    lapsed_fit = "expired" in statuses
    fit = [case for case in found if lapsed_fit or not is_overdue(case, call.now)]
    return [TaskView(case, [], []) for case in fit]


def task(call: Call, task_id: str) -> TaskView:
    """One task, whole. Raises NotFound."""
    case = cases.read_by_task(call.connection, call.by.workspace, task_id)
    votes = [
        {"person": row.person, "choice": row.choice, "at": row.at, "comment": row.comment}
        for row in cases.votes(call.connection, task_id)
    ]
    said = _comments(call, [vote["comment"] for vote in votes if vote["comment"]])
    for vote in votes:
        vote["comment"] = said.get(vote["comment"])
    return TaskView(case, findings(call, case), votes)


def findings(call: Call, case: Case) -> list[Document]:
    """What Lexi found in the run that the task is about."""
    digest = cases.findings_of(call.connection, case.task_run_id or case.run_id)
    body = workspaces.reveal(call.connection, [digest])[digest] if digest else None
    found: list[Document] = json.loads(body)["findings"] if body else []
    return found


def events(call: Call, campaign_id: str) -> list[Document]:
    """Every recorded step of a campaign. Raises NotFound."""
    cases.read(call.connection, call.by.workspace, campaign_id)
    columns = ("seq", "event", "source", "target", "run", "actor", "person", "figures", "at", "digest")
    return [{name: getattr(row, name) for name in columns} for row in cases.steps(call.connection, campaign_id)]


def messages(
    call: Call,
    campaign_id: str,
    *,
    states: tuple[str, ...] = LEDGER_STATES,
    after: tuple[str, int, int] | None,
    limit: int,
) -> list[Document]:
    """A page of a campaign's ledger: one row per message that was claimed. Raises NotFound."""
    cases.read(call.connection, call.by.workspace, campaign_id)
    found = ledger.rows(call.connection, campaign_id, states=states, after=after, limit=limit)
    return [_message(row) for row in found]


def status_of(case: Case, now: Instant) -> str:
    """The state as people see it: a task past its deadline has expired, whether or not the clock wrote it down yet."""
    if is_overdue(case, now) and case.task_run_id == case.run_id:
        return "paused" if case.begun else "draft"
    return case.state


def task_status(case: Case, now: Instant) -> str:
    """The task's status, read by its deadline."""
    return "expired" if is_overdue(case, now) else str(case.task_status)


def _message(row: Any) -> Document:
    return {
        "id": f"{row.run_id}.{row.step}.{row.position}",
        "recipient": json.loads(row.body)["address"] if row.body else None,
        "step": row.step,
        "state": row.state,
        "message_id": message_id(row.run_id, row.step, row.position),
        "claimed_at": row.claimed_at,
        "settled_at": row.settled_at,
        "error": row.error,
    }


def _comments(call: Call, digests: list[str]) -> dict[str | None, str | None]:
    bodies = workspaces.reveal(call.connection, digests) if digests else {}
    return {digest: json.loads(body)["comment"] if body else None for digest, body in bodies.items()}
