"""Moving in: campaigns and contacts as the original product had them, with its ids, out of CSV or NDJSON.

What a row may say of a campaign is what the house API takes, and what only the workspace's dialect has; `ORIGINS`
says that dialect by dialect. A campaign that was launched elsewhere comes in cancelled: it goes out again only when
somebody reopens it. Everything is taken or nothing: the functions raise NotTaken with every row that can't be.
"""

import json
import re
from bisect import insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from gonogo import parts, seal, service
from gonogo.call import Call
from gonogo.contacts import CHUNK, Added
from gonogo.errors import GonogoError, Invalid, Mistake, NotFound
from gonogo.models import Document
from gonogo.service import Draft
from gonogo.store import cases, workspaces
from gonogo_api import channels
from gonogo_api.dialects.bavlio import shapes as bavlio
from gonogo_api.dialects.burki import shapes as burki
from gonogo_api.dialects.leadlex import shapes as leadlex
from gonogo_api.dialects.leadterra import shapes as leadterra
from gonogo_api.dialects.sonarly import shapes as sonarly
from gonogo_api.problems import invalid_request
from gonogo_api.rows import TRUTH, Found, Lines, Row, csv_contacts, csv_rows, ndjson_rows
from gonogo_api.shapes import content_of
from gonogo_api.strict import read_json

Shape = TypeVar("Shape", bound=BaseModel)

#: How many rows that can't be taken are named one by one.
NAMED = 100
#: The largest integer id. JSON's readers tell neighbours apart up to 2**53 (RFC 8259, section 6); ids count on from it.
LARGEST = 2**52


class NotTaken(GonogoError):
    """Rows that can't be taken, all of them counted and the first of them named. Nothing may be kept."""

    def __init__(self, count: int, named: list[tuple[int, str]]) -> None:
        told = [f"{'header' if row < 0 else f'row {row}'}: {message}" for row, message in named]
        more = [f"and {count - len(named)} more"] if count > len(named) else []
        head = f"nothing was imported, mistakes: {count} (rows are counted from 0, without the header)"
        super().__init__("\n  ".join([head, *told, *more]))


# Files


@dataclass(frozen=True, slots=True)
class Source:
    """A file of rows."""

    lines: Lines
    is_csv: bool

    def campaigns(self, columns: Mapping[str, str]) -> Iterator[Found]:
        """Rows with these columns, each with the JSON type of its cells."""
        if not self.is_csv:
            return ndjson_rows(self.lines)
        rows = csv_rows(self.lines, columns)
        return (row if isinstance(row, Invalid) else _typed(row, columns) for row in rows)

    def contacts(self) -> Iterator[Found]:
        return csv_contacts(self.lines) if self.is_csv else ndjson_rows(self.lines)


_IS_CSV = {".csv": True, ".ndjson": False, ".jsonl": False}


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The file, read as its name says. Raises ValueError for another name, and OSError."""
    is_csv = _IS_CSV.get(path.suffix.lower())
    if is_csv is None:
        raise ValueError(f"{path}: expected a file whose name ends in {', '.join(_IS_CSV)}")
    with path.open("rb") as body:
        yield Source(Lines(body), is_csv)


def _typed(row: Row, columns: Mapping[str, str]) -> Row:
    """A row of text as the values that its columns hold, those with dots inside each other."""
    found: Document = {}
    for name, cell in row.items():
        *outer, last = name.split(".")
        inner = found
        for each in outer:
            inner = inner.setdefault(each, {})
        inner[last] = _READ[columns[name]](cell)
    return found


def _integer(cell: str) -> int | str:
    return int(cell) if re.fullmatch(r"\s*-?[0-9]{1,18}\s*", cell) else cell


def _boolean(cell: str) -> bool | str:
    return TRUTH.get(cell.strip().lower(), cell)


def _json(cell: str) -> object:
    try:
        return read_json(cell.encode())
    except RequestValidationError:
        return cell  # refused as what it is: a text where a list or an object is expected


_READ: dict[str, Callable[[str], object]] = {
    "string": str,
    "integer": _integer,
    "boolean": _boolean,
    "array": _json,
    "object": _json,
}


# The originals


def _columns(model: type[BaseModel]) -> dict[str, str]:
    """What a shape takes, its own shapes' fields with dots, each with its JSON type."""
    schema = model.model_json_schema(by_alias=True)
    return dict(_leaves(schema["properties"], schema.get("$defs", {}), ""))


