"""Test sends: a message of a campaign, as it reads now, to members of the workspace, before anybody else gets it.

A test send needs no permit and is no part of a launch: it has a record of its own, goes to members only, is marked in
its subject, and there are few a day. It is claimed in one transaction, sent, and settled in a second one: whoever dies
in between leaves a claim behind, of which nobody can tell whether it went out.

So that nobody has messages sent to strangers by calling them members, a member's address is verified first: by whoever
runs the server, or by the member, with the link in a mail that is one of the few, too, and says nothing but that.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo.actor import Actor
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.content import Content, Rendered, RenderError, TemplateInvalid
from gonogo.content import compile as compile_content
from gonogo.errors import Invalid
from gonogo.execution.channels import Channel, Message, Receipt
from gonogo.execution.links import Proofs
from gonogo.execution.rendering import rendered_for, supplied
from gonogo.models import Document
from gonogo.store import cases, lists, rehearsals, throttles, workspaces
from gonogo.store.cases import Case

T = TypeVar("T")

#: Test messages of a workspace in one day, in UTC.
DAILY = 20
MARK = "[Test] "
#: Seconds within which the channel begins with each message.
PATIENCE = 30.0
#: A claim that is older and not settled: whoever made it died.
LOST = TimeDelta(minutes=5)
#: Who acts, where a link shows whose an address is.
LINK = "verify-link"
#: How many contacts are looked at for one that was not erased.
_FIRST = 50


class Write(Protocol):
    """Runs a piece of work in a transaction of its own and commits it."""

    def __call__(self, verb: Callable[[Call], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """Which message of a campaign, to which members, and with whose values: those given, else the first contact's."""

    campaign_id: str
    member_ids: Sequence[str]
    step: int = 0
    variables: Document | None = None


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One test message, claimed."""

    id: str
    message: Message


@dataclass(frozen=True, slots=True)
class RehearsalView:
    """What became of one test message. `claimed` while it is being sent; unknown, if nobody came back to tell."""

    id: str
    member_id: str
    step: int
    state: str
    error: str | None
    actor: str
    at: Instant


def send_test(write: Write, channels: Mapping[str, Channel], asked: Asked) -> list[RehearsalView]:
    """Send one message to members, now. Raises NotFound, and Invalid with the reason why it can't be."""
    claimed = write(lambda call: claim(call, channels, asked))
    receipts = _tried(channels, [each.message for each in claimed])
    return write(lambda call: settle(call, claimed, receipts))


def claim(call: Call, channels: Mapping[str, Channel], asked: Asked) -> list[Rehearsal]:
    """Write down what is about to be sent. Raises NotFound and Invalid; then nothing is."""
    case = cases.read(call.connection, call.by.workspace, asked.campaign_id)
    if case.channel != "email":
        raise Invalid.at("channel", f"members have e-mail addresses only, and this campaign goes by {case.channel}")
    _carried(channels)
    sender, rendered = _rendered(call, case, asked)
    addresses = {member_id: _verified(call, member_id) for member_id in asked.member_ids}
    _unhindered(call, sender)
    _use_quota(call, "member_ids", len(addresses))
    ids = {member_id: new_id(call.now) for member_id in addresses}
    common: Document = {"workspace_id": case.workspace, "campaign_id": case.id, "step": asked.step}
    common |= {"actor": call.by.id, "state": "claimed", "at": call.now}
    rehearsals.add(call.connection, [{**common, "id": ids[member], "member_id": member} for member in addresses])
    return [
        Rehearsal(ids[member], _message(ids[member], address, sender, rendered, call.now))
        for member, address in addresses.items()
    ]


def settle(call: Call, claimed: Sequence[Rehearsal], receipts: Sequence[Receipt]) -> list[RehearsalView]:
    """Write down what became of them. A test message is tried once: what was refused for now has failed."""
    for each, receipt in zip(claimed, receipts, strict=True):
        state = "failed" if receipt.state == "deferred" else receipt.state
        rehearsals.settle(call.connection, each.id, state, receipt.reason or None)
    rows = rehearsals.some(call.connection, [each.id for each in claimed])
    return [_view(rows[each.id], call.now) for each in claimed]


