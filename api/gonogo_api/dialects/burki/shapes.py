"""What Burki takes."""

from io import BytesIO
from typing import Annotated, Literal

from fastapi import Path, Request
from pydantic import Field
from whenever import Instant

from gonogo import parts
from gonogo.call import Call
from gonogo.content import Content, Step, Template
from gonogo.errors import Invalid
from gonogo.models import Document
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api import rows
from gonogo_api.problems import Problem
from gonogo_api.rows import Lines, Row, all_or_none
from gonogo_api.shapes import Contacts, Long, LooseShape, Moment, Name, Text
from gonogo_api.strict import content_type

DIALECT = "burki"
MOST_OF_AN_ADDRESS = 254  #: characters
Number = Annotated[int, Path(description="An integer id")]


class NewAssistant(LooseShape):
    name: Name
    subject: Text = ""
    body: Long


class CampaignEdit(LooseShape):
    """What may be said of a campaign; only what is given changes."""

    name: Name | None = None
    description: Text | None = None
    assistant_id: int | None = None
    schedule_type: Literal["immediate", "scheduled"] | None = None
    scheduled_time: Moment | None = None


class NewCampaign(CampaignEdit):
    name: Name


#: What only Burki has: kept, and shown as it was given.
OWN: Document = {"description": None, "assistant_id": None, "schedule_type": "immediate"}


class NewContacts(LooseShape):
    contacts: Contacts


class Schedule(LooseShape):
    scheduled_time: Moment


class Again(LooseShape):
    """Whom to take again."""

    contact_selection: Annotated[
        Literal["all", "failed_only"] | list[Annotated[str, Field(max_length=MOST_OF_AN_ADDRESS)]],
        Field(description="Everybody, whoever could not be reached, or those listed: by address, or by contact id"),
    ] = "all"


def text_of(said: NewAssistant) -> Content:
    return Content((Step(0, Template(said.subject, said.body)),))


def start_of(case: Case) -> Instant | None:
    """When a campaign starts. A run that begins uses the time up, and it is the run's from then on."""
    if case.start_at is None and case.begun_at is not None and case.extra.get("schedule_type") == "scheduled":
        return case.run_start_at
    return case.start_at


def changes_of(call: Call, body: CampaignEdit, case: Case | None) -> Document:
    """What is said of a campaign, in the service's words; what is as it is shown already changes nothing.

    Raises NotFound for an assistant, and Invalid.
    """
    given, old = body.model_fields_set, case.extra if case else OWN
    extra = {**old, **body.model_dump(include={"description", "assistant_id"} & given)}
    changes: Document = {"name": body.name} if body.name is not None else {}
    if extra.get("assistant_id") != old.get("assistant_id"):
        changes["content"] = _said_by(call, body.assistant_id)
    if given & {"schedule_type", "scheduled_time"}:
        shown = start_of(case) if case else None
        start_at = _schedule(body, shown)
        extra["schedule_type"] = "scheduled" if start_at else "immediate"
        if shown is None or start_at not in (shown, shown.round("second", mode="floor")):
            changes["start_at"] = start_at
    return {**changes, "extra": extra}


def _schedule(body: CampaignEdit, shown: Instant | None) -> Instant | None:
    """A time that is given counts: nothing goes out at once because a word was left out."""
    start_at = body.scheduled_time if "scheduled_time" in body.model_fields_set else shown
    if body.schedule_type == "scheduled" and start_at is None:
        raise Invalid.at("scheduled_time", "expected a time for a scheduled campaign")
    return None if body.schedule_type == "immediate" else start_at


def _said_by(call: Call, assistant_id: int | None) -> Content | None:
    return parts.find(call, "assistant", str(assistant_id)).content if assistant_id is not None else None


def found(call: Call, number: int) -> str:
    """The engine's id of a campaign. Raises NotFound."""
    return cases.find(call.connection, call.by.workspace, DIALECT, str(number))


async def csv_contacts(request: Request) -> list[Row]:
    """The rows of a CSV body as contacts (RFC 4180, UTF-8, with a header). Raises Problem and Invalid."""
    if content_type(request) != "text/csv":
        raise Problem("media_type", "Expected a body of type text/csv", "content-type")
    try:
        return list(all_or_none(rows.csv_contacts(Lines(BytesIO(await request.body())))))
    except Invalid as error:
        raise Invalid.at("body", str(error)) from error
