"""Why somebody is asked, and what another policy would say: of one campaign, and of every launch of the past."""

from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Path, Response
from pydantic import Field
from whenever import Instant

from gonogo.counting import Counted
from gonogo.explaining import Explanation, Person, StageExplained, Voice, explain
from gonogo.policy import Change, Question
from gonogo.policy.conditions import SUMMED
from gonogo.simulating import LONGEST, Backtest, Changed, Simulation, Verdict, backtest, simulate
from gonogo_api import contract
from gonogo_api.dialects.leadlex.answers import (
    BlockerShown,
    CampaignWord,
    RequirementShown,
    blocker_shape,
    data,
)
from gonogo_api.dialects.leadlex.shapes import DIALECT, UUID, known
from gonogo_api.openapi import refuses, says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shape, Shown, iso, one_of
from gonogo_api.visits import PolicyWriter, Reader

router = APIRouter(route_class=StrictRoute)
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
#: Who is told how an approval could be avoided.
HINTED = {"policy:write", "lexi"}


class Simulate(Shape):
    """A policy that is not in force, and the campaign that it is asked about."""

    campaign_id: Annotated[str, Field(json_schema_extra=UUID)]
    policy: dict[str, Any]


class Days(Shape):
    """A policy that is not in force, and of how many days the launches are that it is asked about."""

    policy: dict[str, Any]
    days: Annotated[int, Field(ge=1, le=LONGEST)] = 30


class FactsShown(Shown):
    """What a policy was asked; null is what was not stored. `summed` has the recipients of other launches by what the
    policy's windows sum: requester, list, sender."""

    recipients: int
    channel: str | None
    clean: bool | None
    warned: bool | None
    sender: str | None
    list: str | None
    template_changed: bool | None
    at: str | None
    summed: dict[str, int | None]


class LaunchShown(Shown):
    campaign_id: str
    recipients: int
    at: str
    starts_at: str


class CountedShown(Shown):
    """Everything that counted in a window beside this launch: what was proposed after `since`, and what starts between
    `starts_after` and `starts_before`."""

    per: Annotated[str, one_of(SUMMED)]
    subject: str
    since: str
    starts_after: str
    starts_before: str
    recipients: int
    launches: list[LaunchShown]


class PersonShown(Shown):
    id: str
    name: str | None


class VoiceShown(PersonShown):
    """Somebody whose vote counts, or would; in whose place, where that is a delegate."""

    instead_of: PersonShown | None


class StageVoices(Shown):
    """What a stage asks and has, and who could give what it lacks: a hundred are named, `more` could, too."""

    whom: str
    need: int
    have: int
    could: list[VoiceShown]
    more: int


class PartShown(Shown):
    """What would have to be different, and how. For a sender or list, null is any that no rule names."""

    fact: str
    wanted: str | int | None


class ChangeShown(Shown):
    """The smallest change by which nobody would be asked, and the rule that would then permit the launch."""

    message: str
    rule: str
    parts: list[PartShown]


class Explained(Shown):
    """What is decided, or would be: about what a `start` would meet now, the open `task`, the `permit` that was given,
    or `nothing`. `change` is told to policy writers and approvers."""

    about: Literal["start", "task", "permit", "nothing"]
    status: CampaignWord
    permission: str | None
    rule: str | None
    policy_version: int | None
    facts: FactsShown | None
    counted: list[CountedShown]
    blockers: list[BlockerShown]
    task_id: str | None
    stages: list[StageVoices]
    unsatisfiable: bool
    expires_at: str | None
    escalates_at: str | None
    permit: str | None
    by: list[VoiceShown]
    change: ChangeShown | None


class Simulated(Shown):
    """What the policy would say of the campaign, and what it would ask of people; null where of nobody."""

    permission: str
    rule: str
    facts: FactsShown
    blockers: list[BlockerShown]
    requirement: RequirementShown | None
    unsatisfiable: bool


class VerdictShown(Shown):
    """`frozen` where the policy would have let no launch begin, `undetermined` where a fact was not stored."""

    permission: str
    rule: str | None


class CountShown(Shown):
    then: VerdictShown
    now: VerdictShown
    launches: int


class ChangedShown(Shown):
    """A launch about which the policy would have said something else."""

    campaign_id: str
    run: int
    at: str
    recipients: int
    then: VerdictShown
    now: VerdictShown


class Backtested(Shown):
    """Every launch that was proposed since then, as a diff; the first hundred that changed are named."""

    since: str
    launches: int
    changed: int
    undetermined: int
    counts: list[CountShown]
    named: list[ChangedShown]


