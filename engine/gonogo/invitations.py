"""Who is asked by mail: written down in the transaction of the step that puts a question to people.

Only where the policy says `invite`. The mail itself is made when it is sent (`review_mail`), and its link with it.
"""

import secrets
from collections.abc import Iterable

from gonogo.call import Call
from gonogo.models import Document
from gonogo.policy import Requirement, Tally, Voter, entitlement
from gonogo.store import invitations, people
from gonogo.store.cases import Case

#: How many people are asked about one task at the most.
MOST = 100


def invite(call: Call, before: Case, after: Case) -> None:
    """Ask whoever may decide, if this step put the question. Costs nothing under a policy that invites nobody."""
    put = after.task_status == "pending" and (before.task_id, before.task_status) != (after.task_id, "pending")
    if not put or not after.requirement or not Requirement.from_document(after.requirement).invite:
        return
    _mail(call, after, people.everybody(call.connection, after.workspace))


def remind(call: Call, case: Case, stands: Tally) -> None:
    """Ask again whoever may decide and has not; each gets a new mail with a new link."""
    voters = people.everybody(call.connection, case.workspace)
    _mail(call, case, [voter for voter in voters if voter.person not in stands.used])


def _mail(call: Call, case: Case, voters: Iterable[Voter]) -> None:
    escalated = case.escalates_at is not None and call.now >= case.escalates_at
    asked = [voter.person for voter in voters if may_decide(case, voter, escalated=escalated)]
    row: Document = {"task_id": case.task_id, "state": "pending", "tries": 0, "next_at": call.now}
    # the MAC is of no link: none was made yet
    rows = [{**row, "member_id": person, "mac": secrets.token_hex(32)} for person in asked[:MOST]]
    invitations.put(call.connection, rows)


def may_decide(case: Case, voter: Voter, *, escalated: bool) -> bool:
    """Whether the vote of a present member would count, in some stage."""
    if not case.requirement:
        return False
    return entitlement(Requirement.from_document(case.requirement), [voter], escalated=escalated) is None
