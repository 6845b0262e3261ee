"""The smallest change to a launch that would let the policy permit it by itself. Pure.

Found by search, not by reading the rules backwards: every threshold and value that a rule names is tried, alone and
then in pairs, in order of size, and whatever is proposed was asked of the policy.

One change is smaller than two. Of as many, the one whose larger part comes earlier in `ORDER`; of the same parts, the
one with less of it: the start that is sooner, fewer recipients left out, the value that an earlier rule names.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any, Literal, get_args

from whenever import Instant, Time

from gonogo.policy.conditions import Hours, Question, Weekdays
from gonogo.policy.document import Freeze, Off, Policy, Written
from gonogo.policy.ruling import counted, ends, freeze_at, rule_on
from gonogo.zones import day_begins, day_of, moment

Fact = Literal["review", "warnings", "start", "recipients", "template", "sender", "list"]
#: What is easier to change comes first.
ORDER: tuple[Fact, ...] = get_args(Fact)
#: Days ahead in which another start is looked for: every day of the week, and the one after.
AHEAD = 8
#: Moments that are looked at, kinds of them that are tried, and changes of any sort: the nearest and smallest first.
MOMENTS, STARTS, MOST = 1_000, 100, 20_000


@dataclass(frozen=True, slots=True)
class Leeway:
    """How far a launch could be changed at all.

    `lists` are those that there are; `approved` says that people approved an earlier text; `sent` recipients have had
    the message, and are left out no more; `starting` tells when the first message would go if it were to start then,
    and what windows would hold beside it.
    """

    lists: Collection[str]
    approved: bool
    sent: int
    starting: Callable[[Instant], tuple[Instant, Mapping[str, int | None]]]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing about a launch, and what it would have to be. For a sender or list, None is any that no rule names."""

    fact: Fact
    wanted: Any
    amount: float  # how much of a change it is, beside others of the same fact

    @property
    def in_words(self) -> str:
        match self.fact:
            case "review":
                return "a review without blockers"
            case "warnings":
                return "a review without warnings"
            case "start":
                return f"a start at {self.wanted.format_iso()}"
            case "recipients":
                return f"{self.wanted} recipients or fewer"
            case "template":
                return "the template that was approved last"
        return f"the {self.fact} {self.wanted}" if self.wanted else f"a {self.fact} that no rule names"


@dataclass(frozen=True, slots=True)
class Change:
    """What would have to be different, all of it together, and the rule that would then permit the launch."""

    parts: tuple[Part, ...]
    rule: str

    @property
    def in_words(self) -> str:
        return " and ".join(part.in_words for part in self.parts)


def smallest_change(policy: Policy, question: Question, leeway: Leeway) -> Change | None:
    """The smallest change by which the policy would permit the launch by itself, at a time at which it may begin.

    None where it does already, where it asks nobody at all, and where no two changes would do.
    """
    if isinstance(policy, Off) or _permits(policy, question):
        return None
    for parts in islice(changes(policy, question, leeway), MOST):
        after = changed(question, parts, leeway)
        if _permits(policy, after):
            return Change(parts, rule_on(policy, after).rule)
    return None


def changes(policy: Written, question: Question, leeway: Leeway) -> Iterator[tuple[Part, ...]]:
    """Everything that is tried, in order of size."""
    singles = sorted(_parts(policy, question, leeway), key=lambda part: size((part,)))
    yield from ((part,) for part in singles)
    pairs = ((one, other) for one, other in combinations(singles, 2) if one.fact != other.fact)
    yield from sorted(pairs, key=size)


def size(parts: tuple[Part, ...]) -> tuple[object, ...]:
    """By what changes are compared."""
    largest = sorted(parts, key=lambda part: ORDER.index(part.fact), reverse=True)
    return (len(parts), [ORDER.index(part.fact) for part in largest], [part.amount for part in largest])


