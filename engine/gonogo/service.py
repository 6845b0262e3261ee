"""The life of a campaign, from top to bottom: one function per use case.

Each reads the case under its lock, gathers the facts, decides by the table, and writes the decision down, all in
the caller's transaction:

    load -> facts -> decide -> record

A refusal is a value (`Outcome.blockers`) and changes nothing, but for an overdue deadline, which is a step of its own
before the event. Raised are NotFound (also for another workspace's row), Invalid and Conflict.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from whenever import Instant

from gonogo import asking, glass, questions, reminders
from gonogo.addresses import carried
from gonogo.ballots import Ballot, Voters, ballot_facts
from gonogo.call import Call, Outcome
from gonogo.campaign import ACTIVE, CAMPAIGN, COMPLETED, DRAFT, OVER, PAUSED, RUNNING
from gonogo.clock import new_id
from gonogo.contacts import Added, merge, new_list, resolve, take_off
from gonogo.content import MOST_STEPS, Content
from gonogo.definition import Blocker, Event
from gonogo.differences import changed_since
from gonogo.errors import Invalid
from gonogo.facts import Facts
from gonogo.machine import decide
from gonogo.models import Document
from gonogo.proposal import Proposal, facts_of, is_overdue, propose
from gonogo.record import Change, dispatch, record
from gonogo.store import acts, cases, ledger, lists, workspaces
from gonogo.store.cases import Case

#: Characters of the reason for breaking the glass.
LONGEST_REASON = 2_000
Selection = Literal["unsent", "failed", "all", "new"] | list[str]

# A draft, and what people do to it.


@dataclass(frozen=True, slots=True)
class Draft:
    """A campaign as somebody first writes it down. `wire_id` is its id in the dialect that makes it, else its own;
    `id` is its own where it has one already, because it comes from elsewhere."""

    name: str
    channel: str = "email"
    content: Content | None = None
    sender: Mapping[str, str] | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    start_at: Instant | None = None
    extra: Document = field(default_factory=dict)
    dialect: str = "leadlex"
    wire_id: str | None = None
    list_id: str | None = None
    id: str | None = None


def create(call: Call, draft: Draft, *, by_hand: bool = True) -> Outcome:
    """Make a campaign; `by_hand` says that the caller wrote its text. Raises Invalid where an id that it brings is
    taken, be it by another workspace's."""
    connection, workspace_id, campaign_id = call.connection, call.by.workspace, draft.id or new_id(call.now)
    wire_id = draft.wire_id or campaign_id
    if cases.exists(connection, workspace_id, draft.dialect, wire_id):
        raise Invalid.at("id", f"the campaign {wire_id!r} exists already")
    if draft.id is not None and workspaces.has_campaign(connection, draft.id):
        raise Invalid.at("id", f"the id {draft.id!r} is taken")
    if draft.list_id is not None:
        lists.check(connection, workspace_id, draft.list_id)
    pinned = _pins(call, {"content": draft.content, "sender": draft.sender, "settings": draft.settings})
    row: Document = {
        "id": campaign_id,
        "workspace_id": workspace_id,
        "dialect": draft.dialect,
        "wire_id": wire_id,
        "name": draft.name,
        "channel": draft.channel,
        "state": CAMPAIGN.initial,
        **dict.fromkeys(("run", "generation", "version", "revision", "dispatch", "seq"), 0),
        "begun": False,
        "head": "",
        "start_at": draft.start_at,
        "content_id": None,
        "sender_id": None,
        **pinned,
        "list_id": draft.list_id or new_list(call, draft.name),
        "extra": draft.extra,
        "created_at": call.now,
        "updated_at": call.now,
    }
    cases.add_campaign(connection, row)
    _edited(call, campaign_id, pinned["content_id"] if by_hand else None)
    return Outcome(cases.read(connection, workspace_id, campaign_id))


#: The longest name of a campaign that is taken.
LONGEST_NAME = 200
_COPY = " (copy)"


