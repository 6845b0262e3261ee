"""The words of a review: what is proposed, and what was found in it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from whenever import Instant

from gonogo.content import Content

Severity = Literal["blocker", "warning", "note"]
SAMPLES = 5  #: that a finding shows at most


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that people should know before they decide: what, how often, where for instance, and the cure."""

    code: str
    severity: Severity
    message: str
    count: int = 1
    samples: tuple[str, ...] = ()
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient as the run would pin it. `variables` hold e-mail address and phone number, too."""

    reference: str
    address: str
    variables: Mapping[str, object]
    zone: str | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything that a launch would send, and when.

    `settings` are the campaign's: timezone, send_window {start, end}, send_days, daily_limit, min_interval_seconds,
    marketing, and postal_address. `audience` may be gone through again and again; `excluded` tells how many contacts
    were left out, by reason. Without `content` there is nothing to read: a guard refuses that.
    """

    content: Content | None
    settings: Mapping[str, object]
    start_at: Instant | None
    now: Instant
    audience: Iterable[Recipient]
    excluded: Mapping[str, int]
    channel: str = "email"


Check = Callable[[Proposal], Iterable[Finding]]
