"""Who must approve what: the policy document, the rule that matches, and whose vote counts. Pure.

A policy is a list of rules; the first whose conditions hold decides. The last must match everything and must ask
people, so that nothing opens by falling through. Or approval is off, which every permit then says aloud (`ungated`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from whenever import TimeDelta

from gonogo.definition import Blocker
from gonogo.errors import Invalid, Mistake

Document = dict[str, Any]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]

LARGEST = 1_000_000_000  #: recipients that a rule can name

#: Until a workspace writes a policy of its own: what LeadLex documents (seed 000: more than 100 recipients).
DEFAULT: Document = {
    "rules": [
        {"name": "small", "when": {"recipients_at_most": 100}, "approve": "auto"},
        {"name": "everyone else", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}},
    ],
    "separation": "none",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class When(_Part):
    """Conditions of a rule; all that are given must hold."""

    recipients_at_most: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    recipients_over: Annotated[int, Field(ge=0, le=LARGEST)] | None = None
    channel: Literal["email", "sms", "webhook"] | None = None
    review: Literal["clean"] | None = None

    def holds(self, question: "Question") -> bool:
        return (
            (self.recipients_at_most is None or question.recipients <= self.recipients_at_most)
            and (self.recipients_over is None or question.recipients > self.recipients_over)
            and (self.channel is None or question.channel == self.channel)
            and (self.review is None or question.clean)
        )


class Stage(_Part):
    """So many different people of a group. `approvers` hold the scope `lexi`, `owners` the scope `admin`."""

    group: Literal["approvers", "owners"] = "approvers"
    quorum: Annotated[int, Field(ge=1, le=100)] = 1


class People(_Part):
    stages: Annotated[list[Stage], Field(min_length=1, max_length=1)]


class Rule(_Part):
    name: Name
    when: When = When()
    approve: Literal["auto"] | People


class Written(_Part):
    """A policy that asks people. With `invite` each of them gets a mail with a link; with `link_decides` whoever has
    that link may decide as the person it was sent to, without a key."""

    rules: Annotated[list[Rule], Field(min_length=1, max_length=100)]
    separation: Literal["none", "requester"] = "requester"
    acknowledge: Literal["implicit", "explicit"] = "implicit"
    dismissals: Annotated[int, Field(ge=1, le=100)] = 1
    expires_after: str = "PT72H"
    invite: bool = False
    link_decides: bool = False


class Off(_Part):
    """Approval is switched off, and says why."""

    approval: Literal["off"]
    reason: Name


@dataclass(frozen=True, slots=True)
class Question:
    """What a policy is asked about one run. `recipients` counts every run that it continues, too."""

    recipients: int
    channel: str
    clean: bool  # the review found no blocker


@dataclass(frozen=True, slots=True)
class Requirement:
    """What people must do before a run may go out, resolved when it was proposed."""

    group: str
    need: int
    separation: str
    acknowledge: str
    dismissals: int
    expires_after: TimeDelta
    invite: bool = False
    link_decides: bool = False

    def to_document(self) -> Document:
        """What is stored, and covered by the seal. A switch that is off is left out, as before there was one."""
        switched = {"invite": self.invite, "link_decides": self.link_decides}
        return {
            "stages": [{"group": self.group, "quorum": self.need}],
            "separation": self.separation,
            "acknowledge": self.acknowledge,
            "dismissals": self.dismissals,
            "expires_after": self.expires_after.format_iso(),
            **{name: True for name, on in switched.items() if on},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Requirement":
        [stage] = document["stages"]
        return cls(
            group=stage["group"],
            need=stage["quorum"],
            separation=document["separation"],
            acknowledge=document["acknowledge"],
            dismissals=document["dismissals"],
            expires_after=TimeDelta.parse_iso(document["expires_after"]),
            invite=document.get("invite", False),
            link_decides=document.get("link_decides", False),
        )


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the policy says about a run: the permission, the rule that matched, and what it asks of people."""

    permission: Literal["people", "auto", "ungated"]
    rule: str
    requirement: Requirement | None = None


