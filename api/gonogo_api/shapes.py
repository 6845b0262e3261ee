"""Values that several dialects take, as Pydantic reads them."""

from collections.abc import Iterable
from typing import Annotated, Any, Generic, Self, TypeVar, overload

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator, with_config
from typing_extensions import TypedDict
from whenever import Instant, OffsetDateTime, PlainDateTime

from gonogo.addresses import carried, email_problem
from gonogo.contacts import Added
from gonogo.content import Content, Step, Template, Variant

Text = Annotated[str, Field(max_length=500)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Long = Annotated[str, Field(max_length=500_000)]
Contact = dict[str, Any]
Contacts = Annotated[list[Contact], Field(max_length=1000)]
T = TypeVar("T")


class Shape(BaseModel):
    """A body that takes the fields it names and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


class LooseShape(BaseModel):
    """A body of a foreign client, which may send more than we know."""

    model_config = ConfigDict(extra="ignore", strict=True, arbitrary_types_allowed=True)


@with_config(ConfigDict(extra="forbid"))
class Shown(TypedDict):
    """An object of an answer: exactly the fields it names."""


class Data(Shown, Generic[T]):
    """The envelope of an answer."""

    data: T


class Rejected(Shown):
    """A row that was not taken, counted from 0 without a header."""

    row: int
    reason: str


def rejected_rows(added: Added) -> list[Rejected]:
    """The rows that were not taken, as every dialect tells them."""
    return [Rejected(row=each.row, reason=each.reason) for each in added.rejected]


def one_of(words: Iterable[str]) -> Any:
    """For `Annotated[str, one_of(...)]`: a text of an answer that is one of these."""
    return Field(json_schema_extra={"enum": [*words]})


def read_instant(text: Any) -> Any:
    """ISO 8601 with an offset or Z; a time without one is UTC."""
    if not isinstance(text, str):
        raise ValueError("expected a text in ISO 8601, such as 2026-01-15T09:00:00Z")
    for read in (Instant.parse_iso, lambda t: OffsetDateTime.parse_iso(t).to_instant(), _utc):
        try:
            return read(text).round("microsecond", mode="floor")
        except ValueError:
            continue
    raise ValueError("expected a time in ISO 8601, such as 2026-01-15T09:00:00Z")


def _utc(text: str) -> Instant:
    return PlainDateTime.parse_iso(text).assume_utc()


def _email(text: str) -> str:
    wrong = email_problem(text)
    if wrong:
        raise ValueError(wrong)
    return text


Moment = Annotated[Instant, BeforeValidator(read_instant)]
Email = Annotated[str, Field(max_length=254), AfterValidator(_email)]
#: A sender's address, in the one form that mail carries: campaigns, limits and holds name the same one.
Sender = Annotated[Email, AfterValidator(carried)]
Channel = Annotated[str, Field(max_length=100)]  #: which kinds there are, the server knows


Weight = Annotated[int, Field(ge=1, le=1_000_000)]


class TextShape(Shape):
    subject: Text = ""
    body: Long = ""
    html: Long | None = None


class VariantShape(TextShape):
    """Another text of the same message, and how often it is drawn, compared with the others."""

    weight: Weight = 1


class TemplateShape(TextShape):
    """A message in one text, or in several; `weight` is that of this one."""

    weight: Weight | None = None
    variants: Annotated[list[VariantShape], Field(max_length=25)] = []

    @model_validator(mode="after")
    def _weighed(self) -> Self:
        if self.weight is not None and not self.variants:
            raise ValueError("weight: expected only where there are variants")
        return self


class StepShape(Shape):
    delay_days: Annotated[int, Field(ge=0, le=365)]
    template: TemplateShape


class SenderShape(Shape):
    email: Sender
    name: Annotated[str, Field(max_length=200)] = ""


def content_of(first: TemplateShape | None, steps: list[StepShape]) -> Content | None:
    """A first message and those that follow it; None where there is nothing to say."""
    said = [] if first is None else [_step(0, first)]
    said += [_step(step.delay_days, step.template) for step in steps]
    return Content(tuple(said)) if said else None


def _step(delay_days: int, shape: TemplateShape) -> Step:
    others = tuple(Variant(each.weight, _template(each)) for each in shape.variants)
    return Step(delay_days, _template(shape), shape.weight or 1, others)


def _template(shape: TextShape) -> Template:
    return Template(shape.subject, shape.body, shape.html)


@overload
def iso(moment: Instant) -> str: ...
@overload
def iso(moment: Instant | None) -> str | None: ...
def iso(moment: Instant | None) -> str | None:
    """ISO 8601 in UTC, with Z."""
    return moment.format_iso() if moment is not None else None


@overload
def iso_seconds(moment: Instant) -> str: ...
@overload
def iso_seconds(moment: Instant | None) -> str | None: ...
def iso_seconds(moment: Instant | None) -> str | None:
    """ISO 8601 in UTC, whole seconds."""
    return moment.round("second", mode="floor").format_iso() if moment is not None else None
