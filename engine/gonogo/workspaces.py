"""What a workspace is made of before its first campaign: itself, its people, its policy."""

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from gonogo import drafts, in_force, policy, questions, seal
from gonogo.acting import act
from gonogo.actor import SCOPES
from gonogo.addresses import address_key, email_problem
from gonogo.asking import document_of, policy_of
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.errors import Invalid, Mistake
from gonogo.models import DIALECTS, Document
from gonogo.store import people, workspaces

#: The sender that a new workspace has, until it names its own.
SENDER = {"email": "campaigns@example.com", "name": "Campaigns"}
_ACCOUNT_GROUP = re.compile(r"[0-9a-f]{24}")


def create(call: Call, name: str, dialect: str = "leadlex", account_group: str | None = None) -> str:
    """Make a workspace; returns its id.

    One made for LeadLex has the built-in policy; one made for another dialect starts with approval switched off, as
    its clients expect, which every permit then says. Raises Invalid.
    """
    if dialect not in DIALECTS:
        raise Invalid.at("dialect", f"expected one of {', '.join(DIALECTS)}, found {dialect!r}")
    if not name.strip():
        raise Invalid.at("name", "expected a name")
    workspace_id = new_id(call.now)
    row: Document = {
        "id": workspace_id,
        "name": name,
        "dialect": dialect,
        "account_group": _account_group(call, account_group),
        "salt": secrets.token_bytes(32),
        "created_at": call.now,
    }
    workspaces.add(call.connection, {**row, "policy": 0, "numbers": 0})
    sender = workspaces.pin(call.connection, workspace_id, "sender", SENDER, call.now)
    workspaces.change(call.connection, workspace_id, sender_id=sender)
    if dialect != "leadlex":
        inside = replace(call, by=replace(call.by, workspace=workspace_id))
        off = {"approval": "off", "reason": f"made for {dialect}, whose clients know no approval"}
        in_force.put(inside, _write(inside, workspace_id, off))
    return workspace_id


def _account_group(call: Call, wanted: str | None) -> str:
    """How Sonarly's paths will name the workspace, in lower case: as it is wanted, else one of its own."""
    if wanted is None:
        return secrets.token_hex(12)
    group = wanted.lower()
    if not _ACCOUNT_GROUP.fullmatch(group):
        raise Invalid.at("account_group", f"expected 24 hexadecimal digits, found {wanted!r}")
    if workspaces.group_taken(call.connection, group):
        raise Invalid.at("account_group", f"the account group {group!r} exists already")
    return group


def current_policy(call: Call) -> tuple[int, Document]:
    """The number and the document of the policy in force; 0 is the built-in default."""
    return _policy(call, workspaces.get(call.connection, call.by.workspace).policy)


def hold_policy(call: Call) -> tuple[int, Document]:
    """The same, and nobody puts another into force until the transaction ends."""
    return _policy(call, workspaces.hold(call.connection, call.by.workspace).policy)


def _policy(call: Call, number: int) -> tuple[int, Document]:
    return number, document_of(call, number)


@dataclass(frozen=True, slots=True)
class PolicyWritten:
    """A policy version, and the task that must be approved before it is put into force; None where it is already."""

    number: int
    task_id: str | None = None


def write_policy(call: Call, document: object) -> PolicyWritten:
    """Write a new policy version, and put it into force unless the one in force asks people first.

    Raises Invalid with every mistake, and nothing is written then.
    """
    workspace = workspaces.hold(call.connection, call.by.workspace)
    wanted, _ = drafts.check(call, document)
    before = policy_of(call, workspace.policy)
    if before.changes is not None and not call.by.is_member:
        raise Invalid.at("", "people are asked about the next policy, all but who proposes it: propose it as a member")
    number = _write(call, call.by.workspace, wanted)
    if before.changes is None:
        in_force.put(call, number)
        return PolicyWritten(number)
    asked = policy.requirement_of(before, before.changes)
    asked = replace(asked, separation="requester", barred=(call.by.person,), remind_after=None, escalate=None)
    return PolicyWritten(number, questions.ask_about_policy(call, number, asked, "changes"))


