"""Burki, as its clients see it (seed 003)."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from gonogo import service
from support.driver_burki import ASSISTANT, ROOT, Burki, detail_of
from support.drivers import ASKING, PEOPLE, completed, paused, pending_approval, running
from support.server import Client, Server

AHEAD = "2099-02-15T09:00:00Z"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.fixture
def burki(server: Server) -> Burki:
    return Burki(server)


# The start, as the original shows it


def test_an_immediate_start_says_all_that_the_original_says(burki: Burki) -> None:
    wire_id = burki.campaign()
    answer = burki.start(wire_id)
    assert answer.status_code == 200
    body = answer.json()
    assert list(body) == ["success", "message", "task_id", "campaign_id", "status"]
    assert body["success"] is True
    assert body["message"] == "Campaign execution started immediately"
    assert UUID.fullmatch(body["task_id"])
    assert (body["campaign_id"], body["status"]) == (int(wire_id), "scheduled")


def test_a_scheduled_start_says_all_that_the_original_says(burki: Burki) -> None:
    wire_id = burki.campaign(schedule_type="scheduled", scheduled_time=AHEAD)
    body = burki.start(wire_id).json()
    assert list(body) == ["success", "message", "task_id", "campaign_id", "status", "scheduled_time"]
    assert body["message"] == "Campaign scheduled for 2099-02-15 09:00:00 UTC"
    assert (body["status"], body["scheduled_time"]) == ("scheduled", AHEAD)


def test_a_start_of_what_is_scheduled_answers_its_schedule_again(burki: Burki) -> None:
    wire_id = burki.campaign(scheduled_time="2099-02-15T10:00:00.25+01:00")
    first = burki.start(wire_id).json()
    assert first["scheduled_time"] == AHEAD
    assert burki.start(wire_id).json() == first


def test_the_task_is_the_run_and_not_the_approval(burki: Burki) -> None:
    wire_id = pending_approval(burki)
    body = burki.start(wire_id).json()
    assert (body["status"], burki.status(wire_id)) == ("scheduled", "scheduled")
    assert "approval" in body["message"]
    assert "scheduled_time" not in body
    tasks = burki.tenant.client(dialect="leadlex").get("/v1/lexi/tasks").json()["data"]["tasks"]
    assert body["task_id"] != tasks[0]["id"]
    assert burki.tenant.client(dialect="leadlex").post(f"/v1/lexi/tasks/{tasks[0]['id']}/approve").status_code == 200
    burki.wait_for(wire_id, "completed")
    assert burki.engine(service.redispatch, wire_id).case.run_id == body["task_id"]


def test_a_paused_campaign_goes_on_under_the_same_task(burki: Burki) -> None:
    wire_id = burki.campaign(scheduled_time=AHEAD)
    first = burki.start(wire_id).json()["task_id"]
    assert burki.post(wire_id, "pause").json()["status"] == "paused"
    again = burki.start(wire_id)
    assert (again.status_code, again.json()["task_id"]) == (200, first)


def test_a_gated_start_can_be_stopped_as_what_is_scheduled(burki: Burki) -> None:
    wire_id = pending_approval(burki)
    body = burki.post(wire_id, "stop").json()
    assert body == {"success": True, "message": "Campaign stopped", "campaign_id": int(wire_id), "status": "cancelled"}


# Its errors


def test_an_ended_campaign_says_that_all_were_processed_and_runs_again(burki: Burki) -> None:
    wire_id = completed(burki)
    assert detail_of(burki.start(wire_id)) == "All contacts have already been processed"
    nobody = burki.post(wire_id, "re-execute", {"contact_selection": "failed_only"})
    assert (nobody.status_code, detail_of(nobody)) == (400, "All contacts have already been processed")
    assert burki.status(wire_id) == "completed"
    again = burki.post(wire_id, "re-execute")
    assert burki.started(again, wire_id) == "scheduled"
    burki.wait_for(wire_id, "completed")
    assert burki.client.get(f"{ROOT}/{wire_id}/progress").json() == {
        "campaign_id": int(wire_id),
        "status": "completed",
        "total": 2,
        "completed": 2,
        "failed": 0,
        "skipped": 0,
        "pending": 0,
        "progress_percentage": 100.0,
    }


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("pause", "Campaign is not running"),
        ("stop", "Campaign cannot be stopped (invalid status)"),
        ("unschedule", "Campaign is not scheduled"),
        ("re-execute", "Campaign cannot be re-executed (invalid status)"),
    ],
)
def test_a_draft_can_be_neither_paused_nor_stopped_nor_run_again(burki: Burki, verb: str, words: str) -> None:
    wire_id = burki.campaign()
    answer = burki.post(wire_id, verb)
    assert (answer.status_code, detail_of(answer)) == (400, words)
    assert burki.status(wire_id) == "draft"


def test_a_paused_campaign_is_not_running(burki: Burki) -> None:
    answer = burki.post(paused(burki), "pause")
    assert (answer.status_code, detail_of(answer)) == (400, "Campaign is not running")


def test_a_running_campaign_can_be_stopped(burki: Burki) -> None:
    assert burki.post(running(burki), "stop").json()["status"] == "cancelled"


@pytest.mark.parametrize("wire_id", ["abc", "1.5", "3c90c3cc-0d44-4b50-8888-8dd25736052a"])
def test_an_id_that_is_no_integer_is_unprocessable(burki: Burki, wire_id: str) -> None:
    answer = burki.start(wire_id)
    assert answer.status_code == 422
    assert answer.json()["success"] is False
    [found] = answer.json()["detail"]
    assert found["loc"] == ["campaign_id"]


def test_what_is_not_there_or_another_workspaces_is_not_found(server: Server, burki: Burki) -> None:
    foreign = Burki(server)
    for _ in range(3):
        wire_id = foreign.campaign()
    for path in ("99", "-1", wire_id):
        answer = burki.start(path)
        assert (answer.status_code, detail_of(answer)) == (404, "Campaign not found")
    answer = burki.client.post(ROOT, {"name": "Spring", "assistant_id": 99})
    assert (answer.status_code, detail_of(answer)) == (404, "Assistant not found")


def test_keys_are_asked_for_in_shape(burki: Burki) -> None:
    path = f"{ROOT}/{burki.campaign()}/start"
    for key in (None, "bk_live_unknown_key", burki.tenant.key(dialect="bavlio")):
        answer = Client(f"{burki.client.base}/burki", key).post(path)
        assert (answer.status_code, detail_of(answer)) == (401, "Invalid API key")
    answer = burki.tenant.client("campaigns:read").post(path)
    assert answer.status_code == 403
    assert "campaigns:write" in detail_of(answer)


def test_unknown_paths_and_methods_are_refused_in_shape(burki: Burki) -> None:
    assert burki.refused(burki.client.get("/api/v1/nothing")).status == 404
    answer = burki.client.get(f"{ROOT}/1/start")
    assert (answer.status_code, detail_of(answer), answer.headers["Allow"]) == (405, "Method not allowed", "POST")


@pytest.mark.parametrize("body", [b"{", b'{"name": "a", "name": "b"}', b'{"name": NaN}', b'{"name": "\\ud800"}', b"{}"])
def test_a_body_that_is_wrong_is_unprocessable(burki: Burki, body: bytes) -> None:
    answer = raw(burki, ROOT, body, "application/json")
    assert answer.status_code == 422
    assert answer.json()["success"] is False
    assert isinstance(answer.json()["detail"], list)


def test_a_body_over_the_limit_is_refused_in_shape(burki: Burki) -> None:
    answer = raw(burki, ROOT, b'{"name": "' + b"x" * 1_100_000 + b'"}', "application/json")
    assert answer.status_code == 413
    assert detail_of(answer)


def test_a_scheduled_campaign_needs_a_time(burki: Burki) -> None:
    answer = burki.client.post(ROOT, {"name": "Spring", "schedule_type": "scheduled"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["scheduled_time"]


def test_a_start_without_an_executor_is_a_server_error_and_writes_nothing(idle: Burki) -> None:
    wire_id = idle.campaign()
    answer = idle.start(wire_id)
    assert (answer.status_code, detail_of(answer)) == (500, "Background task system unavailable")
    assert idle.state(wire_id) == "draft"


# What campaigns are made of


def test_a_new_campaign_is_null_only_where_nothing_is_known_yet(burki: Burki) -> None:
    answer = burki.client.post(ROOT, {"name": "Spring"})
    assert answer.status_code == 201
    nullable = {"description", "assistant_id", "scheduled_time", "started_at"}
    assert {name for name, value in answer.json().items() if value is None} == nullable
    assert (answer.json()["id"], answer.json()["schedule_type"]) == (1, "immediate")


def test_an_assistant_can_be_given_later(burki: Burki) -> None:
    wire_id = burki.campaign(content=False)
    made = burki.client.post("/api/v1/assistants", ASSISTANT).json()
    assert burki.client.get(f"/api/v1/assistants/{made['id']}").json() == {**made, **ASSISTANT}
    assert burki.client.patch(f"{ROOT}/{wire_id}", {"assistant_id": made["id"]}).json()["assistant_id"] == made["id"]
    assert burki.start(wire_id).status_code == 200


def test_a_schedule_can_be_given_and_taken_back(burki: Burki) -> None:
    wire_id = burki.campaign()
    assert burki.post(wire_id, "schedule", {"scheduled_time": AHEAD}).json()["scheduled_time"] == AHEAD
    assert (burki.shown(wire_id)["schedule_type"], burki.status(wire_id)) == ("scheduled", "scheduled")
    assert burki.post(wire_id, "unschedule").json()["status"] == "draft"
    assert (burki.shown(wire_id)["schedule_type"], burki.shown(wire_id)["scheduled_time"]) == ("immediate", None)


def test_a_schedule_in_the_past_leaves_the_campaign_as_it_was(burki: Burki) -> None:
    wire_id = burki.campaign()
    before = burki.shown(wire_id)
    answer = burki.post(wire_id, "schedule", {"scheduled_time": "2020-01-01T00:00:00Z"})
    assert (answer.status_code, detail_of(answer)) == (400, "Scheduled time is in the past")
    assert burki.shown(wire_id) == before


def test_contacts_come_as_json_and_are_told_row_by_row(burki: Burki) -> None:
    wire_id = burki.campaign(recipients=False)
    body = burki.post(wire_id, "contacts", {"contacts": [*PEOPLE, {"email": "nowhere"}]}).json()
    assert (body["success"], body["added"], body["updated"]) == (True, 2, 0)
    assert [row["row"] for row in body["rejected"]] == [2]
    assert burki.shown(wire_id)["total_contacts"] == 2


def test_contacts_come_as_csv(burki: Burki) -> None:
    wire_id = burki.campaign(recipients=False)
    rows = [
        "email,first_name,consent",
        'ada@example.com,"Ada, Countess\r\nof Lovelace",yes',
        "",
        "bo@example.com,,no",
        "x,,",
    ]
    table = "\ufeff" + "\r\n".join(rows)
    answer = raw(burki, f"{ROOT}/{wire_id}/import-data", table.encode(), "text/csv; charset=utf-8")
    assert (answer.status_code, answer.json()["added"]) == (200, 2)
    assert [row["row"] for row in answer.json()["rejected"]] == [2]
    assert burki.shown(wire_id)["total_contacts"] == 1


@pytest.mark.parametrize(
    "table", [b"", b"email,email\na@example.com,b", b"email,\n", b"email\na,b\n", b"\xff", b'email\n"a']
)
def test_csv_that_can_not_be_read_adds_nobody(burki: Burki, table: bytes) -> None:
    wire_id = burki.campaign(recipients=False)
    answer = raw(burki, f"{ROOT}/{wire_id}/import-data", table, "text/csv")
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body"]
    assert burki.shown(wire_id)["total_contacts"] == 0


def test_an_import_of_another_type_is_refused(burki: Burki) -> None:
    answer = burki.post(burki.campaign(), "import-data", {"email": "ada@example.com"})
    assert answer.status_code == 415
    assert detail_of(answer)


def test_campaigns_are_listed_page_by_page(burki: Burki) -> None:
    made = [int(burki.campaign(recipients=False, content=False)) for _ in range(3)]
    first = burki.client.get(f"{ROOT}?limit=2").json()
    rest = burki.client.get(f"{ROOT}?limit=2&cursor={first['next_cursor']}").json()
    assert [campaign["id"] for campaign in (*first["campaigns"], *rest["campaigns"])] == made
    assert rest["next_cursor"] is None


def test_a_policy_that_asks_holds_for_running_again(burki: Burki) -> None:
    wire_id = completed(burki)
    burki.tenant.policy(ASKING)
    assert "approval" in burki.post(wire_id, "re-execute", {"contact_selection": "all"}).json()["message"]
    assert burki.state(wire_id) == "pending_approval"


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Burki]:
    """A server that executes nothing, on a database where nobody ever has."""
    folder = tmp_path_factory.mktemp("idle")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, arguments=("--no-worker",)).start()
    yield Burki(server)
    server.stop()


def raw(burki: Burki, path: str, body: bytes, kind: str) -> requests.Response:
    headers: dict[str, Any] = {"Authorization": f"Bearer {burki.client.key}", "Content-Type": kind}
    return requests.post(f"{burki.client.base}/burki{path}", data=body, headers=headers, timeout=30)
