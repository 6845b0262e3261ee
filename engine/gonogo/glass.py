"""Breaking the glass: who may launch without asking, for how long the permit opens the door, and what follows."""

from dataclasses import dataclass

from whenever import TimeDelta

from gonogo import policy
from gonogo.asking import policy_of
from gonogo.ballots import Voters
from gonogo.call import Call
from gonogo.definition import Blocker
from gonogo.policy.words import seconds
from gonogo.store import workspaces

_OFF = Blocker("break_glass_off", "The policy in force lets nobody break the glass.")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Why the caller may not break the glass, if so; and how long the permit would open the door."""

    refused: Blocker | None
    begin_within: TimeDelta = TimeDelta()


def allowed(call: Call) -> Allowed:
    """Judge the caller by the policy in force."""
    number: int = workspaces.get(call.connection, call.by.workspace).policy
    found = policy_of(call, number)
    if isinstance(found, policy.Off) or found.break_glass is None:
        return Allowed(_OFF)
    glass, person = found.break_glass, Voters(call).person
    within = seconds(glass.begin_within)
    if not person.is_member:
        message = "The glass is broken by a person; the key belongs to no member."
        return Allowed(Blocker("person_required", message), within)
    if glass.group not in person.groups:
        message = f"Only {glass.group} may break the glass."
        return Allowed(Blocker("not_entitled", message, group=glass.group), within)
    return Allowed(None, within)
