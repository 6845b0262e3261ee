"""What LeadLex takes and what it shows."""

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Response
from pydantic import Field
from whenever import Instant

from gonogo import reading
from gonogo.content import Content
from gonogo.definition import Blocker
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo.reading import CampaignView, Launchability, ListView, TaskView
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.problems import json_response
from gonogo_api.shapes import (
    Channel,
    Contacts,
    Moment,
    Name,
    SenderShape,
    Shape,
    StepShape,
    TemplateShape,
    content_of,
    iso,
)

DIALECT = "leadlex"


class SendWindow(Shape):
    start: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    end: Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class CampaignEdit(Shape):
    """What may be said of a campaign; only what is given changes."""

    name: Name | None = None
    template: TemplateShape | None = None
    sender: SenderShape | None = None
    start_at: Moment | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None
    send_window: SendWindow | None = None
    send_days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] | None = None
    daily_limit: Annotated[int, Field(ge=1)] | None = None
    min_interval_seconds: Annotated[int, Field(ge=0)] | None = None
    marketing: bool | None = None
    postal_address: Annotated[str, Field(max_length=500)] | None = None
    steps: Annotated[list[StepShape], Field(max_length=10)] | None = None
    metadata: dict[str, Any] | None = None
    list_id: str | None = None


class NewCampaign(CampaignEdit):
    name: Name
    channel: Channel = "email"


SETTINGS = (
    "timezone",
    "send_window",
    "send_days",
    "daily_limit",
    "min_interval_seconds",
    "marketing",
    "postal_address",
)


class Schedule(Shape):
    start_at: Moment


class Clone(Shape):
    name: Name | None = None
    contacts: bool = False


class NewList(Shape):
    name: Name


class Selected(Shape):
    recipients: Literal["unsent", "failed", "all"] | list[str] = "unsent"


class Approval(Shape):
    seal: str | None = None
    acknowledge: list[str] | None = None
    comment: Annotated[str, Field(max_length=5000)] | None = None


class Comment(Shape):
    reason: Annotated[str, Field(max_length=5000)] | None = None


class NewContacts(Shape):
    contacts: Contacts


#: Status on the wire -> the task's own.
TASK_STATUS: dict[str, tuple[str, ...]] = {
    "pending": ("reviewing", "pending"),
    "approved": ("approved",),
    "completed": ("approved",),
    "failed": ("approved",),
    "dismissed": ("dismissed", "changes_requested", "expired", "void"),
}


def data(body: Document, status: int = 200) -> Response:
    return json_response({"data": body}, status)


def paged(body: Document, cursor: str | None, path: str, **query: object) -> Response:
    """A page; where there is more, with a link to the next one of the same question."""
    response = data(body)
    if cursor is not None:
        asked = urlencode({name: value for name, value in {**query, "cursor": cursor}.items() if value is not None})
        response.headers["Link"] = f'<{path}?{asked}>; rel="next"'
    return response


def campaign(view: CampaignView, now: Instant) -> Document:
    case = view.case
    steps: list[Document] = view.content["steps"] if view.content else []
    templates = [{key: step[key] for key in ("subject", "body", "html")} for step in steps]
    later = zip(steps[1:], templates[1:], strict=True)
    return {
        "id": case.id,
        "name": case.name,
        "channel": case.channel,
        "status": contract.status(DIALECT, reading.status_of(case, now)),
        "template": templates[0] if templates else None,
        "steps": [{"delay_days": step["delay_days"], "template": template} for step, template in later],
        "sender": view.sender,
        "start_at": iso(case.start_at),
        **{name: view.settings.get(name) for name in SETTINGS},
        "marketing": view.settings.get("marketing", False),
        "metadata": case.extra.get("metadata", {}),
        "list_id": case.list_id,
        "recipients": case.recipients if case.run_open else case.contacts,
        "run": case.run,
        "revision": case.revision,
        "task_id": case.task_id if case.task_open else None,
        "paused_reason": case.paused_reason,
        "launch_error": case.launch_error,
        "rate_limited_until": iso(case.rate_limited_until),
        "created_at": iso(case.created_at),
        "updated_at": iso(case.updated_at),
    }


