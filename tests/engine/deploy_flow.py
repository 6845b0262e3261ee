"""A second flow: a change on its way to production. The core knows nothing of it, and nothing of campaigns either."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from gonogo.definition import Blocker, Condition, Flow, Move, validate
from gonogo.testing import Claim, Invariant, Laws


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one change when something happens to it. The defaults let it through."""

    checks: Literal["green", "red", "running"] = "green"
    own_change: bool = False  #: the person who signs off wrote it
    frozen: bool = False  #: no deploys at this time
    urgent: bool = False  #: it mends an outage, which a freeze does not stop
    elsewhere: int = 0  #: other changes that are being rolled out
    watched: bool = True  #: the canary has run long enough to be judged
    errors: float = 0.0  #: its share of failed requests
    signed_off: bool = False  #: remembered: somebody else has read it


DOMAIN: dict[str, tuple[object, ...]] = {
    "checks": ("green", "red", "running"),
    "own_change": (False, True),
    "frozen": (False, True),
    "urgent": (False, True),
    "elsewhere": (0, 1),
    "watched": (True, False),
    "errors": (0.0, 0.01, 0.02),
    "signed_off": (False, True),
}

HEALTHY: Condition[Facts] = Condition("healthy", lambda facts: facts.errors <= 0.01)


def checks_green(facts: Facts) -> Blocker | None:
    if facts.checks == "green":
        return None
    return Blocker("checks_not_green", f"The checks are {facts.checks}.", checks=facts.checks)


def read_by_another(facts: Facts) -> Blocker | None:
    if not facts.own_change:
        return None
    return Blocker("own_change", "Nobody signs off a change of their own.")


def sign_off_given(facts: Facts) -> Blocker | None:
    if facts.signed_off:
        return None
    return Blocker("not_signed_off", "Nobody has signed this change off.")


def deploys_allowed(facts: Facts) -> Blocker | None:
    if facts.urgent or not facts.frozen:
        return None
    return Blocker("frozen", "There is a freeze, and this change is not urgent.")


def road_free(facts: Facts) -> Blocker | None:
    if facts.elsewhere == 0:
        return None
    return Blocker("rollout_elsewhere", "Another change is being rolled out.", others=facts.elsewhere)


def watched_long_enough(facts: Facts) -> Blocker | None:
    if facts.watched:
        return None
    return Blocker("canary_too_young", "The canary has not run long enough.")


STATES = {
    "built": "A build exists; nobody has been asked.",
    "in_review": "Somebody else is to read it.",
    "ready": "Signed off; waits for the road to be free.",
    "canary": "A small share of the traffic goes to it.",
    "live": "All traffic goes to it.",
    "rolled_back": "It was taken out of production.",
    "abandoned": "It will not be deployed.",
}


def moves() -> Iterator[Move[Facts]]:
    yield Move("propose", "built", "in_review", needs=(checks_green,))
    yield Move("sign_off", "in_review", "ready", needs=(read_by_another, checks_green), sets={"signed_off": True})
    for state in ("in_review", "ready"):
        yield Move("push", state, "built", sets={"signed_off": False})
    yield Move("roll_out", "ready", "canary", needs=(sign_off_given, checks_green, deploys_allowed, road_free))
    yield Move("judge", "canary", "live", (HEALTHY,), (watched_long_enough,))
    yield Move("judge", "canary", "rolled_back", (~HEALTHY,))
    for state in ("canary", "live"):
        yield Move("roll_back", state, "rolled_back")
    for state in ("built", "in_review", "ready"):
        yield Move("abandon", state, "abandoned")


DEPLOY: Flow[Facts] = validate(
    Flow(
        name="deploy",
        states=STATES,
        initial="built",
        finals=frozenset({"live", "rolled_back", "abandoned"}),
        moves=tuple(moves()),
        facts=Facts,
        domain=DOMAIN,
        memory=("signed_off",),
    )
)

#: What must be true of a deploy, said without the guards that see to it.
LAWS: Laws[Facts] = Laws(
    invariants=(
        Invariant(
            "production runs only what was signed off",
            lambda world: world.state not in {"canary", "live"} or world.memory.signed_off,
        ),
        Invariant("a new build is not signed off", lambda world: world.state != "built" or not world.memory.signed_off),
    ),
    claims=(
        Claim("nobody signs off their own change", lambda edge: edge.event != "sign_off" or not edge.facts.own_change),
        Claim(
            "nothing goes on while the checks are not green",
            lambda edge: edge.event not in {"propose", "sign_off", "roll_out"} or edge.facts.checks == "green",
        ),
        Claim(
            "a freeze stops all but what is urgent",
            lambda edge: edge.event != "roll_out" or edge.facts.urgent or not edge.facts.frozen,
        ),
        Claim("one rollout at a time", lambda edge: edge.event != "roll_out" or not edge.facts.elsewhere),
        Claim(
            "all traffic goes only to what ran long and well",
            lambda edge: edge.after.state != "live" or (edge.facts.watched and edge.facts.errors < 0.02),
        ),
    ),
    escapes=frozenset({"abandon"}),
)
