"""Building blocks that a dialect keeps outside campaigns: a text to write with, a data set to write to.

A block's text is pinned as the content of a campaign is, and its people stand in a list as a campaign's do. So a
campaign holds the version of the text that it was made from, and a proposed run keeps the people that it took.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whenever import Instant

from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.contacts import Added, merge, new_list
from gonogo.content import Content
from gonogo.models import Document
from gonogo.store import acts, lists, workspaces

#: How many rows that are left out are named one by one.
NAMED = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A building block, under the id that its dialect gave it."""

    wire_id: str
    name: str
    content: Content | None
    list_id: str | None
    created_at: Instant


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row of a list that no launch takes, counted from 0, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rows:
    """What a list holds: all of its rows, how many are left out, and the first of those."""

    total: int
    left_out: int
    named: tuple[LeftOut, ...]


def number(call: Call) -> str:
    """The next integer id of the workspace, as text."""
    return str(workspaces.next_number(call.connection, call.by.workspace))


def add_text(call: Call, kind: str, wire_id: str, name: str, content: Content) -> Part:
    """Keep a text that campaigns can be made with."""
    version = workspaces.pin(call.connection, call.by.workspace, "content", content.to_document(), call.now)
    acts.note_edit(call.connection, [version], call.by.person, call.now)
    return _add(call, kind, wire_id, name, version_id=version)


def add_dataset(call: Call, kind: str, wire_id: str, name: str) -> Part:
    """Keep an empty list of people that campaigns can be sent to."""
    return _add(call, kind, wire_id, name, list_id=new_list(call, name))


def find(call: Call, kind: str, wire_id: str) -> Part:
    """A building block. Raises NotFound."""
    row = workspaces.find_part(call.connection, call.by.workspace, kind, wire_id)
    content = None
    if row.version_id:
        content = Content.from_document(workspaces.versions(call.connection, [row.version_id])[row.version_id].body)
    return Part(row.wire_id, row.name, content, row.list_id, row.created_at)


def add_rows(call: Call, kind: str, wire_id: str, rows: Sequence[Mapping[str, Any]]) -> Added:
    """Add people to a data set, or change them. Runs that were proposed keep whom they took. Raises NotFound."""
    list_id = find(call, kind, wire_id).list_id
    if list_id is None:
        raise TypeError(f"the {kind} {wire_id!r} holds no people")
    return merge(call, list_id, "email", rows)


def rows(call: Call, list_id: str) -> Rows:
    """What a list holds, and whom of it no launch would take."""
    left_out = sum(lists.excluded(call.connection, list_id).values())
    named = lists.left_out(call.connection, list_id, NAMED) if left_out else []
    size: int = lists.size(call.connection, list_id)
    return Rows(size + left_out, left_out, tuple(LeftOut(row.position - 1, row.excluded) for row in named))


def _add(call: Call, kind: str, wire_id: str, name: str, **more: str) -> Part:
    row: Document = {"id": new_id(call.now), "workspace_id": call.by.workspace, "kind": kind, "wire_id": wire_id}
    blank = {"version_id": None, "list_id": None}
    workspaces.add_part(call.connection, {**row, "name": name, **blank, **more, "created_at": call.now})
    return find(call, kind, wire_id)
