"""The same moment in five languages: the two tables that every dialect answers from, kept as data in one place.

A status is looked up by the engine's state, an answer to start (launch) by what stands in its way. Dialects translate
by these tables and compare no states of their own.
"""

import re
from dataclasses import dataclass

from gonogo.definition import Blocker

_ORDER = ("leadlex", "sonarly", "leadterra", "burki", "bavlio")

#: Engine state -> what each dialect calls it.
STATUS: dict[str, dict[str, str]] = {
    state: dict(zip(_ORDER, words, strict=True))
    for state, words in {
        "draft": ("draft", "draft", "draft", "draft", "draft"),
        "pending_approval": ("pending_approval", "draft", "draft", "scheduled", "launching"),
        "scheduled": ("scheduled", "scheduled", "scheduled", "scheduled", "scheduled"),
        "active": ("active", "active", "running", "running", "launching"),
        "running": ("active", "active", "running", "running", "active"),
        "paused": ("paused", "paused", "paused", "paused", "paused"),
        "completed": ("completed", "completed", "completed", "completed", "completed"),
        "cancelled": ("cancelled", "cancelled", "cancelled", "cancelled", "failed"),
        "failed": ("failed", "failed", "failed", "failed", "failed"),
    }.items()
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A status code, the dialect's code for it, and its words; an empty message leaves them to the blocker.

    With status 200 the call is answered as if it had just happened: nothing was to be done.
    """

    status: int
    code: str = ""
    message: str = ""


def _row(*answers: Answer) -> dict[str, Answer]:
    return dict(zip(_ORDER, answers, strict=True))


_AS_IF = Answer(200)
_HOUSE = Answer(400, "validation_error")
_SONARLY_422 = Answer(422, "VALIDATION_ERROR")
_SONARLY_409 = Answer(409, "CONFLICT")
_BURKI = Answer(400, "", "Cannot start campaign - {reason}")

#: What stands in the way of a start -> what each dialect answers.
START: dict[str, dict[str, Answer]] = {
    "no recipients": _row(
        _HOUSE,
        _SONARLY_422,
        Answer(400, "no_leads_enrolled"),
        Answer(400, "", "No contacts found"),
        Answer(409, "NO_LAUNCHABLE_ROWS"),
    ),
    "no steps": _row(_HOUSE, _SONARLY_422, Answer(400, "no_sequence_steps"), _BURKI, Answer(409, "NO_STEPS")),
    "start time in the past": _row(
        _HOUSE,
        _SONARLY_422,
        Answer(400, "campaign_not_ready"),
        Answer(400, "", "Scheduled time is in the past"),
        Answer(409, "START_IN_PAST"),
    ),
    "blocker of the review": _row(
        _HOUSE, _SONARLY_422, Answer(400, "campaign_not_ready"), _BURKI, Answer(409, "REVIEW_BLOCKED")
    ),
    "pending approval": _row(_AS_IF, _SONARLY_409, _AS_IF, _AS_IF, Answer(409, "APPROVAL_PENDING")),
    "scheduled": _row(_HOUSE, _SONARLY_409, _AS_IF, _AS_IF, Answer(409, "ALREADY_SCHEDULED")),
    "active": _row(_HOUSE, _SONARLY_409, _AS_IF, _BURKI, Answer(409, "ALREADY_LAUNCHED")),
    "paused": _row(_HOUSE, _SONARLY_409, _AS_IF, _BURKI, Answer(409, "CAMPAIGN_PAUSED")),
    "ended": _row(_HOUSE, _SONARLY_409, Answer(409, "campaign_ended"), _BURKI, Answer(409, "CAMPAIGN_ENDED")),
    "completed": _row(
        _HOUSE,
        _SONARLY_409,
        Answer(409, "campaign_ended"),
        Answer(400, "", "All contacts have already been processed"),
        Answer(409, "CAMPAIGN_ENDED"),
    ),
}

#: Blocker code -> row of START; every other code is a blocker of the review.
SITUATION = {
    "audience_empty": "no recipients",
    "content_missing": "no steps",
    "start_in_past": "start time in the past",
    "start_missed": "start time in the past",
    "approval_pending": "pending approval",
    "already_scheduled": "scheduled",
    "already_active": "active",
    "campaign_paused": "paused",
    "campaign_ended": "ended",
}

#: Blockers that say what is missing, at a start and at a resume alike.
READINESS = ("audience_empty", "content_missing", "sender_missing", "import_open", "start_in_past", "start_missed")

#: Engine states in which messages are handed out, at once or soon.
SENDING = frozenset({"active", "running"})

#: Engine states in which a pause is no refusal in Leadterra: there is nothing to stop.
STILL = frozenset({"draft", "pending_approval", "paused"})

#: What LeadLex calls a task -> the task's own statuses; `completed` and `failed` once its run is.
TASK_STATUS: dict[str, tuple[str, ...]] = {
    "pending": ("reviewing", "pending"),
    "approved": ("approved",),
    "completed": ("approved",),
    "failed": ("approved",),
    "dismissed": ("dismissed", "changes_requested", "expired", "void"),
}

#: Dialects in which a start of a paused campaign resumes it.
RESUMES = frozenset({"leadlex", "leadterra", "burki"})

#: Engine state -> the row of START that says where a campaign is; a draft can be started.
PLACE = {
    "pending_approval": "pending approval",
    "scheduled": "scheduled",
    "active": "active",
    "running": "active",
    "paused": "paused",
    "completed": "completed",
    "cancelled": "ended",
    "failed": "ended",
}


@dataclass(frozen=True, slots=True)
class Offer:
    """The dialect's statuses in which it offers a call, and what it says in every other."""

    statuses: tuple[str, ...]
    otherwise: str


#: Calls that a dialect offers in fewer statuses than the engine's table would.
OFFERS: dict[str, dict[str, Offer]] = {
    "burki": {
        "pause": Offer(("running",), "Campaign is not running"),
        "stop": Offer(("running", "paused", "scheduled"), "Campaign cannot be stopped (invalid status)"),
        "re-execute": Offer(("completed", "cancelled", "failed"), "Campaign cannot be re-executed (invalid status)"),
        "unschedule": Offer(("scheduled",), "Campaign is not scheduled"),
    },
}
#: The blocker of a call that is not offered; its message is the dialect's own.
NOT_OFFERED = "wrong_status"


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said of a campaign that was started; `timed` where its start time is told, too."""

    message: str
    timed: bool = False


#: Engine state after a start -> how Burki announces it.
ANNOUNCED = {
    "pending_approval": Announcement("Campaign awaits approval before its execution starts", timed=True),
    "scheduled": Announcement("Campaign scheduled for {time}", timed=True),
    "active": Announcement("Campaign execution started immediately"),
}

#: Engine state -> what Bavlio, whose status does not tell it from another, says in launch_error.
LAUNCH_ERROR = {"cancelled": "cancelled"}


def task_status(own: str, run_ended_as: str | None) -> str:
    """What LeadLex calls a task of this status, whose run may have ended."""
    found = next(wire for wire, statuses in TASK_STATUS.items() if own in statuses)
    return run_ended_as if found == "approved" and run_ended_as in TASK_STATUS else found


def words(dialect: str) -> list[str]:
    """All that the dialect calls a state."""
    return list(dict.fromkeys(words[dialect] for words in STATUS.values()))


def status(dialect: str, state: str) -> str:
    """What the dialect calls the state."""
    return STATUS[state][dialect]


def states(dialect: str, word: str) -> tuple[str, ...]:
    """The engine's states that the dialect calls so; none for a word that it does not use."""
    return tuple(state for state, words in STATUS.items() if words[dialect] == word)


def situation(blocker: Blocker) -> str:
    """The row of START that a blocker belongs to."""
    row = SITUATION.get(blocker.code, "blocker of the review")
    return "completed" if row == "ended" and blocker.figures.get("status") == "completed" else row


def start_answer(dialect: str, blockers: tuple[Blocker, ...]) -> Answer:
    """What the dialect says to a start that these blockers refuse; the first of them speaks."""
    first = blockers[0]
    answer = START[situation(first)][dialect]
    message = told(dialect, first)
    reason = message[:1].lower() + message[1:]
    return Answer(answer.status, answer.code, (answer.message or message).format(reason=reason))


def told(dialect: str, blocker: Blocker) -> str:
    """The blocker's message, with the dialect's word for the state that it names."""
    state = blocker.figures.get("status")
    if not isinstance(state, str) or state not in STATUS:
        return blocker.message
    return re.sub(rf"\b({state}|{STATUS[state]['leadlex']})\b", status(dialect, state), blocker.message)


def step_answer(dialect: str, blockers: tuple[Blocker, ...]) -> Answer:
    """What a dialect that has codes says to any step that these blockers refuse: where the campaign is, else what it
    lacks. To a draft, of which no step but a start says anything, a blocker's own code is all there is to say."""
    first = blockers[0]
    state = first.figures.get("status")
    if state is None:
        return start_answer(dialect, blockers)
    row = PLACE.get(str(state))
    code = START[row][dialect].code if row else first.code.upper()
    return Answer(409, code, told(dialect, first))


def not_offered(dialect: str, call: str, state: str) -> Blocker | None:
    """Why the dialect does not offer the call to a campaign in this state, if it doesn't."""
    offer = OFFERS[dialect][call]
    return None if status(dialect, state) in offer.statuses else Blocker(NOT_OFFERED, offer.otherwise)
