"""What the policy in force is asked about a run, and by whom it may not be decided."""

from collections.abc import Mapping
from functools import cache, cached_property, partial
from typing import Any

from whenever import Instant

from gonogo import policy
from gonogo.call import Call
from gonogo.definition import Blocker
from gonogo.policy import Document, Leeway, Question, Reach, Ruling
from gonogo.policy.words import seconds
from gonogo.store import acts, lists, rulings, workspaces
from gonogo.store.cases import Case
from gonogo.windows import Timing


class Asking:
    """Asks the policy in force, or a draft of one, about a campaign as it is now.

    `requester` is the person who wants the launch, `settings` are the campaign's, looked up where they are not given.
    With `binding`, nobody else judges by the same sums meanwhile.
    """

    def __init__(
        self,
        call: Call,
        case: Case,
        *,
        requester: str,
        binding: bool,
        settings: Document | None = None,
        draft: policy.Policy | None = None,
    ) -> None:
        self.call, self.case, self.requester, self.binding = call, case, requester, binding
        self.settings = _settings(call, case) if settings is None else settings
        self.draft = draft

    @cached_property
    def policy(self) -> policy.Policy:
        """The policy that is asked."""
        return self.draft or policy_of(self.call, self.case.policy)

    def question(self, recipients: int, *, sender: str, clean: bool, warned: bool) -> Question:
        """The facts that a policy may ask for."""
        case = self.case
        return Question(
            recipients=recipients,
            channel=case.channel,
            clean=clean,
            warned=warned,
            sender=sender.lower(),
            list=case.list_id,
            template_changed=self._approved is None or self._approved != case.content_id,
            at=self.starts_at,
            summed=self._summed(sender.lower(), self.starts_at),
        )

    def ruling(self, question: Question) -> Ruling:
        return policy.rule_on(self.policy, question, barred=self._barred())

    def frozen(self, question: Question) -> Blocker | None:
        """Why the policy lets no launch begin at that time, if so."""
        return freeze(self.policy, question.at or self.call.now)

    def hidden(self, ruling: Ruling) -> Blocker | None:
        """Why duties can't be kept apart, if so: whoever is behind a key could decide as a member about their work."""
        asked = ruling.requirement
        if asked is None or asked.separation == "none":
            return None
        # who wrote the very same text elsewhere is barred, too, and need not be told from everybody else
        keys = workspaces.keys_among(self.call.connection, self._hands(self.case.id, self.case.list_id))
        if not keys:
            return None
        did = "was asked for" if self.requester in keys else "was edited"
        message = (
            f"This launch {did} with a key that belongs to no member, so nobody can tell who may not decide about it."
        )
        return Blocker("person_required", message, separation=asked.separation, keys=sorted(keys))

    def leeway(self, question: Question, sent: int) -> Leeway:
        """How far the launch could be changed, of which so many recipients have had the message."""
        rules = getattr(self.policy, "rules", ())
        named = {rule.when.list for rule in rules if rule.when.list is not None}
        return Leeway(
            lists=lists.existing(self.call.connection, self.case.workspace, named),
            approved=self._approved is not None,
            sent=sent,
            starting=cache(partial(self._starting, str(question.sender))),
        )

    @cached_property
    def starts_at(self) -> Instant:
        """When its first message may go, were it permitted now."""
        return starts_at(self.call, self.case, self.settings)

    def _starting(self, sender: str, start: Instant) -> tuple[Instant, Mapping[str, int | None]]:
        """When its first message might go if it were to start then, and what windows would hold beside it."""
        first = Timing.first(self.settings, start)
        return first, self._summed(sender, first)

    @cached_property
    def _approved(self) -> str | None:
        """The content that people approved last."""
        case = self.case
        return rulings.last_approved_content(self.call.connection, case.id, case.run) if case.run else None

    def _summed(self, sender: str, starts_at: Instant) -> dict[str, int | None]:
        """What each window holds beside a launch by that sender at that start."""
        splitting = getattr(self.policy, "splitting", None)
        if splitting is None:
            return {}
        connection, case = self.call.connection, self.case
        subjects = {"requester": self.requester, "list": case.list_id, "sender": sender}
        asked = {kind: subjects[kind] for kind in splitting.kinds}
        if self.binding:
            rulings.hold_windows(connection, case.workspace, asked)
        reach, but = Reach.of(self.call.now, starts_at, seconds(splitting.window)), (case.id, case.generation)
        found = {
            kind: rulings.counted(connection, case.workspace, kind, subject, reach=reach, but=but)
            for kind, subject in asked.items()
        }
        return {kind: sum(recipients for _, recipients, *_ in rows) for kind, rows in found.items()}

    def _barred(self) -> set[str]:
        if getattr(self.policy, "separation", "none") == "none":
            return set()
        return self._hands(self.case.id, self.case.list_id, self.case.content_id)

    def _hands(self, *of: str | None) -> set[str]:
        """Who asked; where contributors are barred, also everybody who edited one of these parts of what is sealed,
        since that part was last in a run of the campaign that people approved and that was completed."""
        if getattr(self.policy, "separation", "none") != "contributors":
            return {self.requester}
        last, parts = self._last_completed, dict[str, Instant | None].fromkeys(part for part in of if part)
        if last is not None and last.at <= self.call.now:  # else the clock was set back: nobody is let off by it
            parts |= {part: last.at for part in (self.case.id, last.list_id, last.content_id) if part in parts}
        return {self.requester, *acts.editors(self.call.connection, parts)}

    @cached_property
    def _last_completed(self) -> Any:
        return acts.last_completed(self.call.connection, self.case.id)


def frozen_now(call: Call, case: Case) -> Blocker | None:
    """Why the policy in force lets the run begin neither now nor when it is due, if so."""
    return freeze(policy_of(call, case.policy), starts_at(call, case, _settings(call, case))) if case.freezes else None


def starts_at(call: Call, case: Case, settings: Document) -> Instant:
    """When the first message of a launch that was permitted now may go: now or at its start time, and then once its
    own send window opens."""
    start = max(call.now, case.start_at) if case.start_at else call.now
    return Timing.first(settings, start)


def _settings(call: Call, case: Case) -> Document:
    body: Document = workspaces.versions(call.connection, [case.settings_id])[case.settings_id].body
    return body


def freeze(document: policy.Policy, at: Instant) -> Blocker | None:
    """Why a policy lets no launch begin at this time, if so."""
    found = policy.freeze_at(document, at)
    if found is None:
        return None
    message = f"No launch begins until {found.to} ({found.zone}): {found.reason}"
    return Blocker("frozen", message, **found.model_dump(by_alias=True))


def policy_of(call: Call, number: int) -> policy.Policy:
    """The same as `document_of`, read."""
    return policy.parse(document_of(call, number))


def document_of(call: Call, number: int) -> Document:
    """The policy of this number; 0 is the built-in default."""
    return workspaces.policy_document(call.connection, call.by.workspace, number) if number else policy.DEFAULT
