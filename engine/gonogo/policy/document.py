"""The policy document as people write it, and every mistake in it, each with its path and what was expected."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from gonogo.errors import Invalid, Mistake
from gonogo.policy.conditions import SUMMED, Hours, Summed, Weekdays, When
from gonogo.policy.words import Duration, Local, Name, Part, Quorum, Zone, local, seconds
from gonogo.policy.working_hours import WorkingHours

Document = dict[str, Any]

#: Until a workspace writes a policy of its own: what LeadLex documents (seed 000: more than 100 recipients).
DEFAULT: Document = {
    "rules": [
        {"name": "small", "when": {"recipients_at_most": 100}, "approve": "auto"},
        {"name": "everyone else", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}},
    ],
    "separation": "none",
}


class StageWritten(Part):
    """So many different people: of a group, or out of those who are named, each by address or member id."""

    group: Name | None = None
    people: Annotated[list[Name], Field(min_length=1, max_length=100)] | None = None
    quorum: Quorum = 1

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.group is not None and self.people is not None:
            raise ValueError("expected `group` or `people`, not both")
        if self.people is not None and len(set(self.people)) < self.quorum:
            raise ValueError(f"expected {self.quorum} different people or more, or a smaller quorum")
        return self


class People(Part):
    """One stage after another; nobody counts twice."""

    stages: Annotated[list[StageWritten], Field(min_length=1, max_length=20)]


#: In paths, the tag behind such a key is not told: people wrote no such word.
_TAGGED = ("approve", "per")
_AUTO, _PEOPLE, _ONE, _SEVERAL = "<auto>", "<people>", "<one>", "<several>"


def _kind(said: object) -> str:
    return _PEOPLE if isinstance(said, Mapping | People) else _AUTO


Approve = Annotated[Annotated[Literal["auto"], Tag(_AUTO)] | Annotated[People, Tag(_PEOPLE)], Discriminator(_kind)]


class Rule(Part):
    name: Name
    when: When = When()
    approve: Approve


class EscalationWritten(Part):
    """After so long, the members of a further group may vote in every stage."""

    after: Duration
    to: Name


def _number(said: object) -> str:
    return _SEVERAL if isinstance(said, list | tuple) else _ONE


Several = Annotated[list[Summed], Field(min_length=1, max_length=len(SUMMED))]
Per = Annotated[Annotated[Summed, Tag(_ONE)] | Annotated[Several, Tag(_SEVERAL)], Discriminator(_number)]


class Splitting(Part):
    """The thresholds see the sum over a window: no launching five times 99 instead of 495."""

    window: Duration
    per: Per = "requester"

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        return (self.per,) if isinstance(self.per, str) else tuple(dict.fromkeys(self.per))


class Freeze(Part):
    """Nothing is permitted for a start in this span of local time, but by breaking the glass. What was permitted
    before this was written keeps its permit."""

    from_: Local = Field(alias="from")
    to: Local
    zone: Zone
    reason: Name

    @model_validator(mode="after")
    def _ahead(self) -> Self:
        if not local(self.from_) < local(self.to):
            raise ValueError("expected `to` after `from`")
        return self


class BreakGlass(Part):
    """Who may launch without approval, in need: with a reason, beginning soon, and answering for it afterwards."""

    group: Name = "owners"
    reason: Literal["required"] = "required"
    begin_within: Duration = "PT1H"


class Written(Part):
    """A policy that asks people. With `invite` each of them gets a mail with a link; with `link_decides` whoever has
    that link may decide as the person it was sent to, without a key. `changes` asks people about the next policy."""

    rules: Annotated[list[Rule], Field(min_length=1, max_length=100)]
    separation: Literal["none", "requester", "contributors"] = "requester"
    acknowledge: Literal["implicit", "explicit"] = "implicit"
    dismissals: Quorum = 1
    expires_after: Duration = "PT72H"
    working_hours: WorkingHours | None = None
    remind_after: Duration | None = None
    escalate: EscalationWritten | None = None
    splitting: Splitting | None = None
    freeze: Annotated[tuple[Freeze, ...], Field(max_length=100, strict=False)] = ()
    break_glass: BreakGlass | None = None
    changes: People | None = None
    on_policy_change: Literal["keep", "hold"] = "keep"
    invite: bool = False
    link_decides: bool = False


class Off(Part):
    """Approval is switched off, and says why. `changes` asks people about the next policy."""

    approval: Literal["off"]
    reason: Name
    changes: People | None = None


Policy = Written | Off


def parse(document: object) -> Policy:
    """Read a policy document; raises `Invalid` with every mistake, each with its path and what was expected."""
    shape: type[Written | Off] = Off if isinstance(document, Mapping) and "approval" in document else Written
    found: list[Mistake] = []
    policy: Policy | None = None
    try:
        policy = shape.model_validate(document)
    except ValidationError as error:
        found = [_mistake(dict(wrong)) for wrong in error.errors()]
    if isinstance(document, Mapping) and shape is Written:
        known = {mistake.path for mistake in found}
        found += [mistake for mistake in _of_the_whole(document) if mistake.path not in known]
    if found or policy is None:
        raise Invalid(found)
    return policy


def named(document: object) -> Iterator[tuple[str, str, str]]:
    """(path, `group` or `person`, name) of everybody whom a document names, also of one with mistakes in it."""
    if not isinstance(document, Mapping):
        return
    rules = document.get("rules")
    asked = [(f"rules[{at}].approve", _part(rule, "approve")) for at, rule in enumerate(_items(rules))]
    for where, people in [*asked, ("changes", document.get("changes"))]:
        for at, stage in enumerate(_items(_part(people, "stages"))):
            yield from _named(f"{where}.stages[{at}]", stage)
    for where, key in (("escalate", "to"), ("break_glass", "group")):
        name = _part(document.get(where), key)
        if isinstance(name, str):
            yield f"{where}.{key}", "group", name


def _named(where: str, stage: object) -> Iterator[tuple[str, str, str]]:
    group = _part(stage, "group")
    if isinstance(group, str):
        yield f"{where}.group", "group", group
    for at, person in enumerate(_items(_part(stage, "people"))):
        if isinstance(person, str):
            yield f"{where}.people[{at}]", "person", person


def _part(said: object, key: str) -> object:
    return said.get(key) if isinstance(said, Mapping) else None


def _items(said: object) -> list[object]:
    return list(said) if isinstance(said, list | tuple) else []


# Mistakes


def _mistake(error: Mapping[str, Any]) -> Mistake:
    loc = error["loc"]
    parts = [part for at, part in enumerate(loc) if not (at and loc[at - 1] in _TAGGED)]
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".")
    kind, said = error["type"], error.get("input")
    if kind == "extra_forbidden":
        close = get_close_matches(str(parts[-1]), sorted(_WORDS - {parts[-1]}), 1)
        return Mistake(path, "there is no such key here" + (f"; did you mean `{close[0]}`?" if close else ""))
    if kind == "missing":
        return Mistake(path, "expected this key, and it is missing")
    if kind == "literal_error" and parts[-1:] == ["approve"]:
        return Mistake(path, f"expected `auto`, or an object with `stages`{_found(said)}")
    message = _EXPECTED.get(kind) or str(error["msg"]).removeprefix("Value error, ")
    message = message.replace("Input should be", "expected")
    return Mistake(path, f"{message[:1].lower()}{message[1:]}{_found(said)}")


def _found(said: object) -> str:
    if isinstance(said, Mapping | list | tuple):
        return ""
    shown = repr(said)
    return f"; found {shown if len(shown) <= _LONGEST else shown[:_LONGEST] + '...'}"


_LONGEST = 60
#: Where the words of the library would tell of its own types.
_EXPECTED = {
    "model_type": "expected an object",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "string_pattern_mismatch": "expected no control characters",
}


def _words(shape: type[BaseModel]) -> Iterator[str]:
    for name, info in shape.model_fields.items():
        yield info.alias or name


#: Every key that stands anywhere in a document.
_WORDS = {
    word
    for shape in (
        Written, Off, Rule, When, Hours, Weekdays, People, StageWritten, EscalationWritten, Splitting, Freeze,
        BreakGlass, WorkingHours,
    )
    for word in _words(shape)
}  # fmt: skip


def _of_the_whole(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """What only the whole shows; the parts may be wrong in themselves."""
    yield from _of_the_rules(_items(document.get("rules")))
    if document.get("link_decides") is True and document.get("invite") is not True:
        yield Mistake("link_decides", "links are sent only with `invite`")
    expires = document.get("expires_after", Written.model_fields["expires_after"].default)
    for where, early in (
        ("remind_after", document.get("remind_after")),
        ("escalate.after", _part(document.get("escalate"), "after")),
    ):
        if _longer(early, expires):
            yield Mistake(where, f"expected less than `expires_after`, which is {expires}; found {early!r}")


def _of_the_rules(rules: list[object]) -> Iterable[Mistake]:
    if rules and _part(rules[-1], "when") not in (None, {}):
        yield Mistake(f"rules[{len(rules) - 1}].when", "the last rule must match everything: leave `when` out")
    if rules and _part(rules[-1], "approve") == "auto":
        yield Mistake(f"rules[{len(rules) - 1}].approve", "the last rule must ask people, not `auto`")
    names = set[str]()
    for at, name in enumerate(_part(rule, "name") for rule in rules):
        if not isinstance(name, str):
            continue
        if name in names:
            yield Mistake(f"rules[{at}].name", f"another rule is named {name!r}; names must differ")
        names.add(name)


def _longer(early: object, late: object) -> bool:
    try:
        return seconds(str(early)) >= seconds(str(late)) if isinstance(early, str) else False
    except ValueError:
        return False  # told already
