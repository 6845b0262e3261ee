"""What start (launch) answers in every situation, written out by hand.

A cell is the status code with the error's code behind it or, after ` -> `, the campaign's status that a 200 shows.
`-` is a situation that the dialect can't bring a campaign into.
"""

from dataclasses import dataclass

#: Situation -> what each dialect answers.
TABLE: dict[str, dict[str, str]] = {
    "draft": {
        "leadlex": "200 -> active",
        "sonarly": "200 -> active",
        "leadterra": "200 -> running",
        "burki": "200 -> scheduled",
        "bavlio": "200 -> launching",
    },
    "no recipients": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 no_leads_enrolled",
        "burki": "400",
        "bavlio": "409 NO_LAUNCHABLE_ROWS",
    },
    "no steps": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 no_sequence_steps",
        "burki": "400",
        "bavlio": "409 NO_STEPS",
    },
    "start time in the past": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "-",
        "burki": "400",
        "bavlio": "409 START_IN_PAST",
    },
    "blocker of the review": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 campaign_not_ready",
        "burki": "400",
        "bavlio": "409 REVIEW_BLOCKED",
    },
    "pending approval": {
        "leadlex": "200 -> pending_approval",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> draft",
        "burki": "200 -> scheduled",
        "bavlio": "409 APPROVAL_PENDING",
    },
    "scheduled": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> scheduled",
        "burki": "200 -> scheduled",
        "bavlio": "409 ALREADY_SCHEDULED",
    },
    "active": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> running",
        "burki": "400",
        "bavlio": "409 ALREADY_LAUNCHED",
    },
    "paused": {
        "leadlex": "200 -> active",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> running",
        "burki": "200 -> scheduled",
        "bavlio": "409 CAMPAIGN_PAUSED",
    },
    "completed": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
        "burki": "400",
        "bavlio": "409 CAMPAIGN_ENDED",
    },
    "cancelled": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
        "burki": "400",
        "bavlio": "409 CAMPAIGN_ENDED",
    },
    "failed": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
        "burki": "400",
        "bavlio": "409 CAMPAIGN_ENDED",
    },
}
#: The words that a client was promised, as far as the originals fix them.
WORDS: dict[tuple[str, str], str] = {
    ("scheduled", "leadlex"): "Campaign is already scheduled",
    ("active", "leadlex"): "Campaign is already active",
    ("no recipients", "burki"): "No contacts found",
    ("no steps", "burki"): "Cannot start campaign - the campaign has no template and no steps.",
    ("start time in the past", "burki"): "Scheduled time is in the past",
    ("active", "burki"): "Cannot start campaign - campaign is already running",
    ("completed", "burki"): "All contacts have already been processed",
    ("cancelled", "burki"): "Cannot start campaign - campaign is already cancelled",
    ("failed", "burki"): "Cannot start campaign - campaign is already failed",
}
#: Rows that the server keeps under another name: there every end but completion is one.
ROWS = {"cancelled": "ended", "failed": "ended"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer of the table."""

    situation: str
    dialect: str
    status: int
    code: str  # of the error
    shown: str  # the status that a 200 shows

    def __str__(self) -> str:
        return f"{self.dialect}-{self.situation}"


def cells() -> list[Cell]:
    """The table, cell by cell, without those that can't be reached."""
    return [
        _cell(situation, dialect, words)
        for situation, row in TABLE.items()
        for dialect, words in row.items()
        if words != "-"
    ]


def _cell(situation: str, dialect: str, words: str) -> Cell:
    answer, _, shown = words.partition(" -> ")
    status, _, code = answer.partition(" ")
    return Cell(situation, dialect, int(status), code, shown)
