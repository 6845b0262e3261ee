"""What a launch would be: whom it reaches, what Lexi finds in it, and what the policy says of it. Writes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from whenever import Instant, TimeDelta

from gonogo import asking, policy, seal
from gonogo.call import Call
from gonogo.content import Content
from gonogo.definition import Blocker
from gonogo.facts import Facts, Review, Start
from gonogo.models import Document
from gonogo.review import Finding, Recipient, review
from gonogo.review import Proposal as Reviewed
from gonogo.store import lists, workspaces
from gonogo.store.cases import Case

#: Above this many recipients the review is a job of its own, and the start call does not wait for it.
REVIEWED_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """One run as it would be opened now."""

    content_id: str | None
    sender_id: str | None
    settings_id: str
    digests: Document  # of the three above: what the seal covers
    recipients: int
    chain: int
    steps: int
    findings: tuple[Finding, ...]
    ruling: policy.Ruling | None  # None while the review runs
    asked: policy.Question | None  # what the policy was asked then
    frozen: Blocker | None  # the policy lets no launch begin then
    hidden: Blocker | None  # the policy separates duties, and nobody can tell whose they are
    start_at: Instant | None
    importing: bool
    in_flight: int

    @property
    def warnings(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def review(self) -> Review:
        if self.ruling is None:
            return "pending"
        return "blocked" if self.blockers else "clean"

    @property
    def blockers(self) -> tuple[Blocker, ...]:
        """Lexi's blockers that no guard of its own reports, and what is hidden."""
        found = tuple(
            Blocker(found.code, found.message, count=found.count, samples=list(found.samples), fix=found.fix)
            for found in self.findings
            if _blocks(found)
        )
        return found if self.hidden is None else (*found, self.hidden)

    def in_need(self) -> "Proposal":
        """The same, launched without asking."""
        return replace(self, ruling=policy.Ruling("break_glass", "break glass"), frozen=None, hidden=None)

    def facts(self) -> dict[str, object]:
        """The part of `Facts` that the proposal answers."""
        return {
            "recipients": self.recipients,
            "content": self.content_id is not None,
            "sender": self.sender_id is not None,
            "importing": self.importing,
            "in_flight": self.in_flight,
            "review": self.review,
            "findings": self.blockers,
            "permission": self.ruling.permission if self.ruling else "people",
            "frozen": self.frozen,
        }


def propose(call: Call, case: Case, *, at_once: bool = False, opened: bool = False, binding: bool = True) -> Proposal:
    """Look at everything a run opened now would pin. What is not `binding` holds up nobody.

    A long list is left to a review of its own (the ruling is None), unless all is wanted `at_once`. That review then
    looks at the run that was `opened`: at the audience that was taken, whatever the list has become.
    """
    sender_id = case.sender_id or case.default_sender_id
    ids = [pinned for pinned in (case.content_id, sender_id, case.settings_id) if pinned]
    versions = workspaces.versions(call.connection, ids)
    content = Content.from_document(versions[case.content_id].body) if case.content_id else None
    steps = len(content.steps) if content else 1
    recipients = case.recipients if opened and case.recipients else lists.count_next(call.connection, case, steps)
    at_once = at_once or opened or recipients <= REVIEWED_AT_ONCE
    chain = recipients + (lists.reached(call.connection, case, steps) if case.begun else 0)
    settings = versions[case.settings_id].body
    audience = _Audience(call, case, steps, opened)
    findings = _review(call, case, content, settings, audience) if at_once else ()
    asked, ruling, frozen, hidden = None, None, None, None
    if at_once:
        requester = str(case.requester) if opened else call.by.person
        wanted = asking.Asking(call, case, requester=requester, binding=binding, settings=settings)
        clean, warned = not any(map(_blocks, findings)), any(found.severity == "warning" for found in findings)
        sender = versions[sender_id].body["email"] if sender_id else ""
        asked = wanted.question(chain, sender=sender, clean=clean, warned=warned)
        ruling, frozen = wanted.ruling(asked), wanted.frozen(asked)
        hidden = wanted.hidden(ruling)
    return Proposal(
        content_id=case.content_id,
        sender_id=sender_id,
        settings_id=case.settings_id,
        digests={row.kind: row.digest for row in versions.values()},
        recipients=recipients,
        chain=chain,
        steps=steps,
        findings=findings,
        ruling=ruling,
        asked=asked,
        frozen=frozen,
        hidden=hidden,
        start_at=case.start_at,
        importing=case.imports > 0,
        in_flight=lists.claimed(call.connection, case.id) if case.run else 0,
    )


def start_of(start_at: Instant | None, now: Instant, late_start: TimeDelta) -> Start:
    """Where now stands to the start time."""
    if start_at is None:
        return "none"
    if now < start_at:
        return "ahead"
    return "due" if now <= start_at + late_start else "late"


def facts_of(call: Call, case: Case, **more: object) -> Facts:
    """The facts that the rows tell; `more` are those that only this event knows."""
    known: dict[str, object] = {
        "start": start_of(case.start_at, call.now, call.late_start),
        "begun": case.begun,
        "permit": "valid" if case.permit_id else "none",
        "run": "open" if case.run_open else "none",
        "task": case.task_status if case.task_open else "none",
        "addressed": case.task_status or "none",
        "overdue": is_overdue(case, call.now),
    }
    return Facts(**{**known, **more})  # type: ignore[arg-type]  # every key is a field: a test fires them all


def is_overdue(case: Case, now: Instant) -> bool:
    """The open task's deadline has passed."""
    return case.task_open and case.expires_at is not None and now >= case.expires_at


def seal_of(case: Case, run: int, proposal: Proposal, root: str) -> str:
    """The digest of all that the run would send, and of what people were asked to do about it."""
    ruling = proposal.ruling
    return seal.digest(
        {
            "workspace": case.workspace,
            "campaign": case.id,
            "run": run,
            "channel": case.channel,
            "pinned": proposal.digests,
            "start_at": proposal.start_at.format_iso(unit="microsecond") if proposal.start_at else None,
            "requirement": ruling.requirement.to_document() if ruling and ruling.requirement else None,
            "audience": {"count": proposal.recipients, "root": root},
        }
    )


def _blocks(found: Finding) -> bool:
    """A blocker; two of them are guards of their own, which know better what lateness is forgiven."""
    return found.severity == "blocker" and found.code not in ("audience_empty", "start_in_past")


@dataclass(frozen=True, slots=True)
class _Audience:
    """Whom the run would reach, or does; read anew by every check that goes through it."""

    call: Call
    case: Case
    steps: int
    opened: bool

    def __iter__(self) -> Iterator[Recipient]:
        connection, run_id = self.call.connection, self.case.run_id
        rows = lists.read_next(connection, self.case, self.steps)
        if self.opened and run_id:
            rows = lists.read_audience(connection, run_id)
        for contact_id, body in rows:
            said = json.loads(body)
            yield Recipient(contact_id, said["address"], said["variables"], said["zone"])


def _review(
    call: Call, case: Case, content: Content | None, settings: Document, audience: _Audience
) -> tuple[Finding, ...]:
    return review(
        Reviewed(
            content=content,
            settings=settings,
            start_at=case.start_at,
            now=call.now,
            audience=audience,
            excluded={
                **lists.excluded(call.connection, case.list_id),
                "suppressed": lists.suppressed(call.connection, case.workspace, case.list_id),
            },
            channel=case.channel,
        )
    )