def clone(call: Call, campaign_id: str, *, name: str | None = None, contacts: bool = False) -> Outcome:
    """Make a new draft that says the same, with no start time, and an empty list of its own, or with `contacts` the
    very list of the original, which both then share. Raises NotFound."""
    case = cases.read(call.connection, call.by.workspace, campaign_id)
    pinned = [version for version in (case.content_id, case.sender_id, case.settings_id) if version]
    said = {row.kind: row.body for row in workspaces.versions(call.connection, pinned).values()}
    draft = Draft(
        name=name or case.name[: LONGEST_NAME - len(_COPY)] + _COPY,
        channel=case.channel,
        content=Content.from_document(said["content"]) if "content" in said else None,
        sender=said.get("sender"),
        settings=said["settings"],
        extra=case.extra,
        list_id=case.list_id if contacts else None,
    )
    copy = create(call, draft, by_hand=False)
    last = acts.last_completed(call.connection, case.id)
    for editor in acts.editors(call.connection, {case.id: last.at if last else None}):
        acts.note_edit(call.connection, [copy.case.id], editor, call.now)  # what they wrote is what it says
    return copy


def hold(call: Call, campaign_id: str) -> Case:
    """The case, which nobody else changes until the transaction ends. Raises NotFound."""
    return _current(call, campaign_id)


EDITABLE = ("name", "content", "sender", "settings", "start_at", "extra", "list_id")


def revise(call: Call, campaign_id: str, **changes: Any) -> Outcome:
    """Edit name, content, sender, settings, start_at, extra or list_id. What was proposed before is closed.

    Raises TypeError for anything else.
    """
    unknown = sorted(changes.keys() - set(EDITABLE))
    if unknown:
        raise TypeError(f"a campaign has no {', '.join(unknown)} to edit")
    case = _current(call, campaign_id)
    if "list_id" in changes:
        lists.check(call.connection, case.workspace, changes["list_id"])
    decision = decide(CAMPAIGN, case.state, "revise", facts_of(call, case))
    pinned = _pins(call, changes) if decision.move else {}
    plain = {name: value for name, value in changes.items() if name in ("name", "start_at", "extra", "list_id")}
    values = {**pinned, **plain, "revision": case.revision + 1}
    figures = {"changed": sorted(changes)}
    if decision.move:
        _edited(call, case.id, pinned.get("content_id"))
    return record(call, case, "revise", decision, Change(campaign=values, figures=figures))


def remove(call: Call, campaign_id: str) -> Outcome:
    """Remove a draft for which nothing was ever proposed. Its id stays taken; any other campaign stays, too."""
    case = _current(call, campaign_id)
    if case.run:
        message = "Only a campaign that was never submitted can be removed; cancel it instead"
        return Outcome(case, (Blocker("campaign_submitted", message, run=case.run),))
    cases.move(call.connection, case, removed_at=call.now, updated_at=call.now)
    return Outcome(case)


def add_contacts(
    call: Call, campaign_id: str, contacts: Iterable[Mapping[str, Any]], **part: Any
) -> tuple[Outcome, Added]:
    """Add people, or change them: equal addresses are one person. What can't be taken is told row by row.

    While a launch is sending, and until it ends, newcomers are no event: they wait for the next run. `part` says which
    part of an import this is, as `gonogo.contacts.merge` takes it.
    """
    case = _current(call, campaign_id)
    outcome = _audience_changes(call, case)
    if outcome.refused:
        return outcome, Added()
    added = merge(call, case.list_id, case.channel, contacts, **part)
    return Outcome(cases.read(call.connection, case.workspace, case.id)), added


def add_to_list(call: Call, list_id: str, contacts: Iterable[Mapping[str, Any]], **part: Any) -> Added:
    """Add people to a list that campaigns share, or change them. Runs that were proposed keep whom they took.

    Raises NotFound.
    """
    lists.check(call.connection, call.by.workspace, list_id)
    return merge(call, list_id, "email", contacts, **part)


def remove_contact(call: Call, campaign_id: str, address: str) -> Outcome:
    """Take one person off the list. Raises NotFound."""
    case = _current(call, campaign_id)
    outcome = _audience_changes(call, case)
    if not outcome.refused:
        take_off(call, case.list_id, address)
        return Outcome(cases.read(call.connection, case.workspace, case.id))
    return outcome


