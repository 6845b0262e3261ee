"""The same moment in five languages: the two tables that every dialect answers from, kept as data in one place.

A status is looked up by the engine's state, an answer to start (launch) by what stands in its way. Dialects translate
by these tables and compare no states of their own.
"""

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

#: Dialects in which a start of a paused campaign resumes it.
RESUMES = frozenset({"leadlex", "leadterra", "burki"})


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
    reason = first.message[:1].lower() + first.message[1:]
    return Answer(answer.status, answer.code, (answer.message or first.message).format(reason=reason))
