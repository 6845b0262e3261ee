"""Reminding people of what they have not decided, and turning to others in time. Asked for by the clock.

What was missed while no clock ran is made up for once, not as often as it was missed.
"""

from dataclasses import replace

from gonogo import invitations, notices
from gonogo.ballots import standing_of
from gonogo.call import Call
from gonogo.policy import Requirement
from gonogo.store import cases
from gonogo.store.cases import Case


def remind(call: Call, case: Case) -> Case:
    """Tell everybody who could still vote; from the time of its escalation on, the further group, too."""
    requirement, due = Requirement.from_document(case.requirement or {}), case.nudge_at
    escalating = case.escalates_at is not None and due is not None and due <= case.escalates_at <= call.now
    kinds = [notices.ESCALATED] if escalating else []
    if requirement.remind_after is not None:
        kinds.append(notices.REMINDED)
    notices.announce_task(call, case, kinds)
    if requirement.invite:
        invitations.remind(call, case, standing_of(call, case))
    ahead = [case.escalates_at] if case.escalates_at is not None and case.escalates_at > call.now else []
    if requirement.remind_after is not None:
        ahead.append(requirement.later(call.now, requirement.remind_after))
    cases.change_task(call.connection, str(case.task_id), nudge_at=min(ahead, default=None))
    return replace(case, nudge_at=min(ahead, default=None))
