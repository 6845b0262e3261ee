"""Groups of people whom policies ask, and delegations from one to another."""

from collections.abc import Iterable

from whenever import Instant

from gonogo import policy
from gonogo.acting import act
from gonogo.addresses import address_key
from gonogo.asking import document_of
from gonogo.ballots import Voters, is_escalated
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.errors import Invalid, Mistake, NotFound
from gonogo.models import Document
from gonogo.policy import BUILT_IN, Requirement
from gonogo.store import cases, people, questions, workspaces
from gonogo.store.workspaces import find_member

LONGEST_NAME = 100
#: People in a group.
MOST = 10_000


def put_group(call: Call, name: str, members: Iterable[str]) -> list[str]:
    """Make a group, or say anew who is in it: by address or member id. Answers their ids; raises Invalid.

    Membership is live: what is open is decided by whoever is in the group when it is decided.
    """
    wrong = _name_problem(name)
    if wrong:
        raise Invalid.at("name", wrong)
    workspaces.hold(call.connection, call.by.workspace)
    wanted = set(resolve(call, members, "members"))
    if len(wanted) > MOST:
        raise Invalid.at("members", f"expected {MOST} people at the most, found {len(wanted)}")
    made = people.add_group(call.connection, call.by.workspace, name, call.now)
    before = set() if made else people.in_group(call.connection, call.by.workspace, name)
    joined, left = sorted(wanted - before), sorted(before - wanted)
    people.leave(call.connection, call.by.workspace, name, left)
    people.join(call.connection, call.by.workspace, name, joined)
    if made or joined or left:
        act(call, "group", name, "made" if made else "changed", {"joined": joined, "left": left})
    return sorted(wanted)


def remove_group(call: Call, name: str) -> None:
    """Take a group away. Raises NotFound, and Invalid for one whom the policy in force asks, or a proposed one."""
    held = workspaces.hold(call.connection, call.by.workspace)
    proposed = [row.policy_version for row in questions.open_changes(call.connection, call.by.workspace)]
    for number in (held.policy, *proposed):
        if any((kind, group) == ("group", name) for _, kind, group in policy.named(document_of(call, number))):
            which = "in force" if number == held.policy else "that people are asked about"
            raise Invalid.at("name", f"the policy {which} asks the group {name!r}: write another policy first")
    people.remove_group(call.connection, call.by.workspace, name)
    act(call, "group", name, "removed")


def resolve(call: Call, named: Iterable[str], path: str) -> list[str]:
    """The ids of the members who are named, by address or id, in their order. Raises Invalid, telling all others."""
    salt = workspaces.get(call.connection, call.by.workspace).salt
    found: list[str] = []
    mistakes: list[Mistake] = []
    for at, name in enumerate(named):
        member_id = member_named(call, salt, name)
        if member_id is None:
            mistakes.append(Mistake(f"{path}[{at}]", f"expected a member, by address or id; {name!r} is none"))
        else:
            found.append(member_id)
    if mistakes:
        raise Invalid(mistakes)
    return list(dict.fromkeys(found))


def member_named(call: Call, salt: bytes, name: str) -> str | None:
    """The id of the present member of this address or id."""
    if "@" in name:
        row = workspaces.member_by_address(call.connection, call.by.workspace, address_key(salt, name))
        return str(row.id) if row is not None and row.removed_at is None else None
    try:
        return str(find_member(call.connection, call.by.workspace, name).id)
    except NotFound:
        return None


def _name_problem(name: str) -> str | None:
    if name in BUILT_IN:
        return f"the group {name!r} is built in: it holds whoever has the scope {BUILT_IN[name]!r}"
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable() or name != name.strip() or "/" in name:
        return f"expected 1 to {LONGEST_NAME} printable characters, without a slash or blanks around them"
    return None


# Delegations


def delegate(
    call: Call, to: str, *, starts_at: Instant | None = None, ends_at: Instant | None = None, task_id: str | None = None
) -> str:
    """Let another member decide instead of the caller, from one moment to another, about everything or one task.

    The delegate votes in the caller's seat, and counts once for both. Answers the delegation's id. Raises NotFound for
    a task that is not there, and Invalid.
    """
    begins = starts_at or call.now
    if task_id is not None:
        until = _handed_on(call, task_id)
        ends_at = ends_at or until
    if not call.by.is_member:
        raise Invalid.at("", "only a member can delegate; the key belongs to none")
    [delegate_id] = resolve(call, [to], "to")
    if delegate_id == call.by.person:
        raise Invalid.at("to", "expected somebody else")
    if ends_at is None:
        raise Invalid.at("ends_at", "expected when it ends")
    if not max(begins, call.now) < ends_at:
        raise Invalid.at("ends_at", "expected a moment ahead, after `starts_at`")
    row: Document = {
        "id": new_id(call.now),
        "workspace_id": call.by.workspace,
        "member_id": call.by.person,
        "delegate_id": delegate_id,
        "task_id": task_id,
        "starts_at": begins,
        "ends_at": ends_at,
        "created_at": call.now,
    }
    people.add_delegation(call.connection, row)
    figures = {"by": call.by.person, "to": delegate_id, "task": task_id}
    span = {"starts_at": begins.format_iso(), "ends_at": ends_at.format_iso()}
    act(call, "delegation", row["id"], "made", {**figures, **span})
    return str(row["id"])


def _handed_on(call: Call, task_id: str) -> Instant | None:
    """The deadline of a task that the caller may decide, and not only in somebody else's place: that is not the
    caller's to hand on. Raises NotFound, and Invalid."""
    try:
        case = cases.lock_by_task(call.connection, call.by.workspace, task_id)
        asked, escalated, until = case.requirement, is_escalated(call, case), case.expires_at
    except NotFound:
        task = questions.lock(call.connection, call.by.workspace, task_id)
        asked, escalated, until = task.requirement, False, task.expires_at
    requirement = Requirement.from_document(asked) if asked else Requirement(separation="none")
    refused = policy.entitlement(requirement, [Voters(call).person], escalated=escalated)
    if refused:
        raise Invalid.at("", f"this is not the caller's to hand on: {refused.message}")
    return until


def end_delegation(call: Call, delegation_id: str) -> None:
    """End a delegation of the caller's, or as an owner any. Raises NotFound."""
    row = people.find_delegation(call.connection, call.by.workspace, delegation_id)
    if call.by.person != row.member_id and "admin" not in call.by.scopes:
        raise NotFound("delegation", delegation_id)
    if row.ends_at > call.now:
        people.end_delegation(call.connection, delegation_id, call.now)
        act(call, "delegation", delegation_id, "ended")