def rehearsed(call: Call, campaign_id: str, *, before: str = "", limit: int = 50) -> list[RehearsalView]:
    """A campaign's test sends, the newest first. Raises NotFound."""
    cases.read(call.connection, call.by.workspace, campaign_id)
    return [_view(row, call.now) for row in rehearsals.page(call.connection, campaign_id, before, limit)]


def _verified(call: Call, member_id: str) -> str:
    """The address of a member that is verified. Raises NotFound and Invalid."""
    member = workspaces.find_member(call.connection, call.by.workspace, member_id)
    if member.verified_at is None:
        cure = f"POST /v1/members/{member_id}/verify sends a link to it"
        raise Invalid.at("member_ids", f"the address of member {member_id} is not verified: {cure}")
    return _address(call, "member_ids", member)


def _rendered(call: Call, case: Case, asked: Asked) -> tuple[Document, Rendered]:
    """The sender, and the message as the executor would make it for whoever has these values. Raises Invalid."""
    sender_id = case.sender_id or case.default_sender_id
    if case.content_id is None or sender_id is None:
        raise Invalid.at("campaign", "the campaign says nothing yet, or has no sender")
    versions = workspaces.versions(call.connection, [case.content_id, sender_id, case.settings_id])
    content, sender = Content.from_document(versions[case.content_id].body), versions[sender_id].body
    if not 0 <= asked.step < len(content.steps):
        raise Invalid.at("step", f"the campaign has {len(content.steps)} messages, counted from 0")
    opened = (case.run_start_at or case.opened_at) if case.run_open else case.start_at
    said = {"variables": asked.variables if asked.variables is not None else _first_contact(call, case)}
    try:
        compiled = compile_content(content, opened or call.now)
        given = supplied(sender, versions[case.settings_id].body)
        return sender, rendered_for(said, compiled, asked.step, given)
    except (TemplateInvalid, RenderError) as error:
        raise Invalid.at("template", str(error)) from error


def _first_contact(call: Call, case: Case) -> Document:
    """What the first contact says; nothing where there is none."""
    found = lists.page(call.connection, case.list_id, 0, _FIRST)
    said = next((json.loads(row.body) for row in found if row.body is not None and row.excluded is None), None)
    return said["variables"] if said else {}


def _message(test_id: str, address: str, sender: Document, rendered: Rendered, now: Instant) -> Message:
    return Message(
        message_id=f"<test.{test_id}@gonogo>",
        sender_email=sender["email"],
        sender_name=sender.get("name") or "",
        address=address,
        subject=MARK + rendered.subject,
        body=rendered.body,
        html=rendered.html,
        date=now,
    )


def _view(row: Any, now: Instant) -> RehearsalView:
    lost = row.state == "claimed" and now - row.at >= LOST
    return RehearsalView(
        id=row.id,
        member_id=row.member_id,
        step=row.step,
        state="unknown" if lost else row.state,
        error=row.error,
        actor=row.actor,
        at=row.at,
    )


# Whose an address is


def ask_to_verify(write: Write, channels: Mapping[str, Channel], proofs: Proofs, member_id: str) -> bool:
    """Send a member the link that verifies the address, now; False where it is verified, and nothing is sent.

    Raises NotFound, and Invalid with the reason why it can't be sent, or may not have arrived.
    """
    message = write(lambda call: _question(call, channels, proofs, member_id))
    if message is None:
        return False
    [receipt] = _tried(channels, [message])
    if receipt.state != "sent":
        raise Invalid.at("channel", f"the mail is {receipt.state}: {receipt.reason}")
    return True


