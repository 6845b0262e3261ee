"""The policy document as people write it, and every mistake in it, each with its path and what was expected."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Annotated, Any, Literal, get_args

from pydantic import Discriminator, Field, Tag, ValidationError

from gonogo.errors import Invalid, Mistake
from gonogo.policy.conditions import SUMMED, Summed, Test, When
from gonogo.policy.words import MOST, Duration, Local, Name, Part, Quorum, Zone, expected, local, read, seconds, shown
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
    people: Annotated[list[Name], Field(min_length=1, max_length=MOST)] | None = None
    quorum: Quorum = 1

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        group, people, quorum = said.get("group"), said.get("people"), said.get("quorum", 1)
        if group is None and people is None:
            yield Mistake("", "expected `group` or `people`")
        if group is not None and people is not None:
            yield Mistake("", "expected `group` or `people`, not both")
        elif people and isinstance(people, list) and isinstance(quorum, int):
            most = len({each if isinstance(each, str) else at for at, each in enumerate(people)})
            if most < quorum <= MOST:
                yield Mistake("", f"expected {quorum} different people or more, or a smaller quorum; found {most}")


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

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        begins, ends = (read(local, said.get(key)) for key in ("from", "to"))
        if begins and ends and not begins < ends:
            yield Mistake("to", f"expected `to` after `from`, which is {said['from']}; found {shown(said['to'])}")


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
    freeze: list[Freeze] = Field(default_factory=list, max_length=100)
    break_glass: BreakGlass | None = None
    changes: People | None = None
    on_policy_change: Literal["keep", "hold"] = "keep"
    invite: bool = False
    link_decides: bool = False

    @cached_property
    def tests(self) -> tuple[tuple[Rule, tuple[tuple[Test, Any], ...]], ...]:
        """Every rule with what it asks of a launch."""
        return tuple((rule, rule.when.tests) for rule in self.rules)

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        yield from _of_the_rules(_items(said.get("rules")))
        if said.get("link_decides") is True and said.get("invite") is not True:
            yield Mistake("link_decides", "links are sent only with `invite`")
        expires = said.get("expires_after", cls.model_fields["expires_after"].default)
        lapses = read(seconds, expires)
        early = {"remind_after": said.get("remind_after"), "escalate.after": _part(said.get("escalate"), "after")}
        for path, written in early.items():
            waits = read(seconds, written)
            if waits is not None and lapses is not None and waits >= lapses:
                message = f"expected less than `expires_after`, which is {expires}; found {shown(written)}"
                yield Mistake(path, message)


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
    told = {mistake.path for mistake in found}
    found += [mistake for mistake in _between(shape, document) if mistake.path not in told]
    if found or policy is None:
        raise Invalid(found)
    return policy


def named(document: object) -> Iterator[tuple[str, str, str]]:
    """(path, `group` or `person`, name) of everybody whom a document names, also of one with mistakes in it."""
    if not isinstance(document, Mapping):
        return
    for where, people in _asking(document):
        for at, stage in enumerate(_items(_part(people, "stages"))):
            yield from _named(f"{where}.stages[{at}]", stage)
    for where, key in (("escalate", "to"), ("break_glass", "group")):
        name = _part(document.get(where), key)
        if isinstance(name, str):
            yield f"{where}.{key}", "group", name


def asked(document: object) -> Iterator[tuple[str, People]]:
    """(path, people) wherever a document asks some, as far as that part of it is right in itself."""
    for where, people in _asking(document) if isinstance(document, Mapping) else ():
        if isinstance(people, Mapping) and not any(_between(People, people)):
            with suppress(ValidationError):
                yield where, People.model_validate(people)


def _asking(document: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for at, rule in enumerate(_items(document.get("rules"))):
        yield f"rules[{at}].approve", _part(rule, "approve")
    yield "changes", document.get("changes")


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
    loc, kind, said = error["loc"], error["type"], error["input"]
    parts = [part for at, part in enumerate(loc) if not (at and loc[at - 1] in _TAGGED)]
    path = ""
    for part in parts[:-1] if kind == "invalid_key" else parts:
        path = f"{path}[{part}]" if isinstance(part, int) else _below(path, part)
    if kind == "extra_forbidden":
        close = get_close_matches(str(parts[-1]), sorted(_WORDS - {parts[-1]}), 1)
        return Mistake(path, "there is no such key here" + (f"; did you mean `{close[0]}`?" if close else ""))
    if kind == "missing":
        return Mistake(path, "expected this key, and it is missing")
    if kind == "literal_error" and parts[-1:] == ["approve"]:
        return Mistake(path, f"expected `auto`, or an object with `stages`; found {shown(said)}")
    return Mistake(path, expected(kind, error.get("ctx", {}), said))


def _between(shape: type[Part], said: object, where: str = "") -> Iterator[Mistake]:
    """What only several values show, of a part and of every part in it."""
    if not isinstance(said, Mapping):
        return
    yield from (Mistake(_below(where, found.path), found.message) for found in shape.between(said))
    for key, part in _parts(shape).items():
        path, inner = _below(where, key), said.get(key)
        yield from _between(part, inner, path)
        for at, each in enumerate(_items(inner)):
            yield from _between(part, each, f"{path}[{at}]")


def _below(where: str, path: str) -> str:
    return f"{where}.{path}" if where and path else where or path


@cache
def _parts(shape: type[Part]) -> Mapping[str, type[Part]]:
    """By their keys, the parts that a part is made of, or of lists of which."""
    fields = ((info.alias or name, _part_in(info.annotation)) for name, info in shape.model_fields.items())
    return {key: part for key, part in fields if part is not None}


def _part_in(annotation: object) -> type[Part] | None:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((part for part in map(_part_in, get_args(annotation)) if part), None)


def _words(shape: type[Part]) -> Iterator[str]:
    yield from (info.alias or name for name, info in shape.model_fields.items())
    for part in _parts(shape).values():
        yield from _words(part)


#: Every key that stands anywhere in a document.
_WORDS = {*_words(Written), *_words(Off)}


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
            yield Mistake(f"rules[{at}].name", f"another rule is named {shown(name)}; names must differ")
        names.add(name)
