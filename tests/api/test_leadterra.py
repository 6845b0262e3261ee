"""Leadterra, as its clients see it (seed 002)."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from starlette.requests import Request

from gonogo import service
from gonogo_api.dialects.leadterra import errors
from gonogo_api.problems import STATUS, Kind, Problem
from support.driver_leadterra import MOMENT, STEP, Leadterra, error_of, whole_error
from support.drivers import ASKING, LONG, PEOPLE, pending_approval, running
from support.server import Client, Server

#: What only the house API can be asked for, so that it can't fail here.
HOUSE_ONLY = ("stale", "reused")


@pytest.fixture
def leadterra(server: Server) -> Leadterra:
    return Leadterra(server)


def said(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, error_of(answer)[0]


# What it shows


def test_a_start_says_all_that_the_original_says(leadterra: Leadterra) -> None:
    wire_id = leadterra.campaign()

    answer = leadterra.start(wire_id)

    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["id", "status", "startedAt"]
    assert (body["id"], body["status"]) == (wire_id, "running")
    assert wire_id.startswith("camp_")
    assert MOMENT.fullmatch(body["startedAt"])


def test_a_new_campaign_is_null_only_where_nothing_is_known_yet(leadterra: Leadterra) -> None:
    answer = leadterra.client.post("/v1/campaigns", {"name": "Spring"})
    assert answer.status_code == 201
    nullable = {"senderPoolId", "startedAt"}
    assert {name for name, value in answer.json().items() if value is None} == nullable
    assert (answer.json()["steps"], answer.json()["leadCount"]) == ([], 0)


def test_a_started_campaign_shows_when_it_was_started(leadterra: Leadterra) -> None:
    wire_id = leadterra.client.post("/v1/campaigns", {"name": "Spring", "senderPoolId": "pool_1"}).json()["id"]
    assert leadterra.client.post(f"/v1/campaigns/{wire_id}/steps", STEP).json() == STEP
    leadterra.client.post(f"/v1/campaigns/{wire_id}/leads", {"leads": PEOPLE})
    started_at = leadterra.start(wire_id).json()["startedAt"]
    found = leadterra.client.get(f"/v1/campaigns/{wire_id}").json()
    assert (found["startedAt"], found["senderPoolId"], found["steps"]) == (started_at, "pool_1", [STEP])
    assert found["leadCount"] == len(PEOPLE)


def test_starting_again_changes_nothing_and_keeps_the_time(leadterra: Leadterra) -> None:
    wire_id = running(leadterra)
    first = leadterra.start(wire_id).json()
    assert leadterra.start(wire_id).json() == first
    assert first["status"] == "running"


def test_a_paused_campaign_goes_on_with_the_time_of_its_first_start(leadterra: Leadterra) -> None:
    wire_id = running(leadterra)
    started_at = leadterra.start(wire_id).json()["startedAt"]
    assert leadterra.client.post(f"/v1/campaigns/{wire_id}/pause").json() == {"id": wire_id, "status": "paused"}
    assert leadterra.start(wire_id).json() == {"id": wire_id, "status": "running", "startedAt": started_at}


def test_a_launch_that_awaits_approval_has_not_started(leadterra: Leadterra) -> None:
    leadterra.tenant.policy(ASKING)
    wire_id = leadterra.campaign()
    answers = [leadterra.start(wire_id).json() for _ in range(2)]
    assert answers == [{"id": wire_id, "status": "draft", "startedAt": None}] * 2


def test_a_launch_that_is_put_to_people_again_is_not_running(leadterra: Leadterra) -> None:
    wire_id = running(leadterra)
    leadterra.engine(service.pause, wire_id)
    leadterra.engine(service.revise, wire_id, name="Summer")
    leadterra.tenant.policy(ASKING)
    assert leadterra.start(wire_id).json() == {"id": wire_id, "status": "draft", "startedAt": None}


def test_leads_that_come_after_the_start_wait_and_are_counted(leadterra: Leadterra) -> None:
    wire_id = running(leadterra)
    leads = [PEOPLE[0], {"email": "late@example.com"}, {"email": "nowhere"}]
    answer = leadterra.client.post(f"/v1/campaigns/{wire_id}/leads", {"leads": leads}).json()
    assert (answer["added"], answer["updated"], answer["waiting"]) == (1, 1, 1)
    assert [row["row"] for row in answer["rejected"]] == [2]


def test_leads_of_a_draft_do_not_wait(leadterra: Leadterra) -> None:
    wire_id = leadterra.campaign(recipients=False)
    answer = leadterra.client.post("/v1/leads/bulk", {"campaignId": wire_id, "leads": PEOPLE}).json()
    assert answer == {"added": 2, "updated": 0, "waiting": 0, "rejected": []}
    answer = leadterra.client.post("/v1/leads/bulk", {"campaignId": wire_id, "leads": PEOPLE}).json()
    assert answer == {"added": 0, "updated": 2, "waiting": 0, "rejected": []}


def test_steps_added_at_the_same_time_are_all_kept(leadterra: Leadterra) -> None:
    wire_id = leadterra.campaign(content=False)
    steps = [{**STEP, "subject": f"Hello {n}"} for n in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda step: leadterra.client.post(f"/v1/campaigns/{wire_id}/steps", step), steps))
    assert [answer.status_code for answer in answers] == [201] * 6
    kept = leadterra.client.get(f"/v1/campaigns/{wire_id}").json()["steps"]
    assert sorted(step["subject"] for step in kept) == [step["subject"] for step in steps]


def test_a_pause_is_nothing_to_a_campaign_that_awaits_approval(leadterra: Leadterra) -> None:
    """Its clients know it as a draft."""
    wire_id = pending_approval(leadterra)
    answer = leadterra.client.post(f"/v1/campaigns/{wire_id}/pause")
    assert (answer.status_code, answer.json()) == (200, {"id": wire_id, "status": "draft"})
    assert leadterra.state(wire_id) == "pending_approval"


def test_a_pause_is_nothing_to_a_draft_and_to_what_is_paused(leadterra: Leadterra) -> None:
    draft, begun = leadterra.campaign(), running(leadterra)
    shown = [leadterra.client.post(f"/v1/campaigns/{wire_id}/pause").json() for wire_id in (draft, begun, begun)]
    assert [each["status"] for each in shown] == ["draft", "paused", "paused"]


def test_the_default_senders_pool_has_no_limit_set(leadterra: Leadterra) -> None:
    [pool] = leadterra.client.get("/v1/sender-pools").json()["senderPools"]
    assert leadterra.client.get(f"/v1/sender-pools/{pool['id']}").json() == pool
    nullable = {"dailyCapacity", "remainingToday", "remainingVolume"}
    assert {name for name, value in pool.items() if value is None} == nullable
    assert said(leadterra.client.get("/v1/sender-pools/pool_1")) == (404, "sender_pool_not_found")


def test_campaigns_are_listed_page_by_page(leadterra: Leadterra) -> None:
    made = [leadterra.campaign(recipients=False, content=False) for _ in range(3)]
    first = leadterra.client.get("/v1/campaigns?limit=2").json()
    rest = leadterra.client.get(f"/v1/campaigns?limit=2&cursor={first['nextCursor']}").json()
    assert [campaign["id"] for campaign in (*first["campaigns"], *rest["campaigns"])] == made
    assert rest["nextCursor"] is None


# How it says no


def test_a_missing_or_bad_key_fails_to_authenticate(leadterra: Leadterra) -> None:
    path = f"/v1/campaigns/{leadterra.campaign()}/start"
    for key in (None, "unknown", "sk_live_unknown_key"):
        whole_error(Client(leadterra.client.base, key).post(path), 401, "authentication_failed", "Invalid API key")


def test_a_campaign_without_leads_or_steps_is_not_started(leadterra: Leadterra) -> None:
    without_leads, without_steps = leadterra.campaign(recipients=False), leadterra.campaign(content=False)
    whole_error(
        leadterra.start(without_leads), 400, "no_leads_enrolled", "The campaign has no recipients left to send to."
    )
    message = "The campaign has no template and no steps."
    whole_error(leadterra.start(without_steps), 400, "no_sequence_steps", message)


def test_a_key_that_may_only_read_lacks_permissions(leadterra: Leadterra) -> None:
    answer = leadterra.tenant.client("campaigns:read").post(f"/v1/campaigns/{leadterra.campaign()}/start")
    assert said(answer) == (403, "insufficient_permissions")


@pytest.mark.parametrize("wire_id", ["camp_123", "camp_", "camp_%00", "42", "camp_" + "x" * 100])
def test_a_campaign_that_is_not_there_is_not_found(leadterra: Leadterra, wire_id: str) -> None:
    for answer in (leadterra.start(wire_id), leadterra.client.get(f"/v1/campaigns/{wire_id}")):
        whole_error(answer, 404, "campaign_not_found", "Campaign not found")


def test_another_workspaces_campaign_is_not_found(server: Server, leadterra: Leadterra) -> None:
    assert said(leadterra.start(Leadterra(server).campaign())) == (404, "campaign_not_found")


def test_an_ended_campaign_can_neither_be_started_nor_paused(leadterra: Leadterra) -> None:
    wire_id = leadterra.campaign()
    leadterra.engine(service.cancel, wire_id)
    for verb in ("start", "pause"):
        assert said(leadterra.client.post(f"/v1/campaigns/{wire_id}/{verb}")) == (409, "campaign_ended")


def test_a_running_campaign_takes_no_steps(leadterra: Leadterra) -> None:
    answer = leadterra.client.post(f"/v1/campaigns/{running(leadterra)}/steps", STEP)
    assert said(answer) == (409, "pause_first")


@pytest.mark.parametrize("body", [b"{", b"[1", b'{"name": "a", "name": "b"}', b'{"name": NaN}', b'{"name": "\\ud800"}'])
def test_what_is_not_sound_json_is_an_invalid_request(leadterra: Leadterra, body: bytes) -> None:
    assert said(raw(leadterra, body)) == (400, "invalid_request")


def test_well_formed_but_wrong_is_unprocessable_and_says_where(leadterra: Leadterra) -> None:
    answer = leadterra.client.post("/v1/campaigns", {"name": ""})
    assert said(answer) == (422, "invalid_request")
    assert error_of(answer)[1].startswith("name: ")


def test_a_body_over_the_limit_is_refused_in_shape(leadterra: Leadterra) -> None:
    answer = raw(leadterra, b'{"name": "' + b"x" * 1_100_000 + b'"}')
    assert said(answer) == (413, "request_too_large")


def test_unknown_paths_and_methods_are_refused_in_shape(leadterra: Leadterra) -> None:
    assert said(leadterra.client.get("/v1/nothing")) == (404, "not_found")
    answer = leadterra.client.get("/v1/campaigns/camp_123/start")
    assert said(answer) == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "POST"


def test_nothing_is_said_about_a_body_before_the_key_is_known(leadterra: Leadterra) -> None:
    for body in (b"{", b'{"name": ""}', b'{"name": "' + b"x" * 1_100_000 + b'"}'):
        assert said(raw(leadterra, body, key="sk_live_unknown_key")) == (401, "authentication_failed")


@pytest.mark.parametrize("kind", [kind for kind in STATUS if kind not in HOUSE_ONLY])
def test_every_kind_of_error_has_the_same_shape(kind: Kind) -> None:
    answer = errors.render(Problem(kind, "Words", "campaign"), Request({"type": "http"}))
    assert answer.status_code == STATUS[kind]
    error = json.loads(bytes(answer.body))["error"]
    assert set(error) == {"code", "message"}
    assert error["code"]


def test_a_key_that_knocks_too_often_is_told_when_to_come_again(tmp_path: Path) -> None:
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, {"GONOGO_RATE_LIMIT": "3/hour"}).start()
    limited = Leadterra(server)
    wire_id, client = limited.campaign(), limited.tenant.client()
    assert [client.get(f"/v1/campaigns/{wire_id}").status_code for _ in range(3)] == [200] * 3

    answer = client.post(f"/v1/campaigns/{wire_id}/start")

    server.stop()
    whole_error(answer, 429, "rate_limited", "Rate limit exceeded: 3 requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600


# Where the server is set up to refuse a start that awaits approval


@pytest.fixture(scope="module")
def refusing_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("refusing")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, extra={"GONOGO_LEADTERRA_GATED": "refuse"})
    yield server.start()
    server.stop()


@pytest.fixture
def refusing(refusing_server: Server) -> Leadterra:
    return Leadterra(refusing_server)


def awaits_approval(answer: requests.Response) -> None:
    whole_error(answer, 409, "approval_required", "The campaign awaits approval")


def test_a_refused_start_is_put_to_people_all_the_same_and_only_once(refusing: Leadterra) -> None:
    refusing.tenant.policy(ASKING)
    house = refusing.tenant.client(dialect="leadlex")
    wire_id = refusing.campaign()
    refusing.engine(service.revise, wire_id, content=LONG)

    for _ in range(2):
        awaits_approval(refusing.start(wire_id))

    assert (refusing.state(wire_id), refusing.status(wire_id)) == ("pending_approval", "draft")
    [task] = house.get("/leadlex/v1/lexi/tasks").json()["data"]["tasks"]
    assert house.post(f"/leadlex/v1/lexi/tasks/{task['id']}/approve").status_code == 200
    answer = refusing.start(wire_id)
    assert (answer.status_code, refusing.started(answer, wire_id)) == (200, "running")


def test_a_launch_that_is_put_to_people_again_is_refused_too(refusing: Leadterra) -> None:
    wire_id = running(refusing)
    refusing.engine(service.pause, wire_id)
    refusing.engine(service.revise, wire_id, name="Summer")
    refusing.tenant.policy(ASKING)
    awaits_approval(refusing.start(wire_id))
    assert refusing.state(wire_id) == "pending_approval"


def test_a_start_that_nobody_need_approve_is_not_refused(refusing: Leadterra) -> None:
    wire_id = refusing.campaign()
    answer = refusing.start(wire_id)
    assert (answer.status_code, refusing.started(answer, wire_id)) == (200, "running")
    whole_error(
        refusing.start(refusing.campaign(recipients=False)),
        400,
        "no_leads_enrolled",
        "The campaign has no recipients left to send to.",
    )


def raw(leadterra: Leadterra, body: bytes, key: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {key or leadterra.client.key}", "Content-Type": "application/json"}
    return requests.post(f"{leadterra.client.base}/leadterra/v1/campaigns", data=body, headers=headers, timeout=30)
