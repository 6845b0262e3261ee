"""What another policy would say: about one campaign, and about every launch of the past. Writes and holds nothing."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

from whenever import Instant, TimeDelta

from gonogo import asking, drafts, policy
from gonogo.call import Call
from gonogo.counting import counted, summed
from gonogo.definition import Blocker
from gonogo.errors import Invalid
from gonogo.policy import Question, Ruling, Window
from gonogo.policy.summing import Key
from gonogo.policy.words import seconds
from gonogo.proposal import propose
from gonogo.store import cases, people, rulings
from gonogo.store.cases import Case

#: How far back launches are asked about, days.
LONGEST = 3_650
#: How many launches are named.
NAMED = 100


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a policy would say about a campaign, by the facts it was asked, and whether anybody could satisfy it."""

    asked: Question
    ruling: Ruling
    blockers: tuple[Blocker, ...]  # why the policy would let nobody start it then
    unsatisfiable: bool


def simulate(call: Call, campaign_id: str, document: object) -> Simulation:
    """Ask a policy that is not in force about a campaign: about the run that is open, else about the one that a start
    would propose now. Raises NotFound, and Invalid with every mistake."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    _, draft = drafts.check(call, document)
    row = rulings.find(call.connection, case.id, case.run) if case.run_open else None
    requester = call.by.person if row is None else row.requester
    wanted = asking.Asking(call, case, requester=requester, binding=False, draft=draft)
    asked = _proposed(call, case, wanted) if row is None else _opened(call, row, draft)
    ruling = wanted.ruling(asked)
    blockers = tuple(found for found in (wanted.frozen(asked), wanted.hidden(ruling)) if found is not None)
    return Simulation(asked, ruling, blockers, unsatisfiable(call, ruling.requirement))


def _proposed(call: Call, case: Case, wanted: asking.Asking) -> Question:
    facts = propose(call, case, at_once=True, binding=False).asked
    if facts is None:
        raise TypeError("what is proposed at once was asked about")
    return wanted.question(
        facts.recipients, sender=str(facts.sender), clean=bool(facts.clean), warned=bool(facts.warned)
    )


def _opened(call: Call, row: Any, draft: policy.Policy) -> Question:
    """As the run was when its own policy was asked."""
    subjects = {"requester": row.requester, "list": row.list_id, "sender": row.sender}
    found = counted(call, draft, subjects, at=row.at, starts_at=row.starts_at, but=(row.campaign_id, row.generation))
    return rulings.question(row, summed(found))


def unsatisfiable(call: Call, requirement: policy.Requirement | None) -> bool:
    """Whether nobody who is there now could do what is asked, before anybody has."""
    if requirement is None:
        return False
    return not policy.satisfiable(requirement, people.everybody(call.connection, call.by.workspace))


# All launches of the past


class Verdict(NamedTuple):
    """What became of a launch: people | auto | ungated | break_glass, or frozen, or undetermined; and by which rule."""

    permission: str
    rule: str | None = None


UNDETERMINED = Verdict("undetermined")


@dataclass(frozen=True, slots=True)
class Changed:
    """A launch about which the policy would have said something else."""

    campaign: str
    run: int
    at: Instant
    recipients: int
    then: Verdict
    now: Verdict


@dataclass(slots=True)
class Backtest:
    """What a policy would have said about the launches since a moment, beside what was said then.

    `counts` has every pair of then and now with how often it came; `undetermined` are those about which a fact that
    decides was not stored, and are not among `changed`. The first hundred changed ones are named.
    """

    since: Instant
    counts: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    named: list[Changed] = field(default_factory=list)

    @property
    def launches(self) -> int:
        return self.counts.total()

    @property
    def changed(self) -> int:
        return sum(count for (then, now), count in self.counts.items() if now not in (then, UNDETERMINED))

    @property
    def undetermined(self) -> int:
        return sum(count for (_, now), count in self.counts.items() if now == UNDETERMINED)


def backtest(call: Call, document: object, days: int) -> Backtest:
    """Ask a policy about every launch that was proposed in so many days.

    Windows sum what this policy would have permitted by itself, beginning one window earlier, and with what was
    proposed before that to start after it. A launch whose glass was broken was no policy's doing, and stays so. Raises
    Invalid with every mistake.
    """
    if not 1 <= days <= LONGEST:
        raise Invalid.at("days", f"expected 1 to {LONGEST}, found {days}")
    _, draft = drafts.check(call, document)
    replay = _Replay(draft)
    found = Backtest(call.now - TimeDelta(hours=24 * days))
    for launch in _launches(call, found.since - replay.span):
        now = replay.ask(launch)
        if launch.at >= found.since:
            _count(found, launch, now)
    return found


def _count(found: Backtest, launch: "_Launch", now: Verdict) -> None:
    then = launch.then
    found.counts[then, now] += 1
    if len(found.named) < NAMED and now not in (then, UNDETERMINED):
        campaign, _ = launch.key
        found.named.append(Changed(campaign, launch.run, launch.at, launch.recipients, then, now))


_RULED = len(rulings.RULED)


class _Launch(NamedTuple):
    """A run that was proposed, as it was stored."""

    key: Key
    run: int
    at: Instant
    then: Verdict
    requester: str
    facts: tuple[Any, ...]  # those of a `Question`, in its order, but for the sums

    @property
    def recipients(self) -> int:
        return int(self.facts[0])


#: By what windows may sum.
_SUBJECTS: Mapping[str, Callable[[_Launch], str | None]] = {
    "requester": attrgetter("requester"),
    "sender": lambda launch: launch.facts[4],
    "list": lambda launch: launch.facts[5],
}


def _launches(call: Call, since: Instant) -> Iterator[_Launch]:
    """Every launch since then, in order of time: those of the time before rulings were kept come first."""
    connection, workspace = call.connection, call.by.workspace
    first = rulings.first(connection, workspace)
    if first is None or since < first:
        yield from map(_told_by_step, rulings.before_rulings(connection, workspace, since, first))
    for row in chain(rulings.ahead(connection, workspace, since), rulings.since(connection, workspace, since)):
        campaign, generation, run, at, permission, rule, requester = row[:_RULED]
        yield _Launch._make(((campaign, generation), run, at, _verdict(permission, rule), requester, row[_RULED:]))


def _told_by_step(row: Any) -> _Launch:
    """By the figures of a step alone: what they do not tell is not known."""
    told = row.figures["facts"]
    clean = told["review"] == "clean" if "review" in told else None
    warned = bool(told["warnings"]) if "warnings" in told else None
    starts_at = row.at if told.get("start") == "none" else None
    facts = (told.get("chain", told["recipients"]), told.get("channel"), clean, warned, None, None, None, starts_at)
    then = _verdict(told["permission"], told["rule"])
    return _Launch((row.campaign_id, row.generation), row.run, row.at, then, row.requester, facts)


class _Sums(Mapping[str, int | None]):
    """What windows hold beside a launch: summed where a rule wants to know."""

    __slots__ = ("launch", "windows")

    def __init__(self, windows: Mapping[str, Window], launch: _Launch) -> None:
        self.windows, self.launch = windows, launch

    def __getitem__(self, kind: str) -> int | None:
        launch = self.launch
        return self.windows[kind].sum(_SUBJECTS[kind](launch), launch.at, launch.facts[-1], launch.key)

    def __iter__(self) -> Iterator[str]:
        return iter(self.windows)

    def __len__(self) -> int:
        return len(self.windows)


class _Replay:
    """A policy that is asked about one launch after another, and counts for its windows what it permits by itself."""

    def __init__(self, draft: policy.Policy) -> None:
        self.draft = draft
        splitting = getattr(draft, "splitting", None)
        self.span = seconds(splitting.window) if splitting else TimeDelta()
        self.windows = {kind: Window(self.span) for kind in splitting.kinds} if splitting else {}

    def ask(self, launch: _Launch) -> Verdict:
        if launch.then.permission == "break_glass":
            return launch.then
        if isinstance(self.draft, policy.Off):
            return _verdict("ungated", "approval off")
        if not self.windows:
            return _judged(self.draft, Question(*launch.facts))
        found = _judged(self.draft, Question._make((*launch.facts, _Sums(self.windows, launch))))
        if found.permission in ("auto", "undetermined"):
            recipients = launch.recipients if found.permission == "auto" else None
            for kind, window in self.windows.items():
                window.add(_SUBJECTS[kind](launch), launch.at, launch.facts[-1], launch.key, recipients)
        return found


def _judged(draft: policy.Written, question: Question) -> Verdict:
    if draft.freeze:
        if question.at is None:
            return UNDETERMINED
        freeze = policy.freeze_at(draft, question.at)
        if freeze is not None:
            return _verdict("frozen", freeze.reason)
    rule = policy.match(draft, question)
    if rule is None:
        return UNDETERMINED
    return _verdict("auto" if isinstance(rule.approve, str) else "people", rule.name)


@lru_cache(maxsize=1_024)
def _verdict(permission: str, rule: str) -> Verdict:
    return Verdict(permission, rule)