def _write(call: Call, workspace_id: str, document: Document) -> int:
    number = workspaces.last_policy(call.connection, workspace_id) + 1
    row = {"workspace_id": workspace_id, "number": number, "document": document, "digest": seal.digest(document)}
    by = {"actor": call.by.id, "person": call.by.person}
    workspaces.add_policy(call.connection, {**row, **by, "at": call.now})
    return number


def add_member(call: Call, email: str, *, name: str = "", scopes: Iterable[str] = (), verified: bool = False) -> str:
    """Make a person a member, or grant a member more scopes; returns the member's id. Raises Invalid.

    With `verified` the caller vouches that the address is the person's: as whoever runs the server may.
    """
    wanted = check_scopes(scopes)
    wrong = email_problem(email)
    if wrong:
        raise Invalid.at("email", wrong)
    salt = workspaces.hold(call.connection, call.by.workspace).salt  # who joins twice at once is one member
    key = address_key(salt, email)
    known = workspaces.member_by_address(call.connection, call.by.workspace, key)
    if known is None:
        member_id = _join(call, email, name, key, wanted)
    else:
        member_id = str(known.id)
        _grant(call, known, wanted)
    if verified:
        verify_member(call, member_id)
    return member_id


def verify_member(call: Call, member_id: str) -> None:
    """Write down that the address is the member's: the caller vouches for it, or has shown it."""
    if workspaces.verify_member(call.connection, member_id, call.now):
        act(call, "member", member_id, "verified")


def _grant(call: Call, known: sa.Row[Any], wanted: list[str]) -> None:
    old = known.scopes if known.removed_at is None else []
    scopes = sorted({*old, *wanted})
    workspaces.change_member(call.connection, known.id, scopes=scopes, removed_at=None)
    if known.removed_at is not None or scopes != sorted(old):
        act(call, "member", known.id, "changed", {"scopes": scopes})


def _join(call: Call, email: str, name: str, key: str, wanted: list[str]) -> str:
    said = {"email": email, "name": name or email.split("@", maxsplit=1)[0]}
    payload = workspaces.conceal(call.connection, call.by.workspace, said, secrets.token_bytes(32))
    row: Mapping[str, Any] = {
        "id": new_id(call.now),
        "workspace_id": call.by.workspace,
        "address_key": key,
        "payload": payload,
        "scopes": wanted,
        "created_at": call.now,
        "removed_at": None,
    }
    workspaces.add_member(call.connection, dict(row))
    act(call, "member", str(row["id"]), "joined", {"scopes": wanted})
    return str(row["id"])


def remove_member(call: Call, member_id: str) -> None:
    """Take a person out of the workspace and of every group; their keys and delegations end, and each is told as an act
    of its own. Raises NotFound for one who is no member."""
    workspaces.hold(call.connection, call.by.workspace)
    workspaces.find_member(call.connection, call.by.workspace, member_id)
    workspaces.change_member(call.connection, member_id, removed_at=call.now)
    act(call, "member", member_id, "removed")
    for key_id in workspaces.end_keys_of(call.connection, member_id, call.now):
        act(call, "key", key_id, "revoked")
    left, ended = people.forget(call.connection, call.by.workspace, member_id, call.now)
    for name in left:
        act(call, "group", name, "changed", {"joined": [], "left": [member_id]})
    for delegation_id in ended:
        act(call, "delegation", delegation_id, "ended")


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """The scopes, sorted and without repetition. Raises Invalid for one that there is not."""
    wanted = sorted(set(scopes))
    unknown = [scope for scope in wanted if scope not in SCOPES]
    if unknown:
        expected = f"expected some of {', '.join(SCOPES)}"
        raise Invalid([Mistake("scopes", f"{expected}, found {scope!r}") for scope in unknown])
    return wanted
