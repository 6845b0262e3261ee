"""The tables. SQLModel classes; `table=True` validates nothing, so requests have their own models.

Who writes what: `gonogo.store` alone. Ids are text (UUIDs of version 7 unless said otherwise), digests are lower-case
hex of SHA-256, instants are UTC in microseconds. A table marked *append-only* is guarded by triggers in `catalogue.py`.
Personal data and free text stand in `Payload` alone, where they can be erased; everything else points there.
"""

from gonogo.models.asked import Rate, Reply
from gonogo.models.base import (
    CLAIMED_STATES,
    DIALECTS,
    LEDGER_STATES,
    SUPPRESSIONS,
    TASK_STATES,
    Base,
    Document,
    Utc,
    table,
)
from gonogo.models.deciding import Act, Comment, Delegation, Edit, Group, GroupMember, Ruling, Window
from gonogo.models.edited import Campaign, Contact, ContactList, Part, Payload, Version
from gonogo.models.outward import Delivery, Endpoint, Notice, ReviewMail
from gonogo.models.proposed import Audience, Glass, Move, Permit, PermitEnd, PolicyVersion, Run, Step, Task, Vote
from gonogo.models.sending import (
    Cap,
    Executor,
    Hold,
    Lease,
    Ledger,
    Minute,
    Quota,
    Resolution,
    Response,
    Suppression,
    TestSend,
)
from gonogo.models.workspace import Key, Member, Workspace

__all__ = [
    "CLAIMED_STATES",
    "DIALECTS",
    "LEDGER_STATES",
    "SUPPRESSIONS",
    "TASK_STATES",
    "Act",
    "Audience",
    "Base",
    "Campaign",
    "Cap",
    "Comment",
    "Contact",
    "ContactList",
    "Delegation",
    "Delivery",
    "Document",
    "Edit",
    "Endpoint",
    "Executor",
    "Glass",
    "Group",
    "GroupMember",
    "Hold",
    "Key",
    "Lease",
    "Ledger",
    "Member",
    "Minute",
    "Move",
    "Notice",
    "Part",
    "Payload",
    "Permit",
    "PermitEnd",
    "PolicyVersion",
    "Quota",
    "Rate",
    "Reply",
    "Resolution",
    "Response",
    "ReviewMail",
    "Ruling",
    "Run",
    "Step",
    "Suppression",
    "Task",
    "TestSend",
    "Utc",
    "Version",
    "Vote",
    "Window",
    "Workspace",
    "table",
]