def task(view: TaskView, now: Instant) -> Document:
    case, own = view.case, reading.task_status(view.case, now)
    shown = next(wire for wire, statuses in TASK_STATUS.items() if own in statuses)
    ended = case.closed_as if case.task_run_id == case.run_id else None
    if own == "approved" and ended in ("completed", "failed"):
        shown = ended
    return {
        "id": case.task_id,
        "type": "campaign_start",
        "status": shown,
        "outcome": own,
        "description": f"Launch “{case.name}” to {case.recipients} recipients",
        "created_at": iso(case.asked_at),
        "decided_at": iso(case.decided_at),
        "expires_at": iso(case.expires_at),
        "metadata": {"campaign_id": case.id},
        "recipients": case.recipients,
        "seal": case.seal,
        "rule": case.task_rule,
        "warnings": case.warnings or [],
        "approvals": approvals(case),
    }


def approvals(case: Case) -> Document:
    stages = (case.requirement or {}).get("stages", [])
    return {"have": case.have or 0, "need": sum(stage["quorum"] for stage in stages)}


def finding_shape(found: Any) -> Document:
    shape: Document = {"code": found.code, "severity": found.severity, "message": found.message}
    return {**shape, "count": found.count, "samples": list(found.samples), "fix": found.fix}


def settings_of(body: CampaignEdit, old: Document) -> Document:
    said = body.model_dump(include=set(SETTINGS), exclude_unset=True)
    return {name: value for name, value in {**old, **said}.items() if value is not None}


def changes_of(body: CampaignEdit, view: CampaignView) -> Document:
    """What an edit changes, in the service's words."""
    given = body.model_fields_set
    changes: Document = {}
    if given & {"template", "steps"}:
        changes["content"] = _edited_content(body, view)
    if given & set(SETTINGS):
        changes["settings"] = settings_of(body, view.settings)
    if "sender" in given:
        changes["sender"] = body.sender.model_dump() if body.sender else None
    if "metadata" in given:
        changes["extra"] = {**view.case.extra, "metadata": body.metadata or {}}
    if "list_id" in given:
        changes["list_id"] = list_of(body)
    return changes | {name: getattr(body, name) for name in ("name", "start_at") if name in given}


def list_of(body: CampaignEdit) -> str:
    """The list that a body names. Raises NotFound, and Invalid for null: a campaign always has a list."""
    if body.list_id is None:
        raise Invalid.at("list_id", "expected the id of a list: a campaign always has one")
    return known(body.list_id, "list")


def contact_list(view: ListView) -> Document:
    return {"id": view.id, "name": view.name, "contacts": view.contacts, "created_at": iso(view.created_at)}


def launchability(found: Launchability) -> Document:
    shown = [finding_shape(finding) for finding in found.findings]
    asked = found.ruling.requirement if found.ruling else None
    return {
        "launchable": not found.blockers,
        "blockers": [blocker_shape(blocker) for blocker in found.blockers],
        "warnings": [finding for finding in shown if finding["severity"] == "warning"],
        "findings": shown,
        "rule": found.ruling.rule if found.ruling else None,
        "requirement": asked.to_document() if asked else None,
    }


def blocker_shape(blocker: Blocker) -> Document:
    return {"code": blocker.code, "message": blocker.message, **blocker.figures}


def _edited_content(body: CampaignEdit, view: CampaignView) -> Content | None:
    old = campaign(view, Instant.MIN)
    first = body.template if "template" in body.model_fields_set else old["template"]
    steps = body.steps if "steps" in body.model_fields_set else old["steps"]
    first = TemplateShape.model_validate(first) if isinstance(first, dict) else first
    return content_of(first, [StepShape.model_validate(s) if isinstance(s, dict) else s for s in steps or []])


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def known(wanted: str, kind: str = "campaign") -> str:
    """An id as this dialect's look: a UUID; anything else names nothing. Raises NotFound."""
    if not _UUID.fullmatch(wanted.lower()):
        raise NotFound(kind, wanted)
    return wanted.lower()
