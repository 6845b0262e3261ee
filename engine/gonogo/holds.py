"""Holds: nothing is claimed while one stands, for a sender, a whole workspace, or everything."""

from gonogo.addresses import carried
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo.store import throttles

LONGEST_REASON = 500


def set_hold(call: Call, *, sender: str | None = None, reason: str) -> str:
    """Stop every claim of the workspace, or of one of its senders, at once; returns the hold's id.

    What was claimed already still goes out. Raises Invalid.
    """
    kind = "workspace" if sender is None else "sender"
    return _add(call, call.by.workspace, kind, carried(sender) if sender else "", reason)


def hold_everything(call: Call, reason: str) -> str:
    """Stop every claim of every workspace; returns the hold's id. For whoever runs the server. Raises Invalid."""
    return _add(call, None, "everything", "", reason)


def lift_hold(call: Call, hold_id: str, *, everything: bool = False) -> None:
    """Let messages go again; what waited goes on by itself. Lifting a lifted one does nothing. Raises NotFound."""
    workspace = None if everything else call.by.workspace
    found = throttles.find_hold(call.connection, workspace, hold_id)
    if found is None:
        raise NotFound("hold", hold_id)
    if found.lifted_at is None:
        throttles.lift_hold(call.connection, hold_id, call.by.person, call.now)
        throttles.wake(call.connection, workspace, "hold", call.now)


def holds(call: Call, *, everything: bool = False) -> list[Document]:
    """The workspace's holds, standing and lifted, the newest first."""
    columns = ("id", "kind", "subject", "reason", "set_by", "set_at", "lifted_by", "lifted_at")
    found = throttles.holds(call.connection, None if everything else call.by.workspace)
    return [{name: getattr(row, name) for name in columns} for row in found]


def _add(call: Call, workspace: str | None, kind: str, subject: str, reason: str) -> str:
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid.at("reason", f"expected a reason of at most {LONGEST_REASON} characters")
    row: Document = {
        "id": new_id(call.now),
        "workspace_id": workspace,
        "kind": kind,
        "subject": subject,
        "reason": reason,
        "set_by": call.by.person,
        "set_at": call.now,
    }
    throttles.add_hold(call.connection, row)
    return str(row["id"])
