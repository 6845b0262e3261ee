"""People as the body of a request brings them: JSON, or a stream of CSV or NDJSON of any length.

A body is spooled before anything is done with it, so that a transaction never waits for a client. It can be read
again and again, row by row; what can't be read is told with its row, counted from 0 without the header.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from tempfile import SpooledTemporaryFile
from typing import Annotated

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from gonogo_api.dialects.leadlex.shapes import NewContacts
from gonogo_api.problems import JSON, Problem
from gonogo_api.rows import Found, Lines, Row, all_or_none, csv_contacts, ndjson_rows
from gonogo_api.strict import content_type

Rows = Callable[[], Iterator[Row]]  # reads the body, from its beginning

#: Bytes of a body that wait in memory; what is longer waits on the disk.
SPOOLED = 1_048_576
_READERS: dict[str, Callable[[Lines], Iterator[Found]]] = {
    "text/csv": csv_contacts,
    "application/x-ndjson": ndjson_rows,
}

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
        yield lambda: all_or_none(read(Lines(spool)))


Incoming = Annotated[Rows, Depends(rows_of)]


def _contacts(body: object) -> list[Row]:
    try:
        return list(NewContacts.model_validate(body).contacts)
    except ValidationError as error:
        found = [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found) from error