# Proposed: by a start, judged by Lexi and the policy.


def start(call: Call, campaign_id: str, *, resumes: bool = False) -> Outcome:
    """Propose a launch: reviewed by Lexi, then permitted by the policy, or put to people.

    On a paused campaign it fires `resume` where `resumes` says so, else it is refused.
    """
    case = _current(call, campaign_id)
    if resumes and case.state == PAUSED:
        return _resume(call, case)
    return _propose(call, case, "start", asked=case.state == DRAFT)


def reviewed(call: Call, campaign_id: str) -> Outcome:
    """The review that outlasted the start call has ended; run by the job that did it."""
    case = _current(call, campaign_id)
    return _propose(call, case, "reviewed", asked=case.task_status == "reviewing")


# Decided, by people.


def approve(call: Call, task_id: str, ballot: Ballot | None = None) -> Outcome:
    """Record one approval and, if it completes the quorum, launch."""
    return vote(call, task_id, ballot or Ballot("approve"))


def retract(call: Call, task_id: str) -> Outcome:
    """Take one's approval back, while more are awaited."""
    return vote(call, task_id, Ballot("retract"))


def dismiss(call: Call, task_id: str, comment: str | None = None) -> Outcome:
    """Say no. The campaign is a draft again, or paused where it has begun sending."""
    return vote(call, task_id, Ballot("dismiss", comment=comment))


def request_changes(call: Call, task_id: str, comment: str | None = None) -> Outcome:
    """Say: not like this. The campaign goes back to its editors."""
    return vote(call, task_id, Ballot("request_changes", comment=comment))


def break_glass(call: Call, campaign_id: str, reason: str) -> Outcome:
    """Launch now, without the approval that would be needed: for those whom the policy lets, who must say why and
    begin soon, and about whom a review is opened. Raises Invalid for a reason that says nothing."""
    said = reason.strip()
    if not 1 <= len(said) <= LONGEST_REASON:
        raise Invalid.at("reason", f"expected why, in 1 to {LONGEST_REASON} characters")
    case = _current(call, campaign_id)
    if not CAMPAIGN.at(case.state, "break_glass"):
        return record(call, case, "break_glass", decide(CAMPAIGN, case.state, "break_glass", facts_of(call, case)))
    allowed = glass.allowed(call)
    proposal = propose(call, case, at_once=True).in_need()
    facts = facts_of(call, case, **proposal.facts(), entitled=allowed.refused)
    decision = decide(CAMPAIGN, case.state, "break_glass", facts)
    begin_by = call.now + allowed.begin_within
    figures = {"facts": _figures(case, proposal, facts), "begin_by": begin_by.format_iso()}
    outcome = record(
        call, case, "break_glass", decision, Change(proposal=proposal, reason=said, begin_by=begin_by, figures=figures)
    )
    if not outcome.refused:
        questions.review_glass(call, outcome.case)
    return outcome


def withdraw(call: Call, task_id: str) -> Outcome:
    """Take the question back; only who asked may."""
    case = _settled(call, cases.lock_by_task(call.connection, call.by.workspace, task_id))
    facts = facts_of(call, case, requester=call.by.person == case.requester)
    return record(call, case, "withdraw", decide(CAMPAIGN, case.state, "withdraw", facts))


# Launched, stopped, set going again.


def pause(call: Call, campaign_id: str, reason: str = "person") -> Outcome:
    """Stop handing out messages. What was handed over stays out; what is left waits for `resume`."""
    case = _current(call, campaign_id)
    if case.state == PAUSED and case.run_id and case.waiting_for == "space":  # by itself it would go on
        by_itself: Document = {"wake_at": None, "waiting_for": None, "paused_reason": reason}
        cases.change_run(call.connection, case.run_id, **by_itself)
        case = replace(case, **by_itself)
    decision = decide(CAMPAIGN, case.state, "pause", facts_of(call, case))
    return record(call, case, "pause", decision, Change(run={"paused_reason": reason}, figures={"reason": reason}))


