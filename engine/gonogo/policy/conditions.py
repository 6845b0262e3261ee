"""What a rule may ask of a launch. Every condition answers yes, no, or, where the fact was never stored, nothing."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from pydantic import Field
from whenever import Instant, Time, ZonedDateTime

from gonogo.addresses import carried
from gonogo.errors import Mistake
from gonogo.policy.words import Count, Days, Name, Part, Sender, TimeOfDay, Zone, days_twice, read, shown
from gonogo.zones import weekday

Channel = Literal["email", "sms", "webhook"]
SUMMED = ("requester", "list", "sender")
Summed = Literal["requester", "list", "sender"]


class Hours(Part):
    """A time of day in a zone: from the first until just before the second, over midnight where that is earlier."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    zone: Zone

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        begins, ends = (read(Time.parse_iso, said.get(key)) for key in ("from", "to"))
        if begins is not None and begins == ends:
            yield Mistake("to", f"expected another time than `from`; found {shown(said['to'])}")

    def hold(self, at: Instant) -> bool:
        begins, ends, now = Time.parse_iso(self.from_), Time.parse_iso(self.to), _in_zone(at, self.zone).time()
        return begins <= now < ends if begins < ends else now >= begins or now < ends


class Weekdays(Part):
    """Days of the week in a zone."""

    days: Days
    zone: Zone

    @classmethod
    def between(cls, said: Mapping[str, Any]) -> Iterator[Mistake]:
        return days_twice(said)

    def hold(self, at: Instant) -> bool:
        return weekday(_in_zone(at, self.zone).date()) in self.days


@lru_cache(maxsize=4_096)
def _in_zone(at: Instant, zone: str) -> ZonedDateTime:
    return at.to_tz(zone)


class Question(NamedTuple):
    """What a policy is asked about one run. None is a fact that was not stored.

    `recipients` counts those of every run that this one continues, too; `summed` adds, by requester, list or sender,
    those of other launches that the policy permitted by itself within its window.
    """

    recipients: int
    channel: str | None = "email"
    clean: bool | None = True  # the review found no blocker
    warned: bool | None = False  # it found warnings
    sender: str | None = None  # the address
    list: str | None = None  # its id
    template_changed: bool | None = True  # since the last run that people approved; true where there was none
    at: Instant | None = None  # when it would start: when its first message may go
    summed: Mapping[str, int | None] = MappingProxyType({})


class When(Part):
    """Conditions of a rule; all that are given must hold."""

    recipients_at_most: Count | None = None
    recipients_over: Count | None = None
    channel: Channel | None = None
    sender: Sender | None = None
    list: Name | None = None
    hours: Hours | None = None
    weekdays: Weekdays | None = None
    template: Literal["changed", "unchanged"] | None = None
    review: Literal["clean"] | None = None
    warnings: Literal["none", "some"] | None = None

    @cached_property
    def tests(self) -> tuple[tuple["Test", Any], ...]:
        """The conditions that are given, cheapest first, each with what it wants."""
        given = ((name, getattr(self, name)) for name in TESTS)
        return tuple((TESTS[name], wanted) for name, wanted in given if wanted is not None)


#: Asked of what a rule wants, of the facts, and of what windows add: which is looked up only where that decides.
Test = Callable[[Any, Question, Callable[[], int | None]], bool | None]


def _over(wanted: int, question: Question, others: Callable[[], int | None]) -> bool | None:
    if question.recipients > wanted:
        return True
    more = others()
    return None if more is None else question.recipients + more > wanted


def _at_most(wanted: int, question: Question, others: Callable[[], int | None]) -> bool | None:
    over = _over(wanted, question, others)
    return None if over is None else not over


def _sent_by(wanted: str, question: Question, _: object) -> bool | None:
    if question.sender is None:
        return None
    address = _in_one_form(question.sender)
    return address.endswith(wanted[1:].lower()) if wanted.startswith("*@") else address == wanted.lower()


@lru_cache(maxsize=4_096)
def _in_one_form(sender: str) -> str:
    return carried(sender).lower()


def _is(name: str) -> Test:
    def test(wanted: Any, question: Question, _: object) -> bool | None:
        known = getattr(question, name)
        return None if known is None else bool(known == wanted)

    return test


def _flag(name: str, when_true: str) -> Test:
    def test(wanted: Any, question: Question, _: object) -> bool | None:
        known = getattr(question, name)
        return None if known is None else known is (wanted == when_true)

    return test


def _at(wanted: Hours | Weekdays, question: Question, _: object) -> bool | None:
    return None if question.at is None else wanted.hold(question.at)


#: By the name of the condition.
TESTS: Mapping[str, Test] = {
    "channel": _is("channel"),
    "list": _is("list"),
    "review": _flag("clean", "clean"),
    "warnings": _flag("warned", "some"),
    "template": _flag("template_changed", "changed"),
    "sender": _sent_by,
    "weekdays": _at,
    "hours": _at,
    "recipients_at_most": _at_most,
    "recipients_over": _over,
}
