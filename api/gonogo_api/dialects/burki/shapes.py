"""What Burki takes and what it shows."""

import csv
import io
from typing import Annotated, Any, Literal

from fastapi import Path, Request
from pydantic import Field
from whenever import Instant

from gonogo import parts, reading
from gonogo.call import Call
from gonogo.content import Content, Step, Template
from gonogo.errors import Invalid
from gonogo.models import Document
from gonogo.parts import Part
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api import contract
from gonogo_api.problems import Problem
from gonogo_api.shapes import Contacts, Long, LooseShape, Moment, Name, Text, iso_seconds

DIALECT = "burki"
#: The code of a call that Burki does not offer in the campaign's status; its message is Burki's own.
WRONG_STATUS = "wrong_status"
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


class NewContacts(LooseShape):
    contacts: Contacts


class Schedule(LooseShape):
    scheduled_time: Moment


class Again(LooseShape):
    """Whom to take again: everybody, whoever could not be reached, or the contacts with these ids."""

    contact_selection: Literal["all", "failed_only"] | list[Annotated[str, Field(max_length=64)]] = "all"


def assistant(part: Part) -> Document:
    said = part.content.steps[0].template if part.content else Template("", "")
    shown = {"id": int(part.wire_id), "name": part.name, "subject": said.subject, "body": said.body}
    return {**shown, "created_at": iso_seconds(part.created_at)}


def campaign(case: Case, now: Instant) -> Document:
    return {
        "id": int(case.wire_id),
        "name": case.name,
        "description": case.extra.get("description"),
        "status": contract.status(DIALECT, reading.status_of(case, now)),
        "assistant_id": case.extra.get("assistant_id"),
        "schedule_type": "scheduled" if case.start_at else case.extra.get("schedule_type", "immediate"),
        "scheduled_time": iso_seconds(case.start_at),
        "total_contacts": case.contacts,
        "started_at": iso_seconds(case.started_at),
        "created_at": iso_seconds(case.created_at),
        "updated_at": iso_seconds(case.updated_at),
    }


def started(case: Case) -> Document:
    """The answer to a start: `task_id` is the run's id, whether the run executes, is scheduled or awaits approval."""
    waits = contract.status(DIALECT, case.state) == "scheduled"
    start_at = case.start_at if waits else None
    message = "Campaign execution started immediately"
    if case.task_open:
        message = "Campaign awaits approval before its execution starts"
    elif start_at is not None:
        message = f"Campaign scheduled for {_spoken(start_at)}"
    answer = {
        "success": True,
        "message": message,
        "task_id": case.run_id,
        "campaign_id": int(case.wire_id),
        "status": "scheduled",
    }
    return answer if start_at is None else {**answer, "scheduled_time": iso_seconds(start_at)}


def progress(case: Case, now: Instant) -> Document:
    total = (case.recipients or 0) * (case.steps or 1)
    failed = (case.rejected or 0) + (case.failed or 0) + (case.unknown or 0)
    return {
        "campaign_id": int(case.wire_id),
        "status": contract.status(DIALECT, reading.status_of(case, now)),
        "total": total,
        "completed": case.sent or 0,
        "failed": failed,
        "skipped": case.skipped or 0,
        "pending": max(0, total - case.settled) if case.run_open else 0,
        "progress_percentage": round(100 * case.settled / total, 1) if total else 0.0,
    }


def text_of(said: NewAssistant) -> Content:
    return Content((Step(0, Template(said.subject, said.body)),))


def changes_of(call: Call, body: CampaignEdit, old: Document, start_at: Instant | None) -> Document:
    """What is said of a campaign, in the service's words. Raises NotFound for an assistant, and Invalid."""
    given = body.model_fields_set
    extra = {**old, **body.model_dump(include={"description", "assistant_id", "schedule_type"}, exclude_unset=True)}
    changes: Document = {"name": body.name} if body.name is not None else {}
    if "assistant_id" in given:
        changes["content"] = _said_by(call, body.assistant_id)
    if given & {"schedule_type", "scheduled_time"}:
        start_at = body.scheduled_time if "scheduled_time" in given else start_at
        extra["schedule_type"] = _schedule(body.schedule_type, start_at)
        changes["start_at"] = start_at if extra["schedule_type"] == "scheduled" else None
    return {**changes, "extra": extra}


def _schedule(wanted: str | None, start_at: Instant | None) -> str:
    """A time that is given counts: nothing goes out at once because a word was left out."""
    if wanted == "scheduled" and start_at is None:
        raise Invalid.at("scheduled_time", "expected a time for a scheduled campaign")
    return wanted or ("scheduled" if start_at is not None else "immediate")


def _said_by(call: Call, assistant_id: int | None) -> Content | None:
    return parts.find(call, "assistant", str(assistant_id)).content if assistant_id is not None else None


def found(call: Call, number: int) -> str:
    """The engine's id of a campaign. Raises NotFound."""
    return cases.find(call.connection, call.by.workspace, DIALECT, str(number))


# CSV

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


async def csv_contacts(request: Request) -> list[Document]:
    """The rows of a CSV body as contacts (RFC 4180, UTF-8, with a header). Raises Problem and Invalid."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "text/csv":
        raise Problem("media_type", "Expected a body of type text/csv", "content-type")
    try:
        text = (await request.body()).decode("utf-8-sig")
        return list(_contacts(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise Invalid.at("body", f"expected CSV in UTF-8: {error}") from error


def _contacts(text: str) -> list[Document]:
    if "\x00" in text:
        raise Invalid.at("body", "NUL is not allowed in a text")
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in next(lines, [])]
    if not header or "" in header or len(set(header)) != len(header):
        raise Invalid.at("body", "expected a header that names every column, once")
    return [_contact(header, cells, lines.line_num) for cells in lines if cells]


def _contact(header: list[str], cells: list[str], line: int) -> Document:
    if len(cells) > len(header):
        raise Invalid.at("body", f"line {line} has more cells than the header")
    said: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    consent = said.get("consent")
    if consent is not None:
        said["consent"] = _TRUTH.get(consent.strip().lower(), consent)
    return said


def _spoken(moment: Instant) -> str:
    return moment.to_stdlib().strftime("%Y-%m-%d %H:%M:%S UTC")
