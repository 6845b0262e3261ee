"""What Bavlio takes."""

import uuid
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, Field, model_validator
from whenever import Instant

from gonogo import content as engine
from gonogo import parts
from gonogo.actor import Actor
from gonogo.call import Call
from gonogo.contacts import new_list
from gonogo.content import Content, Step, Template
from gonogo.errors import Invalid
from gonogo.models import Document
from gonogo.reading import CampaignView
from gonogo.store import cases
from gonogo.store.cases import Case
from gonogo_api.shapes import Contact, Long, LooseShape, Moment, Name, Text

DIALECT = "bavlio"
DATASET, TEMPLATE = "dataset", "template"
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEIGHTS = 100  #: what the weights of a step's variants add up to
LEAST_INTERVAL = 60  #: seconds, where there is an interval at all


def _uuid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError("expected a UUID") from None


Id = Annotated[uuid.UUID, Path(description="A UUID")]
Uuid = Annotated[str, Field(max_length=45), AfterValidator(_uuid)]
Hour = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class NewDataset(LooseShape):
    name: Name


class NewRows(LooseShape):
    rows: Annotated[list[Contact], Field(max_length=1000)]


class NewTemplate(LooseShape):
    name: Name
    subject: Text = ""
    body: Long


class Variant(LooseShape):
    label: Text = "A"
    weight: Annotated[int, Field(ge=0, le=WEIGHTS)] = WEIGHTS
    type: Literal["TEMPLATE"] = "TEMPLATE"
    template_id: Uuid | None = None
    sender_profile_id: Uuid | None = None


class StepConfig(LooseShape):
    """One message. A variant's text is its template, else `message_template`; who gets which is drawn by weight."""

    step: Annotated[int, Field(ge=1, le=100)] | None = None
    delay_days: Annotated[int, Field(ge=0, le=365)] = 0
    channel: Literal["email"] = "email"
    variants: Annotated[list[Variant], Field(default_factory=list, max_length=26)]
    ai_personalization_enabled: bool = False
    track_clicks: bool = False
    action_type: Text | None = None
    message_template: Long | None = None

    @model_validator(mode="after")
    def _sayable(self) -> "StepConfig":
        if self.variants and sum(variant.weight for variant in self.variants) != WEIGHTS:
            raise ValueError(f"the weights of the variants must add up to {WEIGHTS}")
        if self.message_template is None and not (self.variants and all(each.template_id for each in self.variants)):
            raise ValueError("expected message_template, or variants with a template_id each")
        return self


def _interval(seconds: int) -> int:
    if 0 < seconds < LEAST_INTERVAL:
        raise ValueError(f"expected {LEAST_INTERVAL} to 3600, or 0 for none")
    return seconds


class CampaignEdit(LooseShape):
    """What may be said of a campaign; only what is given changes."""

    name: Name | None = None
    type: Annotated[str, Field(min_length=1, max_length=50)] | None = None
    description: Annotated[str, Field(max_length=5000)] | None = None
    dataset_id: Annotated[Uuid | None, Field(description="null: none, and nobody to send to")] = None
    launch_type: Literal["immediate", "scheduled"] | None = None
    start_date: Moment | None = None
    daily_limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    min_interval_seconds: Annotated[int, Field(ge=0, le=3600), AfterValidator(_interval)] | None = None
    sending_window_start: Hour | None = None
    sending_window_end: Hour | None = None
    send_days: list[Day] | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None
    steps_config: Annotated[list[StepConfig], Field(max_length=10, description="Empty: none yet")] | None = None
    alias_ids: Annotated[list[Text], Field(max_length=100)] | None = None
    connected_account_id: Uuid | None = None
    system_prompt: Annotated[str, Field(max_length=50_000)] | None = None
    unreviewed_launch_policy: Literal["hold", "cancel", "launch_default"] | None = None

    @model_validator(mode="after")
    def _not_emptied(self) -> "CampaignEdit":
        emptied = [name for name in sorted(self.model_fields_set - set(NULLABLE)) if getattr(self, name) is None]
        if emptied:
            raise ValueError(f"null is not allowed for {', '.join(emptied)}")
        return self


class NewCampaign(CampaignEdit):
    name: Name


#: What may be given as null.
NULLABLE = (
    "description",
    "dataset_id",
    "alias_ids",
    "start_date",
    "sending_window_start",
    "sending_window_end",
    "connected_account_id",
    "system_prompt",
)
#: What only Bavlio has: kept, and shown as it was given. Nothing in it loosens the policy.
OWN: Document = {
    "type": "email",
    "description": None,
    "dataset_id": None,
    "launch_type": "immediate",
    "steps_config": [],
    "alias_ids": [],
    "connected_account_id": None,
    "system_prompt": None,
    "unreviewed_launch_policy": "hold",
}
#: What is shown where nothing was said, and nothing is limited: the widest that Bavlio offers, and no interval.
SETTINGS: Document = {"timezone": "UTC", "daily_limit": 10_000, "min_interval_seconds": 0, "send_days": DAYS}