@router.get("/v1/campaigns/{campaign_id}/explain", responses=says(Data[Explained]), tags=["campaigns"])
def explain_campaign(visit: Reader, campaign_id: Id) -> Response:
    """Why is somebody asked about this campaign, or would be? The rule that matched and the facts it saw, every vote
    that is missing with who could give it, and every blocker with its figures."""
    hints = bool(HINTED & visit.visitor.actor.scopes)
    return data(explained(visit.read(lambda call: explain(call, known(campaign_id), hints=hints))))


@router.post(
    "/v1/policy/simulate",
    responses=says(Data[Simulated]) | refuses(404, when="There is no such campaign in the workspace"),
    tags=["policy"],
)
def simulate_policy(visit: PolicyWriter, body: Simulate) -> Response:
    """What would this policy say of that campaign? Changes nothing."""
    return data(simulated(visit.read(lambda call: simulate(call, known(body.campaign_id), body.policy))))


@router.post("/v1/policy/backtest", responses=says(Data[Backtested]), tags=["policy"])
def backtest_policy(visit: PolicyWriter, body: Days) -> Response:
    """What would this policy have said of every launch of the last days? Changes nothing."""
    return data(backtested(visit.read(lambda call: backtest(call, body.policy, body.days))))


# How it is told


def explained(found: Explanation) -> Explained:
    """As the command line tells it, too."""
    return Explained(
        about=found.about,
        status=contract.status(DIALECT, found.state),
        permission=found.permission,
        rule=found.rule,
        policy_version=found.policy,
        facts=_facts(found.asked) if found.asked else None,
        counted=[_counted(each) for each in found.windows],
        blockers=[blocker_shape(each) for each in found.blockers],
        task_id=found.task,
        stages=[_stage(each) for each in found.stages],
        unsatisfiable=found.unsatisfiable,
        expires_at=iso(found.expires_at),
        escalates_at=iso(found.escalates_at),
        permit=found.permit,
        by=[_voice(each) for each in found.by],
        change=_change(found.change) if found.change else None,
    )


def simulated(found: Simulation) -> Simulated:
    """As the command line tells it, too."""
    asks = found.ruling.requirement
    return Simulated(
        permission=found.ruling.permission,
        rule=found.ruling.rule,
        facts=_facts(found.asked),
        blockers=[blocker_shape(each) for each in found.blockers],
        requirement=cast(RequirementShown, asks.to_document()) if asks else None,
        unsatisfiable=found.unsatisfiable,
    )


def backtested(found: Backtest) -> Backtested:
    """As the command line tells it, too. What came most often comes first."""
    return Backtested(
        since=iso(found.since),
        launches=found.launches,
        changed=found.changed,
        undetermined=found.undetermined,
        counts=[
            CountShown(then=_verdict(then), now=_verdict(now), launches=count)
            for (then, now), count in found.counts.most_common()
        ],
        named=[_changed(each) for each in found.named],
    )


def _facts(asked: Question) -> FactsShown:
    return FactsShown(
        recipients=asked.recipients,
        channel=asked.channel,
        clean=asked.clean,
        warned=asked.warned,
        sender=asked.sender,
        list=asked.list,
        template_changed=asked.template_changed,
        at=iso(asked.at),
        summed=dict(asked.summed),
    )


def _counted(found: Counted) -> CountedShown:
    launches = [
        LaunchShown(
            campaign_id=each.campaign, recipients=each.recipients, at=iso(each.at), starts_at=iso(each.starts_at)
        )
        for each in found.launches
    ]
    return CountedShown(
        per=found.kind,
        subject=found.subject,
        since=iso(found.reach.proposed_after),
        starts_after=iso(found.reach.starts_after),
        starts_before=iso(found.reach.starts_before),
        recipients=found.recipients,
        launches=launches,
    )


def _stage(found: StageExplained) -> StageVoices:
    could = [_voice(each) for each in found.could]
    return StageVoices(whom=found.whom, need=found.need, have=found.have, could=could, more=found.more)


def _voice(found: Voice) -> VoiceShown:
    stood_for = _person(found.instead_of) if found.instead_of else None
    return VoiceShown(id=found.person.id, name=found.person.name, instead_of=stood_for)


def _person(found: Person) -> PersonShown:
    return PersonShown(id=found.id, name=found.name)


def _change(found: Change) -> ChangeShown:
    parts = [
        PartShown(fact=part.fact, wanted=iso(part.wanted) if isinstance(part.wanted, Instant) else part.wanted)
        for part in found.parts
    ]
    return ChangeShown(message=found.in_words, rule=found.rule, parts=parts)


def _verdict(found: Verdict) -> VerdictShown:
    return VerdictShown(permission=found.permission, rule=found.rule)


def _changed(found: Changed) -> ChangedShown:
    return ChangedShown(
        campaign_id=found.campaign,
        run=found.run,
        at=iso(found.at),
        recipients=found.recipients,
        then=_verdict(found.then),
        now=_verdict(found.now),
    )
