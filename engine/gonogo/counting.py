"""What counted in the windows of a policy, launch by launch, when it was asked about one."""

from collections.abc import Mapping
from dataclasses import dataclass

from whenever import Instant

from gonogo import policy
from gonogo.call import Call
from gonogo.policy import Reach
from gonogo.policy.words import seconds
from gonogo.store import rulings


@dataclass(frozen=True, slots=True)
class Launch:
    """A launch that the policy permitted by itself, with the recipients of every run that continued it."""

    campaign: str
    recipients: int
    at: Instant  # when it was proposed
    starts_at: Instant


@dataclass(frozen=True, slots=True)
class Counted:
    """What a window held for one requester, list or sender, beside the launch that was asked about."""

    kind: str
    subject: str
    reach: Reach
    launches: tuple[Launch, ...]

    @property
    def recipients(self) -> int:
        return sum(launch.recipients for launch in self.launches)


def counted(
    call: Call,
    document: policy.Policy,
    subjects: Mapping[str, str],
    *,
    at: Instant,
    starts_at: Instant,
    but: tuple[str, int],
) -> tuple[Counted, ...]:
    """What each window of a policy held at a moment for the requester, list and sender of a launch, which is named by
    campaign and generation. Nothing where the policy has no windows."""
    splitting = getattr(document, "splitting", None)
    if splitting is None:
        return ()
    reach = Reach.of(at, starts_at, seconds(splitting.window))
    found = []
    for kind in splitting.kinds:
        rows = rulings.counted(call.connection, call.by.workspace, kind, subjects[kind], reach=reach, until=at, but=but)
        launches = sorted((Launch(*row) for row in rows), key=lambda launch: (launch.at, launch.campaign))
        found.append(Counted(kind, subjects[kind], reach, tuple(launches)))
    return tuple(found)


def summed(found: tuple[Counted, ...]) -> dict[str, int | None]:
    """By kind, as a policy is asked."""
    return {each.kind: each.recipients for each in found}