def parse(document: object) -> Written | Off:
    """Read a policy document; raises `Invalid` with every mistake, each with its path and what was expected."""
    shape = Off if isinstance(document, dict) and "approval" in document else Written
    try:
        policy = shape.model_validate(document)
    except ValidationError as error:
        raise Invalid([_mistake(dict(found)) for found in error.errors()]) from None
    mistakes = list(_mistakes(policy)) if isinstance(policy, Written) else []
    if mistakes:
        raise Invalid(mistakes)
    return policy


def rule_on(policy: Written | Off, question: Question) -> Ruling:
    """The ruling of the first rule that matches. Total: a policy that was parsed always has one."""
    if isinstance(policy, Off):
        return Ruling("ungated", "approval off")
    rule = next(rule for rule in policy.rules if rule.when.holds(question))
    if isinstance(rule.approve, str):
        return Ruling("auto", rule.name)
    [stage] = rule.approve.stages
    requirement = Requirement(
        group=stage.group,
        need=stage.quorum,
        separation=policy.separation,
        acknowledge=policy.acknowledge,
        dismissals=policy.dismissals,
        expires_after=TimeDelta.parse_iso(policy.expires_after),
        invite=policy.invite,
        link_decides=policy.link_decides,
    )
    return Ruling("people", rule.name, requirement)


SCOPE_OF = {"approvers": "lexi", "owners": "admin"}


def entitlement(
    requirement: Requirement, *, person: str, is_member: bool, scopes: frozenset[str], requester: str
) -> Blocker | None:
    """Why this person's vote would not count, or None where it would."""
    if SCOPE_OF[requirement.group] not in scopes:
        message = f"Only {requirement.group} may decide about this launch."
        return Blocker("not_entitled", message, group=requirement.group)
    if not is_member and (requirement.separation != "none" or requirement.need > 1):
        message = "This launch must be decided by a person; the key belongs to no member."
        return Blocker("person_required", message, separation=requirement.separation, quorum=requirement.need)
    if requirement.separation == "requester" and person == requester:
        message = "The person who asked for the launch may not approve it."
        return Blocker("separation_of_duties", message, separation=requirement.separation)
    return None


def standing(ballots: Iterable[tuple[str, str]]) -> dict[str, str]:
    """From (person, choice) in order of time: each person's choice that stands."""
    held: dict[str, str] = {}
    for person, choice in ballots:
        if choice == "retract":
            held.pop(person, None)
        else:
            held[person] = choice
    return held


def _mistake(error: dict[str, Any]) -> Mistake:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    return Mistake(path.lstrip("."), str(error["msg"]))


def _mistakes(policy: Written) -> Iterable[Mistake]:
    last = policy.rules[-1]
    if last.when != When():
        yield Mistake(f"rules[{len(policy.rules) - 1}].when", "the last rule must match everything: leave `when` out")
    if last.approve == "auto":
        yield Mistake(f"rules[{len(policy.rules) - 1}].approve", "the last rule must ask people, not `auto`")
    names = [rule.name for rule in policy.rules]
    for at, name in enumerate(names):
        if name in names[:at]:
            yield Mistake(f"rules[{at}].name", f"another rule is named {name!r}; names must differ")
    if policy.link_decides and not policy.invite:
        yield Mistake("link_decides", "links are sent only with `invite`")
    try:
        if not TimeDelta(seconds=1) <= TimeDelta.parse_iso(policy.expires_after) <= TimeDelta(hours=24 * 366):
            yield Mistake("expires_after", "expected a second (PT1S) or more, and a year (PT8784H) at most")
    except ValueError:
        yield Mistake("expires_after", "expected an ISO 8601 duration of hours, minutes and seconds, such as PT72H")
