"""Who knocks."""

from dataclasses import dataclass

SCOPES = (
    "campaigns:read",
    "campaigns:write",
    "campaigns:execute",
    "lexi",
    "policy:write",
    "audit:read",
    "admin",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting in a workspace: the key or session used, and the person behind it.

    A key that belongs to no member is an actor of its own, `person` is then the key's id.
    """

    workspace: str
    id: str
    person: str
    scopes: frozenset[str]
    is_member: bool = False


def machine(workspace: str) -> Actor:
    """The executor and the clock, which act for nobody."""
    return Actor(workspace, "system", "system", frozenset())