def _leaves(properties: Document, shapes: Document, outer: str) -> Iterator[tuple[str, str]]:
    for name, said in properties.items():
        kind = said.get("anyOf", [said])[0]  # the other one is null
        if "$ref" in kind:
            inner = shapes[kind["$ref"].rpartition("/")[2]]
            yield from _leaves(inner["properties"], shapes, f"{outer}{name}.")
        else:
            yield outer + name, kind["type"]


#: What every campaign may say.
_EVERY = {"id": "string", "status": "string", **_columns(leadlex.NewCampaign)}
del _EVERY["list_id"]


class _BavlioOwn(bavlio.CampaignEdit):
    user_id: bavlio.Uuid | None = None


def _as_own_id(_: Call, draft: Draft) -> Draft:
    """LeadLex knows campaigns by the engine's id."""
    return replace(draft, id=draft.wire_id)


def _as_it_is(_: Call, draft: Draft) -> Draft:
    return draft


def _with_assistant(call: Call, draft: Draft) -> Draft:
    """What Burki's assistant says, where the row says nothing. Raises Invalid for one that is not there, then."""
    assistant, content = draft.extra["assistant_id"], draft.content
    for name, number in (("id", int(draft.wire_id or 0)), ("assistant_id", assistant or 0)):
        if not 0 <= number <= LARGEST:
            raise Invalid.at(name, f"expected a number up to {LARGEST}, found {number}")
        workspaces.pass_number(call.connection, call.by.workspace, number)
    if assistant is not None and content is None:
        try:
            content = parts.find(call, "assistant", str(assistant)).content
        except NotFound as error:
            raise Invalid.at("assistant_id", f"{error}: expected its words in template.subject and .body") from error
    return replace(_timed(draft, "schedule_type", {}), content=content)


def _with_dataset(call: Call, draft: Draft) -> Draft:
    """Bavlio's steps as it shows them, and its data set, which is made where it is not there yet."""
    steps = draft.content.steps if draft.content else ()
    shown = [
        {"step": at, "delay_days": step.delay_days, "message_template": step.template.body}
        for at, step in enumerate(steps, 1)
    ]
    dataset, list_id = draft.extra["dataset_id"], None
    if dataset is not None:
        try:
            list_id = parts.find(call, bavlio.DATASET, dataset).list_id
        except NotFound:
            list_id = parts.add_dataset(call, bavlio.DATASET, dataset, draft.name).list_id
    made = {
        "steps_config": [bavlio.StepConfig.model_validate(step).model_dump() for step in shown],
        "user_id": draft.extra["user_id"] or bavlio.user_of(call.by),
    }
    return replace(_timed(draft, "launch_type", made), list_id=list_id)


def _timed(draft: Draft, name: str, made: Document) -> Draft:
    """With what was made. Whether there is a start time is said twice, and both must agree. Raises Invalid."""
    wanted, told = ("scheduled", "a start_at") if draft.start_at else ("immediate", "no start_at")
    if draft.extra[name] not in (None, wanted):
        raise Invalid.at(name, f"expected {wanted}, because {told} is given")
    return replace(draft, extra={**draft.extra, **made, name: wanted})


@dataclass(frozen=True)
class Origin:
    """How the campaigns of one product are told apart, and what only they have."""

    id: re.Pattern[str]
    expected: str  # the same in words
    shape: type[BaseModel]  # reads what only this product has
    own: Document  # that, as a campaign has it that says nothing of it
    finish: Callable[[Call, Draft], Draft] = _as_it_is
    folds: bool = True  # ids in capitals are the same ids
    made: frozenset[str] = field(default_factory=frozenset)  # of `own`, what no row says: `finish` makes it

    @cached_property
    def columns(self) -> dict[str, str]:
        """Everything that a row may say, each with its JSON type."""
        found = _columns(self.shape)
        return {**_EVERY, **{name: found[name] for name in self.own if name not in self.made}}

    def wire_id(self, row: Row, column: str) -> str:
        """An id of the product's, as it is kept. Raises Invalid."""
        found = row.get(column)
        text = str(found).lower() if self.folds else str(found)
        if not self.id.fullmatch(text):
            told = "nothing" if found is None else json.dumps(found)[:80]
            raise Invalid.at(column, f"expected {self.expected}, found {told}")
        return text


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SONARLY = sonarly.NewCampaign(name="-").model_dump(by_alias=True)