def resume(call: Call, campaign_id: str) -> Outcome:
    """Go on under the permit; without one, propose a new run for whoever is left."""
    return _resume(call, _current(call, campaign_id))


def revoke(call: Call, campaign_id: str) -> Outcome:
    """Take the approval back: the permit ends, and the launch stops at the next batch."""
    case = _current(call, campaign_id)
    facts = facts_of(call, case, entitled=Voters(call).entitled(case))
    decision = decide(CAMPAIGN, case.state, "revoke", facts)
    return record(call, case, "revoke", decision, Change(run={"paused_reason": "revoked"}))


def unschedule(call: Call, campaign_id: str) -> Outcome:
    """Give the start time up before it comes; the permit ends."""
    case = _current(call, campaign_id)
    return record(call, case, "unschedule", decide(CAMPAIGN, case.state, "unschedule", facts_of(call, case)))


def cancel(call: Call, campaign_id: str) -> Outcome:
    """Give the campaign up. The answer names what was already handed over and can't be stopped."""
    case = _current(call, campaign_id)
    decision = decide(CAMPAIGN, case.state, "cancel", facts_of(call, case))
    outcome = record(call, case, "cancel", decision)
    return Outcome(outcome.case, outcome.blockers, in_flight=lists.claimed(call.connection, case.id))


def reopen(call: Call, campaign_id: str, recipients: Selection = "unsent") -> Outcome:
    """Make an ended campaign a draft again; the next run takes the recipients selected, out of all earlier runs.

    They may be listed by address or by contact id. Raises Invalid for one that is not on the list.
    """
    case = _current(call, campaign_id)
    decision = decide(CAMPAIGN, case.state, "reopen", facts_of(call, case))
    chosen = recipients if isinstance(recipients, str) else resolve(call, case.list_id, recipients)
    values = {"generation": case.generation + 1, "selection": {"recipients": chosen}, "start_at": None}
    told = chosen if isinstance(chosen, str) else len(chosen)
    if decision.move:
        _edited(call, case.id, None)  # who says whom the next run reaches has a hand in it
    return record(call, case, "reopen", decision, Change(campaign=values, figures={"recipients": told}))


def rerun(call: Call, campaign_id: str, recipients: Selection = "unsent") -> Outcome:
    """Reopen and start in one transaction. The caller rolls back where the start is refused."""
    outcome = reopen(call, campaign_id, recipients)
    return outcome if outcome.refused else start(call, campaign_id)


# The executor's own, through the same door.


def follow(call: Call, campaign_id: str) -> Outcome:
    """The next run, for those who joined while the launch was sending. The caller rolls back where people would have to
    be asked: then they stay for `reopen`."""
    case = _current(call, campaign_id)
    if case.state != COMPLETED or not lists.has_newcomers(call.connection, case):
        return Outcome(case)
    call = replace(
        call, by=replace(call.by, person=case.requester or call.by.person)
    )  # who wanted the launch wants this
    outcome = reopen(call, campaign_id, "new")
    return outcome if outcome.refused else start(call, campaign_id)


def begin(call: Call, campaign_id: str, permit_id: str | None) -> Outcome:
    """The executor presents its permit: the only door into `running`."""
    case = _current(call, campaign_id)
    presented = permit_id is not None and permit_id == case.permit_id
    facts = facts_of(call, case, presented=presented, lapsed=_lapsed(call, case))
    decision = decide(CAMPAIGN, case.state, "begin", facts)
    run = {"begun_at": case.begun_at or call.now, "paused_reason": None}
    return record(call, case, "begin", decision, Change(campaign={"start_at": None}, run=run))


def complete(call: Call, campaign_id: str) -> Outcome:
    """Everything is settled."""
    case = _current(call, campaign_id)
    left = 0 if case.run_open else lists.count_next(call.connection, case, case.steps or 1)
    facts = facts_of(
        call,
        case,
        unsettled=ledger.unclaimed(case) if case.run_open else 0,
        claimed=lists.claimed(call.connection, case.id),
        waiting=left,
    )
    return record(call, case, "complete", decide(CAMPAIGN, case.state, "complete", facts))


