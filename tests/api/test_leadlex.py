"""LeadLex, the house dialect: every call of it, what it answers, and how it says no."""

import re
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pytest
import requests
from whenever import Instant, TimeDelta

from gonogo.actor import SCOPES
from support.house import LATER, NOBODY, TEMPLATE, Body, House, asking, eventually, refusal
from support.server import Client, Server

AHEAD = (Instant.now() + TimeDelta(hours=48)).round("second", mode="floor").format_iso()
EVERY_FIELD = {
    "id", "name", "channel", "status", "template", "steps", "sender", "start_at", "timezone", "send_window",
    "send_days", "daily_limit", "min_interval_seconds", "marketing", "postal_address", "metadata", "recipients",
    "run", "revision", "task_id", "paused_reason", "launch_error", "rate_limited_until", "created_at", "updated_at",
    "list_id",
    "pool",
}  # fmt: skip
TASK_FIELDS = {
    "id", "type", "status", "outcome", "description", "created_at", "decided_at", "expires_at", "metadata",
    "recipients", "seal", "rule", "warnings", "finding_counts", "stage", "approvals",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ask:
    """One call of the dialect, with the scope that it needs and a body that it takes."""

    method: str
    path: str
    scope: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"

    def of(self, campaign: str = NOBODY, task: str = NOBODY, list_id: str = NOBODY) -> str:
        path = self.path.replace("{campaign_id}", campaign).replace("{task_id}", task).replace("{list_id}", list_id)
        return re.sub(r"\{[a-z]+_id\}", NOBODY, path.replace("{email}", "p0@x.example"))

    @property
    def names_a_row(self) -> bool:
        return "_id}" in self.path


READ, WRITE, LEXI = "campaigns:read", "campaigns:write", "lexi"
CAMPAIGN, TASK, LIST = "/v1/campaigns/{campaign_id}", "/v1/lexi/tasks/{task_id}", "/v1/lists/{list_id}"
CALLS = [
    Ask("POST", "/v1/campaigns", WRITE, {"name": "Autumn"}),
    Ask("GET", "/v1/campaigns", READ),
    Ask("GET", CAMPAIGN, READ),
    Ask("PATCH", CAMPAIGN, WRITE, {"name": "Autumn"}),
    Ask("POST", f"{CAMPAIGN}/clone", WRITE),
    Ask("GET", f"{CAMPAIGN}/launchability", READ),
    Ask("GET", f"{CAMPAIGN}/preview?contact={{email}}", READ),
    Ask("DELETE", CAMPAIGN, WRITE),
    Ask("POST", f"{CAMPAIGN}/contacts", WRITE, {"contacts": [{"email": "ada@x.example"}]}),
    Ask("DELETE", f"{CAMPAIGN}/contacts/{{email}}", WRITE),
    Ask("GET", f"{CAMPAIGN}/events", READ),
    Ask("GET", f"{CAMPAIGN}/messages", READ),
    Ask("GET", f"{CAMPAIGN}/stats", READ),
    *(Ask("POST", f"{CAMPAIGN}/{verb}", WRITE) for verb in ("start", "pause", "resume", "cancel", "unschedule")),
    *(Ask("POST", f"{CAMPAIGN}/{verb}", WRITE) for verb in ("reopen", "rerun")),
    Ask("POST", f"{CAMPAIGN}/revoke", LEXI),
    Ask("POST", f"{CAMPAIGN}/schedule", WRITE, {"start_at": AHEAD}),
    Ask("GET", "/v1/lexi/tasks", LEXI),
    Ask("GET", TASK, LEXI),
    *(Ask("POST", f"{TASK}/{verb}", LEXI) for verb in ("approve", "dismiss", "request-changes", "retract")),
    Ask("POST", f"{TASK}/withdraw", WRITE),
    Ask("POST", "/v1/lists", WRITE, {"name": "Customers"}),
    Ask("GET", "/v1/lists", READ),
    Ask("GET", LIST, READ),
    Ask("POST", f"{LIST}/contacts", WRITE, {"contacts": [{"email": "ada@x.example"}]}),
    Ask("GET", "/v1/policy", READ),
    Ask("PUT", "/v1/policy", "policy:write", asking()),
    Ask("GET", "/v1/policy/versions", READ),
    Ask("POST", "/v1/policy/validate", READ, asking()),
    Ask("GET", "/v1/keys", "admin"),
    Ask("POST", "/v1/keys", "admin", {"scopes": [READ]}),
    Ask("POST", "/v1/keys/{key_id}/rotate", "admin"),
    Ask("DELETE", "/v1/keys/{key_id}", "admin"),
    Ask("GET", "/v1/members", "admin"),
    Ask("POST", "/v1/members", "admin", {"email": "ada@x.example", "scopes": [READ]}),
    Ask("DELETE", "/v1/members/{member_id}", "admin"),
    Ask("POST", "/v1/members/{member_id}/verify", "admin"),
    Ask("GET", "/v1/webhooks", "admin"),
    Ask("POST", "/v1/webhooks", "admin", {"url": "https://a.example"}),
    Ask("DELETE", "/v1/webhooks/{webhook_id}", "admin"),
    *(Ask("POST", f"/v1/webhooks/{{webhook_id}}/{verb}", "admin") for verb in ("rotate", "test")),
    Ask("GET", "/v1/webhooks/{webhook_id}/deliveries", "admin"),
    Ask("POST", "/v1/webhooks/{webhook_id}/deliveries/{notice_id}/replay", "admin"),
    Ask("POST", "/v1/responses", WRITE, {"responses": [{"message": f"{NOBODY}.0.0", "kind": "bounce"}]}),
    Ask("GET", "/v1/responses/url", WRITE),
    Ask("GET", "/v1/suppressions", READ),
    Ask("POST", "/v1/suppressions", WRITE, {"email": "ada@x.example", "reason": "complaint"}),
    Ask("DELETE", "/v1/suppressions/{email}", WRITE),
    Ask("POST", f"{CAMPAIGN}/test-send", WRITE, {"member_ids": [NOBODY], "step": 99}),
    Ask("GET", f"{CAMPAIGN}/test-sends", READ),
    Ask("POST", f"{CAMPAIGN}/messages/{{message_id}}/resolve", "campaigns:execute", {"verdict": "sent"}),
    Ask("GET", f"{CAMPAIGN}/resolutions", READ),
    Ask("GET", f"{CAMPAIGN}/why", READ),
    Ask("POST", f"{CAMPAIGN}/break-glass", "campaigns:execute", {"reason": "The offer ends tonight"}),
    Ask("POST", f"{TASK}/comments", LEXI, {"text": "Who wrote this?"}),
    Ask("POST", f"{TASK}/delegate", LEXI, {"to": "bob@acme.example"}),
    Ask("GET", "/v1/groups", READ),
    Ask("POST", "/v1/groups", "admin", {"name": "legal", "members": []}),
    Ask("GET", "/v1/groups/{name}", READ),
    Ask("PUT", "/v1/groups/{name}", "admin", {"members": []}),
    Ask("DELETE", "/v1/groups/{name}", "admin"),
    Ask("GET", "/v1/delegations", LEXI),
    Ask("POST", "/v1/delegations", LEXI, {"to": "bob@acme.example", "ends_at": "2099-01-01T00:00:00Z"}),
    Ask("DELETE", "/v1/delegations/{delegation_id}", LEXI),
    Ask("GET", "/v1/audit", "audit:read"),
    Ask("GET", f"{CAMPAIGN}/explain", READ),
    Ask("POST", "/v1/policy/simulate", "policy:write", {"campaign_id": NOBODY, "policy": asking()}),
    Ask("POST", "/v1/policy/backtest", "policy:write", {"policy": asking()}),
    Ask("POST", "/v1/holds", LEXI, {"reason": "The wrong prices."}),
    Ask("GET", "/v1/holds", READ),
    Ask("POST", "/v1/holds/{hold_id}/lift", "admin"),
    Ask("GET", "/v1/limits", "admin"),
    Ask("PUT", "/v1/limits", "admin", {"at_least": 50}),
    *(Ask("PUT", f"/v1/limits/{whose}", "admin", {"daily": 500}) for whose in ("senders/{email}", "pools/{pool}")),
    *(Ask("DELETE", f"/v1/limits/{whose}", "admin") for whose in ("senders/{email}", "pools/{pool}")),
]
#: What can't be read: method, path, body.
UNREADABLE: list[tuple[str, str, Any]] = [
    ("POST", "/v1/campaigns", {}),
    ("POST", "/v1/campaigns", []),
    ("POST", "/v1/campaigns", {"name": 5}),
    ("POST", "/v1/campaigns", {"name": ""}),
    ("POST", "/v1/campaigns", {"name": "x" * 201}),
    ("POST", "/v1/campaigns", {"name": "x", "colour": "red"}),
    ("POST", "/v1/campaigns", {"name": "x", "channel": "fax"}),
    ("POST", "/v1/campaigns", {"name": "x", "template": {"subject": 5}}),
    ("POST", "/v1/campaigns", {"name": "x", "template": {"title": "x"}}),
    ("POST", "/v1/campaigns", {"name": "x", "sender": {"email": "nobody"}}),
    ("POST", "/v1/campaigns", {"name": "x", "start_at": "soon"}),
    ("POST", "/v1/campaigns", {"name": "x", "start_at": 5}),
    ("POST", "/v1/campaigns", {"name": "x", "send_window": {"start": "9", "end": "17:00"}}),
    ("POST", "/v1/campaigns", {"name": "x", "send_days": ["someday"]}),
    ("POST", "/v1/campaigns", {"name": "x", "daily_limit": 10**30}),
    ("POST", "/v1/campaigns", {"name": "x", "min_interval_seconds": 10**30}),
    (
        "PUT",
        "/v1/policy",
        {**asking(), "rules": [{"name": "x", "when": {"recipients_over": 10**30}, "approve": "auto"}]},
    ),
    ("POST", "/v1/campaigns", {"name": "x", "daily_limit": 0}),
    ("POST", "/v1/campaigns", {"name": "x", "daily_limit": True}),
    ("POST", "/v1/campaigns", {"name": "x", "marketing": "yes"}),
    ("POST", "/v1/campaigns", {"name": "x", "steps": [{"delay_days": -1, "template": {}}]}),
    ("PATCH", CAMPAIGN, {"name": 5}),
    ("PATCH", CAMPAIGN, {"status": "completed"}),
    ("PATCH", CAMPAIGN, {"id": NOBODY}),
    ("POST", f"{CAMPAIGN}/contacts", {}),
    ("POST", f"{CAMPAIGN}/contacts", {"contacts": "ada"}),
    ("POST", f"{CAMPAIGN}/contacts", {"contacts": ["ada"]}),
    ("POST", f"{CAMPAIGN}/contacts", {"contacts": [{"email": f"p{n}@x.example"} for n in range(1001)]}),
    ("POST", f"{CAMPAIGN}/schedule", {}),
    ("POST", f"{CAMPAIGN}/schedule", {"start_at": None}),
    ("POST", f"{CAMPAIGN}/rerun", {"recipients": "some"}),
    ("POST", f"{CAMPAIGN}/reopen", {"recipients": [5]}),
    ("POST", f"{TASK}/approve", {"seal": 5}),
    ("POST", f"{TASK}/approve", {"acknowledge": "all"}),
    ("POST", f"{TASK}/approve", {"approve": True}),
    ("POST", f"{TASK}/dismiss", {"reason": 5}),
    ("PUT", "/v1/policy", {}),
    ("PUT", "/v1/policy", []),
    ("PUT", "/v1/policy", {"approval": "off"}),
    ("PUT", "/v1/policy", {"approval": "on", "reason": "x"}),
    ("PUT", "/v1/policy", {"rules": [{"name": "all", "approve": "auto"}]}),
    ("PUT", "/v1/policy", asking(expires_after="soon")),
    ("PUT", "/v1/policy", asking(quorum=0)),
    ("GET", "/v1/campaigns?limit=0", None),
    ("GET", "/v1/campaigns?limit=many", None),
    ("GET", "/v1/campaigns?status=happy", None),
    ("GET", f"{CAMPAIGN}/messages?state=lost", None),
    ("GET", f"{CAMPAIGN}/messages?cursor=1", None),
    ("GET", f"{CAMPAIGN}/messages?cursor=x.9999999999999999999999.0", None),
    ("GET", f"{CAMPAIGN}/messages?cursor=x.0.{'9' * 5000}", None),
    ("GET", "/v1/lexi/tasks?campaign_id=%00", None),
    ("GET", "/v1/lexi/tasks?status=happy", None),
    ("GET", "/v1/lexi/tasks?type=party", None),
    ("GET", "/v1/lexi/tasks?cursor=1", None),
    ("GET", "/v1/campaigns?cursor=1", None),
    ("GET", "/v1/lists?cursor=1", None),
    ("GET", f"{CAMPAIGN}/test-sends?cursor=1", None),
    *(("GET", f"{CAMPAIGN}/events?cursor={mark}", None) for mark in ("x", "-1", "1.5", "9" * 5000)),
    *(("GET", f"/v1/keys?cursor={mark}", None) for mark in ("1", "a" * 17, "A" * 16, NOBODY)),
    *(("GET", f"{path}?limit={limit}", None) for path in (f"{CAMPAIGN}/events", "/v1/keys") for limit in (0, 201)),
]


# Every call: who may, and about what


def test_these_are_all_the_calls_there_are(server: Server) -> None:
    paths = Client(server.base).get("/leadlex/openapi.json").json()["paths"]
    served = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert served == set(map(str, CALLS))


def test_no_call_answers_to_a_bad_key(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    key, before = str(house.client.key), house.rows()
    almost = f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"

    for ask in CALLS:
        for presented in (None, "wbk_your_api_key_here", almost, key.upper(), "wbk__", "x"):
            answer = Client(server.base, presented).call(ask.method, ask.of(campaign, task), ask.body)
            assert refusal(answer) == (401, "invalid_key", []), (ask, presented)

    assert house.rows() == before


def test_no_call_answers_to_a_key_without_its_scope(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    without = {scope: house.tenant.client(*{*SCOPES} - {scope}) for scope in {ask.scope for ask in CALLS}}
    before = house.rows()

    for ask in CALLS:
        answer = without[ask.scope].call(ask.method, ask.of(campaign, task), ask.body)
        assert refusal(answer) == (403, "insufficient_permissions", []), ask
        assert ask.scope in answer.json()["error"]["message"]

    assert house.rows() == before


def test_every_call_about_a_row_of_another_workspace_answers_as_about_none(server: Server) -> None:
    house, stranger = House.of(server, policy=asking()), House.of(server)
    campaign, task = house.asked()
    people, before = house.campaign(campaign)["list_id"], house.rows()

    for ask in [ask for ask in CALLS if ask.names_a_row]:
        missing = stranger.client.call(ask.method, ask.of(), ask.body)
        foreign = stranger.client.call(ask.method, ask.of(campaign, task, people), ask.body)
        assert refusal(missing) == refusal(foreign) == (404, "not_found", []), ask
        assert foreign.json() == missing.json()

    assert stranger.data("GET", "/v1/campaigns") == {"campaigns": []}
    assert stranger.data("GET", f"/v1/lexi/tasks?campaign_id={campaign}") == {"tasks": []}
    assert house.rows() == before


def test_an_id_that_is_no_uuid_names_nothing(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft()

    for ask in [ask for ask in CALLS if ask.names_a_row]:
        for odd in ("42", "camp_123", campaign[:-1], f"{campaign}0", "507f1f77bcf86cd799439011", "%00", "' OR 1=1"):
            answer = house.client.call(ask.method, ask.of(odd, odd, odd), ask.body)
            assert refusal(answer) == (404, "not_found", []), (ask, odd)


def test_an_id_may_be_written_in_capitals(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    people = house.campaign(campaign)["list_id"]

    for ask in [
        ask
        for ask in CALLS
        if ask.names_a_row
        and "{email}" not in ask.path
        and re.search(r"\{(campaign|task|list)_id\}(?!.*_id\})", ask.path)
    ]:
        answer = house.client.call(ask.method, ask.of(campaign.upper(), task.upper(), people.upper()), ask.body)
        assert answer.status_code != 404, ask


def test_what_can_not_be_read_is_a_validation_error_and_changes_nothing(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    before = house.rows()

    for method, path, body in UNREADABLE:
        answer = house.client.call(method, Ask(method, path, "").of(campaign, task), body)
        assert refusal(answer) == (400, "validation_error", []), (path, body)
        assert house.rows() == before, (path, body)


# Every state: what may not happen in it

STATES = ("draft", "pending", "scheduled", "running", "paused", "completed", "cancelled")
OVER = ("completed", "cancelled")


def in_state(house: House, state: str) -> tuple[str, str]:
    """A campaign in this state, and its task where it has one."""
    if state == "pending":
        house.data("PUT", "/v1/policy", asking())
        return house.asked()
    campaign = house.running() if state in ("running", "paused") else house.draft()
    match state:
        case "scheduled":
            house.data("POST", f"/v1/campaigns/{campaign}/schedule", {"start_at": AHEAD})
        case "paused":
            house.data("POST", f"/v1/campaigns/{campaign}/pause")
        case "completed":
            house.start(campaign)
            house.wait_for(campaign, "completed")
        case "cancelled":
            house.data("POST", f"/v1/campaigns/{campaign}/cancel")
    return campaign, NOBODY


@pytest.mark.parametrize(
    ("verb", "states", "status", "code"),
    [
        ("start", ("scheduled",), 400, "validation_error already_scheduled"),
        ("start", ("running",), 400, "validation_error already_active"),
        ("start", OVER, 400, "validation_error campaign_ended"),
        ("pause", ("draft", "pending", *OVER), 409, "campaign_not_active campaign_not_active"),
        ("resume", ("draft", "pending", "scheduled", "running"), 409, "campaign_not_paused campaign_not_paused"),
        ("resume", OVER, 409, "campaign_ended campaign_ended"),
        ("cancel", OVER, 409, "campaign_ended campaign_ended"),
        ("unschedule", ("draft", "pending", "running", "paused", *OVER), 409, "not_offered not_offered"),
        ("revoke", ("draft", "pending", *OVER), 409, "not_offered not_offered"),
        ("reopen", ("draft", "pending", "scheduled", "running", "paused"), 409, "not_offered not_offered"),
        ("rerun", ("draft", "pending", "scheduled", "running", "paused"), 409, "not_offered not_offered"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_a_state_does_not_offer_is_refused_and_changes_nothing(
    server: Server, verb: str, states: tuple[str, ...], status: int, code: str
) -> None:
    for state in states:
        house = House.of(server)
        campaign, _ = in_state(house, state)
        before = house.rows()

        answer = house.client.post(f"/v1/campaigns/{campaign}/{verb}")

        first, blocker = code.split()
        assert refusal(answer) == (status, first, [blocker]), state
        assert house.rows() == before, state


@pytest.mark.parametrize("state", ["running", "completed"])
def test_what_is_sent_or_being_sent_is_not_edited(server: Server, state: str) -> None:
    house = House.of(server)
    campaign, _ = in_state(house, state)
    before = house.rows()

    answer = house.client.patch(f"/v1/campaigns/{campaign}", {"name": "Autumn"})

    blocker = "pause_first" if state == "running" else "campaign_ended"
    assert refusal(answer) == (409, blocker, [blocker])
    assert house.rows() == before


@pytest.mark.parametrize(
    ("fields", "recipients", "blocker"),
    [
        ({}, 0, "audience_empty"),
        ({"template": None}, 1, "content_missing"),
        ({"start_at": "2020-01-01T00:00:00Z"}, 1, "start_in_past"),
        ({"template": {"subject": "x", "body": "{% if %}"}}, 1, "template_invalid"),
        ({"template": {"subject": "x", "body": "{{ surname }}"}}, 1, "variable_missing"),
        ({"timezone": "Mars/Olympus"}, 1, "unknown_zone"),
        ({"send_window": {"start": "17:00", "end": "09:00"}}, 1, "empty_window"),
        ({"marketing": True}, 1, "unsubscribe_missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_campaign_that_is_not_ready_does_not_start(
    server: Server, fields: Body, recipients: int, blocker: str
) -> None:
    house = House.of(server)
    campaign = house.draft(recipients, **fields)
    before = house.rows()

    status, code, blockers = refusal(house.client.post(f"/v1/campaigns/{campaign}/start"))

    assert (status, code) == (400, "validation_error")
    assert blocker in blockers
    assert house.rows() == before


# A draft


def test_a_campaign_is_made_and_shows_every_field(server: Server) -> None:
    house = House.of(server)
    said = {
        "name": "Spring",
        "template": TEMPLATE,
        "steps": LATER,
        "sender": {"email": "go@acme.example", "name": "Acme"},
        "timezone": "Europe/Berlin",
        "send_days": ["mon"],
        "metadata": {"team": "blue"},
    }
    answer = house.client.post("/v1/campaigns", said)

    assert answer.status_code == 201
    made = answer.json()["data"]["campaign"]
    assert set(made) == EVERY_FIELD
    assert {name: made[name] for name in ("name", "timezone", "send_days", "metadata", "sender")} == {
        name: said[name] for name in ("name", "timezone", "send_days", "metadata", "sender")
    }
    assert (made["template"], made["steps"][0]["template"]) == ({**TEMPLATE, "html": None},) * 2
    assert (made["status"], made["channel"], made["recipients"], made["run"]) == ("draft", "email", 0, 0)
    assert house.campaign(made["id"]) == made


def test_an_edit_changes_what_it_names_and_nothing_else(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(steps=LATER, timezone="Europe/Berlin", start_at=AHEAD)
    before = house.campaign(campaign)

    renamed = house.data("PATCH", f"/v1/campaigns/{campaign}", {"name": "Autumn", "timezone": None})["campaign"]
    assert renamed == {
        **before, "name": "Autumn", "timezone": None,
        "revision": before["revision"] + 1, "updated_at": renamed["updated_at"],
    }  # fmt: skip

    cleared = house.data("PATCH", f"/v1/campaigns/{campaign}", {"start_at": None, "steps": []})["campaign"]
    assert (cleared["start_at"], cleared["steps"], cleared["template"]) == (None, [], before["template"])


def test_an_edit_of_a_pending_campaign_voids_its_task(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()

    edited = house.data("PATCH", f"/v1/campaigns/{campaign}", {"name": "Autumn"})["campaign"]

    assert (edited["status"], edited["task_id"]) == ("draft", None)
    assert (house.task(task)["status"], house.task(task)["outcome"]) == ("dismissed", "void")
    answer = house.client.post(f"/v1/lexi/tasks/{task}/approve")
    assert refusal(answer) == (400, "validation_error", ["task_decided"])
    assert house.status(campaign) == "draft"


def test_contacts_are_added_updated_rejected_and_removed(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(2)
    path = f"/v1/campaigns/{campaign}/contacts"
    rows = [*house.people(1), *house.people(1, 2), {"email": "nobody"}, {"name": "N"}, {"email": 5}]

    added = house.data("POST", path, {"contacts": rows})

    assert (added["added"], added["updated"]) == (1, 1)
    assert [row["row"] for row in added["rejected"]] == [2, 3, 4]
    assert all(row["reason"].startswith("email: ") for row in added["rejected"])
    assert house.campaign(campaign)["recipients"] == 3
    removed = house.data("DELETE", f"{path}/P0@{house.domain}")["campaign"]
    assert removed["recipients"] == 2
    before = house.rows()
    assert refusal(house.client.delete(f"{path}/p0@{house.domain}")) == (404, "not_found", [])
    assert house.rows() == before


def test_campaigns_are_listed_page_by_page(server: Server) -> None:
    house = House.of(server)
    made = [house.draft(0) for _ in range(5)]
    house.data("POST", f"/v1/campaigns/{made[2]}/cancel")

    pages = house.pages("/v1/campaigns?limit=2")
    assert [[campaign["id"] for campaign in page] for page in pages] == [made[:2], made[2:4], made[4:]]
    drafts = house.pages("/v1/campaigns?status=draft&limit=3")
    assert [campaign["id"] for page in drafts for campaign in page] == [*made[:2], *made[3:]]


def test_campaigns_are_listed_by_the_status_that_they_show(server: Server) -> None:
    house = House.of(server)
    shown = {
        "draft": house.draft(),
        "scheduled": in_state(house, "scheduled")[0],
        "active": house.running(),
        "cancelled": in_state(house, "cancelled")[0],
        "pending_approval": in_state(house, "pending")[0],
    }
    for status, campaign in shown.items():
        assert house.status(campaign) == status
        listed = house.data("GET", f"/v1/campaigns?status={status}")["campaigns"]
        assert [found["id"] for found in listed] == [campaign], status


# Started, and sent


def test_a_start_that_needs_approval_answers_the_task_again_and_again(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = house.draft()

    first, again = house.start(campaign), house.start(campaign)

    assert set(first) == {"campaign_id", "status", "task_id", "warnings"}
    assert (first["campaign_id"], first["status"]) == (campaign, "pending_approval")
    assert first["task_id"]
    assert again["task_id"] == first["task_id"]
    assert len(house.data("GET", "/v1/lexi/tasks")["tasks"]) == 1
    assert house.mails() == []


def test_a_start_that_needs_no_approval_sends_and_tells_how_it_went(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(3)

    assert house.start(campaign) == {"campaign_id": campaign, "status": "active", "task_id": None, "warnings": []}

    house.wait_for(campaign, "completed")
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    assert (stats["recipients"], stats["sent"], stats["pending"]) == (3, 3, 0)
    assert (stats["rejected"], stats["failed"], stats["unknown"], stats["skipped"]) == (0, 0, 0, 0)
    events = house.data("GET", f"/v1/campaigns/{campaign}/events")["events"]
    assert [event["event"] for event in events][-3:] == ["start", "begin", "complete"]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    mails = {str(mail["To"]): str(mail["Subject"]) for mail in house.mails()}
    assert mails == {person["email"]: f"Hello {person['name']}" for person in house.people(3)}


def test_what_nobody_claimed_is_counted_as_what_became_of_its_run(server: Server) -> None:
    house = House.of(server)
    none = dict.fromkeys(("claimed", "rejected", "failed", "unknown", "skipped"), 0)

    def stats(campaign: str) -> dict[str, int]:
        found: dict[str, int] = house.data("GET", f"/v1/campaigns/{campaign}/stats")
        assert {name: found[name] for name in none} == none
        return {name: found[name] for name in ("recipients", "pending", "sent", "cancelled", "superseded")}

    campaign = house.running()  # the second message to both is due in two days
    assert stats(campaign) == {"recipients": 2, "pending": 2, "sent": 2, "cancelled": 0, "superseded": 0}
    house.data("POST", f"/v1/campaigns/{campaign}/cancel")
    assert stats(campaign) == {"recipients": 2, "pending": 0, "sent": 2, "cancelled": 2, "superseded": 0}

    house.tenant.policy(asking())
    edited, _ = house.asked(3)
    house.data("PATCH", f"/v1/campaigns/{edited}", {"name": "Autumn"})
    assert stats(edited) == {"recipients": 3, "pending": 0, "sent": 0, "cancelled": 0, "superseded": 3}


def test_the_ledger_is_read_page_by_page_and_by_state(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(5)
    house.start(campaign)
    house.wait_for(campaign, "completed")
    pages = house.pages(f"/v1/campaigns/{campaign}/messages?limit=2")
    seen = [row for page in pages for row in page]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [row["recipient"] for row in seen] == [person["email"] for person in house.people(5)]
    told = {"id", "recipient", "step", "variant", "state", "message_id", "claimed_at", "settled_at", "error"}
    assert set(seen[0]) == told
    assert {str(mail["Message-ID"]) for mail in house.mails()} == {row["message_id"] for row in seen}
    for state, counts in (("sent", [3, 2]), ("unknown", [0])):
        listed = house.pages(f"/v1/campaigns/{campaign}/messages?state={state}&limit=3")
        assert [len(page) for page in listed] == counts


def test_events_are_read_page_by_page_while_more_are_written(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0)
    events = f"/v1/campaigns/{campaign}/events"

    def import_people(*starts: int) -> None:
        for start in starts:
            house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(1, start)})

    import_people(*range(52))
    assert [len(page) for page in house.pages(events)] == [50, 2]
    assert [len(page) for page in house.pages(f"{events}?limit=26")] == [26, 26, 0]
    first = house.client.get(f"{events}?limit=30")
    import_people(*range(52, 55))
    seen = [*first.json()["data"]["events"], *chain(*house.pages(first.links["next"]["url"]))]
    assert [event["seq"] for event in seen] == list(range(1, 56))
    assert {event["event"] for event in seen} == {"revise"}
    other = house.draft(1)
    assert house.pages(f"/v1/campaigns/{other}/events?cursor=1") == [[]]


def test_a_warning_comes_back_with_the_start(server: Server) -> None:
    house = House.of(server)

    started = house.start(house.draft(template={**TEMPLATE, "subject": ""}))

    [warning] = started["warnings"]
    assert started["status"] == "active"
    assert set(warning) == {"code", "severity", "message", "count", "samples", "fix"}
    assert (warning["code"], warning["severity"]) == ("subject_empty", "warning")


def test_a_permitted_start_ahead_is_scheduled_and_may_be_given_up(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(start_at=AHEAD)

    started = house.start(campaign)

    assert (started["status"], started["task_id"]) == ("scheduled", None)
    given_up = house.data("POST", f"/v1/campaigns/{campaign}/unschedule")["campaign"]
    assert given_up["status"] == "draft"


def test_schedule_sets_the_time_and_starts_both_or_neither(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft()

    scheduled = house.data("POST", f"/v1/campaigns/{campaign}/schedule", {"start_at": AHEAD})["campaign"]
    assert (scheduled["status"], scheduled["start_at"]) == ("scheduled", AHEAD)

    for broken, body, blocker in (
        (house.draft(0), {"start_at": AHEAD}, "audience_empty"),
        (house.draft(), {"start_at": "2020-01-01T00:00:00Z"}, "start_in_past"),
    ):
        before = house.rows()
        answer = house.client.post(f"/v1/campaigns/{broken}/schedule", body)
        assert refusal(answer) == (400, "validation_error", [blocker])
        assert house.rows() == before


def test_a_time_that_has_come_launches_by_itself(server: Server) -> None:
    house = House.of(server)
    soon = (Instant.now() + TimeDelta(seconds=2)).format_iso()
    campaign = house.draft(start_at=soon)
    assert house.start(campaign)["status"] == "scheduled"
    house.wait_for(campaign, "completed")
    assert len(house.mails()) == 2


def test_a_launch_is_paused_resumed_and_cancelled(server: Server) -> None:
    house = House.of(server)
    campaign = house.running()

    def call(verb: str) -> Body:
        answer: Body = house.data("POST", f"/v1/campaigns/{campaign}/{verb}")
        return answer

    assert (call("pause")["campaign"]["status"], house.campaign(campaign)["paused_reason"]) == ("paused", "person")
    before = house.rows()
    assert call("pause")["campaign"]["status"] == "paused"
    assert house.rows() == before
    assert (call("resume")["campaign"]["status"], house.campaign(campaign)["paused_reason"]) == ("active", None)
    call("pause")
    assert house.start(campaign)["status"] == "active"
    cancelled = call("cancel")
    assert (cancelled["campaign"]["status"], cancelled["in_flight"]) == ("cancelled", 0)
    assert len(house.mails()) == 2


def test_a_revoked_launch_stops_and_needs_a_new_approval(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked(steps=LATER)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 2)

    revoked = house.data("POST", f"/v1/campaigns/{campaign}/revoke")["campaign"]

    assert (revoked["status"], revoked["paused_reason"]) == ("paused", "revoked")
    asked = house.data("POST", f"/v1/campaigns/{campaign}/resume")["campaign"]
    assert asked["status"] == "pending_approval"
    assert asked["task_id"] not in (None, task)


def test_a_rerun_reaches_those_it_names_and_needs_somebody(server: Server) -> None:
    house = House.of(server)
    campaign = house.sent()
    before = house.rows()

    answer = house.client.post(f"/v1/campaigns/{campaign}/rerun")
    assert refusal(answer) == (400, "validation_error", ["audience_empty"])
    assert house.rows() == before

    again = house.data("POST", f"/v1/campaigns/{campaign}/rerun", {"recipients": [f"p1@{house.domain}"]})["campaign"]
    assert (again["status"], again["run"], again["recipients"]) == ("active", 2, 1)
    house.wait_for(campaign, "completed")
    assert sorted(str(mail["To"])[:2] for mail in house.mails()) == ["p0", "p1", "p1"]


def test_a_reopened_campaign_is_a_draft_again(server: Server) -> None:
    house = House.of(server)
    campaign = house.sent()
    reopened = house.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})["campaign"]
    assert reopened["status"] == "draft"
    house.start(campaign)
    house.wait_for(campaign, "completed")
    assert len(house.mails()) == 4


# Tasks


def test_a_task_shows_what_it_asks(server: Server) -> None:
    house = House.of(server, member="ann@acme.example")
    house.by(LEXI, member="bob@acme.example")
    house.tenant.policy(asking(quorum=2))
    campaign, task = house.asked(template={**TEMPLATE, "subject": ""})

    [listed] = house.data("GET", "/v1/lexi/tasks?status=pending")["tasks"]
    whole = house.task(task)

    assert set(listed) == TASK_FIELDS
    assert (listed["id"], listed["type"], listed["status"], listed["outcome"]) == (
        task, "campaign_start", "pending", "pending",
    )  # fmt: skip
    assert listed["metadata"] == {"campaign_id": campaign}
    assert (listed["recipients"], listed["approvals"], listed["rule"]) == (2, {"have": 0, "need": 2}, "everything")
    assert listed["warnings"] == ["subject_empty"]
    assert {name: whole[name] for name in TASK_FIELDS} == listed
    assert [finding["code"] for finding in whole["findings"]] == ["subject_empty"]
    assert whole["votes"] == []
    assert whole["requirement"]["stages"] == [{"group": "approvers", "quorum": 2}]


def test_tasks_are_listed_by_status_by_campaign_and_page_by_page(server: Server) -> None:
    house = House.of(server, policy=asking())
    asked = [house.asked(1) for _ in range(4)]
    house.data("POST", f"/v1/lexi/tasks/{asked[1][1]}/dismiss")
    house.data("POST", f"/v1/lexi/tasks/{asked[2][1]}/approve")
    house.wait_for(asked[2][0], "completed")

    def listed(query: str) -> list[str]:
        return [task["id"] for task in house.data("GET", f"/v1/lexi/tasks{query}")["tasks"]]

    assert listed("") == listed("?status=pending") == [asked[0][1], asked[3][1]]
    assert listed("?status=dismissed") == [asked[1][1]]
    assert listed("?status=completed") == [asked[2][1]]
    assert listed("?status=approved") == []
    assert listed(f"?campaign_id={asked[3][0]}&type=campaign_start") == [asked[3][1]]
    assert listed(f"?campaign_id={NOBODY}") == []


def test_tasks_are_listed_page_by_page(server: Server) -> None:
    house = House.of(server, policy=asking())
    asked = [house.asked(1) for _ in range(5)]
    for _, task in asked[1:4]:
        house.data("POST", f"/v1/lexi/tasks/{task}/dismiss")

    def listed(query: str) -> list[str]:
        return [task["id"] for page in house.pages(f"/v1/lexi/tasks{query}") for task in page]

    assert listed("?limit=1") == [asked[0][1], asked[4][1]]
    assert listed("?limit=1&status=dismissed") == [task for _, task in asked[1:4]]
    assert listed(f"?limit=1&campaign_id={asked[0][0]}") == [asked[0][1]]


def test_an_approval_launches(server: Server) -> None:
    house = House.of(server, policy=asking(), member="ann@acme.example")
    campaign, task = house.asked()

    said = {"seal": house.task(task)["seal"], "comment": "Go."}
    approved = house.data("POST", f"/v1/lexi/tasks/{task}/approve", said)

    assert approved == {"task_id": task, "status": "approved", "execution_started": True}
    house.wait_for(campaign, "completed")
    shown = house.task(task)
    assert (shown["status"], shown["outcome"], shown["approvals"]) == ("completed", "approved", {"have": 1, "need": 1})
    [vote] = shown["votes"]
    assert (vote["choice"], vote["comment"]) == ("approve", "Go.")
    assert len(house.mails()) == 2


def test_an_approval_of_a_start_ahead_schedules(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked(start_at=AHEAD)

    approved = house.data("POST", f"/v1/lexi/tasks/{task}/approve")

    assert approved == {"task_id": task, "status": "approved", "execution_started": False}
    assert house.status(campaign) == "scheduled"


def test_a_task_that_was_decided_can_not_be_decided_again(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    assert house.data("POST", f"/v1/lexi/tasks/{task}/dismiss", {"reason": "Not now."}) == {
        "task_id": task,
        "status": "dismissed",
    }
    assert house.status(campaign) == "draft"
    before = house.rows()

    for verb in ("approve", "dismiss", "request-changes", "retract"):
        answer = house.client.post(f"/v1/lexi/tasks/{task}/{verb}")
        assert refusal(answer) == (400, "validation_error", ["task_decided"]), verb
        assert answer.json()["error"]["blockers"][0]["decision"] == "dismissed"

    assert house.rows() == before
    assert house.task(task)["votes"][0]["comment"] == "Not now."


def test_changes_are_requested(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    shown = house.data("POST", f"/v1/lexi/tasks/{task}/request-changes", {"reason": "A typo."})["task"]
    assert (shown["status"], shown["outcome"]) == ("dismissed", "changes_requested")
    assert house.status(campaign) == "draft"


def test_a_quorum_of_two_needs_two_people(server: Server) -> None:
    ann = House.of(server, member="ann@acme.example")
    bob = ann.by(LEXI, member="bob@acme.example")
    ann.tenant.policy(asking(quorum=2))
    also_ann = ann.by(LEXI, member="ann@acme.example")
    robot = ann.by(LEXI)
    campaign, task = ann.asked()
    approve = f"/v1/lexi/tasks/{task}/approve"

    first = ann.data("POST", approve)
    assert first == {
        "task_id": task, "status": "pending", "execution_started": False, "approvals": {"have": 1, "need": 2},
    }  # fmt: skip
    before = ann.rows()
    assert refusal(also_ann.client.post(approve)) == (400, "validation_error", ["already_voted"])
    assert refusal(robot.client.post(approve)) == (403, "insufficient_permissions", ["person_required"])
    assert ann.rows() == before

    assert ann.data("POST", f"/v1/lexi/tasks/{task}/retract")["task"]["approvals"]["have"] == 0
    assert refusal(ann.client.post(f"/v1/lexi/tasks/{task}/retract")) == (400, "validation_error", ["no_vote"])
    assert bob.data("POST", approve)["approvals"] == {"have": 1, "need": 2}
    assert also_ann.data("POST", approve)["execution_started"] is True
    ann.wait_for(campaign, "completed")


def test_a_requester_may_not_approve_under_separation(server: Server) -> None:
    ann = House.of(server, policy=asking(separation="requester"), member="ann@acme.example")
    bob, robot = ann.by(LEXI, member="bob@acme.example"), ann.by(LEXI)
    campaign, task = ann.asked()
    before = ann.rows()

    for house, blocker in ((ann, "separation_of_duties"), (robot, "person_required")):
        answer = house.client.post(f"/v1/lexi/tasks/{task}/approve")
        assert refusal(answer) == (403, "insufficient_permissions", [blocker])
    assert ann.rows() == before

    assert bob.data("POST", f"/v1/lexi/tasks/{task}/approve")["status"] == "approved"
    ann.wait_for(campaign, "completed")


def test_a_vote_for_another_seal_does_not_count(server: Server) -> None:
    house = House.of(server, policy=asking())
    _, task = house.asked()
    before = house.rows()

    answer = house.client.post(f"/v1/lexi/tasks/{task}/approve", {"seal": "0" * 64})

    assert refusal(answer) == (409, "seal_changed", ["seal_changed"])
    assert answer.json()["error"]["blockers"][0]["changed"] is None
    assert house.rows() == before


def test_a_policy_may_ask_for_every_warning_to_be_acknowledged(server: Server) -> None:
    house = House.of(server, policy=asking(acknowledge="explicit"))
    _, task = house.asked(template={**TEMPLATE, "subject": ""})
    approve = f"/v1/lexi/tasks/{task}/approve"
    before = house.rows()

    bodies: list[Body | None] = [None, {"acknowledge": []}]
    for body in bodies:
        answer = house.client.post(approve, body)
        assert refusal(answer) == (400, "validation_error", ["acknowledgement_missing"])
    assert house.rows() == before
    assert house.data("POST", approve, {"acknowledge": ["subject_empty"]})["status"] == "approved"


def test_only_who_asked_withdraws(server: Server) -> None:
    ann = House.of(server, policy=asking(), member="ann@acme.example")
    bob = ann.by(member="bob@acme.example")
    campaign, task = ann.asked()
    before = ann.rows()

    answer = bob.client.post(f"/v1/lexi/tasks/{task}/withdraw")
    assert refusal(answer) == (403, "insufficient_permissions", ["not_requester"])
    assert ann.rows() == before

    assert ann.data("POST", f"/v1/lexi/tasks/{task}/withdraw")["task"]["outcome"] == "void"
    assert ann.status(campaign) == "draft"


def test_silence_is_a_no(server: Server) -> None:
    house = House.of(server, policy=asking(expires_after="PT1S"))
    campaign, task = house.asked()

    eventually(lambda: house.task(task)["outcome"], "expired")

    assert house.task(task)["status"] == "dismissed"
    assert house.status(campaign) == "draft"
    answer = house.client.post(f"/v1/lexi/tasks/{task}/approve")
    assert refusal(answer) == (400, "validation_error", ["task_decided"])
    assert house.mails() == []


# The policy, and the small print


def test_a_policy_is_read_and_written_in_versions(server: Server) -> None:
    house = House.of(server)
    built_in = house.data("GET", "/v1/policy")
    assert (built_in["version"], built_in["policy"]["separation"]) == (0, "none")

    written = house.data("PUT", "/v1/policy", asking())

    assert (written["version"], written["policy"]) == (1, asking())
    assert written["digest"] != built_in["digest"]
    assert {**house.data("GET", "/v1/policy"), "task_id": None} == written


@pytest.mark.parametrize("prefix", ["", "/leadlex", "/functions/v1/api-gateway", "/leadlex/functions/v1/api-gateway"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_start_with_an_empty_body_of_json_under_every_address(server: Server, prefix: str, slash: str) -> None:
    house = House.of(server)
    house.client.headers["Content-Type"] = "application/json"
    answer = house.client.call("POST", f"{prefix}/v1/campaigns/{house.draft()}/start{slash}", allow_redirects=False)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["status"] == "active"


def test_a_body_that_nobody_asked_for_is_refused_where_it_can_not_be_read(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(1)
    headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": "application/json"}
    url = f"{house.client.base}/v1/campaigns/{campaign}/cancel"
    for body in (b"{", b'{"a": 1, "a": 2}', b"\x00"):
        answer = requests.post(url, data=body, headers=headers, timeout=30)
        assert refusal(answer) == (400, "validation_error", [])
    assert house.data("GET", f"/v1/campaigns/{campaign}")["campaign"]["status"] == "draft"
    assert requests.post(url, data=b" ", headers=headers, timeout=30).status_code == 200
