"""A worker's hold on one run, and how it may come to an end."""

from dataclasses import dataclass
from typing import Literal

from whenever import Instant

from gonogo.content import Compiled, Content
from gonogo.execution.channels import Channel
from gonogo.execution.links import Links
from gonogo.execution.throttle import Leave, Throttle
from gonogo.models import Document


@dataclass(slots=True)
class Segment:
    """Everything a worker needs of what the run pinned, and the lease under which it acts."""

    workspace: str
    campaign: str
    run_id: str
    dispatch: int
    number: int
    step: int
    token: str
    channel: Channel
    content: Content
    compiled: Compiled
    sender: Document
    supplied: Document  # variables that every message is given
    throttle: Throttle
    links: Links | None
    salt: bytes
    since: Instant  # when the launch was proposed at first, whatever run of it this is
    deadline: float  # on the monotonic clock: after it nothing may be sent under this lease
    size: int  # of the next batch
    batches: int = 0
    leave: Leave | None = None  # under which the last batch was claimed
    trouble: str | None = None  # why the channel can't carry anything now
    cure: str = "time"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a segment ends.

    stopped: the campaign is not running any more, or not by this dispatch. waits: for `reason`, until a moment (None:
    until somebody acts). pauses: for `reason`. hands_on: to its successor. done: everything of the step was claimed
    and nothing waits for another try.
    """

    kind: Literal["stopped", "waits", "pauses", "hands_on", "done"]
    reason: str = ""
    until: Instant | None = None


def message_id(run_id: str, step: int, position: int) -> str:
    """The same message has the same id, however often it is made."""
    return f"<{run_id}.{step}.{position}@gonogo>"