def fail(call: Call, campaign_id: str, error: str) -> Outcome:
    """The launch can't go on, and no person is needed to see why."""
    case = _current(call, campaign_id)
    decision = decide(CAMPAIGN, case.state, "fail", facts_of(call, case))
    return record(call, case, "fail", decision, Change(run={"launch_error": error}, figures={"error": error}))


# The clock's own.


def due(call: Call, campaign_id: str) -> Outcome:
    """The start time has come; one that was missed by too much pauses instead."""
    case = _current(call, campaign_id)
    facts = facts_of(call, case)
    decision = decide(CAMPAIGN, case.state, "due", facts)
    missed: Document = {"paused_reason": "start_missed"} if facts.start == "late" else {}
    return record(call, case, "due", decision, Change(run=missed, figures={"start": facts.start}))


def lapse(call: Call, campaign_id: str) -> Outcome:
    """A permit that was given for a short time was not used in it."""
    case = _current(call, campaign_id)
    facts = facts_of(call, case, lapsed=_lapsed(call, case))
    return record(call, case, "lapse", decide(CAMPAIGN, case.state, "lapse", facts))


def nudge(call: Call, campaign_id: str) -> Outcome:
    """Remind those who have not decided, and turn to a further group where the policy says so by now."""
    case = _current(call, campaign_id)
    if not case.task_open or case.nudge_at is None or call.now < case.nudge_at:
        return Outcome(case)
    return Outcome(reminders.remind(call, case))


def expire(call: Call, campaign_id: str) -> Outcome:
    """The deadline of the open task has passed: nobody said yes in time, which is a no."""
    case = cases.lock(call.connection, call.by.workspace, campaign_id)
    return record(call, case, "expire", decide(CAMPAIGN, case.state, "expire", facts_of(call, case)))


def take_over(call: Call, campaign_id: str, token: str) -> Outcome:
    """A worker has not renewed its lease: what it claimed and did not settle is unknown, and another goes on."""
    case = _current(call, campaign_id)
    if not ledger.give_up(call.connection, token, call.now):
        return Outcome(case)
    if case.state in (ACTIVE, RUNNING):
        return redispatch(call, campaign_id)
    return complete(call, campaign_id)  # refused unless that was the last thing missing


def redispatch(call: Call, campaign_id: str) -> Outcome:
    """Send the executor out again for a campaign that none is busy with: a worker died, or a step's day has come."""
    case = _current(call, campaign_id)
    if case.state in (ACTIVE, RUNNING):
        cases.move(call.connection, case, dispatch=case.dispatch + 1, updated_at=call.now)
        case = cases.read(call.connection, case.workspace, case.id)
        dispatch(call, case)
    return Outcome(case)


def wake(call: Call, campaign_id: str) -> Outcome:
    """What a run waited for may have come: the executor looks again."""
    case = _current(call, campaign_id)
    if case.run_id is not None:
        cases.change_run(call.connection, case.run_id, wake_at=None, waiting_for=None)
    if case.state == PAUSED and case.waiting_for == "space" and case.permit_id:
        return _resume(call, replace(case, wake_at=None, waiting_for=None))
    return redispatch(call, campaign_id)


# The steps that they share.


def _current(call: Call, campaign_id: str) -> Case:
    """The case under its lock, an overdue deadline settled first."""
    return _settled(call, cases.lock(call.connection, call.by.workspace, campaign_id))


def _settled(call: Call, case: Case) -> Case:
    if not is_overdue(case, call.now):
        return case
    return record(call, case, "expire", decide(CAMPAIGN, case.state, "expire", facts_of(call, case))).case


def _propose(call: Call, case: Case, event: Event, *, asked: bool) -> Outcome:
    """Look at what a run would be, if the state offers the event at all, and decide about it."""
    if not asked:
        return record(call, case, event, decide(CAMPAIGN, case.state, event, facts_of(call, case)))
    proposal = propose(call, case, opened=event == "reviewed")
    facts = facts_of(call, case, **proposal.facts())
    decision = decide(CAMPAIGN, case.state, event, facts)
    change = Change(proposal=proposal, figures={"facts": _figures(case, proposal, facts)})
    return record(call, case, event, decision, change)


