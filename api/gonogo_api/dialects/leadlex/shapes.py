"""What LeadLex takes."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from gonogo.content import Content
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo.reading import CampaignView
from gonogo_api.problems import NO_CURSOR, Problem
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
)

DIALECT = "leadlex"
UUID: dict[str, Any] = {"format": "uuid"}


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
    daily_limit: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    min_interval_seconds: Annotated[int, Field(ge=0, le=31_536_000)] | None = None
    marketing: bool | None = None
    postal_address: Annotated[str, Field(max_length=500)] | None = None
    pool: Annotated[str, Field(min_length=1, max_length=100)] | None = None
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
    "pool",
)


class InNeed(Shape):
    """Why a launch can't wait for approval."""

    reason: Annotated[str, Field(min_length=1, max_length=2_000)]


class Schedule(Shape):
    start_at: Moment


class Clone(Shape):
    name: Name | None = None
    contacts: bool = False


class NewList(Shape):
    name: Name


class Selected(Shape):
    recipients: Literal["unsent", "failed", "all"] | list[str] = "unsent"


class Verdict(Shape):
    verdict: Literal["sent", "released"]


class Approval(Shape):
    seal: str | None = None
    acknowledge: list[str] | None = None
    comment: Annotated[str, Field(max_length=5000)] | None = None


class Comment(Shape):
    reason: Annotated[str, Field(max_length=5000)] | None = None


class NewContacts(Shape):
    contacts: Contacts


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


def _edited_content(body: CampaignEdit, view: CampaignView) -> Content | None:
    said: list[Document] = view.content["steps"] if view.content else []
    first = body.template if "template" in body.model_fields_set else _old_template(said)
    later = [StepShape(delay_days=step["delay_days"], template=_template(step)) for step in said[1:]]
    return content_of(first, (body.steps or []) if "steps" in body.model_fields_set else later)


def _old_template(said: list[Document]) -> TemplateShape | None:
    return _template(said[0]) if said else None


def _template(step: Document) -> TemplateShape:
    texts = {name: step[name] for name in ("subject", "body", "html")}
    return TemplateShape(**texts, weight=step.get("weight"), variants=step.get("others", []))


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def known(wanted: str, kind: str = "campaign") -> str:
    """An id as this dialect's look: a UUID; anything else names nothing. Raises NotFound."""
    if not _UUID.fullmatch(wanted.lower()):
        raise NotFound(kind, wanted)
    return wanted.lower()


def mark(cursor: str) -> str:
    """Where a page begins: behind an id, or with nothing at the beginning. Raises Problem."""
    if cursor and not _UUID.fullmatch(cursor):
        raise Problem("invalid", NO_CURSOR)
    return cursor
