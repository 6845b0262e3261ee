"""What a run would do otherwise than the last run of its campaign that was permitted, section by section.

A section that is identical is so byte for byte: the same immutable version, the same instant, the same people with the
same values. Nothing of it is stored: neither of two runs changes any more once the second is proposed.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from difflib import ndiff
from typing import Any

import sqlalchemy as sa

from gonogo.call import Call
from gonogo.models import Document
from gonogo.store import cases, lists, workspaces
from gonogo.store.cases import Case

#: How many are named of those who joined, left, or are told something else.
NAMED = 20
#: Up to so many recipients it is counted who differs; of longer lists it is told whether anybody does.
COUNTED = 100_000
_KINDS = ("added", "removed", "changed")


@dataclass(frozen=True, slots=True)
class TextChange:
    """One part of one message that reads otherwise: its lines that went (`- `) and that came (`+ `), in order.

    Steps and variants are counted from 1, as people do.
    """

    step: int
    variant: int
    part: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ContentSection:
    identical: bool
    changes: tuple[TextChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueChange:
    """A value that is another; None where it was not, or is not, given."""

    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class ValuesSection:
    """A document, by its keys."""

    identical: bool
    changes: tuple[ValueChange, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSection:
    """One value."""

    identical: bool
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Some:
    """So many people, and the addresses of the first of them; whoever was erased has none."""

    count: int = 0
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AudienceSection:
    """Whom it reaches. The last three are None where they were too many to be counted."""

    identical: bool
    before: int
    after: int
    added: Some | None
    removed: Some | None
    changed: Some | None


@dataclass(frozen=True, slots=True)
class Difference:
    """The run that a task is about, beside the last one that was permitted: that one's number, and the sections."""

    run: int
    content: ContentSection
    sender: ValuesSection
    settings: ValuesSection
    start_at: ValueSection
    audience: AudienceSection
    requirement: ValuesSection | None  # what is asked of people; None where it is the same, or not known yet

    @property
    def changed(self) -> list[str]:
        """The names of the sections that differ."""
        sections = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "run"}
        return [name for name, section in sections.items() if section is not None and not section.identical]


def difference(call: Call, case: Case) -> Difference | None:
    """The difference of the run that the task is about; None where no run before it was permitted."""
    return _difference(call, case, *cases.with_the_last_approved(call.connection, case.task_run_id))


def changed_since(call: Call, case: Case, seal: str) -> tuple[str, ...] | None:
    """The names of the sections in which the run that the task is about differs from the one that bears the seal; None
    where no run of the campaign bears it."""
    found = _difference(call, case, *cases.with_the_sealed(call.connection, case.task_run_id, seal))
    return tuple(found.changed) if found else None


def _difference(call: Call, case: Case, this: sa.Row[Any], before: sa.Row[Any] | None = None) -> Difference | None:
    if before is None:
        return None
    ids = {row[name] for row in (this._mapping, before._mapping) for name in ("content_id", "sender_id", "settings_id")}
    bodies = {key: row.body for key, row in workspaces.versions(call.connection, sorted(ids)).items()}
    return Difference(
        run=before.number,
        content=_content(bodies[before.content_id], bodies[this.content_id]),
        sender=_values(bodies[before.sender_id], bodies[this.sender_id]),
        settings=_values(bodies[before.settings_id], bodies[this.settings_id]),
        start_at=ValueSection(before.start_at == this.start_at, before.start_at, this.start_at),
        audience=_audience(call.connection, before, this),
        requirement=_requirement(case, before, this),
    )


def _content(before: Document, after: Document) -> ContentSection:
    old, new = dict(_parts(before)), dict(_parts(after))
    changes = tuple(
        TextChange(*place, _changed_lines(old.get(place), new.get(place)))
        for place in sorted({*old, *new})
        if old.get(place) != new.get(place)
    )
    return ContentSection(before == after, changes)


def _parts(content: Document) -> Iterator[tuple[tuple[int, int, str], object]]:
    """Every value of every text, by (step, variant, part)."""
    for at, step in enumerate(content["steps"], 1):
        first = {name: value for name, value in step.items() if name != "others"}
        for nth, text in enumerate((first, *step.get("others", ())), 1):
            for part, value in text.items():
                yield (at, nth, part), value


def _changed_lines(before: object, after: object) -> tuple[str, ...]:
    old, new = ("" if value is None else str(value) for value in (before, after))
    return tuple(line for line in ndiff(old.splitlines(), new.splitlines()) if line.startswith(("- ", "+ ")))


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> ValuesSection:
    changes = tuple(
        ValueChange(key, before.get(key), after.get(key))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    )
    return ValuesSection(before == after, changes)


def _audience(connection: sa.Connection, before: sa.Row[Any], this: sa.Row[Any]) -> AudienceSection:
    sizes = before.recipients, this.recipients
    if max(sizes) > COUNTED:
        same = sizes[0] == sizes[1] and lists.same_audience(connection, this.id, before.id)
        return AudienceSection(same, *sizes, *[Some() if same else None] * 3)
    rows = lists.differing(connection, before.id, this.id, NAMED)
    added, removed, changed = (_some([row for row in rows if row.kind == kind]) for kind in _KINDS)
    return AudienceSection(not rows, *sizes, added, removed, changed)


def _some(rows: list[sa.Row[Any]]) -> Some:
    named = tuple(json.loads(row.body)["address"] for row in rows if row.body is not None)
    return Some(rows[0].total, named) if rows else Some()


def _requirement(case: Case, before: sa.Row[Any], this: sa.Row[Any]) -> ValuesSection | None:
    if case.task_status == "reviewing":
        return None
    section = _values(before.requirement or {}, this.requirement or {})
    return None if section.identical else section