def _resume(call: Call, case: Case) -> Outcome:
    if case.state == PAUSED and not case.permit_id:
        return _propose(call, case, "resume", asked=True)
    decision = decide(CAMPAIGN, case.state, "resume", facts_of(call, case))
    return record(call, case, "resume", decision, Change(run={"paused_reason": None}))


def _lapsed(call: Call, case: Case) -> bool:
    """The permit was given for a short time, which passed before the run began."""
    until = cases.begin_by(call.connection, case.permit_id) if case.permit_id and case.begun_at is None else None
    return until is not None and call.now >= until


def vote(call: Call, task_id: str, ballot: Ballot) -> Outcome:
    """Record a ballot about a launch, whatever it says. Raises NotFound."""
    held = cases.lock_by_task(call.connection, call.by.workspace, task_id)
    call = call.waited()
    case = _settled(call, held)
    facts, counted = ballot_facts(call, case, ballot)
    if ballot.seal is not None and not facts.seen:
        facts = replace(facts, changed=changed_since(call, case, ballot.seal))
    if ballot.choice == "approve":
        facts = replace(facts, frozen=asking.frozen_now(call, case))
    decision = decide(CAMPAIGN, case.state, ballot.choice, facts)
    figures: Document = {"task": task_id}
    if ballot.choice == "approve":
        figures["acknowledged"] = "implicit" if ballot.acknowledge is None else list(ballot.acknowledge)
        if counted is not None and facts.enough:
            figures["approvals"] = [[cast.person, cast.seat] for cast in counted.tally.approvals]
    return record(call, case, ballot.choice, decision, Change(ballot=ballot, counted=counted, figures=figures))


def _audience_changes(call: Call, case: Case) -> Outcome:
    """Who is sent to is part of what was proposed, until the sending has begun or is over."""
    if case.state in (ACTIVE, RUNNING, *OVER) or case.begun:
        return Outcome(case)
    decision = decide(CAMPAIGN, case.state, "revise", facts_of(call, case))
    change = Change(campaign={"revision": case.revision + 1}, figures={"changed": ["contacts"]})
    return record(call, case, "revise", decision, change)


def _edited(call: Call, campaign_id: str, content_id: str | None) -> None:
    """Remember who edited what would be sealed."""
    parts = [campaign_id, *([content_id] if content_id else [])]
    acts.note_edit(call.connection, parts, call.by.person, call.now)


def _pins(call: Call, values: Mapping[str, Any]) -> Document:
    """The immutable versions of what people wrote. Raises Invalid for more messages than a sequence may have."""

    def pin(kind: str, body: Mapping[str, Any]) -> str:
        return workspaces.pin(call.connection, call.by.workspace, kind, dict(body), call.now)

    pinned: Document = {}
    if "content" in values:
        content: Content | None = values["content"]
        if content and len(content.steps) > MOST_STEPS:
            raise Invalid.at("steps", f"expected at most {MOST_STEPS} messages to each person")
        pinned["content_id"] = pin("content", content.to_document()) if content else None
    if "sender" in values:
        sender: Document | None = values["sender"]
        pinned["sender_id"] = pin("sender", {**sender, "email": carried(sender["email"])}) if sender else None
    if "settings" in values:
        pinned["settings_id"] = pin("settings", values["settings"])
    return pinned


def _figures(case: Case, proposal: Proposal, facts: Facts) -> Document:
    """The facts of a start, kept so that policies can be asked about it later."""
    return {
        "recipients": proposal.recipients,
        "chain": proposal.chain,
        "channel": case.channel,
        "start": facts.start,
        "review": facts.review,
        "warnings": [finding.code for finding in proposal.warnings],
        "permission": facts.permission if proposal.ruling else None,
        "rule": proposal.ruling.rule if proposal.ruling else None,
        "policy": case.policy,
    }
