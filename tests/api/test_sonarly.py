"""Sonarly, as its clients see it (seed 001)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from starlette.requests import Request
from whenever import Instant

from gonogo_api.dialects.sonarly import errors
from gonogo_api.problems import STATUS, Kind, Problem
from support.driver_sonarly import HEX24, MESSAGE, Sonarly, check_campaign, data_of, error_of, whole_error
from support.drivers import ASKING, PEOPLE, running
from support.server import Client, Server

NOBODY = "0" * 24
#: What only the house API can be asked for, so that it can't fail here.
HOUSE_ONLY = ("stale", "reused")


@pytest.fixture
def sonarly(server: Server) -> Sonarly:
    return Sonarly(server)


def codes(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, error_of(answer)["code"]


# What it shows


def test_a_start_says_all_that_the_original_says(sonarly: Sonarly) -> None:
    wire_id = sonarly.campaign()

    answer = sonarly.start(wire_id)

    assert answer.status_code == 200
    data = data_of(answer)
    assert list(data) == ["campaign", "triggered", "instancesCreated"]
    assert (data["triggered"], data["instancesCreated"]) == (True, len(PEOPLE))
    assert HEX24.fullmatch(data["campaign"]["id"])
    assert data["campaign"]["status"] == "active"
    assert Instant.parse_iso(data["campaign"]["startedAt"]) >= Instant.parse_iso(data["campaign"]["createdAt"])


def test_a_new_campaign_is_null_only_where_nothing_is_known_yet(sonarly: Sonarly) -> None:
    answer = sonarly.client.post(sonarly.root, {"name": "Avery Stone", "message": MESSAGE})

    assert answer.status_code == 201
    campaign = data_of(answer)["campaign"]
    check_campaign(campaign)
    nullable = {"description", "outreachLanguage", "startedAt", "rateLimitedUntil"}
    assert {name for name, value in campaign.items() if value is None} == nullable


def test_what_only_sonarly_knows_is_shown_as_it_was_given(sonarly: Sonarly) -> None:
    own = {
        "description": "To those who asked",
        "includeConversationHistory": True,
        "autoCancelOnMessageReceived": True,
        "outreachLanguage": "en",
    }
    body = {"name": "Avery Stone", "message": MESSAGE, "somethingNewer": 1, **own}
    made = data_of(sonarly.client.post(sonarly.root, body))["campaign"]
    found = data_of(sonarly.client.get(f"{sonarly.root}/{made['id']}"))["campaign"]
    assert found == made
    assert own.items() <= made.items()


def test_a_launch_that_awaits_approval_has_triggered_nothing(sonarly: Sonarly) -> None:
    sonarly.tenant.policy(ASKING)
    data = data_of(sonarly.start(sonarly.campaign()))
    assert (data["triggered"], data["instancesCreated"]) == (False, 0)
    assert (data["campaign"]["status"], data["campaign"]["startedAt"]) == ("draft", None)


def test_a_second_start_is_a_conflict_and_says_what_stands_in_the_way(sonarly: Sonarly) -> None:
    wire_id = running(sonarly)
    message = "Campaign is already active"
    whole_error(sonarly.start(wire_id), 409, "CONFLICT", message, f"already_active: {message}")


def test_leads_are_taken_row_by_row(sonarly: Sonarly) -> None:
    wire_id = sonarly.campaign(recipients=False)
    leads = [*PEOPLE, {"email": "nowhere"}, PEOPLE[0]]
    data = data_of(sonarly.client.post(f"{sonarly.root}/{wire_id}/leads", {"leads": leads}))
    assert (data["added"], data["updated"], [row["row"] for row in data["rejected"]]) == (2, 0, [2])
    assert data["campaign"]["selectedLeadCount"] == 2


def test_a_campaign_is_paused_resumed_and_cancelled(sonarly: Sonarly) -> None:
    wire_id = running(sonarly)
    shown = []
    for verb in ("pause", "resume", "cancel"):
        answer = sonarly.client.post(f"{sonarly.root}/{wire_id}/{verb}")
        check_campaign(data_of(answer)["campaign"])
        shown.append(data_of(answer)["campaign"]["status"])
    assert shown == ["paused", "active", "cancelled"]
    for verb in ("pause", "resume", "cancel"):
        assert codes(sonarly.client.post(f"{sonarly.root}/{wire_id}/{verb}")) == (409, "CONFLICT")


def test_campaigns_are_listed_page_by_page(sonarly: Sonarly) -> None:
    made = [sonarly.campaign(recipients=False) for _ in range(3)]
    first = data_of(sonarly.client.get(f"{sonarly.root}?limit=2"))
    rest = data_of(sonarly.client.get(f"{sonarly.root}?limit=2&cursor={first['nextCursor']}"))
    assert [campaign["id"] for campaign in (*first["campaigns"], *rest["campaigns"])] == made
    assert rest["nextCursor"] is None


# How it says no


def test_a_bad_key_is_told_so_in_sonarlys_words(sonarly: Sonarly) -> None:
    path = f"{sonarly.root}/{sonarly.campaign()}/start"
    for key in (None, "sk_live_unknown_key", sonarly.client.key + "x" if sonarly.client.key else None):
        whole_error(Client(sonarly.client.base, key).post(path), 401, "UNAUTHORIZED", "Invalid API key", "key")


def test_a_start_needs_the_permission_to_execute(sonarly: Sonarly) -> None:
    path = f"{sonarly.root}/{sonarly.campaign()}/start"
    answer = sonarly.tenant.client("campaigns:read", "campaigns:write").post(path)
    message = "The key lacks the permission campaigns:execute"
    whole_error(answer, 403, "FORBIDDEN", message, "campaigns:execute")
    assert sonarly.tenant.client("campaigns:execute").post(path).status_code == 200


def test_another_account_group_is_forbidden_whether_or_not_it_exists(server: Server, sonarly: Sonarly) -> None:
    other = Sonarly(server)
    wire_id = other.campaign()
    answers = [
        sonarly.client.post(f"/v1/accounts/{group}/campaigns/{wire_id}/start")
        for group in (other.tenant.account_group(), NOBODY)
    ]
    message = "The key does not grant access to this account group"
    for answer in answers:
        whole_error(answer, 403, "FORBIDDEN", message, "account_group_access")
    assert other.state(wire_id) == "draft"


def test_an_account_group_is_the_same_in_upper_case(sonarly: Sonarly) -> None:
    group = sonarly.tenant.account_group()
    path = f"/v1/accounts/{group.upper()}/campaigns/{sonarly.campaign()}"
    assert group.upper() != group
    assert sonarly.client.get(path).status_code == 200


def test_a_number_without_end_is_told_in_words_of_our_own(sonarly: Sonarly) -> None:
    answer = raw(sonarly, b'{"name": "Spring", "steps": ' + b"9" * 5000 + b"}")
    why = "expected valid JSON: a number is too long"
    whole_error(answer, 400, "VALIDATION_ERROR", "The body is not valid JSON", why)


def test_another_workspaces_campaign_is_not_found(server: Server, sonarly: Sonarly) -> None:
    foreign = Sonarly(server).campaign()
    for wire_id in (foreign, NOBODY):
        whole_error(sonarly.start(wire_id), 404, "NOT_FOUND", "Campaign not found", "campaign")


@pytest.mark.parametrize("wire_id", ["42", "x" * 24, "0" * 23, "0" * 25, "%00", "3c90c3cc-0d44-4b50-8888-8dd25736052a"])
def test_a_malformed_id_is_a_validation_error(sonarly: Sonarly, wire_id: str) -> None:
    said = "expected 24 hexadecimal digits"
    whole_error(sonarly.start(wire_id), 400, "VALIDATION_ERROR", f"campaignId: {said}")
    path = f"/v1/accounts/{wire_id}/campaigns/{NOBODY}/start"
    whole_error(sonarly.client.post(path), 400, "VALIDATION_ERROR", f"accountGroupId: {said}")


def test_a_body_that_is_cut_off_is_a_validation_error_that_says_why(sonarly: Sonarly) -> None:
    why = "expected valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"
    whole_error(raw(sonarly, b"{"), 400, "VALIDATION_ERROR", "The body is not valid JSON", why)


@pytest.mark.parametrize("body", [b"[1", b'{"name": "a", "name": "b"}', b'{"name": NaN}', b'{"name": "\\ud800"}'])
def test_what_is_not_sound_json_is_a_validation_error(sonarly: Sonarly, body: bytes) -> None:
    answer = raw(sonarly, body)
    assert codes(answer) == (400, "VALIDATION_ERROR")


def test_a_campaign_that_lacks_what_a_launch_needs_is_unprocessable_and_says_all_of_it(sonarly: Sonarly) -> None:
    first, other = "The campaign has no recipients left to send to.", "The campaign has no template and no steps."
    details = f"audience_empty: {first}; content_missing: {other}"
    answer = sonarly.start(sonarly.campaign(recipients=False, content=False))
    whole_error(answer, 422, "VALIDATION_ERROR", first, details)


def test_well_formed_but_wrong_is_unprocessable_and_says_where(sonarly: Sonarly) -> None:
    answer = sonarly.client.post(sonarly.root, {"name": "", "outreachLanguage": 7})
    assert codes(answer) == (422, "VALIDATION_ERROR")
    assert "outreachLanguage" in error_of(answer)["details"]


def test_a_body_over_the_limit_is_refused_in_shape(sonarly: Sonarly) -> None:
    answer = raw(sonarly, b'{"name": "' + b"x" * 1_100_000 + b'"}')
    assert codes(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_unknown_paths_and_methods_are_refused_in_shape(sonarly: Sonarly) -> None:
    assert codes(sonarly.client.get("/v1/nothing")) == (404, "NOT_FOUND")
    answer = sonarly.client.delete(f"{sonarly.root}/{NOBODY}/start")
    assert codes(answer) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == "POST"


def test_nothing_is_said_about_a_body_before_the_key_is_known(sonarly: Sonarly) -> None:
    for body in (b"{", b'{"name": ""}', b'{"name": "' + b"x" * 1_100_000 + b'"}'):
        assert codes(raw(sonarly, body, key="sk_live_unknown_key")) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("kind", [kind for kind in STATUS if kind not in HOUSE_ONLY])
def test_every_kind_of_error_has_the_same_shape(kind: Kind) -> None:
    answer = errors.render(Problem(kind, "Words"), Request({"type": "http", "request_id": "0" * 24}))
    assert answer.status_code == STATUS[kind]
    body = json.loads(bytes(answer.body))
    assert (body["success"], body["data"], body["traceId"]) == (False, None, "0" * 24)
    assert {name: type(value) for name, value in body["error"].items()} == dict.fromkeys(
        ("code", "message", "details"), str
    )


def test_a_start_may_carry_any_body_or_none(sonarly: Sonarly) -> None:
    url = f"{sonarly.client.base}{sonarly.root}/{sonarly.campaign()}/start/"
    headers = {"Authorization": f"Bearer {sonarly.client.key}", "Content-Type": "application/json"}
    assert requests.post(url, data=b"", headers=headers, timeout=30, allow_redirects=False).status_code == 200


def test_a_campaign_over_the_bound_is_not_started(bounded: Sonarly) -> None:
    wire_id = bounded.campaign()
    data_of(bounded.client.post(f"{bounded.root}/{wire_id}/leads", {"leads": [{"email": "p9@example.com"}]}))

    answer = bounded.start(wire_id)

    whole_error(answer, 422, "VALIDATION_ERROR", "A campaign of 3 leads is over the bound of 2")
    assert bounded.state(wire_id) == "draft"
    assert bounded.start(bounded.campaign()).status_code == 200


def test_a_start_without_an_executor_is_an_upstream_error_and_writes_nothing(idle: Sonarly) -> None:
    wire_id = idle.campaign()

    answer = idle.start(wire_id)

    whole_error(answer, 502, "UPSTREAM_ERROR", "No executor has shown life lately", "executor")
    assert idle.state(wire_id) == "draft"
    assert codes(Client(idle.client.base).post(f"{idle.root}/{wire_id}/start")) == (401, "UNAUTHORIZED")


def test_a_key_that_knocks_too_often_is_told_when_to_come_again(limited: Sonarly) -> None:
    wire_id, client = limited.campaign(), limited.tenant.client()
    path = f"{limited.root}/{wire_id}"
    assert [client.get(path).status_code for _ in range(3)] == [200] * 3

    answer = client.post(f"{path}/start")

    whole_error(answer, 429, "RATE_LIMITED", "Rate limit exceeded: 3 requests")
    assert 1 <= int(answer.headers["Retry-After"]) <= 3600
    assert limited.state(wire_id) == "draft"


def test_a_failure_of_our_own_is_told_without_its_details_and_found_by_its_trace_id(breakable: Sonarly) -> None:
    path, server = f"{breakable.root}/{breakable.campaign()}/start", breakable.tenant.server
    assert server.engine is not None
    with server.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE gonogo_version RENAME TO elsewhere"))

    answer = breakable.client.post(path)

    whole_error(answer, 500, "INTERNAL_ERROR", "Internal server error")
    assert f"request {answer.json()['traceId']} failed" in server.log


@pytest.fixture(scope="module")
def bounded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sonarly]:
    """A server whose bound is two leads."""
    yield from serving(tmp_path_factory.mktemp("bounded"), extra={"GONOGO_SONARLY_BOUND": "2"})


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sonarly]:
    """A server that executes nothing, on a database where nobody ever has."""
    yield from serving(tmp_path_factory.mktemp("idle"), arguments=("--no-worker",))


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Sonarly]:
    """A server that lets each key knock three times an hour."""
    yield from serving(tmp_path, extra={"GONOGO_RATE_LIMIT": "3/hour"})


@pytest.fixture
def breakable(tmp_path: Path) -> Iterator[Sonarly]:
    """A server whose database a test may break."""
    yield from serving(tmp_path)


def serving(folder: Path, **more: Any) -> Iterator[Sonarly]:
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, **more).start()
    deadline = time.monotonic() + 30
    if "--no-worker" not in server.arguments:
        while requests.get(f"{server.base}/readyz", timeout=5).status_code != 200:
            assert time.monotonic() < deadline, server.log
            time.sleep(0.05)
    yield Sonarly(server)
    server.stop()


def raw(sonarly: Sonarly, body: bytes, key: str | None = None) -> requests.Response:
    headers = {"Authorization": f"Bearer {key or sonarly.client.key}", "Content-Type": "application/json"}
    return requests.post(sonarly.client.base + sonarly.root, data=body, headers=headers, timeout=30)
