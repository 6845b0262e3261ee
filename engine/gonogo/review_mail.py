"""Mails to reviewers: how each gets there, and what its link is good for.

A link is a random secret of which only a MAC is kept, so it is drawn when the mail is made: each further try makes a
new one, and only the newest mail's link is good. A mail is claimed for a while, sent while no transaction is open, and
settled; whoever dies in between leaves a claim that lapses, and another mail goes out.
"""

import hashlib
import hmac
import html
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import service
from gonogo.actor import Actor
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.clock import Clock, pause
from gonogo.definition import Blocker
from gonogo.errors import Conflict, NotFound
from gonogo.execution.channels import Channel, Delivery, Message, Receipt
from gonogo.execution.links import Links
from gonogo.invitations import may_decide
from gonogo.models import Document
from gonogo.policy import Requirement
from gonogo.proposal import is_overdue
from gonogo.store import cases, invitations, people, workspaces
from gonogo.store.cases import Case
from gonogo.workspaces import verify_member

log = logging.getLogger(__name__)

#: For how long one process keeps a mail to itself: longer than a round of mails takes.
LEASE = TimeDelta(minutes=5)
ROUND = 20  #: mails at once
#: Seconds before each further try; the last one is repeated.
PAUSES = (30, 120, 600, 1800, 3600, 7200, 14_400, 28_800)
#: For how long after the question was put it is tried to send a mail about it.
PATIENCE = TimeDelta(hours=72)
#: Who acts, where the link alone is the right to. Whose it is says `person`.
LINK = "review-link"

_TOKEN = re.compile(r"[0-9a-f]{48}")  # nothing that a mail program could leave out of a link
_CHANGED = Blocker("seal_changed", "The page that was sent shows something else than what is proposed now.")
_NOTHING_ASKED = "Nothing is asked any more."
_MAY_NOT = "The person may not decide about this any more."
_NO_ADDRESS = "The person has no address any more."
_NO_SENDER = "The workspace has no sender."


@dataclass(frozen=True, slots=True)
class Link:
    """A good link: whose it is, with the rights that this person has now, and what it is about."""

    mac: str
    member: Actor
    case: Case

    @property
    def decides(self) -> bool:
        """The link alone is enough to decide; else its holder must say who it is."""
        return bool(self.case.requirement) and Requirement.from_document(self.case.requirement or {}).link_decides


# What a link is good for


def follow(connection: sa.Connection, links: Links, token: str) -> Link | None:
    """The link that this secret makes; None for one that is wrong, spent, replaced by a newer mail's, or of a person
    who may not decide about this any more."""
    if not _TOKEN.fullmatch(token):
        return None
    mac = mac_of(links, token)
    row = invitations.find(connection, mac)
    if row is None:
        return None
    try:
        case = cases.read_by_task(connection, row.workspace_id, row.task_id)
    except NotFound:  # the campaign was removed
        return None
    if not _may(connection, case, row.member_id):
        return None
    return Link(mac, Actor(row.workspace_id, LINK, row.member_id, frozenset(row.scopes), is_member=True), case)


def decide(call: Call, links: Links, token: str, ballot: Ballot) -> Outcome | None:
    """Cast the ballot by whoever the call is by, and spend the link; None where it is good no more.

    The ballot must bear the seal that was shown. A refusal leaves the link good. Raises Conflict.
    """
    link = follow(call.connection, links, token)
    if link is None or link.member.person != call.by.person:
        return None
    task_id = str(link.case.task_id)
    if link.case.task_open and ballot.seal != link.case.seal:
        return Outcome(link.case, (_CHANGED,))
    outcome = _VERBS[ballot.choice](call, task_id, ballot)
    if outcome.refused:
        return outcome
    if not invitations.spend(call.connection, link.mac, call.now):
        raise Conflict(f"the link about task {task_id} was spent in the meantime")
    verify_member(call, call.by.person)  # whoever has the link reads the member's mail
    return outcome


_VERBS: dict[str, Callable[[Call, str, Ballot], Outcome]] = {
    "approve": service.approve,
    "dismiss": lambda call, task_id, ballot: service.dismiss(call, task_id, ballot.comment),
    "request_changes": lambda call, task_id, ballot: service.request_changes(call, task_id, ballot.comment),
}
#: What can be said through a link.
CHOICES = tuple(_VERBS)


def mac_of(links: Links, token: str) -> str:
    """What is kept of a link."""
    return hmac.new(links.secret, b"review." + token.encode(), hashlib.sha256).hexdigest()


def _may(connection: sa.Connection, case: Case, member_id: str) -> bool:
    voter = people.voters(connection, case.workspace, [member_id]).get(member_id)
    return voter is not None and may_decide(case, voter, escalated=True)  # the vote itself is judged by the time


# On their way


@dataclass(frozen=True, slots=True)
class _Made:
    """A mail that is about to be sent, its row, and the MAC of its link."""

    row: sa.Row[Any]
    mac: str
    message: Message


def deliver_due(
    engine: sa.Engine, clock: Clock, channel: Channel, links: Links, stopping: Callable[[], bool] = lambda: False
) -> int:
    """Send what is due, one round of it; how many rows that settled or put off. Any number of processes may do so.

    Once it is `stopping`, no further mail is tried: what is left of the round is due again at once, to anybody.
    """
    now = clock.now()
    held = now + LEASE
    with engine.begin() as connection:
        claimed = invitations.claim_due(connection, now, held, ROUND)
        made = [mail for row in claimed if (mail := _make(connection, links, row, now)) is not None]
    if made:
        delivery = channel.deliver([mail.message for mail in made], lambda: clock.now() < held and not stopping())
        with engine.begin() as connection:
            _settle(connection, made, delivery, clock.now())
    return len(claimed)


