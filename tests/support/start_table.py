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
    },
    "no recipients": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 no_leads_enrolled",
    },
    "no steps": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 no_sequence_steps",
    },
    "start time in the past": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "-",
    },
    "blocker of the review": {
        "leadlex": "400 validation_error",
        "sonarly": "422 VALIDATION_ERROR",
        "leadterra": "400 campaign_not_ready",
    },
    "pending approval": {
        "leadlex": "200 -> pending_approval",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> draft",
    },
    "scheduled": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> scheduled",
    },
    "active": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> running",
    },
    "paused": {
        "leadlex": "200 -> active",
        "sonarly": "409 CONFLICT",
        "leadterra": "200 -> running",
    },
    "completed": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
    },
    "cancelled": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
    },
    "failed": {
        "leadlex": "400 validation_error",
        "sonarly": "409 CONFLICT",
        "leadterra": "409 campaign_ended",
    },
}
#: The words that a client was promised, as far as the originals fix them.
WORDS: dict[tuple[str, str], str] = {
    ("scheduled", "leadlex"): "Campaign is already scheduled",
    ("active", "leadlex"): "Campaign is already active",
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
