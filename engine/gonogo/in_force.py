"""Putting a policy version into force."""

from gonogo import policy
from gonogo.acting import act
from gonogo.asking import policy_of
from gonogo.call import Call
from gonogo.holds import set_hold
from gonogo.store import workspaces


def put(call: Call, version: int) -> None:
    """From now on, launches are judged by this version. What was asked under another keeps what it asked; what was
    permitted keeps its permit, and is held where the policy before wanted that."""
    workspace = workspaces.hold(call.connection, call.by.workspace)
    before, after = (policy_of(call, number) for number in (workspace.policy, version))
    freezes = len(after.freeze) if isinstance(after, policy.Written) else 0
    workspaces.change(call.connection, call.by.workspace, policy=version, freezes=freezes)
    figures = {"before": workspace.policy, "approval": "off" if isinstance(after, policy.Off) else "on"}
    act(call, "policy", str(version), "put_into_force", figures)
    if workspace.policy != version and isinstance(before, policy.Written) and before.on_policy_change == "hold":
        set_hold(call, reason=f"The policy changed to version {version}: see that what was permitted may still go out.")