ORIGINS: dict[str, Origin] = {
    "leadlex": Origin(_UUID, "a UUID", leadlex.NewCampaign, {"metadata": {}}, _as_own_id),
    "sonarly": Origin(
        re.compile(r"[0-9a-f]{24}"),
        "24 hexadecimal digits",
        sonarly.NewCampaign,
        {name: _SONARLY[name] for name in sonarly.OWN},
    ),
    "leadterra": Origin(
        re.compile(r"camp_[0-9A-Za-z]{1,64}"),
        "camp_ and up to 64 letters and digits",
        leadterra.NewCampaign,
        {"senderPoolId": None},
        folds=False,
    ),
    "burki": Origin(
        re.compile(r"[1-9][0-9]{0,15}"),
        "a positive integer",
        burki.CampaignEdit,
        {**burki.OWN, "schedule_type": None},
        _with_assistant,
    ),
    "bavlio": Origin(
        _UUID,
        "a UUID",
        _BavlioOwn,
        {**bavlio.OWN, "user_id": None, "launch_type": None},
        _with_dataset,
        made=frozenset({"steps_config"}),
    ),
}


# Campaigns


def import_campaigns(call: Call, source: Source) -> int:
    """Make the campaigns of a file in the workspace's dialect, as drafts or cancelled; answers how many. Raises
    NotTaken and NotFound."""
    dialect = workspaces.get(call.connection, call.by.workspace).dialect
    mistakes, made, kinds = _Mistakes(), 0, channels.installed()
    for at, row in mistakes.passing(source.lines, source.campaigns(ORIGINS[dialect].columns)):
        with mistakes.of(at):
            _import(call, dialect, row, kinds)
            made += 1
    mistakes.check()
    return made


def _import(call: Call, dialect: str, row: Row, kinds: Sequence[str]) -> None:
    launched = _was_launched(row)
    draft = _draft(call, dialect, row)
    channels.check(draft.channel, kinds)
    made = service.create(call, draft).case
    if launched:
        service.cancel(call, made.id)


def _was_launched(row: Row) -> bool:
    status = row.get("status") or "draft"
    if not isinstance(status, str):
        raise Invalid.at("status", "expected a text")
    return status.strip().lower() != "draft"


def _draft(call: Call, dialect: str, row: Row) -> Draft:
    origin = ORIGINS[dialect]
    _check_columns(row, origin.columns)
    wire_id = origin.wire_id(row, "id")
    house = {name: value for name, value in row.items() if name in leadlex.NewCampaign.model_fields}
    said = _read(leadlex.NewCampaign, house, origin)
    metadata = {} if said.metadata is None else {"metadata": said.metadata}
    draft = Draft(
        name=said.name,
        channel=said.channel,
        content=content_of(said.template, said.steps or []),
        sender=said.sender.model_dump() if said.sender else None,
        settings=leadlex.settings_of(said, {}),
        start_at=said.start_at,
        extra={**origin.own, **metadata, **_own(origin, row)},
        dialect=dialect,
        wire_id=wire_id,
    )
    return origin.finish(call, draft)


def _check_columns(row: Row, columns: Mapping[str, str]) -> None:
    known = {name.partition(".")[0] for name in columns}
    unknown = [name for name in row if name not in known]
    if unknown:
        raise Invalid([Mistake(name, f"expected some of {', '.join(columns)}") for name in unknown])
    try:
        seal.canonical({name: value for name, value in row.items() if name != "id"})
    except (ValueError, RecursionError) as error:
        raise Invalid.at("", f"expected plain JSON values: {error}") from error


def _own(origin: Origin, row: Row) -> Document:
    """What the row says of that which only its product has."""
    said = {name: row[name] for name in origin.own if name in row and name not in _EVERY}
    read = _read(origin.shape, {"name": "-", **said}, origin)
    return {name: value for name, value in read.model_dump(by_alias=True).items() if name in said}


def _read(shape: type[Shape], said: Document, origin: Origin) -> Shape:
    try:
        return shape.model_validate(said)
    except ValidationError as error:
        found = [{**each, "msg": _told(each, origin)} for each in error.errors()]
        raise Invalid(invalid_request(RequestValidationError(found)).mistakes) from error