def follow(connection: sa.Connection, proofs: Proofs, token: str, now: Instant) -> sa.Row[Any] | None:
    """The member that a link was sent to; None for one that is wrong or too old, and for whoever is none any more."""
    proof = proofs.read(token)
    member = workspaces.member_anywhere(connection, proof.member_id) if proof else None
    if proof is None or member is None or not proofs.holds(proof, member.address_key, now):
        return None
    return member


def by_link(member: sa.Row[Any]) -> Actor:
    """Who acts where a link was followed: the member, who may do nothing but that with it."""
    return Actor(member.workspace_id, LINK, member.id, frozenset(), is_member=True)


def _question(call: Call, channels: Mapping[str, Channel], proofs: Proofs, member_id: str) -> Message | None:
    """The mail with the link; None where there is nothing to ask."""
    member = workspaces.find_member(call.connection, call.by.workspace, member_id)
    if member.verified_at is not None:
        return None
    _carried(channels)
    workspace = workspaces.get(call.connection, call.by.workspace)
    if workspace.sender_id is None:
        raise Invalid.at("sender", "the workspace has no sender")
    sender = workspaces.versions(call.connection, [workspace.sender_id])[workspace.sender_id].body
    address = _address(call, "member", member)
    _unhindered(call, sender)
    _use_quota(call, "member", 1)
    return Message(
        message_id=f"<verify.{new_id(call.now)}@gonogo>",
        sender_email=sender["email"],
        sender_name=sender.get("name") or "",
        address=address,
        subject="Please confirm your address",
        body=_QUESTION.format(url=proofs.link(member.id, member.address_key, call.now)),
        html=None,
        date=call.now,
        headers=(("Auto-Submitted", "auto-generated"),),
    )


_QUESTION = """\
Somebody named this address as a member's of a workspace that sends campaigns, and wants to send test messages to it.

If you are that member, open this link within seven days and press the button:

{url}

Opening the link confirms nothing. If you know nothing of it, do nothing: no test messages will come.
"""


# What both have in common


def _carried(channels: Mapping[str, Channel]) -> None:
    """Raise Invalid where nothing carries e-mail."""
    if "email" not in channels:
        raise Invalid.at("channel", "no channel for email is set up")


def _tried(channels: Mapping[str, Channel], messages: Sequence[Message]) -> list[Receipt]:
    """What became of each message: it is tried once, and soon."""
    until = time.monotonic() + PATIENCE
    delivery = channels["email"].deliver(messages, lambda: time.monotonic() <= until)
    untried = Receipt("failed", delivery.trouble or "There was no time left to send it.")
    return [receipt or untried for receipt in delivery.receipts]


def _address(call: Call, where: str, member: sa.Row[Any]) -> str:
    """The address of a member. Raises Invalid for one that is not written to."""
    body = workspaces.reveal(call.connection, [member.payload])[member.payload]
    if body is None:
        raise Invalid.at(where, f"member {member.id} was erased")
    reasons = throttles.suppressed(call.connection, call.by.workspace, [member.address_key], call.now)
    if reasons:
        why = reasons[member.address_key]
        raise Invalid.at(where, f"member {member.id} is not written to ({why}): allow the address again")
    return str(json.loads(body)["email"])


def _unhindered(call: Call, sender: Document) -> None:
    """Raise Invalid while the sender is held."""
    for hold in throttles.standing(call.connection, call.by.workspace, sender["email"]):
        raise Invalid.at("sender", f"nothing goes out while it is held ({hold.kind}): {hold.reason}")


def _use_quota(call: Call, where: str, count: int) -> None:
    """Raise Invalid where the day has not so many test messages left."""
    workspace, day = call.by.workspace, str(call.now.to_tz("UTC").date())
    left = DAILY - throttles.hold_quota(call.connection, workspace, "test", "", day)
    if count > left:
        raise Invalid.at(where, f"{DAILY} test messages go out in a day (UTC), and {left} of today are left")
    throttles.use(call.connection, workspace, "test", "", day, count)
