"""All that a decision about a campaign may depend on, as plain values. Loaded by `cases.py`, judged by `guards.py`."""

from dataclasses import dataclass
from typing import Literal

from gonogo.definition import Blocker

Start = Literal["none", "ahead", "due", "late"]
Review = Literal["clean", "blocked", "pending"]
Permission = Literal["people", "auto", "ungated", "break_glass"]
TaskStatus = Literal["none", "reviewing", "pending", "approved", "dismissed", "changes_requested", "expired", "void"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of one campaign at the moment of one event. The defaults are a campaign ready to start."""

    # is it ready?
    recipients: int = 1  #: left to send to, duplicates merged and exclusions taken off
    content: bool = True  #: it has a template, or steps
    sender: bool = True  #: it has a sender address
    importing: bool = False  #: an import of recipients is still open
    in_flight: int = 0  #: messages of an earlier run that were claimed and are not settled yet
    start: Start = "none"  #: the start time: none given, ahead, reached, or passed by more than `late_start`
    review: Review = "clean"  #: Lexi's verdict; pending while the review runs
    findings: tuple[Blocker, ...] = ()  #: the blockers that Lexi found
    permission: Permission = "people"  #: what the policy in force asks of this run
    frozen: Blocker | None = None  #: why the policy lets no launch begin at that time, if so

    # what earlier moves left behind
    begun: bool = False  #: messages of this launch may be out
    permit: Literal["none", "valid"] = "none"  #: a permit of the present run that is not ended
    run: Literal["none", "open"] = "none"  #: the present run is open
    task: Literal["none", "reviewing", "pending"] = "none"  #: the open task

    # who knocks, and with what
    addressed: TaskStatus = "pending"  #: the task that the ballot names
    overdue: bool = False  #: its deadline has passed
    entitled: Blocker | None = None  #: why this person may not decide, if so
    requester: bool = True  #: this person asked for the launch
    repeated: bool = False  #: this person's vote already stands
    seen: bool = True  #: the seal on the ballot, if any, is the task's
    changed: tuple[str, ...] | None = None  #: what differs from the run that bears the ballot's seal, if one does
    acknowledged: bool = True  #: the warnings are acknowledged as the policy asks
    enough: bool = True  #: with this ballot, the quorum is met (approve) or `dismissals` reached (dismiss)
    presented: bool = True  #: the executor shows the permit that the campaign holds
    lapsed: bool = False  #: the permit had to be used by now, and was not

    # what is left to do
    unsettled: int = 0  #: recipients of the open run whose message is not settled
    claimed: int = 0  #: messages claimed and not settled, of any run of this launch
    waiting: int = 0  #: recipients that only another run would reach


FROZEN = Blocker("frozen", "No launch begins now.")
NOT_ENTITLED = Blocker("not_entitled", "This person may not decide about this launch.")

#: The values each fact takes in the proofs: below, at and above everything that a guard asks for.
DOMAIN: dict[str, tuple[object, ...]] = {
    "recipients": (1, 0),
    "content": (True, False),
    "sender": (True, False),
    "importing": (False, True),
    "in_flight": (0, 1),
    "start": ("none", "ahead", "due", "late"),
    "review": ("clean", "blocked", "pending"),
    "findings": ((),),
    "permission": ("people", "auto", "ungated", "break_glass"),
    "frozen": (None, FROZEN),
    "begun": (False, True),
    "permit": ("none", "valid"),
    "run": ("none", "open"),
    "task": ("none", "reviewing", "pending"),
    "addressed": ("pending", "reviewing", "approved", "void"),
    "overdue": (False, True),
    "entitled": (None, NOT_ENTITLED),
    "requester": (True, False),
    "repeated": (False, True),
    "seen": (True, False),
    "changed": (None,),
    "acknowledged": (True, False),
    "enough": (True, False),
    "presented": (True, False),
    "lapsed": (False, True),
    "unsettled": (0, 1),
    "claimed": (0, 1),
    "waiting": (0, 1),
}