def _told(error: Mapping[str, Any], origin: Origin) -> str:
    """The words of a mistake; for an unknown field, what was expected."""
    outer = f"{error['loc'][0]}."
    known = [name.removeprefix(outer) for name in origin.columns if name.startswith(outer)]
    if error["type"] == "extra_forbidden" and known:
        return f"expected some of {', '.join(known)}"
    return str(error["msg"])


# Contacts


def import_contacts(call: Call, source: Source) -> Added:
    """Add the people of a file to the campaigns that its rows name, or change them. Raises NotTaken and NotFound.

    Rows are put aside on the disk, campaign by campaign: each campaign is then revised once, however they came.
    """
    dialect = workspaces.get(call.connection, call.by.workspace).dialect
    mistakes, added, updated = _Mistakes(), 0, 0
    with TemporaryDirectory() as folder:
        _put_aside(call, dialect, mistakes.passing(source.lines, source.contacts()), mistakes, Path(folder))
        for path in sorted(Path(folder).iterdir()):
            with path.open() as rows:
                done = _add(call, path.name, rows, mistakes)
            added, updated = added + done.added, updated + done.updated
    mistakes.check()
    return Added(added, updated)


def _put_aside(call: Call, dialect: str, rows: Iterator[tuple[int, Row]], mistakes: "_Mistakes", folder: Path) -> None:
    """Write every row, with its number, into the file that is called like the engine's id of its campaign."""
    known: dict[str, str] = {}
    while chunk := list(islice(rows, CHUNK)):
        aside: list[tuple[str, int, Row]] = []
        for at, row in chunk:
            with mistakes.of(at):
                wire_id = ORIGINS[dialect].wire_id(row, "campaign_id")
                if wire_id not in known:
                    known[wire_id] = _found(call, dialect, wire_id)
                aside.append((known[wire_id], at, {name: row[name] for name in row if name != "campaign_id"}))
        for campaign_id, mine in groupby(sorted(aside, key=lambda each: each[0]), key=lambda each: each[0]):
            with (folder / campaign_id).open("a") as file:
                file.writelines(f"{json.dumps([at, contact])}\n" for _, at, contact in mine)


def _found(call: Call, dialect: str, wire_id: str) -> str:
    try:
        campaign_id = cases.find(call.connection, call.by.workspace, dialect, wire_id)
        return cases.read(call.connection, call.by.workspace, campaign_id).id  # one that was removed is none
    except NotFound as error:
        raise Invalid.at("campaign_id", f"expected a campaign of this workspace, found {wire_id!r}") from error


def _add(call: Call, campaign_id: str, rows: IO[str], mistakes: "_Mistakes") -> Added:
    outcome, added = service.add_contacts(call, campaign_id, (json.loads(row)[1] for row in rows))
    wrong = {each.row: each.reason for each in added.rejected}
    if outcome.refused or wrong:
        rows.seek(0)
        for nth, row in enumerate(rows):
            reason = outcome.blockers[0].message if outcome.refused else wrong.get(nth)
            if reason is not None:
                mistakes.add(json.loads(row)[0], reason)
    mistakes.count += added.rejected_count - len(added.rejected)
    return added


class _Mistakes:
    """What is wrong with the rows of a file, in order; of the rows, the first are named."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[tuple[int, str]] = []

    def add(self, row: int, message: str) -> None:
        self.count += 1
        insort(self.named, (row, message))
        del self.named[NAMED:]

    @contextmanager
    def of(self, row: int) -> Iterator[None]:
        """What is raised inside is a mistake of the row."""
        try:
            yield
        except (Invalid, NotFound) as error:
            self.add(row, str(error))

    def passing(self, lines: Lines, rows: Iterator[Found]) -> Iterator[tuple[int, Row]]:
        """The rows that can be read, numbered. What ends the reading is a mistake, too."""
        try:
            for row in rows:
                if isinstance(row, Invalid):
                    self.add(lines.row, row.mistakes[0].message)
                else:
                    yield lines.row, row
        except Invalid as error:
            self.add(lines.row, f"{error.mistakes[0].message}; the rest was not read")

    def check(self) -> None:
        if self.count:
            raise NotTaken(self.count, self.named)