def _make(connection: sa.Connection, links: Links, row: sa.Row[Any], now: Instant) -> _Made | None:
    """The mail with a link of its own, of which the MAC is kept; None where it is given up."""
    token = secrets.token_hex(24)
    message = _message(connection, row, f"{links.base_url.rstrip('/')}/r/{token}", now)
    if isinstance(message, str):
        invitations.change(connection, row, state="failed", error=message)
        return None
    mac = mac_of(links, token)
    invitations.change(connection, row, mac=mac)
    return _Made(row, mac, message)


def _settle(connection: sa.Connection, made: list[_Made], delivery: Delivery, now: Instant) -> None:
    put_off = None if delivery.trouble is None else Receipt("deferred", delivery.trouble)
    for mail, receipt in zip(made, delivery.receipts, strict=True):
        said = receipt or put_off
        if said is None:  # there was no time to try it
            invitations.settle(connection, mail.row, mail.mac, next_at=now)
            continue
        values = _came_of(mail.row, said, now)
        if values["state"] == "failed":
            about = {"workspace": mail.row.workspace_id, "task": mail.row.task_id}
            log.warning("a mail to a reviewer is given up: %s", said.reason, extra=about)
        invitations.settle(connection, mail.row, mail.mac, tries=mail.row.tries + 1, **values)


def _came_of(row: sa.Row[Any], said: Receipt, now: Instant) -> Document:
    """A mail that may have arrived is sent again as well: two are better than none."""
    if said.state == "sent":
        return {"state": "sent", "error": None}
    after = now + pause(PAUSES, row.tries, said.retry_after)
    if said.state in ("rejected", "failed") or after > row.asked_at + PATIENCE:
        return {"state": "failed", "error": said.reason}
    return {"state": "pending", "error": said.reason, "next_at": after}


def _message(connection: sa.Connection, row: sa.Row[Any], url: str, now: Instant) -> Message | str:
    """The mail, or why there is none to send."""
    try:
        case = cases.read_by_task(connection, row.workspace_id, row.task_id)
    except NotFound:  # the campaign was removed
        return _NOTHING_ASKED
    if not case.task_open or is_overdue(case, now):
        return _NOTHING_ASKED
    if not _may(connection, case, row.member_id):
        return _MAY_NOT
    reader = _said(connection, row.payload)
    if reader is None:
        return _NO_ADDRESS
    if case.default_sender_id is None:
        return _NO_SENDER
    sender = workspaces.versions(connection, [case.default_sender_id])[case.default_sender_id].body
    facts = _facts(case, _requester(connection, case))
    link_decides = Requirement.from_document(case.requirement or {}).link_decides
    return Message(
        message_id=f"<review.{row.task_id}.{row.member_id}.{row.tries}@gonogo>",
        sender_email=sender["email"],
        sender_name=sender["name"],
        address=reader["email"],
        subject=f"Please decide: {_line(case.name)}",
        body=_text(facts, url, link_decides),
        html=_html(facts, url, link_decides),
        date=now,
        headers=(("Auto-Submitted", "auto-generated"),),
    )


def _said(connection: sa.Connection, payload: str) -> Document | None:
    """Name and address of a person; None for one who was forgotten."""
    body = workspaces.reveal(connection, [payload]).get(payload)
    return json.loads(body) if body else None


def _requester(connection: sa.Connection, case: Case) -> str:
    try:
        member = workspaces.find_member(connection, case.workspace, case.requester or "")
    except NotFound:
        return "a key that belongs to no member"
    said = _said(connection, member.payload)
    return said["name"] if said else "a member"


# What a mail says


def _facts(case: Case, requester: str) -> list[tuple[str, str]]:
    requirement = Requirement.from_document(case.requirement or {})
    start = case.run_start_at
    return [
        ("Campaign", _line(case.name)),
        ("Recipients", f"{case.recipients:,}"),
        ("Start", utc(start) if start else "as soon as it is approved"),
        ("Rule", _line(case.task_rule or "")),
        ("Approvals", f"{case.have or 0} of {requirement.need}"),
        ("Asked by", _line(requester)),
        ("Decide by", utc(case.expires_at) if case.expires_at else "no deadline"),
    ]


def utc(at: Instant) -> str:
    """A time to the minute, as people read it."""
    return f"{at.format_iso()[:16].replace('T', ' ')} UTC"


_ASKED = "A launch waits for your decision."
_OPENING = "Opening the link decides nothing."
_WITH_LINK = "Whoever has this link can decide in your name: do not pass it on."
_WITH_KEY = "To decide there, have your API key at hand."


def _text(facts: list[tuple[str, str]], url: str, link_decides: bool) -> str:
    lines = "\n".join(f"{f'{name}:':<12}{value}" for name, value in facts)
    return f"{_ASKED}\n\n{lines}\n\n{url}\n\n{_OPENING} {_WITH_LINK if link_decides else _WITH_KEY}\n"


def _html(facts: list[tuple[str, str]], url: str, link_decides: bool) -> str:
    rows = "".join(f"<tr><th align=left>{name}</th><td>{html.escape(value)}</td></tr>\n" for name, value in facts)
    return (
        f'<!doctype html>\n<html lang="en">\n<body>\n<p>{_ASKED}</p>\n<table cellpadding="4">\n{rows}</table>\n'
        f'<p><a href="{html.escape(url)}">Look at it and decide</a></p>\n'
        f"<p>{_OPENING} {_WITH_LINK if link_decides else _WITH_KEY}</p>\n</body>\n</html>\n"
    )


def _line(text: str) -> str:
    """In one line, whatever people wrote."""
    return " ".join(text.split())
