"""Who is asked by mail: written down in the transaction of the step that puts a question to people.

Only where the policy says `invite`. The mail itself is made when it is sent (`review_mail`), and its link with it.
"""

import secrets
from collections.abc import Iterable

from gonogo.call import Call
from gonogo.policy import Requirement, entitlement
from gonogo.store import invitations, workspaces
from gonogo.store.cases import Case

#: How many people are asked about one task at the most.
MOST = 100


def invite(call: Call, before: Case, after: Case) -> None:
    """Ask whoever may decide, if this step put the question. Costs nothing under a policy that invites nobody."""
    put = after.task_status == "pending" and (before.task_id, before.task_status) != (after.task_id, "pending")
    if not put or not after.requirement or not Requirement.from_document(after.requirement).invite:
        return
    members = workspaces.members(call.connection, after.workspace)
    found = [row for row in members if may_decide(after, row.id, row.scopes)]
    rows = [
        {
            "task_id": after.task_id,
            "member_id": row.id,
            "mac": secrets.token_hex(32),  # of no link: none was made yet
            "state": "pending",
            "tries": 0,
            "next_at": call.now,
        }
        for row in found[:MOST]
    ]
    invitations.add(call.connection, rows)


def may_decide(case: Case, member_id: str, scopes: Iterable[str]) -> bool:
    """Whether the vote of a present member who has these scopes would count."""
    if not case.requirement:
        return False
    requirement, requester = Requirement.from_document(case.requirement), case.requester or ""
    held = frozenset(scopes)
    return entitlement(requirement, person=member_id, is_member=True, scopes=held, requester=requester) is None
