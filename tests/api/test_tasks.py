"""The list of tasks, over the house API: whose they are, what was found, and what of an earlier run stays told."""

from support.house import House, asking
from support.server import Server


def mine(house: House, query: str = "") -> list[str]:
    return [task["id"] for page in house.pages(f"/v1/lexi/tasks?mine=true{query}") for task in page]


def test_mine_is_what_i_may_decide(server: Server) -> None:
    owners = [{"name": "all", "approve": {"stages": [{"group": "owners", "quorum": 1}]}}]
    house = House.of(server, policy=asking())
    _, ours = house.asked()
    house.tenant.policy({"rules": owners, "separation": "none"})
    _, theirs = house.asked()

    assert mine(house) == [ours, theirs]
    assert mine(house.by("lexi", member="ada@acme.example")) == [ours]


def test_who_asked_is_not_asked_under_separation(server: Server) -> None:
    house = House.of(server, policy=asking(separation="requester"), member="eve@acme.example")
    _, task = house.asked()

    assert mine(house) == []
    assert mine(house.by("lexi", member="bob@acme.example")) == [task]


def test_pages_go_on_where_some_of_them_show_nothing(server: Server) -> None:
    """What is not mine, or has lapsed, shortens a page and does not end the list."""
    house = House.of(server, policy=asking(separation="requester"), member="eve@acme.example")
    other = house.by("campaigns:write", "lexi", member="bob@acme.example")
    for _ in range(3):
        house.asked()
    _, task = other.asked()

    pages = house.pages("/v1/lexi/tasks?mine=true&limit=2")
    assert [[each["id"] for each in page] for page in pages[:2]] == [[], [task]]


def test_a_task_counts_what_was_found(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = house.draft()
    refusing = {"email": f"no@{house.domain}", "name": "No", "consent": False}
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": [refusing]})
    task = house.task(house.start(campaign)["task_id"])

    severities = [finding["severity"] for finding in task["findings"]]
    assert severities
    assert task["finding_counts"] == {name: severities.count(name) for name in ("blocker", "warning", "note")}
    [listed] = house.data("GET", "/v1/lexi/tasks")["tasks"]
    assert listed == {name: task[name] for name in listed}
    assert (listed["stage"], listed["approvals"]) == (1, {"have": 0, "need": 1})


def test_a_task_of_an_earlier_run_tells_what_was_proposed_then(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, first = house.asked(2)
    before = house.task(first)
    house.data("POST", f"/v1/lexi/tasks/{first}/dismiss")
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(3, start=10)})
    second = house.start(campaign)["task_id"]

    assert (house.task(first)["recipients"], house.task(second)["recipients"]) == (2, 5)
    assert house.task(first)["seal"] == before["seal"] != house.task(second)["seal"]
    assert "to 2 recipients" in house.task(first)["description"]
    assert house.task(first)["stage"] is None