def changed(question: Question, parts: Iterable[Part], leeway: Leeway) -> Question:
    """What would be asked then."""
    values: dict[str, Any] = {}
    for part in parts:
        match part.fact:
            case "review":
                values["clean"] = True
            case "warnings":
                values["warned"] = False
            case "start":
                values["at"], values["summed"] = leeway.starting(part.wanted)
            case "template":
                values["template_changed"] = False
            case "sender":
                # of a domain, an address that no rule names by itself: there is none without a name
                values["sender"] = (part.wanted or "").removeprefix("*")
            case "list":
                values["list"] = part.wanted or ""
            case _:
                values[part.fact] = part.wanted
    return question._replace(**values)


def _permits(policy: Written, question: Question) -> bool:
    if rule_on(policy, question).permission != "auto":
        return False
    return not policy.freeze or (question.at is not None and freeze_at(policy, question.at) is None)


# What is tried


def _parts(policy: Written, question: Question, leeway: Leeway) -> Iterator[Part]:
    if question.clean is False:
        yield Part("review", "clean", 0)
    if question.warned:
        yield Part("warnings", "none", 0)
    yield from _starts(policy, question)
    yield from _fewer(policy, question, leeway.sent)
    if question.template_changed and leeway.approved:
        yield Part("template", "unchanged", 0)
    yield from _others(policy, question, leeway.lists)


def _fewer(policy: Written, question: Question, sent: int) -> Iterator[Part]:
    """As many recipients as a threshold lets through, with those of other launches taken off."""
    seen = counted(policy, question)
    if seen is None:
        return
    whens = [rule.when for rule in policy.rules]
    named = {most for when in whens for most in (when.recipients_at_most, when.recipients_over) if most is not None}
    for most in named:
        wanted = most - (seen - question.recipients)
        if sent < wanted < question.recipients:
            yield Part("recipients", wanted, question.recipients - wanted)


def _others(policy: Written, question: Question, lists: Collection[str]) -> Iterator[Part]:
    """Senders and lists that rules name, and one that none does. Not where a window sums by them: what others of it
    add up to was not asked."""
    summed = policy.splitting.kinds if policy.splitting else ()
    kinds: tuple[Literal["sender", "list"], ...] = ("sender", "list")
    for fact in kinds:
        named = list(dict.fromkeys(getattr(rule.when, fact) for rule in policy.rules if getattr(rule.when, fact)))
        if named and fact not in summed:
            there = (name for name in named if fact == "sender" or name in lists)
            other = [name for name in there if name != getattr(question, fact)]
            yield from (Part(fact, name, at) for at, name in enumerate([*other, None]))


def _starts(policy: Written, question: Question) -> Iterator[Part]:
    """Later starts: the first moment of each kind that conditions and freezes tell apart."""
    now = question.at
    if now is None:
        return
    kinds: set[tuple[bool, ...]] = set()
    conditions = _timed(policy)
    for at in sorted(set(_flips(conditions, policy.freeze, now)))[:MOMENTS]:
        kind = tuple(condition.hold(at) for condition in conditions)
        if len(kinds) < STARTS and kind not in kinds and freeze_at(policy, at) is None:
            kinds.add(kind)
            yield Part("start", at, (at - now).total("seconds"))


def _timed(policy: Written) -> list[Hours | Weekdays]:
    """Every condition that asks for the time, once."""
    found: list[Hours | Weekdays] = []
    for rule in policy.rules:
        for condition in (rule.when.hours, rule.when.weekdays):
            if condition is not None and condition not in found:
                found.append(condition)
    return found


def _flips(conditions: list[Hours | Weekdays], freezes: Iterable[Freeze], now: Instant) -> Iterator[Instant]:
    """Every moment ahead at which an answer may change: in the days that follow now, or the end of a freeze."""
    later = [end for end in map(ends, freezes) if end > now]
    yield from later
    for condition in conditions:
        for start in (now, *later):
            yield from (at for at in _of_days(condition, start) if at > now)


def _of_days(condition: Hours | Weekdays, start: Instant) -> Iterator[Instant]:
    first = day_of(start, condition.zone)
    for day in (first.add(days=ahead) for ahead in range(AHEAD + 1)):
        if isinstance(condition, Weekdays):
            yield day_begins(day, condition.zone)
        else:
            yield from (moment(day, Time.parse_iso(time), condition.zone) for time in (condition.from_, condition.to))
