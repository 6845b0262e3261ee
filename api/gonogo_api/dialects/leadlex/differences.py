"""How LeadLex shows what a run would do otherwise than the last one that was permitted."""

from typing import Any

from gonogo.differences import Difference, Some, ValuesSection
from gonogo_api.shapes import Shown, iso


class LinesShown(Shown):
    """One part of a message that reads otherwise: what went (`- `) and what came (`+ `). Counted from 1."""

    step: int
    variant: int
    part: str
    lines: list[str]


class ContentDiffers(Shown):
    identical: bool
    changes: list[LinesShown]


class ValueDiffers(Shown):
    key: str
    before: Any
    after: Any


class ValuesDiffer(Shown):
    identical: bool
    changes: list[ValueDiffers]


class StartDiffers(Shown):
    identical: bool
    before: str | None
    after: str | None


class SomePeople(Shown):
    """How many, and the addresses of the first of them."""

    count: int
    named: list[str]


class AudienceDiffers(Shown):
    """How many it reached and reaches. The last three are null where the lists are too long to count who differs."""

    identical: bool
    before: int
    after: int
    added: SomePeople | None
    removed: SomePeople | None
    changed: SomePeople | None


class DifferenceShown(Shown):
    """Beside the last run that people approved, whose number is `run`. What is identical is so byte for byte;
    `requirement` is null where the same is asked of people, or the review has not ended."""

    run: int
    content: ContentDiffers
    sender: ValuesDiffer
    settings: ValuesDiffer
    start_at: StartDiffers
    audience: AudienceDiffers
    requirement: ValuesDiffer | None


def difference(found: Difference) -> DifferenceShown:
    reach, start, text = found.audience, found.start_at, found.content
    return DifferenceShown(
        run=found.run,
        content=ContentDiffers(
            identical=text.identical,
            changes=[
                LinesShown(step=each.step, variant=each.variant, part=each.part, lines=list(each.lines))
                for each in text.changes
            ],
        ),
        sender=_values(found.sender),
        settings=_values(found.settings),
        start_at=StartDiffers(identical=start.identical, before=iso(start.before), after=iso(start.after)),
        audience=AudienceDiffers(
            identical=reach.identical,
            before=reach.before,
            after=reach.after,
            added=_some(reach.added),
            removed=_some(reach.removed),
            changed=_some(reach.changed),
        ),
        requirement=_values(found.requirement) if found.requirement else None,
    )


def _values(section: ValuesSection) -> ValuesDiffer:
    changes = [ValueDiffers(key=each.key, before=each.before, after=each.after) for each in section.changes]
    return ValuesDiffer(identical=section.identical, changes=changes)


def _some(people: Some | None) -> SomePeople | None:
    return SomePeople(count=people.count, named=list(people.named)) if people else None
