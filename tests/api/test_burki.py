"""Burki, as its clients see it (seed 003)."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from whenever import Instant, TimeDelta

from gonogo import service
from support.driver_burki import ASSISTANT, ROOT, Burki, detail_of
from support.drivers import (
    ASKING,
    LONG,
    PEOPLE,
    SITUATIONS,
    Driver,
    completed,
    paused,
    pending_approval,
    ready,
    running,
    scheduled,
)
from support.server import LIMIT, Client, Server

AHEAD = "2099-02-15T09:00:00Z"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


WHEN = {"scheduled_time": AHEAD}
UNUSABLE = "Cannot start campaign - the template can't be used: step 1, body, line 1: missing expression."
#: Every change of a campaign finds it changed already.
LOSING = (
    "CREATE TRIGGER losing BEFORE UPDATE ON gonogo_campaign BEGIN SELECT RAISE(IGNORE); END",
    "DROP TRIGGER losing",
)
#: What is offered in some statuses only, and what is said in the others.
OFFERED = {
    "pause": (("running",), "Campaign is not running"),
    "stop": (("running", "paused", "scheduled"), "Campaign cannot be stopped (invalid status)"),
    "re-execute": (("completed", "cancelled", "failed"), "Campaign cannot be re-executed (invalid status)"),
    "unschedule": (("scheduled",), "Campaign is not scheduled"),
}
NO_INTEGER = "Input should be a valid integer, unable to parse string as an integer"


def wrong(loc: str, msg: str, kind: str = "invalid") -> list[dict[str, Any]]:
    return [{"loc": [loc], "msg": msg, "type": kind}]


#: What is asked, of a campaign that is ready; the status; the detail.
ERRORS: dict[str, tuple[Callable[[Burki, int], requests.Response], int, Any]] = {
    "no key": (
        lambda burki, it: Client(f"{burki.client.base}/burki").post(f"{ROOT}/{it}/start"),
        401,
        "Invalid API key",
    ),
    "no permission": (
        lambda burki, it: burki.tenant.client("campaigns:read").post(f"{ROOT}/{it}/start"),
        403,
        "The key lacks the permission campaigns:write",
    ),
    "no campaign": (lambda burki, it: burki.post(str(it + 1), "start"), 404, "Campaign not found"),
    "no path": (lambda burki, it: burki.client.get("/api/v1/nothing"), 404, "No such resource"),
    "no method": (lambda burki, it: burki.client.get(f"{ROOT}/{it}/start"), 405, "Method not allowed"),
    "too large": (
        lambda burki, it: raw(burki, ROOT, b" " * 1_048_577, "application/json"),
        413,
        "The body is larger than 1048576 bytes",
    ),
    "no JSON by its type": (
        lambda burki, it: raw(burki, ROOT, b"{}", "text/plain"),
        415,
        "Expected a body of type application/json",
    ),
    "no CSV by its type": (
        lambda burki, it: raw(burki, f"{ROOT}/{it}/import-data", b"{}", "application/json"),
        415,
        "Expected a body of type text/csv",
    ),
    "no integer": (lambda burki, it: burki.post("abc", "start"), 422, wrong("campaign_id", NO_INTEGER)),
    "no name": (lambda burki, it: burki.client.post(ROOT, {}), 422, wrong("name", "Field required")),
    "no JSON": (
        lambda burki, it: raw(burki, ROOT, b'{"name": NaN}', "application/json"),
        422,
        wrong("", "expected valid JSON: NaN is not JSON", "malformed"),
    ),
}


@pytest.fixture
def burki(server: Server) -> Burki:
    return Burki(server)


# Campaigns whose time has come


def start_soon(burki: Burki, wire_id: str) -> str:
    """Give it a start time that comes while the test waits for it; answers the time."""
    soon = (Instant.now() + TimeDelta(seconds=3)).round("second", mode="floor").format_iso()
    assert burki.post(wire_id, "schedule", {"scheduled_time": soon}).status_code == 200
    return soon


def bare(burki: Burki) -> str:
    """Nothing but its name is said yet."""
    return burki.campaign(recipients=False, content=False)


def ended(burki: Burki) -> str:
    """It was started at its time."""
    wire_id = burki.campaign()
    start_soon(burki, wire_id)
    burki.wait_for(wire_id, "completed")
    return wire_id


def reopened(burki: Burki) -> str:
    wire_id = ended(burki)
    burki.engine(service.reopen, wire_id, "all")
    return wire_id


def begun(burki: Burki) -> str:
    """It was started at its time, and is paused between two messages."""
    wire_id = burki.campaign()
    burki.engine(service.revise, wire_id, content=LONG)
    start_soon(burki, wire_id)
    burki.until(wire_id, lambda case: case.state == "running" and case.waiting_for == "step")
    burki.engine(service.pause, wire_id)
    return wire_id


def schedule_of(shown: dict[str, Any]) -> tuple[str, str | None]:
    return shown["schedule_type"], shown["scheduled_time"]


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
    wire_id = running(burki)
    first = burki.case(wire_id).run_id
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


@pytest.mark.parametrize(("verb", "body"), [("start", None), ("re-execute", None), ("schedule", WHEN)])
def test_a_start_without_an_executor_is_a_server_error_and_writes_nothing(idle: Burki, verb: str, body: Any) -> None:
    wire_id = idle.campaign()
    before = idle.shown(wire_id)
    answer = idle.post(wire_id, verb, body)
    assert said(answer) == (500, {"success": False, "detail": "Background task system unavailable"})
    assert idle.shown(wire_id) == before


# Every error, whole


@pytest.mark.parametrize(
    ("situation", "detail"),
    [
        ("no recipients", "No contacts found"),
        ("no steps", "Cannot start campaign - the campaign has no template and no steps."),
        ("start time in the past", "Scheduled time is in the past"),
        ("blocker of the review", UNUSABLE),
        ("active", "Cannot start campaign - campaign is already running"),
        ("completed", "All contacts have already been processed"),
        ("cancelled", "Cannot start campaign - campaign is already cancelled"),
        ("failed", "Cannot start campaign - campaign is already failed"),
    ],
)
def test_a_start_that_is_refused_says_why_and_no_more(burki: Burki, situation: str, detail: str) -> None:
    wire_id = SITUATIONS[situation](burki)
    assert said(burki.start(wire_id)) == (400, {"success": False, "detail": detail})


@pytest.mark.parametrize("name", list(ERRORS))
def test_an_error_of_the_request_says_what_is_wrong_and_no_more(burki: Burki, name: str) -> None:
    ask, status, detail = ERRORS[name]
    assert said(ask(burki, int(burki.campaign()))) == (status, {"success": False, "detail": detail})


def test_a_key_that_knocks_too_often_is_told_so_and_no_more(strict: Server) -> None:
    client = strict.workspace("burki").client()
    for _ in range(LIMIT):
        assert client.get(ROOT).status_code == 200
    answer = client.get(ROOT)
    assert said(answer) == (429, {"success": False, "detail": f"Rate limit exceeded: {LIMIT} requests"})
    assert 1 <= int(answer.headers["Retry-After"]) <= 60


def test_a_failure_of_our_own_says_that_it_is_one_and_no_more(strict: Server) -> None:
    burki = Burki(strict)
    wire_id = burki.campaign()
    with strict.broken("ALTER TABLE gonogo_list RENAME TO elsewhere", "ALTER TABLE elsewhere RENAME TO gonogo_list"):
        answers = [burki.start(wire_id), burki.client.get(f"{ROOT}/{wire_id}"), burki.client.get(ROOT)]
    for answer in answers:
        assert said(answer) == (500, {"success": False, "detail": "Internal server error"})


@pytest.mark.parametrize(
    ("verb", "body"),
    [("start", None), ("schedule", WHEN), ("contacts", {"contacts": PEOPLE}), ("PATCH", {"name": "b"})],
)
def test_a_lost_race_says_so_and_no_more(strict: Server, verb: str, body: Any) -> None:
    burki = Burki(strict)
    wire_id = pending_approval(burki) if verb == "contacts" else burki.campaign()
    before = burki.state(wire_id)
    with strict.broken(*LOSING):
        path = f"{ROOT}/{wire_id}"
        answer = burki.client.patch(path, body) if verb == "PATCH" else burki.post(wire_id, verb, body)
    lost = "Somebody else changed it at the same time; try again"
    assert said(answer) == (409, {"success": False, "detail": lost})
    assert burki.state(wire_id) == before


# What is offered when


@pytest.mark.parametrize("call", list(OFFERED))
@pytest.mark.parametrize("arrange", [ready, scheduled, running, paused, completed], ids=lambda f: f.__name__)
def test_a_call_is_offered_in_its_statuses_and_refused_in_every_other(
    burki: Burki, call: str, arrange: Callable[[Driver], str]
) -> None:
    wire_id = arrange(burki)
    before, (statuses, otherwise) = burki.status(wire_id), OFFERED[call]
    answer = burki.post(wire_id, call)
    if before in statuses:
        assert (answer.status_code, answer.json()["success"]) == (200, True)
    else:
        assert said(answer) == (400, {"success": False, "detail": otherwise})
        assert burki.status(wire_id) == before


def test_an_edit_that_is_refused_speaks_of_no_start(burki: Burki) -> None:
    wire_id = running(burki)
    answer = burki.client.patch(f"{ROOT}/{wire_id}", {"name": "Autumn"})
    assert said(answer) == (400, {"success": False, "detail": "Pause the campaign before you edit it"})


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


@pytest.mark.parametrize("arrange", [bare, ready, scheduled, reopened, begun], ids=lambda f: f.__name__)
def test_what_is_shown_of_a_campaign_can_be_given_back_and_changes_nothing(
    burki: Burki, arrange: Callable[[Burki], str]
) -> None:
    wire_id = arrange(burki)
    shown, start_at = burki.shown(wire_id), burki.case(wire_id).start_at
    answer = burki.client.patch(f"{ROOT}/{wire_id}", shown)
    assert answer.status_code == 200, answer.text
    asked = ("name", "description", "assistant_id", "schedule_type", "scheduled_time")
    assert {name: answer.json()[name] for name in asked} == {name: shown[name] for name in asked}
    assert burki.case(wire_id).start_at == start_at
    assert burki.start(wire_id).status_code == (400 if arrange is bare else 200)


def test_a_time_that_was_used_up_is_shown_until_another_is_said(burki: Burki) -> None:
    wire_id = burki.campaign()
    due = start_soon(burki, wire_id)
    burki.wait_for(wire_id, "completed")
    assert schedule_of(burki.shown(wire_id)) == ("scheduled", due)
    burki.engine(service.reopen, wire_id, "all")
    assert schedule_of(burki.shown(wire_id)) == ("scheduled", due)
    at_once = burki.client.patch(f"{ROOT}/{wire_id}", {"schedule_type": "immediate"}).json()
    assert schedule_of(at_once) == ("immediate", None)
    assert schedule_of(burki.client.patch(f"{ROOT}/{wire_id}", WHEN).json()) == ("scheduled", AHEAD)
    assert burki.start(wire_id).json()["scheduled_time"] == AHEAD


def test_a_campaign_that_runs_again_is_immediate(burki: Burki) -> None:
    wire_id = ended(burki)
    assert burki.post(wire_id, "re-execute").status_code == 200
    assert schedule_of(burki.shown(wire_id)) == ("immediate", None)


def test_a_time_of_a_run_that_never_began_is_not_shown_as_a_schedule(burki: Burki) -> None:
    wire_id = burki.campaign()
    assert burki.post(wire_id, "schedule", WHEN).status_code == 200
    assert burki.post(wire_id, "stop").status_code == 200
    burki.engine(service.reopen, wire_id, "all")
    assert schedule_of(burki.shown(wire_id)) == ("immediate", None)
    again = burki.client.patch(f"{ROOT}/{wire_id}", WHEN).json()
    assert schedule_of(again) == ("scheduled", AHEAD)
    assert str(burki.case(wire_id).start_at) == AHEAD


def test_contacts_to_run_again_for_may_be_named_by_a_long_address(burki: Burki) -> None:
    longest = f"{'a' * 64}@{'.'.join(['b' * 61] * 3)}.cc"  # 64 characters, and 189 of domain
    assert len(longest) == 253
    wire_id = burki.campaign(recipients=False)
    assert burki.post(wire_id, "contacts", {"contacts": [*PEOPLE, {"email": longest}]}).json()["added"] == 3
    assert burki.start(wire_id).status_code == 200
    burki.wait_for(wire_id, "completed")
    assert burki.post(wire_id, "re-execute", {"contact_selection": [longest]}).status_code == 200
    assert burki.case(wire_id).recipients == 1
    assert burki.post(wire_id, "re-execute", {"contact_selection": ["a" * 255]}).status_code == 422


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


def said(answer: requests.Response) -> tuple[int, Any]:
    """The status and the whole body, its fields in their order."""
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert list(body) in (["success", "detail"], ["success", "message", "campaign_id", "status"])
    return answer.status_code, body


def raw(burki: Burki, path: str, body: bytes, kind: str) -> requests.Response:
    headers: dict[str, Any] = {"Authorization": f"Bearer {burki.client.key}", "Content-Type": kind}
    return requests.post(f"{burki.client.base}/burki{path}", data=body, headers=headers, timeout=30)
