"""People as the body of a request brings them: JSON, or a stream of CSV or NDJSON of any length.

A body is spooled before anything is done with it, so that a transaction never waits for a client. It can be read
again and again, row by row; what can't be read is told with its row, counted from 0 without the header.
"""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO, Annotated, Any

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gonogo.errors import Invalid
from gonogo_api.dialects.leadlex.shapes import NewContacts
from gonogo_api.door import JSON, content_type, read_json
from gonogo_api.problems import Problem

Row = Mapping[str, Any]
Rows = Callable[[], Iterator[Row]]  # reads the body, from its beginning

#: Bytes of one row, at most: so much of a body is in memory at once.
LONGEST_ROW = 1_048_576
#: Bytes of a body that wait in memory; what is longer waits on the disk.
SPOOLED = 1_048_576
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

#: What OpenAPI says of a body that `rows_of` reads.
ROWS_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": NewContacts.model_json_schema()},
            "text/csv": {"schema": {"type": "string"}},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


async def rows_of(request: Request) -> AsyncIterator[Rows]:
    """A dependency: the rows of the body. Raises Problem and RequestValidationError; reading them raises Invalid."""
    kind = content_type(request)
    if kind == JSON:
        contacts = _contacts(await request.json())
        yield lambda: iter(contacts)
        return
    read = _READERS.get(kind)
    if read is None:
        raise Problem("media_type", f"Expected a body of type {', '.join((JSON, *_READERS))}")
    with SpooledTemporaryFile(max_size=SPOOLED) as spool:
        async for chunk in request.stream():
            await run_in_threadpool(spool.write, chunk)
        yield lambda: read(_Lines(spool))


Incoming = Annotated[Rows, Depends(rows_of)]


def _contacts(body: object) -> list[Row]:
    try:
        return list(NewContacts.model_validate(body).contacts)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found) from error


@dataclass(slots=True)
class _Lines:
    """A body line by line, as text; knows which row it is at, and keeps a row from growing beyond all measure."""

    body: IO[bytes]
    row: int = 0
    size: int = 0  # of the row so far

    def __post_init__(self) -> None:
        self.body.seek(0)

    def __iter__(self) -> Iterator[str]:
        at_start = True
        while line := self.body.readline(LONGEST_ROW + 1):
            self.size += len(line)
            if self.size > LONGEST_ROW:
                raise self.wrong(f"longer than {LONGEST_ROW} bytes")
            text = self._text(line)
            yield text.removeprefix("\ufeff") if at_start else text
            at_start = False

    def _text(self, line: bytes) -> str:
        if b"\x00" in line:
            raise self.wrong("NUL is not allowed in a text")
        try:
            return line.decode()
        except UnicodeDecodeError as error:
            raise self.wrong("expected UTF-8") from error

    def next_row(self) -> None:
        self.row, self.size = self.row + 1, 0

    def wrong(self, message: str) -> Invalid:
        return Invalid.at(f"row {self.row}" if self.row >= 0 else "header", message)


def _csv(lines: _Lines) -> Iterator[Row]:
    """RFC 4180, with a header. A cell that is empty says nothing; lines that are empty are no rows."""
    lines.row = -1
    records = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(records, [])]
        if not header or "" in header or len(set(header)) != len(header):
            raise lines.wrong("expected a line that names every column, once")
        lines.next_row()
        for cells in records:
            if cells:
                yield _said(header, cells, lines)
                lines.next_row()
    except csv.Error as error:
        raise lines.wrong(f"expected CSV: {error}") from error


def _said(header: list[str], cells: list[str], lines: _Lines) -> Row:
    if len(cells) > len(header):
        raise lines.wrong(f"{len(cells)} cells, and the header names {len(header)}")
    said: dict[str, Any] = {name: cell for name, cell in zip(header, cells, strict=False) if cell}
    consent = said.get("consent")
    return said if consent is None else {**said, "consent": _TRUTH.get(consent.strip().lower(), consent)}


def _ndjson(lines: _Lines) -> Iterator[Row]:
    """One JSON object a line; lines that are empty are no rows."""
    for line in lines:
        if line.strip():
            yield _object(line, lines)
            lines.next_row()


def _object(line: str, lines: _Lines) -> Row:
    try:
        found = read_json(line.encode())
    except RequestValidationError as error:
        raise lines.wrong(f"expected JSON: {error.errors()[0]['msg']}") from error
    if not isinstance(found, dict):
        raise lines.wrong(f"expected an object, found {json.dumps(found)[:40]}")
    return found


_READERS: dict[str, Callable[[_Lines], Iterator[Row]]] = {"text/csv": _csv, "application/x-ndjson": _ndjson}
