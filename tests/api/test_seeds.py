"""The sample code of the five originals, run unchanged but for host, key and ids, and judged by what it did."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.house import House, asking, eventually, mails
from support.seeds import Ran, between, filled, run_curl, run_javascript, run_python
from support.server import Client, Server, Tenant

CONTACT = {"name": "Ada"}
TEMPLATE = {"subject": "Hello {{ name }}", "body": "Dear {{ name }}, we launch."}


# Seed 000: LeadLex

GATEWAY = "https://nbkxaqxwvkgbddekwsma.supabase.co"
POLL = ("Check Approval Status", "Approve the Campaign")
APPROVE = ("Approve the Campaign", "Auto-Start vs Manual Approval")


def leadlex_names(house: House) -> dict[str, object]:
    """What the reader of seed 000 has defined before."""
    headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": "application/json"}
    return {"BASE_URL": house.client.base, "headers": headers}


@pytest.fixture
def over_a_hundred(server: Server) -> tuple[House, str]:
    """A campaign of 101 recipients in a workspace that wrote no policy."""
    house = House.of(server)
    return house, house.draft(101)


def test_the_curl_of_leadlex_asks_for_approval_above_a_hundred_recipients(
    over_a_hundred: tuple[House, str], tmp_path: Path
) -> None:
    house, campaign = over_a_hundred

    ran = run_curl(gateway_curl(house, campaign), tmp_path)

    assert ran.status == 200
    said = json.loads(ran.printed)["data"]
    [task] = house.data("GET", "/v1/lexi/tasks")["tasks"]
    assert (said["campaign_id"], said["status"], said["task_id"]) == (campaign, "pending_approval", task["id"])
    assert house.status(campaign) == "pending_approval"
    assert house.mails() == []


def test_the_curl_of_leadlex_starts_a_hundred_recipients_at_once(server: Server, tmp_path: Path) -> None:
    house = House.of(server)
    campaign = house.draft(100)

    ran = run_curl(gateway_curl(house, campaign), tmp_path)

    assert ran.status == 200
    said = json.loads(ran.printed)["data"]
    assert (said["campaign_id"], said["status"], said["task_id"]) == (campaign, "active", None)
    house.wait_for(campaign, "completed")
    assert sorted(str(mail["To"]) for mail in house.mails()) == sorted(p["email"] for p in house.people(100))


def test_the_python_of_leadlex_finds_the_task_and_its_approval_launches(over_a_hundred: tuple[House, str]) -> None:
    house, campaign = over_a_hundred
    task = house.start(campaign)["task_id"]

    polled = run_python(between("000", *POLL), leadlex_names(house))
    approved = run_python(filled(between("000", *APPROVE), {"lexi-task-uuid": task}), leadlex_names(house))

    assert polled.printed == f"Campaign {campaign} awaiting approval\n"
    assert approved.printed == "Campaign approved and launching!\n"
    house.wait_for(campaign, "completed")
    assert house.task(task)["status"] == "completed"
    assert len(house.mails()) == 101
    assert run_python(between("000", *POLL), leadlex_names(house)).printed == ""


def test_the_python_of_leadlex_with_a_bad_key_launches_nothing(over_a_hundred: tuple[House, str]) -> None:
    house, campaign = over_a_hundred
    task = house.start(campaign)["task_id"]
    names = {**leadlex_names(house), "headers": {"Authorization": "Bearer wbk_your_api_key_here"}}

    run_python(filled(between("000", *APPROVE), {"lexi-task-uuid": task}), names)

    assert house.status(campaign) == "pending_approval"
    assert house.task(task)["votes"] == []


def test_the_first_curl_of_leadlex_presents_no_key_and_starts_nothing(server: Server, tmp_path: Path) -> None:
    house = House.of(server)
    campaign = house.draft()
    sample = between("000", "Start Campaign", "{")
    command = filled(sample, {"https://api.example.com": server.base, ":id": campaign})

    without = run_curl(command, tmp_path)
    assert without.status == 401
    assert json.loads(without.printed)["error"]["code"] == "invalid_key"
    assert house.status(campaign) == "draft"

    with_key = run_curl(f"{command.rstrip()} --header 'Authorization: Bearer {house.client.key}'", tmp_path)
    assert with_key.status == 200
    house.wait_for(campaign, "completed")


def test_the_example_error_of_leadlex_is_answered_word_for_word(server: Server, tmp_path: Path) -> None:
    house = House.of(server)
    campaign = house.running()

    ran = run_curl(gateway_curl(house, campaign), tmp_path)

    example = json.loads(between("000", "Example Error (Campaign Already Running)"))
    assert ran.status == 400
    said = json.loads(ran.printed)["error"]
    assert {name: said[name] for name in example["error"]} == example["error"]


def gateway_curl(house: House, campaign: str) -> str:
    values = {GATEWAY: house.client.base, "campaign-uuid": campaign, "wbk_your_api_key_here": str(house.client.key)}
    return filled(between("000", "object", "Example Response (Approval Required)"), values)


# Seed 001: Sonarly, which has no sample but its path and its examples


def test_the_path_of_sonarly_starts_a_campaign(server: Server) -> None:
    sonarly = Sonarly.of(server)
    answer = sonarly.client.post(sonarly.path)

    assert answer.status_code == 200, answer.text
    shown, example = answer.json(), json_of_seed_001("200 Example JSONStartedCampaignSuccessResponse")
    assert set(shown) == set(example)
    assert set(shown["data"]) == set(example["data"])
    assert set(shown["data"]["campaign"]) == set(example["data"]["campaign"])
    assert (shown["success"], shown["data"]["triggered"], shown["data"]["instancesCreated"]) == (True, True, 1)
    eventually(lambda: len(mails(server.mail, sonarly.domain)), 1)
    eventually(sonarly.status, "completed")


@pytest.mark.parametrize(
    ("status", "heading"),
    [
        (400, "}400 Example JSONValidationErrorResponse"),
        (401, "}401 Example JSONErrorResponse"),
        (403, "}403 Example JSONErrorResponse"),
        (404, "}404 Example JSONErrorResponse"),
        (409, "}409 Example JSONErrorResponse"),
        (422, "}422 Example JSONValidationErrorResponse"),
    ],
)
def test_the_errors_of_sonarly_have_the_shape_of_its_examples(server: Server, status: int, heading: str) -> None:
    sonarly = Sonarly.of(server)
    answer = sonarly.failing(status)

    example = json_of_seed_001(heading)
    assert answer.status_code == status, answer.text
    shown = answer.json()
    assert set(shown) == set(example)
    assert (shown["success"], shown["data"]) == (False, None)
    assert {name: type(value) for name, value in shown["error"].items()} == dict.fromkeys(example["error"], str)
    assert re.fullmatch("[0-9a-f]{24}", shown["traceId"])
    if "Validation" in heading:
        assert shown["error"]["code"] == example["error"]["code"]


@dataclass(slots=True)
class Sonarly:
    """A campaign of one lead in an account group of its own."""

    tenant: Tenant
    client: Client
    campaigns: str
    id: str
    domain: str

    @classmethod
    def of(cls, server: Server) -> "Sonarly":
        tenant = server.workspace("sonarly")
        client, campaigns = tenant.client(), f"/v1/accounts/{tenant.account_group()}/campaigns"
        made = client.post(campaigns, {"name": "Spring", "message": TEMPLATE})
        assert made.status_code == 201, made.text
        campaign = made.json()["data"]["campaign"]["id"]
        domain = f"{campaign}.example.com"
        client.post(f"{campaigns}/{campaign}/leads", {"leads": [{"email": f"ada@{domain}", **CONTACT}]})
        return cls(tenant, client, campaigns, campaign, domain)

    @property
    def path(self) -> str:
        """As seed 001 has it, its two parameters filled in."""
        assert "/v1/accounts/{accountGroupId}/campaigns/{campaignId}/start" in between(
            "001", "Starts a bounded public campaign and triggers manual workflows when required.", "Prerequisites"
        )
        return f"{self.campaigns}/{self.id}/start"

    def status(self) -> str:
        return str(self.client.get(f"{self.campaigns}/{self.id}").json()["data"]["campaign"]["status"])

    def failing(self, status: int) -> Any:
        """A start that is answered with this status."""
        match status:
            case 400:
                return self.client.post(f"{self.campaigns}/42/start")
            case 401:
                return Client(self.client.base, "sk_live_YOUR_KEY").post(self.path)
            case 403:
                return self.tenant.client("campaigns:read").post(self.path)
            case 404:
                return self.client.post(f"{self.campaigns}/507f1f77bcf86cd799439011/start")
            case 409:
                self.client.post(self.path)
                return self.client.post(self.path)
            case _:
                empty = self.client.post(self.campaigns, {"name": "Empty", "message": TEMPLATE}).json()
                return self.client.post(f"{self.campaigns}/{empty['data']['campaign']['id']}/start")


def json_of_seed_001(heading: str) -> Any:
    """The example under a heading; the next heading stands on the line of its last brace."""
    [number] = re.findall(r"\d+", heading)
    following = {
        "200": "}400 Example JSONValidationErrorResponse",
        "400": "}401 Example JSONErrorResponse",
        "401": "}403 Example JSONErrorResponse",
        "403": "}404 Example JSONErrorResponse",
        "404": "}409 Example JSONErrorResponse",
        "409": "}422 Example JSONValidationErrorResponse",
        "422": "}429 Example JSONErrorResponse",
    }
    return json.loads(between("001", heading, following[number]) + "}")


# Seed 002: Leadterra


def test_the_curl_of_leadterra_starts_a_campaign_and_again_is_a_no_op(server: Server, tmp_path: Path) -> None:
    client = server.workspace("leadterra").client()
    campaign = client.post("/v1/campaigns", {"name": "Spring"}).json()["id"]
    domain = f"{campaign.removeprefix('camp_')}.example.com"
    client.post(f"/v1/campaigns/{campaign}/steps", {"type": "email", **TEMPLATE, "delayDays": 0})
    client.post(f"/v1/campaigns/{campaign}/steps", {"type": "email", **TEMPLATE, "delayDays": 2})
    client.post(f"/v1/campaigns/{campaign}/leads", {"leads": [{"email": f"ada@{domain}", **CONTACT}]})
    command = leadterra_curl(server, campaign, str(client.key))

    first = run_curl(command, tmp_path)

    assert first.status == 200
    shown = json.loads(first.printed)
    assert set(shown) == set(json.loads(between("002", "Example Response", "Notes")))
    assert (shown["id"], shown["status"]) == (campaign, "running")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", shown["startedAt"])
    eventually(lambda: len(mails(server.mail, domain)), 1)
    assert run_curl(command, tmp_path) == first
    assert len(mails(server.mail, domain)) == 1


def test_the_curl_of_leadterra_answers_the_documented_errors(server: Server, tmp_path: Path) -> None:
    client = server.workspace("leadterra").client()
    key = str(client.key)
    campaign = client.post("/v1/campaigns", {"name": "Spring"}).json()["id"]
    lead = {"leads": [{"email": "ada@example.com", **CONTACT}]}

    def code(command: str) -> tuple[int, str]:
        ran = run_curl(command, tmp_path)
        return ran.status, json.loads(ran.printed)["error"]["code"]

    client.post(f"/v1/campaigns/{campaign}/steps", {"type": "email", **TEMPLATE, "delayDays": 0})
    assert code(leadterra_curl(server, campaign, key)) == (400, "no_leads_enrolled")
    stepless = client.post("/v1/campaigns", {"name": "Spring"}).json()["id"]
    client.post(f"/v1/campaigns/{stepless}/leads", lead)
    assert code(leadterra_curl(server, stepless, key)) == (400, "no_sequence_steps")
    assert code(leadterra_curl(server, campaign, "sk_live_YOUR_KEY")) == (401, "authentication_failed")
    assert code(leadterra_curl(server, "camp_123", key)) == (404, "campaign_not_found")


def leadterra_curl(server: Server, campaign: str, key: str) -> str:
    values = {"https://app.leadterra.co": server.base, "camp_123": campaign, "sk_live_YOUR_KEY": key}
    return filled(between("002", "Example Request", "Response Fields"), values)


# Seed 003: Burki

BURKI = {"cURL": "Python", "Python": "JavaScript", "JavaScript": "Error Responses"}


@dataclass(slots=True)
class Burki:
    """A campaign of one contact, with an assistant."""

    client: Client
    id: int
    domain: str

    @classmethod
    def of(cls, server: Server, contacts: int = 1, **fields: object) -> "Burki":
        tenant = server.workspace("burki")
        client = tenant.client()
        assistant = client.post("/api/v1/assistants", {"name": "Ann", **TEMPLATE}).json()["id"]
        made = client.post("/api/v1/campaigns", {"name": "Spring", "assistant_id": assistant, **fields})
        assert made.status_code in (200, 201), made.text
        campaign, domain = int(made.json()["id"]), f"{tenant.id}.example.com"
        people = [{"email": f"p{n}@{domain}", **CONTACT} for n in range(contacts)]
        if people:
            client.post(f"/api/v1/campaigns/{campaign}/contacts", {"contacts": people})
        return cls(client, campaign, domain)

    def sample(self, language: str, *, campaign: int | None = None, key: str | None = None) -> str:
        return filled(
            between("003", language, BURKI[language]),
            {
                "https://api.burki.dev": self.client.base,
                "YOUR_API_KEY": key or str(self.client.key),
                "/42/": f"/{campaign or self.id}/",
            },
        )

    def status(self) -> str:
        return str(self.client.get(f"/api/v1/campaigns/{self.id}").json()["status"])


def task_of(ran: Ran) -> str:
    """What the samples print when the campaign started."""
    found = re.fullmatch(r"Campaign started! Task ID: (\S+)\n", ran.printed)
    assert found, ran.printed
    return found[1]


def test_the_curl_of_burki_starts_a_campaign(server: Server, tmp_path: Path) -> None:
    burki = Burki.of(server)

    ran = run_curl(burki.sample("cURL"), tmp_path)

    assert ran.status == 200
    shown, example = (
        json.loads(ran.printed),
        json.loads(between("003", "Response (Immediate Start)", "Response (Scheduled)")),
    )
    assert shown == {**example, "task_id": shown["task_id"], "campaign_id": burki.id}
    eventually(burki.status, "completed")
    assert len(mails(server.mail, burki.domain)) == 1


def test_the_curl_of_burki_schedules_a_campaign(server: Server, tmp_path: Path) -> None:
    burki = Burki.of(server, schedule_type="scheduled", scheduled_time="2099-02-15T09:00:00Z")

    ran = run_curl(burki.sample("cURL"), tmp_path)

    assert ran.status == 200
    shown, example = json.loads(ran.printed), json.loads(between("003", "Response (Scheduled)", "Response Fields"))
    assert set(shown) == set(example)
    assert shown["message"] == example["message"].replace("2024", "2099")
    assert shown["scheduled_time"] == example["scheduled_time"].replace("2024", "2099")
    assert (shown["status"], burki.status()) == ("scheduled", "scheduled")


def test_the_python_of_burki_starts_a_campaign(server: Server) -> None:
    burki = Burki.of(server)

    assert task_of(run_python(burki.sample("Python")))

    eventually(burki.status, "completed")
    assert len(mails(server.mail, burki.domain)) == 1


def test_the_python_of_burki_reads_every_error(server: Server) -> None:
    empty = Burki.of(server, contacts=0)

    assert "No contacts found" in error_of(run_python(empty.sample("Python")))
    assert empty.status() == "draft"
    assert "Campaign not found" in error_of(run_python(empty.sample("Python", campaign=empty.id + 1_000_000)))
    error_of(run_python(empty.sample("Python", key="YOUR_API_KEY")))

    done = Burki.of(server)
    run_python(done.sample("Python"))
    eventually(done.status, "completed")
    assert "All contacts have already been processed" in error_of(run_python(done.sample("Python")))


def error_of(ran: Ran) -> str:
    found = re.fullmatch(r"Error: (.*)\n", ran.printed)
    assert found, ran.printed
    assert "'success': False" in found[1]
    return found[1]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_the_javascript_of_burki_starts_a_campaign(server: Server) -> None:
    burki = Burki.of(server)

    assert task_of(run_javascript(burki.sample("JavaScript")))

    eventually(burki.status, "completed")
    assert len(mails(server.mail, burki.domain)) == 1


# Seed 004: Bavlio


def test_the_curl_of_bavlio_launches_a_campaign(server: Server, tmp_path: Path) -> None:
    bavlio = Bavlio.of(server)

    ran = run_curl(bavlio.curl(str(bavlio.client.key)), tmp_path)

    assert ran.status == 200
    shown, example = json.loads(ran.printed), json.loads("{\n" + between("004", "{", "Documentation Index"))
    assert set(shown) == set(example)
    assert set(shown["campaign"]) == set(example["campaign"])
    assert set(shown["campaign"]["steps_config"][0]) == set(example["campaign"]["steps_config"][0])
    assert shown["summary"] == {"total_rows": 1, "launchable_rows": 1, "warning_count": len(shown["warnings"])}
    assert shown["campaign"]["campaign_id"] == bavlio.id
    assert shown["campaign"]["status"] == "launching"
    eventually(bavlio.status, "completed")
    assert len(mails(server.mail, bavlio.domain)) == 1


def test_the_curl_of_bavlio_with_its_placeholder_key_is_refused(server: Server, tmp_path: Path) -> None:
    bavlio = Bavlio.of(server)

    ran = run_curl(bavlio.curl("bav_live_none"), tmp_path)

    assert ran.status == 401
    assert {"detail", "message"} <= set(json.loads(ran.printed))
    assert bavlio.status() == "draft"


@dataclass(slots=True)
class Bavlio:
    """A campaign of one row, with one step."""

    client: Client
    id: str
    domain: str

    @classmethod
    def of(cls, server: Server) -> "Bavlio":
        client = server.workspace("bavlio").client()
        dataset = client.post("/api/v1/datasets", {"name": "People"}).json()["dataset_id"]
        domain = f"{dataset}.example.com"
        client.post(f"/api/v1/datasets/{dataset}/rows", {"rows": [{"email": f"ada@{domain}", **CONTACT}]})
        template = client.post("/api/v1/templates", {"name": "Hello", **TEMPLATE}).json()["template_id"]
        variant = {"label": "A", "weight": 100, "type": "TEMPLATE", "template_id": template}
        steps = [{"step": 1, "delay_days": 0, "channel": "email", "variants": [variant]}]
        made = client.post("/api/v1/campaigns", {"name": "Spring", "dataset_id": dataset, "steps_config": steps})
        assert made.status_code in (200, 201), made.text
        body = made.json()
        return cls(client, (body.get("campaign") or body)["campaign_id"], domain)

    def curl(self, key: str) -> str:
        values = {"https://api.example.com": self.client.base, "{campaign_id}": self.id, "<token>": key}
        return filled(between("004", "Launch Campaign", "{"), values)

    def status(self) -> str:
        body = self.client.get(f"/api/v1/campaigns/{self.id}").json()
        return str((body.get("campaign") or body)["status"])


# All of them


def test_a_policy_holds_whatever_sample_knocks(server: Server, tmp_path: Path) -> None:
    tenant = server.workspace("leadterra")
    client = tenant.client()
    campaign = client.post("/v1/campaigns", {"name": "Spring"}).json()["id"]
    client.post(f"/v1/campaigns/{campaign}/steps", {"type": "email", **TEMPLATE, "delayDays": 0})
    client.post(f"/v1/campaigns/{campaign}/leads", {"leads": [{"email": "ada@example.com", **CONTACT}]})
    tenant.policy(asking())

    ran = run_curl(leadterra_curl(server, campaign, str(client.key)), tmp_path)

    assert (ran.status, json.loads(ran.printed)) == (200, {"id": campaign, "status": "draft", "startedAt": None})
    house = House(tenant, tenant.client(dialect="leadlex"), "example.com")
    [task] = house.data("GET", "/v1/lexi/tasks")["tasks"]
    run_python(filled(between("000", *APPROVE), {"lexi-task-uuid": task["id"]}), leadlex_names(house))
    eventually(lambda: client.get(f"/v1/campaigns/{campaign}").json()["status"], "completed")
