"""Bavlio, as its clients see it (seed 004)."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
import requests
from whenever import Instant, TimeDelta

from gonogo import service
from gonogo.content import Content
from gonogo_api.dialects.bavlio.shapes import CampaignEdit
from support.driver_bavlio import CAMPAIGN, ROOT, STEP, Bavlio, check_campaign, error_of
from support.drivers import (
    ASKING,
    BROKEN,
    HELLO,
    LONG,
    PEOPLE,
    SITUATIONS,
    paused,
    pending_approval,
    ready,
    running,
    scheduled,
)
from support.house import House
from support.server import LIMIT, Client, Server

MISSING = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
TEMPLATE = {"name": "Hello", "subject": "Hello", "body": "Dear {{ email }}, we launch."}
NULL_AT_FIRST = {name for name, kind in CAMPAIGN.items() if isinstance(None, kind)}


#: Every change of a campaign finds it changed already.
LOSING = (
    "CREATE TRIGGER losing BEFORE UPDATE ON gonogo_campaign BEGIN SELECT RAISE(IGNORE); END",
    "DROP TRIGGER losing",
)
#: What is done to a campaign, and what a key needs for it.
VERBS = {
    "launch": "campaigns:write",
    "preflight": "campaigns:read",
    "edit": "campaigns:write",
    "pause": "campaigns:write",
    "resume": "campaigns:write",
}
#: Situation -> what each verb that it rules out answers.
RULED_OUT: dict[str, dict[str, tuple[str, str]]] = {
    "draft": {
        "pause": ("CAMPAIGN_NOT_ACTIVE", "Campaign is not active: it is draft"),
        "resume": ("CAMPAIGN_NOT_PAUSED", "Campaign is not paused: it is draft"),
    },
    "pending approval": {
        "launch": ("APPROVAL_PENDING", "The campaign already awaits approval"),
        "preflight": ("APPROVAL_PENDING", "The campaign already awaits approval"),
        "pause": ("APPROVAL_PENDING", "Campaign is not active: it is launching"),
        "resume": ("APPROVAL_PENDING", "Campaign is not paused: it is launching"),
    },
    "scheduled": {
        "launch": ("ALREADY_SCHEDULED", "Campaign is already scheduled"),
        "preflight": ("ALREADY_SCHEDULED", "Campaign is already scheduled"),
        "resume": ("ALREADY_SCHEDULED", "Campaign is not paused: it is scheduled"),
    },
    "active": {
        "launch": ("ALREADY_LAUNCHED", "Campaign is already active"),
        "preflight": ("ALREADY_LAUNCHED", "Campaign is already active"),
        "edit": ("ALREADY_LAUNCHED", "Pause the campaign before you edit it"),
        "resume": ("ALREADY_LAUNCHED", "Campaign is not paused: it is active"),
    },
    "paused": {
        "launch": ("CAMPAIGN_PAUSED", "Campaign is paused"),
        "preflight": ("CAMPAIGN_PAUSED", "Campaign is paused"),
        "pause": ("CAMPAIGN_PAUSED", "Campaign is already paused"),
    },
    **{
        end: {
            **dict.fromkeys(
                ("launch", "preflight", "edit", "resume"), ("CAMPAIGN_ENDED", f"Campaign is already {word}")
            ),
            "pause": ("CAMPAIGN_ENDED", f"Campaign is not active: it is {word}"),
        }
        for end, word in (("completed", "completed"), ("cancelled", "failed"), ("failed", "failed"))
    },
    "no recipients": {"launch": ("NO_LAUNCHABLE_ROWS", "The campaign has no recipients left to send to.")},
    "no steps": {"launch": ("NO_STEPS", "The campaign has no template and no steps.")},
    "start time in the past": {"launch": ("START_IN_PAST", "The start time is in the past.")},
}


@pytest.fixture
def bavlio(server: Server) -> Bavlio:
    return Bavlio(server)


# What it shows


def test_a_launch_says_all_that_the_original_says(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign()
    answer = bavlio.start(wire_id)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["campaign", "summary", "warnings"]
    check_campaign(body["campaign"])
    for name in ("campaign_id", "user_id", "dataset_id", "launch_job_id"):
        assert str(uuid.UUID(body["campaign"][name])) == body["campaign"][name]
    assert (body["campaign"]["status"], body["campaign"]["total_leads"]) == ("launching", 2)
    assert body["campaign"]["launch_requested_at"].endswith("Z")
    assert body["summary"] == {"total_rows": 2, "launchable_rows": 2, "warning_count": len(body["warnings"])}


def test_a_new_campaign_is_null_only_where_the_original_may_be(bavlio: Bavlio) -> None:
    answer = bavlio.client.post(ROOT, {"name": "Spring"})
    assert answer.status_code == 201
    check_campaign(answer.json())
    assert {name for name, value in answer.json().items() if value is None} == NULL_AT_FIRST


def test_what_is_said_of_a_campaign_is_shown_as_it_was_said(bavlio: Bavlio) -> None:
    said: dict[str, Any] = {
        "name": "Spring",
        "type": "outreach",
        "description": "For all of them",
        "dataset_id": bavlio.dataset(PEOPLE),
        "launch_type": "scheduled",
        "start_date": "2099-11-07T05:31:56Z",
        "daily_limit": 123,
        "min_interval_seconds": 60,
        "sending_window_start": "09:00",
        "sending_window_end": "17:30",
        "send_days": ["mon", "fri"],
        "timezone": "Europe/Berlin",
        "alias_ids": ["a", "b"],
        "connected_account_id": MISSING,
        "system_prompt": "Be kind",
        "unreviewed_launch_policy": "launch_default",
    }
    made = bavlio.client.post(ROOT, said).json()
    assert {name: made[name] for name in said} == said
    assert bavlio.shown(made["campaign_id"]) == made


def test_a_step_shows_every_field_of_the_original(bavlio: Bavlio) -> None:
    [step] = bavlio.shown(bavlio.campaign())["steps_config"]
    assert step == {
        "step": 1,
        "delay_days": 0,
        "channel": "email",
        "variants": [],
        "ai_personalization_enabled": False,
        "track_clicks": False,
        "action_type": None,
        "message_template": STEP["message_template"],
    }


def test_a_campaign_is_sent_with_the_text_of_its_template(bavlio: Bavlio) -> None:
    template = bavlio.client.post("/api/v1/templates", TEMPLATE).json()
    found = bavlio.client.get(f"/api/v1/templates/{template['template_id']}").json()
    assert found == {**TEMPLATE, "template_id": template["template_id"], "created_at": template["created_at"]}
    variant = {"label": "A", "weight": 100, "type": "TEMPLATE", "template_id": template["template_id"]}
    steps = [{"step": 2, "delay_days": 1, "message_template": "Still there?"}, {"step": 1, "variants": [variant]}]
    wire_id = bavlio.campaign(steps_config=steps)
    [first, second] = bavlio.shown(wire_id)["steps_config"]
    assert (first["step"], first["variants"]) == (1, [{**variant, "sender_profile_id": None}])
    bodies = [step["template"]["body"] for step in house(bavlio, wire_id)["steps"]]
    assert (house(bavlio, wire_id)["template"]["subject"], bodies) == ("Hello", [second["message_template"]])


def test_what_a_launch_skips_and_ignores_stands_among_the_warnings(bavlio: Bavlio) -> None:
    template = bavlio.client.post("/api/v1/templates", TEMPLATE).json()["template_id"]
    variants = [{"label": label, "weight": 50, "template_id": template} for label in "AB"]
    steps = [{"variants": variants, "ai_personalization_enabled": True}]
    rows: list[dict[str, Any]] = [PEOPLE[0], {"email": "no@example.com", "consent": False}]
    wire_id = bavlio.campaign(dataset_id=bavlio.dataset(rows), steps_config=steps)

    before = bavlio.shown(wire_id)
    looked_at = bavlio.post(wire_id, "preflight").json()
    assert bavlio.shown(wire_id) == before
    launched = bavlio.start(wire_id).json()

    assert launched["summary"] == {"total_rows": 2, "launchable_rows": 1, "warning_count": 2}, launched["warnings"]
    shown = [(warning["row"], warning["code"]) for warning in launched["warnings"]]
    assert shown == [(1, "no_consent"), (None, "ai_personalization_ignored")]
    assert all(list(warning) == ["row", "code", "message"] for warning in launched["warnings"])
    assert looked_at == {name: launched[name] for name in ("summary", "warnings")}


def test_a_preflight_tells_what_would_refuse_the_launch(bavlio: Bavlio) -> None:
    looked_at = bavlio.post(bavlio.campaign(recipients=False), "preflight").json()
    assert looked_at["summary"]["launchable_rows"] == 0
    assert "audience_empty" in [warning["code"] for warning in looked_at["warnings"]]


def test_a_preflight_tells_what_a_draft_lacks(bavlio: Bavlio) -> None:
    looked_at = bavlio.post(bavlio.campaign(content=False), "preflight").json()
    lacks = {"row": None, "code": "content_missing", "message": "The campaign has no template and no steps."}
    assert looked_at["warnings"] == [lacks]
    assert looked_at["summary"] == {"total_rows": 2, "launchable_rows": 2, "warning_count": 1}


def test_a_launch_that_awaits_approval_is_launching(bavlio: Bavlio) -> None:
    bavlio.tenant.policy(ASKING)
    wire_id = bavlio.campaign(unreviewed_launch_policy="launch_default")
    assert bavlio.started(bavlio.start(wire_id), wire_id) == "launching"
    assert bavlio.state(wire_id) == "pending_approval"


def test_a_scheduled_launch_waits_for_its_date(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign(start_date="2099-11-07T05:31:56Z")
    campaign = bavlio.start(wire_id).json()["campaign"]
    assert (campaign["status"], campaign["launch_type"]) == ("scheduled", "scheduled")
    assert campaign["start_date"] == "2099-11-07T05:31:56Z"


def test_a_cancelled_campaign_shows_as_failed_and_says_so(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign()
    bavlio.engine(service.cancel, wire_id)
    campaign = bavlio.shown(wire_id)
    assert (campaign["status"], campaign["launch_error"]) == ("failed", "cancelled")


def test_a_running_campaign_is_active_and_can_be_paused_and_resumed(bavlio: Bavlio) -> None:
    wire_id = running(bavlio)
    assert bavlio.status(wire_id) == "active"
    paused = bavlio.post(wire_id, "pause").json()
    assert (paused["status"], paused["paused_reason"]) == ("paused", "person")
    resumed = bavlio.post(wire_id, "resume").json()
    assert (resumed["status"], resumed["paused_reason"]) == ("launching", None)
    assert error_of(bavlio.post(wire_id, "resume"))[0] == "ALREADY_LAUNCHED"


def test_a_patch_changes_what_it_names_and_closes_what_was_proposed(bavlio: Bavlio) -> None:
    wire_id = pending_approval(bavlio)
    before = bavlio.shown(wire_id)
    changed = bavlio.client.patch(f"{ROOT}/{wire_id}", {"daily_limit": 7, "system_prompt": "Hi"}).json()
    assert (changed["daily_limit"], changed["system_prompt"], changed["status"]) == (7, "Hi", "draft")
    same = set(CAMPAIGN) - {"daily_limit", "system_prompt", "status", "updated_at"}
    assert {name: changed[name] for name in same} == {name: before[name] for name in same}


def test_steps_that_are_given_anew_are_what_is_sent(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign()
    [step] = bavlio.shown(wire_id)["steps_config"]
    bavlio.client.patch(f"{ROOT}/{wire_id}", {"steps_config": [{**step, "message_template": "We wait."}]})
    assert house(bavlio, wire_id)["template"]["body"] == "We wait."


def test_a_window_can_be_closed_again(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign(sending_window_start="09:00", sending_window_end="17:00")
    half = bavlio.client.patch(f"{ROOT}/{wire_id}", {"sending_window_end": None})
    assert half.status_code == 422
    ends = dict.fromkeys(("sending_window_start", "sending_window_end"))
    changed = bavlio.client.patch(f"{ROOT}/{wire_id}", ends).json()
    assert {name: changed[name] for name in ends} == ends


def bare(bavlio: Bavlio) -> str:
    """Nothing but its name is said yet."""
    return bavlio.campaign(recipients=False, content=False)


def varied(bavlio: Bavlio) -> str:
    """All that can be said is said."""
    template = bavlio.client.post("/api/v1/templates", TEMPLATE).json()["template_id"]
    variants = [{"label": label, "weight": 50, "template_id": template} for label in "AB"]
    window: dict[str, Any] = {"sending_window_start": "00:00", "sending_window_end": "23:59", "send_days": ["mon"]}
    steps = [{"variants": variants}, {"delay_days": 1, **STEP}]
    return bavlio.campaign(steps_config=steps, start_date="2099-11-07T05:31:56.25Z", alias_ids=["a"], **window)


def begun(bavlio: Bavlio) -> str:
    """It was launched at its date, and is paused between two messages."""
    wire_id = bavlio.campaign()
    bavlio.engine(service.revise, wire_id, content=LONG)
    soon = (Instant.now() + TimeDelta(seconds=3)).format_iso()
    assert bavlio.client.patch(f"{ROOT}/{wire_id}", {"start_date": soon}).status_code == 200
    assert bavlio.start(wire_id).status_code == 200
    bavlio.until(wire_id, lambda case: case.state == "running" and case.waiting_for == "step")
    bavlio.engine(service.pause, wire_id)
    return wire_id


@pytest.mark.parametrize("arrange", [bare, ready, varied, scheduled, begun], ids=lambda f: f.__name__)
def test_what_is_shown_of_a_campaign_can_be_given_back_and_changes_nothing(
    bavlio: Bavlio, arrange: Callable[[Bavlio], str]
) -> None:
    wire_id = arrange(bavlio)
    shown, before = bavlio.shown(wire_id), bavlio.case(wire_id)
    assert (shown["start_date"] is None) is (arrange in (bare, ready))
    answer = bavlio.client.patch(f"{ROOT}/{wire_id}", shown)
    assert answer.status_code == 200, answer.text
    asked = set(shown) & set(CampaignEdit.model_fields)
    assert {name: answer.json()[name] for name in asked} == {name: shown[name] for name in asked}
    after = bavlio.case(wire_id)
    assert (after.start_at, after.list_id) == (before.start_at, before.list_id)


def test_a_launch_whose_date_was_used_up_is_launched_again_once_it_was_given_back(bavlio: Bavlio) -> None:
    wire_id = begun(bavlio)
    assert bavlio.client.patch(f"{ROOT}/{wire_id}", bavlio.shown(wire_id)).status_code == 200
    assert bavlio.post(wire_id, "resume").status_code == 200


def test_a_date_that_was_given_up_is_not_shown_any_more(bavlio: Bavlio) -> None:
    when: dict[str, Any] = {"start_date": "2099-11-07T05:31:56Z"}
    wire_id = bavlio.campaign(**when)
    assert bavlio.start(wire_id).status_code == 200
    given_up = bavlio.client.patch(f"{ROOT}/{wire_id}", {"start_date": None}).json()
    assert (given_up["launch_type"], given_up["start_date"]) == ("immediate", None)
    again = bavlio.client.patch(f"{ROOT}/{wire_id}", when).json()
    assert (again["launch_type"], again["start_date"]) == ("scheduled", when["start_date"])


def test_what_there_is_none_of_yet_may_be_said(bavlio: Bavlio) -> None:
    said: dict[str, Any] = {"name": "Spring", "dataset_id": None, "alias_ids": None, "steps_config": []}
    made = bavlio.client.post(ROOT, said)
    assert made.status_code == 201, made.text
    assert {name: made.json()[name] for name in said} == {**said, "alias_ids": []}


def test_a_campaign_can_be_taken_off_its_data_set_and_its_steps_away(bavlio: Bavlio) -> None:
    wire_id = bavlio.campaign()
    dataset = bavlio.shown(wire_id)["dataset_id"]
    without = bavlio.client.patch(f"{ROOT}/{wire_id}", {"dataset_id": None}).json()
    assert (without["dataset_id"], without["total_leads"], without["status"]) == (None, 0, "draft")
    assert bavlio.client.get(f"/api/v1/datasets/{dataset}").json()["total_rows"] == len(PEOPLE)
    assert error_of(bavlio.start(wire_id))[0] == "NO_LAUNCHABLE_ROWS"
    bavlio.client.patch(f"{ROOT}/{wire_id}", {"dataset_id": dataset})
    assert bavlio.client.patch(f"{ROOT}/{wire_id}", {"steps_config": []}).json()["steps_config"] == []
    assert error_of(bavlio.start(wire_id))[0] == "NO_STEPS"


def test_what_is_under_way_stays_on_its_data_set_and_nothing_is_written(bavlio: Bavlio) -> None:
    wire_id = running(bavlio)
    before = House(bavlio.tenant, bavlio.client, "").rows()
    answer = bavlio.client.patch(f"{ROOT}/{wire_id}", {"dataset_id": None})
    assert (answer.status_code, error_of(answer)[0]) == (409, "ALREADY_LAUNCHED")
    assert House(bavlio.tenant, bavlio.client, "").rows()["gonogo_list"] == before["gonogo_list"]


def test_a_data_set_counts_its_rows_and_tells_which_were_refused(bavlio: Bavlio) -> None:
    dataset = bavlio.dataset(PEOPLE)
    body = bavlio.client.post(f"/api/v1/datasets/{dataset}/rows", {"rows": [PEOPLE[0], {"email": "nowhere"}]}).json()
    assert (body["added"], body["updated"], [row["row"] for row in body["rejected"]]) == (0, 1, [1])
    assert bavlio.client.get(f"/api/v1/datasets/{dataset}").json()["total_rows"] == 2


def test_two_campaigns_of_one_data_set_reach_the_same_people(bavlio: Bavlio) -> None:
    dataset = bavlio.dataset(PEOPLE)
    made = [bavlio.campaign(dataset_id=dataset) for _ in range(2)]
    assert [bavlio.start(wire_id).json()["summary"]["launchable_rows"] for wire_id in made] == [2, 2]


def test_campaigns_are_listed_page_by_page(bavlio: Bavlio) -> None:
    made = [bavlio.campaign(recipients=False, content=False) for _ in range(3)]
    first = bavlio.client.get(f"{ROOT}?limit=2").json()
    rest = bavlio.client.get(f"{ROOT}?limit=2&cursor={first['next_cursor']}").json()
    assert [campaign["campaign_id"] for campaign in (*first["campaigns"], *rest["campaigns"])] == made
    assert rest["next_cursor"] is None


# How it says no


@pytest.mark.parametrize(
    ("field", "value", "at"),
    [
        ("steps_config", None, ""),
        ("steps_config", [STEP] * 11, "steps_config"),
        ("steps_config", [{}], "steps_config[0]"),
        ("steps_config", [{**STEP, "step": 1}, {**STEP, "step": 1}], "steps_config"),
        ("steps_config", [{**STEP, "channel": "carrier pigeon"}], "steps_config[0].channel"),
        ("steps_config", [{**STEP, "variants": [{"weight": 50}, {"weight": 49}]}], "steps_config[0]"),
        ("daily_limit", 0, "daily_limit"),
        ("daily_limit", 10_001, "daily_limit"),
        ("daily_limit", "7", "daily_limit"),
        ("min_interval_seconds", 59, "min_interval_seconds"),
        ("min_interval_seconds", 3_601, "min_interval_seconds"),
        ("send_days", ["Mon"], "send_days[0]"),
        ("launch_type", "scheduled", "start_date"),
        ("launch_type", "later", "launch_type"),
        ("unreviewed_launch_policy", "launch", "unreviewed_launch_policy"),
        ("sending_window_start", "9am", "sending_window_start"),
        ("dataset_id", "people", "dataset_id"),
        ("daily_limit", None, ""),
    ],
)
def test_what_is_out_of_bounds_is_unprocessable(bavlio: Bavlio, field: str, value: object, at: str) -> None:
    answer = bavlio.client.post(ROOT, {"name": "Spring", field: value})
    assert wrong(answer)["path"] == ROOT
    assert wrong(answer)["details"][0]["loc"] == at


@pytest.mark.parametrize(
    "fields",
    [
        {"daily_limit": 1, "min_interval_seconds": 60},
        {"daily_limit": 10_000, "min_interval_seconds": 3_600},
        {"steps_config": [STEP] * 10},
        {"steps_config": [{**STEP, "variants": [{"weight": 1}, {"weight": 99}]}]},
    ],
)
def test_the_bounds_themselves_are_taken(bavlio: Bavlio, fields: dict[str, Any]) -> None:
    assert bavlio.client.post(ROOT, {"name": "Spring", **fields}).status_code == 201


def test_a_date_and_an_immediate_launch_contradict_each_other(bavlio: Bavlio) -> None:
    said = {"name": "Spring", "launch_type": "immediate", "start_date": "2099-11-07T05:31:56Z"}
    assert wrong(bavlio.client.post(ROOT, said))["details"][0]["loc"] == "launch_type"


def test_a_missing_or_bad_key_is_refused_in_shape(bavlio: Bavlio) -> None:
    path = f"{ROOT}/{bavlio.campaign()}/launch"
    for key in (None, "bav_live_unknown_key", bavlio.tenant.key(dialect="burki")):
        answer = Client(f"{bavlio.client.base}/bavlio", key).post(path)
        assert (answer.status_code, error_of(answer)[0]) == (401, "INVALID_API_KEY")
    answer = bavlio.tenant.client("campaigns:read").post(path)
    assert (answer.status_code, error_of(answer)[0]) == (403, "INSUFFICIENT_PERMISSIONS")


def test_what_is_not_there_or_another_workspaces_is_not_found(server: Server, bavlio: Bavlio) -> None:
    foreign = Bavlio(server)
    for wire_id in (MISSING, foreign.campaign()):
        answer = bavlio.start(wire_id)
        assert (answer.status_code, error_of(answer)[0]) == (404, "CAMPAIGN_NOT_FOUND")
    answer = bavlio.client.post(ROOT, {"name": "Spring", "dataset_id": foreign.dataset(PEOPLE)})
    assert (answer.status_code, error_of(answer)[0]) == (404, "DATASET_NOT_FOUND")
    steps = [{"variants": [{"template_id": MISSING}]}]
    answer = bavlio.client.post(ROOT, {"name": "Spring", "steps_config": steps})
    assert (answer.status_code, error_of(answer)[0]) == (404, "TEMPLATE_NOT_FOUND")


def test_an_id_that_is_no_uuid_is_unprocessable(bavlio: Bavlio) -> None:
    answer = bavlio.start("42")
    assert (wrong(answer)["path"], wrong(answer)["details"][0]["loc"]) == (f"{ROOT}/42/launch", "campaign_id")


def test_unknown_paths_and_methods_are_refused_in_shape(bavlio: Bavlio) -> None:
    answer = bavlio.client.get("/api/v1/nothing")
    assert (answer.status_code, error_of(answer)[0]) == (404, "NOT_FOUND")
    answer = bavlio.client.get(f"{ROOT}/{MISSING}/launch")
    assert (answer.status_code, error_of(answer)[0], answer.headers["Allow"]) == (405, "METHOD_NOT_ALLOWED", "POST")


@pytest.mark.parametrize("body", [b"{", b'{"name": "a", "name": "b"}', b'{"name": NaN}', b'{"name": "\\ud800"}', b"{}"])
def test_a_body_that_is_wrong_is_unprocessable(bavlio: Bavlio, body: bytes) -> None:
    assert wrong(raw(bavlio, body))["path"] == ROOT


def test_a_body_over_the_limit_is_refused_in_shape(bavlio: Bavlio) -> None:
    answer = raw(bavlio, b'{"name": "' + b"x" * 1_100_000 + b'"}')
    assert (answer.status_code, error_of(answer)[0]) == (413, "PAYLOAD_TOO_LARGE")


# Every error, whole


def do(client: Client, verb: str, wire_id: str, body: Any = None) -> requests.Response:
    path = f"{ROOT}/{wire_id}"
    return client.patch(path, body or {"name": "Autumn"}) if verb == "edit" else client.post(f"{path}/{verb}", body)


@pytest.mark.parametrize("situation", list(RULED_OUT))
def test_a_wrong_state_is_a_conflict_and_the_code_says_which(bavlio: Bavlio, situation: str) -> None:
    wire_id = SITUATIONS[situation](bavlio)
    before = bavlio.state(wire_id)
    for verb, (code, message) in RULED_OUT[situation].items():
        assert said(do(bavlio.client, verb, wire_id)) == (409, {"detail": code, "message": message}), verb
    assert (bavlio.state(wire_id), bavlio.shown(wire_id)["name"]) == (before, "Spring")


def test_a_resume_that_the_review_refuses_is_a_conflict(bavlio: Bavlio) -> None:
    wire_id = paused(bavlio)
    bavlio.engine(service.revise, wire_id, content=Content((HELLO, *BROKEN.steps)))
    answer = bavlio.post(wire_id, "resume")
    assert (answer.status_code, error_of(answer)[0]) == (409, "REVIEW_BLOCKED")
    assert bavlio.status(wire_id) == "paused"


@pytest.mark.parametrize("verb", VERBS)
def test_who_may_not_and_what_is_not_there_is_told_and_no_more(bavlio: Bavlio, verb: str) -> None:
    wire_id = bavlio.campaign()
    stranger, reviewer = Client(f"{bavlio.client.base}/bavlio"), bavlio.tenant.client("lexi")
    assert said(do(stranger, verb, wire_id)) == (401, {"detail": "INVALID_API_KEY", "message": "Invalid API key"})
    lacking = f"The key lacks the permission {VERBS[verb]}"
    answer = said(do(reviewer, verb, wire_id))
    assert answer == (403, {"detail": "INSUFFICIENT_PERMISSIONS", "message": lacking})
    missing = {"detail": "CAMPAIGN_NOT_FOUND", "message": "Campaign not found"}
    assert said(do(bavlio.client, verb, MISSING)) == (404, missing)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_wrong_with_a_request_is_told_and_no_more(bavlio: Bavlio, verb: str) -> None:
    wire_id = bavlio.campaign()
    path = f"{ROOT}/{wire_id}" if verb == "edit" else f"{ROOT}/{wire_id}/{verb}"
    method = "PATCH" if verb == "edit" else "POST"

    not_allowed = {"detail": "METHOD_NOT_ALLOWED", "message": "Method not allowed"}
    assert said(bavlio.client.call("DELETE", path)) == (405, not_allowed)
    too_large = {"detail": "PAYLOAD_TOO_LARGE", "message": "The body is larger than 1048576 bytes"}
    assert said(raw(bavlio, b" " * 1_048_577, path, method)) == (413, too_large)
    assert said(raw(bavlio, b'{"name": NaN}', path, method)) == (
        422,
        unprocessable(path, "", "expected valid JSON: NaN is not JSON", "malformed", "The body is not valid JSON"),
    )
    no_uuid = "Input should be a valid UUID, invalid length: found 2"
    assert said(do(bavlio.client, verb, "42")) == (
        422,
        unprocessable(path.replace(wire_id, "42"), "campaign_id", no_uuid),
    )


def test_an_edit_of_another_type_or_shape_is_told_and_no_more(bavlio: Bavlio) -> None:
    path = f"{ROOT}/{bavlio.campaign()}"
    another = {"detail": "UNSUPPORTED_MEDIA_TYPE", "message": "Expected a body of type application/json"}
    assert said(raw(bavlio, b"{}", path, "PATCH", kind="text/plain")) == (415, another)
    low = "Input should be greater than or equal to 1"
    answer = bavlio.client.patch(path, {"daily_limit": 0})
    assert said(answer) == (422, unprocessable(path, "daily_limit", low))


def test_a_path_that_is_not_there_is_told_and_no_more(bavlio: Bavlio) -> None:
    nothing = {"detail": "NOT_FOUND", "message": "No such resource"}
    assert said(bavlio.client.get("/bavlio/api/v1/nothing")) == (404, nothing)


@pytest.mark.parametrize("verb", VERBS)
def test_a_key_that_knocks_too_often_is_told_so_and_no_more(strict: Server, verb: str) -> None:
    client = strict.workspace("bavlio").client()
    for _ in range(LIMIT):
        assert client.get(ROOT).status_code == 200
    answer = do(client, verb, MISSING)
    assert said(answer) == (429, {"detail": "RATE_LIMITED", "message": f"Rate limit exceeded: {LIMIT} requests"})
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


@pytest.mark.parametrize("verb", VERBS)
def test_a_failure_of_our_own_says_that_it_is_one_and_no_more(strict: Server, verb: str) -> None:
    bavlio = Bavlio(strict)
    wire_id = bavlio.campaign()
    with strict.broken("ALTER TABLE gonogo_list RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO gonogo_list"):
        answer = do(bavlio.client, verb, wire_id)
    assert said(answer) == (500, {"detail": "INTERNAL_ERROR", "message": "Internal server error"})


@pytest.mark.parametrize(
    ("verb", "arrange"),
    [("launch", SITUATIONS["draft"]), ("edit", pending_approval), ("pause", scheduled), ("resume", paused)],
)
def test_a_lost_race_is_a_conflict_and_changes_nothing(
    strict: Server, verb: str, arrange: Callable[[Bavlio], str]
) -> None:
    bavlio = Bavlio(strict)
    wire_id = arrange(bavlio)
    before = bavlio.state(wire_id)
    with strict.broken(*LOSING):
        answer = do(bavlio.client, verb, wire_id)
    lost = {"detail": "CONFLICT", "message": "Somebody else changed it at the same time; try again"}
    assert said(answer) == (409, lost)
    assert (bavlio.state(wire_id), bavlio.shown(wire_id)["name"]) == (before, "Spring")


def said(answer: requests.Response) -> tuple[int, Any]:
    """The status and the whole body."""
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def unprocessable(path: str, loc: str, msg: str, kind: str = "invalid", message: str = "") -> dict[str, Any]:
    return {
        "error": "Request Validation Error",
        "details": [{"loc": loc, "msg": msg, "type": kind}],
        "path": path,
        "message": message or f"{loc}: {msg}",
    }


def wrong(answer: requests.Response) -> dict[str, Any]:
    """What a 422 says, once its shape was found right."""
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 422, answer.text
    assert list(body) == ["error", "details", "path", "message"]
    assert body["error"] == "Request Validation Error"
    assert body["message"]
    return body


def house(bavlio: Bavlio, wire_id: str) -> dict[str, Any]:
    """The same campaign as the house dialect shows it."""
    found = bavlio.tenant.client(dialect="leadlex").get("/v1/campaigns").json()["data"]["campaigns"]
    [campaign] = [each for each in found if each["name"] == bavlio.shown(wire_id)["name"]]
    return dict(campaign)


def raw(
    bavlio: Bavlio, body: bytes, path: str = ROOT, method: str = "POST", *, kind: str = "application/json"
) -> requests.Response:
    headers = {"Authorization": f"Bearer {bavlio.client.key}", "Content-Type": kind}
    return requests.request(method, f"{bavlio.client.base}{path}", data=body, headers=headers, timeout=30)
