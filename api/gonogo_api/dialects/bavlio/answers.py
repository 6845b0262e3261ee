"""What Bavlio shows."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from whenever import Instant

from gonogo import reading
from gonogo.contacts import Added
from gonogo.content import Template
from gonogo.definition import Blocker
from gonogo.models import Document
from gonogo.parts import Part, Rows
from gonogo.reading import CampaignView
from gonogo.review import Finding
from gonogo_api import contract
from gonogo_api.dialects.bavlio.shapes import DIALECT, SETTINGS, start_of
from gonogo_api.shapes import Rejected, Shown, iso, one_of, rejected_rows

CampaignWord = Annotated[str, one_of(contract.words(DIALECT))]


class VariantShown(Shown):
    label: str
    weight: int
    type: Literal["TEMPLATE"]
    template_id: str | None
    sender_profile_id: str | None


class StepShown(Shown):
    """One message, and how it is written."""

    step: int
    delay_days: int
    channel: Literal["email"]
    variants: list[VariantShown]
    ai_personalization_enabled: bool
    track_clicks: bool
    action_type: str | None
    message_template: str | None


class CampaignShown(Shown):
    type: str
    description: str | None
    dataset_id: str | None
    launch_type: Literal["immediate", "scheduled"]
    steps_config: list[StepShown]
    alias_ids: list[str]
    connected_account_id: str | None
    system_prompt: str | None
    unreviewed_launch_policy: Literal["hold", "cancel", "launch_default"]
    user_id: str
    campaign_id: str
    name: str
    status: CampaignWord
    timezone: str
    daily_limit: int
    min_interval_seconds: int
    send_days: list[str]
    sending_window_start: str | None
    sending_window_end: str | None
    start_date: str | None
    total_leads: int
    processed_leads: int
    launch_job_id: str | None
    launch_requested_at: str | None
    launch_error: str | None
    paused_reason: str | None
    playground_discovery_dismissed_at: str | None
    created_at: str
    updated_at: str


class Campaigns(Shown):
    """A page; `next_cursor` is null where it is not full: there are no more. The page after a full one may be empty."""

    campaigns: list[CampaignShown]
    next_cursor: str | None


class Summary(Shown):
    """Figures of a launch, or of one that is only looked at."""

    total_rows: int
    launchable_rows: int
    warning_count: int


class WarningShown(Shown):
    """What should be known of a launch; of one row, counted from 0, or of all."""

    row: int | None
    code: str
    message: str


class Preflight(Shown):
    summary: Summary
    warnings: list[WarningShown]


class Launched(Shown):
    campaign: CampaignShown
    summary: Summary
    warnings: list[WarningShown]


class DatasetShown(Shown):
    """People whom campaigns can be sent to."""

    dataset_id: str
    name: str
    total_rows: int
    created_at: str


class AddedShown(Shown):
    """What became of rows; those that were not taken are told, counted from 0."""

    dataset_id: str
    added: int
    updated: int
    rejected: list[Rejected]


class TemplateShown(Shown):
    """A text that variants of steps can name."""

    template_id: str
    name: str
    subject: str
    body: str
    created_at: str


#: A campaign as seed 004 has it.
CAMPAIGN: dict[str, object] = {
    "campaign_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "user_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "dataset_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "name": "<string>",
    "type": "<string>",
    "status": "draft",
    "launch_type": "immediate",
    "daily_limit": 123,
    "sending_window_start": "<string>",
    "sending_window_end": "<string>",
    "min_interval_seconds": 123,
    "timezone": "<string>",
    "steps_config": [
        {
            "step": 2,
            "delay_days": 1,
            "channel": "email",
            "variants": [
                {
                    "label": "<string>",
                    "weight": 50,
                    "type": "TEMPLATE",
                    "template_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
                    "sender_profile_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
                }
            ],
            "ai_personalization_enabled": True,
            "track_clicks": False,
            "action_type": "connection_request",
            "message_template": "<string>",
        }
    ],
    "send_days": ["<string>"],
    "created_at": "2023-11-07T05:31:56Z",
    "updated_at": "2023-11-07T05:31:56Z",
    "description": "<string>",
    "start_date": "2023-11-07T05:31:56Z",
    "alias_ids": ["<string>"],
    "connected_account_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
    "total_leads": 123,
    "processed_leads": 0,
    "launch_job_id": "<string>",
    "launch_requested_at": "2023-11-07T05:31:56Z",
    "launch_error": "<string>",
    "system_prompt": "<string>",
    "unreviewed_launch_policy": "launch_default",
    "paused_reason": "<string>",
    "playground_discovery_dismissed_at": "2023-11-07T05:31:56Z",
}
#: The same with all that may be null.
DRAFTED: dict[str, object] = {
    **CAMPAIGN,
    **dict.fromkeys(
        (
            "dataset_id",
            "sending_window_start",
            "sending_window_end",
            "description",
            "start_date",
            "connected_account_id",
            "launch_job_id",
            "launch_requested_at",
            "launch_error",
            "system_prompt",
            "paused_reason",
            "playground_discovery_dismissed_at",
        )
    ),
}
SHOWN: dict[str, object] = {"Launched": CAMPAIGN, "Draft": DRAFTED}
#: The answer to a launch as seed 004 has it.
LAUNCHED: dict[str, object] = {
    "Successful Response": {
        "campaign": CAMPAIGN,
        "summary": {"total_rows": 123, "launchable_rows": 123, "warning_count": 123},
        "warnings": [],
    }
}
#: What a launch would say; a warning about all rows names none.
LOOKED_AT: dict[str, object] = {
    "Warnings": {
        "summary": {"total_rows": 123, "launchable_rows": 122, "warning_count": 2},
        "warnings": [
            {"row": 7, "code": "no_consent", "message": "The row is left out: no_consent."},
            {"row": None, "code": "subject_empty", "message": "The subject is empty."},
        ],
    }
}


def campaign(view: CampaignView, now: Instant) -> CampaignShown:
    case, own, settings = view.case, view.case.extra, {**SETTINGS, **view.settings}
    state, start_at = reading.status_of(case, now), start_of(case)
    window = settings.get("send_window") or {"start": None, "end": None}
    return CampaignShown(
        type=own["type"],
        description=own["description"],
        dataset_id=own["dataset_id"],
        launch_type="scheduled" if start_at else "immediate",
        steps_config=own["steps_config"],
        alias_ids=own["alias_ids"],
        connected_account_id=own["connected_account_id"],
        system_prompt=own["system_prompt"],
        unreviewed_launch_policy=own["unreviewed_launch_policy"],
        user_id=own["user_id"],
        campaign_id=case.wire_id,
        name=case.name,
        status=contract.status(DIALECT, state),
        timezone=settings["timezone"],
        daily_limit=settings["daily_limit"],
        min_interval_seconds=settings["min_interval_seconds"],
        send_days=settings["send_days"],
        sending_window_start=window["start"],
        sending_window_end=window["end"],
        start_date=iso(start_at),
        total_leads=case.recipients if case.run_open and case.recipients is not None else case.contacts,
        processed_leads=min(case.settled, case.recipients or 0),
        launch_job_id=case.run_id,
        launch_requested_at=iso(case.opened_at),
        launch_error=case.launch_error or contract.LAUNCH_ERROR.get(state),
        paused_reason=case.paused_reason,
        playground_discovery_dismissed_at=None,
        created_at=iso(case.created_at),
        updated_at=iso(case.updated_at),
    )


def preflight(rows: Rows, launchable: int, steps: list[Document], told: Sequence[Finding | Blocker]) -> Preflight:
    """Summary and warnings of a launch, or of one that is only looked at. Rows are counted from 0."""
    skipped = [_warning(each.row, each.reason, f"The row is left out: {each.reason}.") for each in rows.named]
    other = [*_ignored(steps), *(_warning(None, each.code, each.message) for each in told)]
    count = rows.left_out + len(other)
    summary = Summary(total_rows=rows.total, launchable_rows=launchable, warning_count=count)
    return Preflight(summary=summary, warnings=skipped + other)


def _ignored(steps: list[Document]) -> Iterator[WarningShown]:
    """What a step asks for and does not get."""
    if any(step["ai_personalization_enabled"] for step in steps):
        yield _warning(None, "ai_personalization_ignored", "No text is generated: every row gets the template's.")


def _warning(row: int | None, code: str, message: str) -> WarningShown:
    return WarningShown(row=row, code=code, message=message)


def dataset(part: Part, total: int) -> DatasetShown:
    return DatasetShown(dataset_id=part.wire_id, name=part.name, total_rows=total, created_at=iso(part.created_at))


def added_shape(dataset_id: str, added: Added) -> AddedShown:
    return AddedShown(dataset_id=dataset_id, added=added.added, updated=added.updated, rejected=rejected_rows(added))


def template(part: Part) -> TemplateShown:
    said = part.content.steps[0].template if part.content else Template("", "")
    return TemplateShown(
        template_id=part.wire_id,
        name=part.name,
        subject=said.subject,
        body=said.body,
        created_at=iso(part.created_at),
    )
