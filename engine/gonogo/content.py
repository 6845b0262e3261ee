"""What a campaign says: its steps as values, what they ask of a recipient, and how they are rendered.

Templates are Liquid, as `templates.py` sets it up. In them `now` and `today` are one given instant, in UTC.
"""

import hashlib
from bisect import bisect
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from whenever import Instant

from gonogo.templates import BoundTemplate, LiquidError, located, names_needed, parse, unknown_filters


@dataclass(frozen=True, slots=True)
class Template:
    """The parts of one message, in Liquid. Values are HTML-escaped in `html`, and only there."""

    subject: str
    body: str
    html: str | None = None

    def parts(self) -> Iterator[tuple[str, str]]:
        """The name and the source of every part there is."""
        yield "subject", self.subject
        yield "body", self.body
        if self.html is not None:
            yield "html", self.html


@dataclass(frozen=True, slots=True)
class Variant:
    """Another text of a step, and how often it is drawn, compared with the others."""

    weight: int
    template: Template


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a sequence, sent so many days after the one before; in one text, or in one of several."""

    delay_days: int
    template: Template
    weight: int = 1  # of this text, where there are others
    others: tuple[Variant, ...] = ()

    @property
    def variants(self) -> tuple[Variant, ...]:
        """Every text, the first one first."""
        return (Variant(self.weight, self.template), *self.others)

    def draw(self, seed: str) -> int | None:
        """Which text it is, counted from 0, the same for the same seed; None where there is but one."""
        if not self.others:
            return None
        weights = [variant.weight for variant in self.variants]
        drawn = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "big") * sum(weights) >> 64
        return bisect(list(accumulate(weights)), drawn)


#: Messages to each person: those that were handled are kept as the bits of one number.
MOST_STEPS = 30


@dataclass(frozen=True, slots=True)
class Content:
    """Everything that a campaign says to one recipient, in order."""

    steps: tuple[Step, ...]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Content":
        """Read back what `to_document` made."""
        return cls(tuple(_step(step) for step in document["steps"]))

    def to_document(self) -> dict[str, Any]:
        """The same as plain JSON values: what is stored, and what the seal covers."""
        return {
            "steps": [{"delay_days": step.delay_days, **_said(step.template), **_others(step)} for step in self.steps]
        }


def _step(said: Mapping[str, Any]) -> Step:
    others = tuple(Variant(each["weight"], _template(each)) for each in said.get("others", ()))
    return Step(said["delay_days"], _template(said), said.get("weight", 1), others)


def _template(said: Mapping[str, Any]) -> Template:
    return Template(said["subject"], said["body"], said["html"])


def _said(template: Template) -> dict[str, Any]:
    return {"subject": template.subject, "body": template.body, "html": template.html}


def _others(step: Step) -> dict[str, Any]:
    """Nothing for the one text of most steps: what was sealed before there were variants reads the same."""
    if not step.others:
        return {}
    return {
        "weight": step.weight,
        "others": [{"weight": each.weight, **_said(each.template)} for each in step.others],
    }


@dataclass(frozen=True, slots=True)
class Rendered:
    """One message as one recipient will read it."""

    subject: str
    body: str
    html: str | None


class RenderError(Exception):
    """This message can't be made for this recipient; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TemplateInvalid(ValueError):
    """A template that may not be used. `problems` lists everything that is wrong with it."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def templates(content: Content) -> Iterator[Template]:
    """Every text of every step."""
    return (variant.template for step in content.steps for variant in step.variants)


def problems(template: Template) -> tuple[str, ...]:
    """Every reason why the template can't be used, each with its part and, where that is known, its line."""
    found: list[str] = []
    for part, source in template.parts():
        try:
            parsed = _parse(part, source)
        except LiquidError as error:
            found.append(f"{part}, {located(error)}")
        else:
            found += (f"{part}, {problem}" for problem in unknown_filters(parsed, source))
    if _breaks(template.subject):
        found.append("subject, it must be one line")
    return tuple(found)


def required_variables(content: Content) -> frozenset[str]:
    """The names that every recipient must have, because some message could not be rendered without them.

    Not required is a name that a `default` with a constant covers, that stands behind a condition which holds only
    where it is there (`{% if name %}`, `== "x"`, `!= nil`, `contains`, `and`, `or`, `else`, `unless`), or that is
    only asked for in a condition. Parts that do not parse are passed over: `problems` tells of them.

    What this reading can't see, it calls required: a `default` that is itself a variable, a name guarded by `case` or
    by `!= blank` (true of a missing name), a plain `assign` of a name that gets its default later. And it looks at
    top-level names only: `company` is required for `{{ company.name }}`, what is in it is not looked into; a name
    assigned on one branch counts as assigned; a name that is computed (`{{ [key] }}`) is not seen. Whatever slips
    through is a `RenderError` for that recipient, never a message with a hole.
    """
    found: set[str] = set()
    for template in templates(content):
        for part, source in template.parts():
            with suppress(LiquidError):
                found |= names_needed(_parse(part, source))
    return frozenset(found)


def compile(content: Content, now: Instant) -> "Compiled":  # noqa: A001 - content.compile() as in re.compile()
    """Parse every template once, with `now` as its clock. Raises TemplateInvalid."""
    wrong = tuple(problem for template in templates(content) for problem in problems(template))
    if wrong:
        raise TemplateInvalid(wrong)
    return Compiled(content, now)


class Compiled:
    """Content that is ready to be rendered for many recipients. Threads may share it."""

    def __init__(self, content: Content, now: Instant) -> None:
        moment = datetime.fromtimestamp(now.timestamp(), UTC)
        self._clock = {"now": moment, "today": moment.date()}
        self._steps = tuple(
            tuple({part: _parse(part, source) for part, source in each.template.parts()} for each in step.variants)
            for step in content.steps
        )

    def render(self, step: int, variables: Mapping[str, object], variant: int = 0) -> Rendered:
        """The message of the step (counted from 0) for whoever has these variables. Raises RenderError.

        A variable that is None counts as missing, and none can be called `now` or `today`: those are the clock's.
        """
        names = {name: value for name, value in variables.items() if value is not None}
        names.update(self._clock)
        parts = {part: _render(part, template, names) for part, template in self._steps[step][variant].items()}
        if _breaks(parts["subject"]):
            raise RenderError("subject, a value put a line break into it")
        return Rendered(parts["subject"], parts["body"], parts.get("html"))


def _parse(part: str, source: str) -> BoundTemplate:
    return parse(source, markup=part == "html")


def _render(part: str, template: BoundTemplate, names: Mapping[str, object]) -> str:
    try:
        return template.render(names)
    except LiquidError as error:
        raise RenderError(f"{part}, {located(error)}") from error
    except Exception as error:  # a filter may raise anything over a value it was not made for
        raise RenderError(f"{part}, {type(error).__name__}: {error}") from error


def _breaks(text: str) -> bool:
    return "\n" in text or "\r" in text
