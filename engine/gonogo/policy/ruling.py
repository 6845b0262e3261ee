"""The first rule that matches a launch, and what it asks of people."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

from whenever import Instant

from gonogo.policy.conditions import Question
from gonogo.policy.document import Freeze, Off, People, Policy, Rule, Written
from gonogo.policy.requirement import Escalation, Requirement, Stage
from gonogo.policy.words import local, seconds


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says about a run: the permission, the rule that matched, and what it asks of people."""

    permission: Literal["people", "auto", "ungated", "break_glass"]
    rule: str
    requirement: Requirement | None = None


def rule_on(policy: Policy, question: Question, *, barred: Iterable[str] = ()) -> Ruling:
    """The ruling of the first rule that matches. Total: a policy that was parsed always has one.

    Where a fact that would decide it is not known, the last rule does, which asks people.
    """
    if isinstance(policy, Off):
        return Ruling("ungated", "approval off")
    rule = match(policy, question) or policy.rules[-1]
    if isinstance(rule.approve, str):
        return Ruling("auto", rule.name)
    return Ruling("people", rule.name, requirement_of(policy, rule.approve, barred))


def match(policy: Written, question: Question) -> Rule | None:
    """The first rule that matches; None where facts that were not stored leave it open."""
    more = partial(others, policy, question)
    for rule, tests in policy.tests:
        known = True
        for test, wanted in tests:
            answer = test(wanted, question, more)
            if answer is False:
                break
            known = known and answer is not None
        else:
            return rule if known else None
    return policy.rules[-1]


def counted(policy: Written, question: Question) -> int | None:
    """The recipients that thresholds see: with those of other launches where the policy sums over a window. None
    where a sum is not known."""
    more = others(policy, question)
    return None if more is None else question.recipients + more


def others(policy: Written, question: Question) -> int | None:
    """The recipients of other launches that count, too: the largest of the sums. None where one is not known."""
    most = 0
    for kind in policy.splitting.kinds if policy.splitting else ():
        found = question.summed.get(kind, 0)
        if found is None:
            return None
        most = max(most, found)
    return most


def requirement_of(policy: Policy, people: People, barred: Iterable[str] = ()) -> Requirement:
    """What a policy asks of people where it asks for these."""
    stages = stages_of(people)
    if isinstance(policy, Off):
        return Requirement(stages=stages, barred=tuple(sorted(barred)))
    escalate = policy.escalate
    return Requirement(
        stages=stages,
        separation=policy.separation,
        barred=tuple(sorted(barred)) if policy.separation != "none" else (),
        acknowledge=policy.acknowledge,
        dismissals=policy.dismissals,
        expires_after=seconds(policy.expires_after),
        working_hours=policy.working_hours,
        remind_after=seconds(policy.remind_after) if policy.remind_after else None,
        escalate=Escalation(seconds(escalate.after), escalate.to) if escalate else None,
        invite=policy.invite,
        link_decides=policy.link_decides,
    )


def stages_of(people: People) -> tuple[Stage, ...]:
    """The stages that are written, as they are asked."""
    return tuple(Stage(stage.quorum, stage.group, tuple(stage.people or ())) for stage in people.stages)


def freeze_at(policy: Policy, at: Instant) -> Freeze | None:
    """The freeze that stands at a moment, the one that lasts longest first."""
    if isinstance(policy, Off):
        return None
    standing = [each for each in policy.freeze if _within(each, at)]
    return max(standing, key=ends, default=None)


def ends(freeze: Freeze) -> Instant:
    """When a freeze is over."""
    return _instant(freeze.to, freeze.zone)


def _within(freeze: Freeze, at: Instant) -> bool:
    return _instant(freeze.from_, freeze.zone) <= at < ends(freeze)


@lru_cache(maxsize=1_024)
def _instant(text: str, zone: str) -> Instant:
    return local(text).assume_tz(zone, disambiguation="compatible").to_instant()
