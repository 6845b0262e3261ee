"""Rows of CSV and NDJSON, however many there are, read one at a time.

Both readers yield a row, or, as a value, why a row can't be taken; they raise Invalid where nothing behind it can be
read either. Every mistake names its row, counted from 0 without the header.
"""

import csv
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Any

from fastapi.exceptions import RequestValidationError

from gonogo.errors import Invalid
from gonogo_api.strict import read_json

Row = Mapping[str, Any]
Found = Row | Invalid

#: Bytes of one row, at most: so much of a file is in memory at once.
LONGEST_ROW = 1_048_576
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(slots=True)
class Lines:
    """A file line by line, as text; knows which row it is at, and keeps a row from growing beyond all measure."""

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


def csv_rows(lines: Lines, columns: Collection[str] | None = None) -> Iterator[Found]:
    """RFC 4180, with a header, which names none but these columns if they are given. Cells are text; one that is
    empty says nothing; lines that are empty are no rows."""
    lines.row = -1
    records = csv.reader(lines, strict=True)
    try:
        header = [name.strip() for name in next(records, [])]
        _check_header(header, lines, columns)
        lines.next_row()
        for cells in records:
            if cells:
                yield _said(header, cells, lines)
                lines.next_row()
    except csv.Error as error:
        raise lines.wrong(f"expected CSV: {error}") from error


def _check_header(header: list[str], lines: Lines, columns: Collection[str] | None) -> None:
    if not header or "" in header or len(set(header)) != len(header):
        raise lines.wrong("expected a line that names every column, once")
    unknown = [name for name in header if columns is not None and name not in columns]
    if columns is not None and unknown:
        raise lines.wrong(f"{', '.join(unknown)}: expected some of {', '.join(columns)}")


def _said(header: list[str], cells: list[str], lines: Lines) -> Found:
    if len(cells) > len(header):
        return lines.wrong(f"{len(cells)} cells, and the header names {len(header)}")
    return {name: cell for name, cell in zip(header, cells, strict=False) if cell}


def csv_contacts(lines: Lines) -> Iterator[Found]:
    """People in CSV: every column is a variable, and consent is read as true or false."""
    for row in csv_rows(lines):
        yield row if isinstance(row, Invalid) else _consenting(row)


def _consenting(row: Row) -> Row:
    consent = row.get("consent")
    return row if consent is None else {**row, "consent": TRUTH.get(consent.strip().lower(), consent)}


def ndjson_rows(lines: Lines) -> Iterator[Found]:
    """One JSON object a line; lines that are empty are no rows."""
    for line in lines:
        if line.strip():
            yield _object(line, lines)
            lines.next_row()


def _object(line: str, lines: Lines) -> Found:
    try:
        found = read_json(line.encode())
    except RequestValidationError as error:
        return lines.wrong(f"expected JSON: {error.errors()[0]['msg']}")
    if not isinstance(found, dict):
        return lines.wrong(f"expected an object, found {json.dumps(found)[:40]}")
    return found


def all_or_none(rows: Iterable[Found]) -> Iterator[Row]:
    """The rows. Raises Invalid at the first that can't be taken."""
    for row in rows:
        if isinstance(row, Invalid):
            raise row
        yield row
