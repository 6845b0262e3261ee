"""A refusal names the campaign's state in the dialect's own word, or not at all."""

import pytest

from gonogo_api import contract
from support.drivers import SITUATIONS, Driver
from support.driving import DRIVERS, PATHS
from support.errors import DIALECTS
from support.server import Server

#: A situation, and the calls that are refused in it.
REFUSED = {
    "pending approval": ("pause", "resume", "start", "launch"),
    "active": ("resume", "start", "launch"),
    "cancelled": ("pause", "resume", "start", "launch"),
}


def messages(driver: Driver, wire_id: str, verbs: tuple[str, ...]) -> list[str]:
    path = PATHS[driver.dialect].format(id=wire_id, account=driver.tenant.account_group())
    answers = [driver.client.post(f"{path}/{verb}") for verb in verbs]
    return [answer.text for answer in answers if answer.status_code in (400, 409, 422)]


@pytest.mark.parametrize("situation", REFUSED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_refusal_has_a_word_that_the_dialect_does_not_use(server: Server, dialect: str, situation: str) -> None:
    driver = DRIVERS[dialect](server)
    wire_id = SITUATIONS[situation](driver)
    theirs = set(contract.words(dialect)) | {"active", "scheduled", "completed"}  # words of people, too
    foreign = {state for state in contract.STATUS if state not in theirs}
    told = messages(driver, wire_id, REFUSED[situation])
    for message in told:
        assert not [word for word in foreign if word in message.replace("_not_active", "")], message
    if dialect == "burki" and situation == "active":
        assert any("Campaign is already running" in each or "campaign is already running" in each for each in told)


def test_links_lead_where_the_client_came_in(server: Server) -> None:
    tenant = server.workspace()
    client = tenant.client()
    for _ in range(3):
        client.post("/v1/campaigns", {"name": "Spring"})
    for prefix in ("", "/leadlex", "/functions/v1/api-gateway", "/leadlex/functions/v1/api-gateway"):
        following = client.get(f"{prefix}/v1/campaigns?limit=2").links["next"]["url"]
        assert following.startswith(f"{prefix}/v1/campaigns?")
        assert len(client.get(following).json()["data"]["campaigns"]) == 1


def test_a_contact_whose_address_has_a_slash_can_be_removed(server: Server) -> None:
    client = server.workspace().client()
    campaign = client.post("/v1/campaigns", {"name": "Spring"}).json()["data"]["campaign"]["id"]
    added = client.post(f"/v1/campaigns/{campaign}/contacts", {"contacts": [{"email": "a/b@example.com"}]})
    assert added.json()["data"]["added"] == 1
    removed = client.delete(f"/v1/campaigns/{campaign}/contacts/a%2Fb@example.com")
    assert removed.json()["data"]["campaign"]["recipients"] == 0