def user_of(actor: Actor) -> str:
    """The UUID of whoever makes a campaign: a member's own, else one that always stands for the same key."""
    return actor.person if actor.is_member else str(uuid.uuid5(uuid.UUID(actor.workspace), actor.person))


# What is said of a campaign, in the service's words


def changes_of(call: Call, body: CampaignEdit, view: CampaignView | None) -> Document:
    """What is as it is shown already changes nothing. Raises NotFound for a data set or a template, and Invalid."""
    given = body.model_fields_set
    old = view.case.extra if view else {**OWN, "user_id": user_of(call.by)}
    extra = {**old, **body.model_dump(include=set(OWN), exclude_unset=True)}
    changes: Document = {"name": body.name} if body.name is not None else {}
    extra["alias_ids"] = extra["alias_ids"] or []
    if body.steps_config is not None:
        steps = _in_order(body.steps_config)
        extra["steps_config"] = [step.model_dump() for step in steps]
        if extra["steps_config"] != old["steps_config"]:
            changes["content"] = Content(tuple(_step(call, step) for step in steps)) if steps else None
    if given & {"launch_type", "start_date"}:
        shown = start_of(view.case) if view else None
        start_at = _start(body, shown)
        extra["launch_type"] = "scheduled" if start_at else "immediate"
        if shown is None or start_at != shown:
            changes["start_at"] = start_at
    changes["settings"] = _settings(body, view.settings if view else {})
    return {**changes, **_people(call, body, view), "extra": extra}


def _people(call: Call, body: CampaignEdit, view: CampaignView | None) -> Document:
    """Whom the campaign is for; one that is taken off its data set has nobody, and the data set keeps its rows."""
    old = view.case.extra["dataset_id"] if view else None
    if "dataset_id" not in body.model_fields_set or body.dataset_id == old:
        return {}
    if body.dataset_id is not None:
        return {"list_id": parts.find(call, DATASET, body.dataset_id).list_id}
    return {"list_id": new_list(call, view.case.name)} if view else {}


def _in_order(steps: list[StepConfig]) -> list[StepConfig]:
    """Every step has a number: its own, else its place."""
    numbered = [step.model_copy(update={"step": step.step or at}) for at, step in enumerate(steps, 1)]
    if len({step.step for step in numbered}) != len(numbered):
        raise Invalid.at("steps_config", "expected every step to have a number of its own")
    return sorted(numbered, key=lambda step: step.step or 0)


def _step(call: Call, step: StepConfig) -> Step:
    """A step in its text, or in its variants', those that are ever drawn."""
    drawn = [variant for variant in step.variants if variant.weight] or step.variants[:1]
    if not drawn:
        return Step(step.delay_days, _text(call, None, step))
    first, *others = (engine.Variant(each.weight, _text(call, each.template_id, step)) for each in drawn)
    return Step(step.delay_days, first.template, first.weight, tuple(others))


def _text(call: Call, template_id: str | None, step: StepConfig) -> Template:
    if template_id is None:
        return Template("", step.message_template or "")
    content = parts.find(call, TEMPLATE, template_id).content
    if content is None:
        raise TypeError(f"the template {template_id} says nothing")
    return content.steps[0].template


def start_of(case: Case) -> Instant | None:
    """When a campaign starts. A run that begins uses the date up, and it is the run's from then on."""
    if case.start_at is None and case.begun_at is not None and case.extra["launch_type"] == "scheduled":
        return case.run_start_at
    return case.start_at


def _start(body: CampaignEdit, shown: Instant | None) -> Instant | None:
    """When to start. A date and a wish to start at once contradict each other: nothing is sent by mistake."""
    start_at = body.start_date
    if "start_date" not in body.model_fields_set and body.launch_type == "scheduled":
        start_at = shown
    if body.launch_type == "scheduled" and start_at is None:
        raise Invalid.at("start_date", "expected a time for a scheduled launch")
    if body.launch_type == "immediate" and start_at is not None:
        raise Invalid.at("launch_type", "expected scheduled, because a start_date is given")
    return start_at


def _settings(body: CampaignEdit, old: Document) -> Document:
    settings = {**old, **body.model_dump(include=set(SETTINGS), exclude_unset=True)}
    hours: dict[str, Any] = dict(settings.pop("send_window", None) or {})
    for name, field in (("start", "sending_window_start"), ("end", "sending_window_end")):
        if field in body.model_fields_set:
            hours[name] = getattr(body, field)
    start, end = hours.get("start"), hours.get("end")
    if (start is None) != (end is None):
        raise Invalid.at("sending_window_start", "expected both ends of the window, or neither")
    return settings if start is None else {**settings, "send_window": {"start": start, "end": end}}


def found(call: Call, campaign_id: uuid.UUID) -> str:
    """The engine's id of a campaign. Raises NotFound."""
    return cases.find(call.connection, call.by.workspace, DIALECT, str(campaign_id))
