"""Each dialect's OpenAPI document, held against a live server by Schemathesis: no 5xx, nothing that it does not say.

`make fuzz` asks longer, by GONOGO_FUZZ: how many examples of each call.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from support.drivers import Driver
from support.driving import DRIVERS
from support.errors import DIALECTS
from support.house import House
from support.seeds import SEEDS
from support.server import Server

EXAMPLES = os.environ.get("GONOGO_FUZZ", "8")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def patient_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has no rate limit."""
    folder = tmp_path_factory.mktemp("patient")
    url = f"sqlite:///{folder}/gonogo.db"
    if request.param == "postgresql":
        cluster, name = request.getfixturevalue("postgresql"), f"patient_{os.getpid()}"
        url = cluster.create(name)
    server = Server(url, folder, {"GONOGO_RATE_LIMIT": "0"})
    yield server.start()
    server.stop()
    if request.param == "postgresql":
        cluster.drop(name)


@pytest.mark.timeout(int(EXAMPLES) * 60)
@pytest.mark.parametrize("phase", ["coverage", "fuzzing"])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_answered_that_the_document_does_not_say(
    patient_server: Server, dialect: str, phase: str, tmp_path: Path
) -> None:
    """By boundary values with ids that name nothing, and by chance with ids of a campaign that is there."""
    driver = DRIVERS[dialect](patient_server)
    if phase == "fuzzing":
        ids = "\n".join(f'"path.{name}" = "{value}"' for name, value in there(driver).items())
        (tmp_path / "schemathesis.toml").write_text(f"[parameters]\n{ids}\n")
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{patient_server.base}/{dialect}/openapi.json"]
    options = [
        "--header",
        f"Authorization: Bearer {driver.tenant.key()}",
        "--checks",
        ",".join(CHECKS),
        "--phases",
        phase,
    ]
    bounds = ["--max-examples", EXAMPLES, "--generation-deterministic", "--no-color", "--continue-on-failure"]
    ran = subprocess.run([*command, *options, *bounds], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def there(driver: Driver) -> dict[str, str]:
    """Ids of what is there, by the name that the dialect's paths give them."""
    if driver.dialect == "leadlex":
        campaign, task = House(driver.tenant, driver.client, "example.com").asked(101)
        return {"campaign_id": campaign, "task_id": task, "email": "p1@example.com"}
    if driver.dialect == "sonarly":
        return {"campaignId": driver.campaign(), "accountGroupId": driver.tenant.account_group()}
    return {"id" if driver.dialect == "leadterra" else "campaign_id": driver.campaign()}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_call_is_told_well(server: Server, dialect: str) -> None:
    """A summary, a tag, a permission, and a body for every status but 304; no default of the framework."""
    document = requests.get(f"{server.base}/{dialect}/openapi.json", timeout=30).json()
    assert document["info"]["description"]
    assert "HTTPValidationError" not in json.dumps(document)
    for path, item in document["paths"].items():
        for method, call in item.items():
            where = f"{method} {path}"
            assert call["summary"], where
            assert call["tags"], where
            assert call["description"], where
            assert call["security"][0]["key"], where
            assert {"401", "403", "429", "500"} <= call["responses"].keys(), where
            for status, answer in call["responses"].items():
                assert status == "304" or answer["content"]["application/json"]["schema"], (where, status)


def examples(document: dict[str, Any], path: str) -> list[Any]:
    """The examples of a successful call."""
    shown = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["examples"]
    return [each["value"] for each in shown.values()]


@pytest.mark.parametrize(
    ("dialect", "path"),
    [
        ("leadlex", "/v1/campaigns/{campaign_id}/start"),
        ("sonarly", "/v1/accounts/{accountGroupId}/campaigns/{campaignId}/start"),
        ("leadterra", "/v1/campaigns/{id}/start"),
        ("burki", "/api/v1/campaigns/{campaign_id}/start"),
        ("bavlio", "/api/v1/campaigns/{campaign_id}/launch"),
    ],
)
def test_the_examples_are_the_seeds(server: Server, dialect: str, path: str) -> None:
    [seed] = SEEDS.glob(f"{DIALECTS.index(dialect):03}_*.txt")
    flat = "".join(seed.read_text().split())
    document = requests.get(f"{server.base}/{dialect}/openapi.json", timeout=30).json()
    found = examples(document, path)
    assert found
    for example in found:
        if dialect == "leadlex":
            assert example["data"].pop("warnings") == []  # ours
        assert "".join(json.dumps(example, ensure_ascii=False).split()) in flat


def test_the_page_shows_every_call_of_every_document(server: Server) -> None:
    answer = requests.get(f"{server.base}/docs", timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "http://" not in answer.text.replace("http://localhost", "")
    for dialect in DIALECTS:
        document = requests.get(f"{server.base}/{dialect}/openapi.json", timeout=30).json()
        _, _, section = answer.text.partition(f'<section id="{dialect}">')
        section, _, _ = section.partition("</section>")
        for path, item in document["paths"].items():
            for method in item:
                assert f'<span class="method">{method.upper()}</span> {path}</code>' in section, (dialect, path)
