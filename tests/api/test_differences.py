"""What changed since the last run that was permitted, as the task tells it over the house API."""

from typing import Any

from support.house import TEMPLATE, House, asking, refusal
from support.server import Server

SENDER = {"email": "news@acme.example", "name": "Acme"}
SECTIONS = ["content", "sender", "settings", "start_at", "audience"]
AHEAD = "2099-01-01T00:00:00Z"


def approved(house: House, recipients: int = 3) -> str:
    """A campaign whose first run was approved, and cancelled before its time; it may be run again."""
    campaign, task = house.asked(recipients, start_at=AHEAD)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    assert house.status(campaign) == "scheduled"
    house.data("POST", f"/v1/campaigns/{campaign}/cancel")
    house.data("POST", f"/v1/campaigns/{campaign}/reopen", {"recipients": "all"})
    house.data("PATCH", f"/v1/campaigns/{campaign}", {"start_at": AHEAD})
    return campaign


def again(house: House, campaign: str) -> dict[str, Any]:
    return house.task(house.start(campaign)["task_id"])


def changed_since(house: House, task: str, seal: str) -> list[str] | None:
    """What the refusal of a vote for another seal tells."""
    answer = house.client.post(f"/v1/lexi/tasks/{task}/approve", {"seal": seal})
    assert refusal(answer) == (409, "seal_changed", ["seal_changed"])
    [blocker] = answer.json()["error"]["blockers"]
    changed: list[str] | None = blocker["changed"]
    return changed


def test_a_first_run_has_nothing_to_be_compared_with(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()
    assert (house.task(task)["changed"], house.task(task)["difference"]) == (None, None)

    house.data("POST", f"/v1/lexi/tasks/{task}/dismiss")
    second = again(house, campaign)
    assert (second["changed"], second["difference"]) == (None, None)


def test_the_same_again_is_identical_section_by_section(server: Server) -> None:
    house = House.of(server, policy=asking())
    task = again(house, approved(house))
    difference = task["difference"]
    assert (task["changed"], difference["run"]) == ([], 1)
    assert [name for name in SECTIONS if difference[name]["identical"]] == SECTIONS
    assert difference["start_at"] == {"identical": True, "before": AHEAD, "after": AHEAD}
    nobody = {"count": 0, "named": []}
    assert difference["audience"] == {
        "identical": True, "before": 3, "after": 3, "added": nobody, "removed": nobody, "changed": nobody
    }  # fmt: skip
    assert difference["requirement"] is None


def test_each_edit_is_told_in_its_section_and_taken_back_in_none(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = approved(house)
    before = house.campaign(campaign)
    for edit, named in (
        ({"template": {"subject": "Again", "body": TEMPLATE["body"]}}, ["content"]),
        ({"template": TEMPLATE}, []),
        ({"sender": SENDER}, ["sender"]),
        ({"timezone": "Europe/Berlin"}, ["sender", "settings"]),
        ({"name": "Autumn", "timezone": before["timezone"]}, ["sender"]),
        ({"start_at": "2099-01-02T00:00:00Z"}, ["sender", "start_at"]),
    ):
        house.data("PATCH", f"/v1/campaigns/{campaign}", edit)
        task = again(house, campaign)
        assert task["changed"] == named
        assert [name for name in SECTIONS if not task["difference"][name]["identical"]] == named
        if named == ["content"]:
            assert task["difference"]["content"]["changes"] == [
                {"step": 1, "variant": 1, "part": "subject", "lines": ["- Hello {{ name }}", "+ Again"]}
            ]


def test_a_vote_for_what_was_edited_and_edited_back_is_refused(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = approved(house)
    first = again(house, campaign)
    for template in ({"subject": "Again", "body": "Again"}, TEMPLATE):
        house.data("PATCH", f"/v1/campaigns/{campaign}", {"template": template})
    second = again(house, campaign)
    assert (second["changed"], second["difference"]) == ([], first["difference"])
    assert second["seal"] != first["seal"]
    answer = house.client.call("POST", f"/v1/lexi/tasks/{first['id']}/approve")
    assert refusal(answer)[2] == ["task_decided"]
    assert house.task(second["id"])["status"] == "pending"


def test_a_vote_for_the_seal_of_an_earlier_run_is_told_what_changed_since(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked(start_at=AHEAD)
    seals = [house.task(task)["seal"]]
    subject = {"template": {**TEMPLATE, "subject": "Again"}}
    for edit in (subject, {"sender": SENDER, "start_at": "2099-01-02T00:00:00Z"}):
        house.data("PATCH", f"/v1/campaigns/{campaign}", edit)
        seals.append(again(house, campaign)["seal"])
    house.data("PATCH", f"/v1/campaigns/{campaign}", {"sender": None, "start_at": AHEAD})
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": house.people(1, start=7)})
    house.data("PUT", "/v1/policy", asking(expires_after="PT48H"))
    task = house.start(campaign)["task_id"]
    before = house.rows()

    assert [changed_since(house, task, seal) for seal in seals] == [
        ["content", "audience", "requirement"],
        ["audience", "requirement"],
        ["sender", "start_at", "audience", "requirement"],
    ]
    assert house.rows() == before
    house.data("POST", f"/v1/lexi/tasks/{task}/approve", {"seal": house.task(task)["seal"]})


def test_a_run_that_proposes_the_same_again_differs_in_nothing(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, first = house.asked()
    house.data("POST", f"/v1/lexi/tasks/{first}/withdraw")
    second = house.start(campaign)["task_id"]
    assert changed_since(house, second, house.task(first)["seal"]) == []


def test_of_a_seal_of_another_campaign_and_of_none_nothing_is_told(server: Server) -> None:
    house, other = House.of(server, policy=asking()), House.of(server, policy=asking())
    (_, task), (_, beside), (_, elsewhere) = house.asked(), house.asked(), other.asked()
    for seal in (house.task(beside)["seal"], other.task(elsewhere)["seal"], "0" * 64, "", "Ж" * 5000):
        assert changed_since(house, task, seal) is None


def test_swapped_recipients_and_changed_values_are_named(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = approved(house)
    contacts = f"/v1/campaigns/{campaign}/contacts"
    assert house.client.call("DELETE", f"{contacts}/p0@{house.domain}").ok
    changed = {"email": f"p1@{house.domain}", "name": "Somebody"}
    house.data("POST", contacts, {"contacts": [changed, *house.people(1, start=7)]})
    task = again(house, campaign)
    assert task["changed"] == ["audience"]
    assert task["difference"]["audience"] == {
        "identical": False,
        "before": 3,
        "after": 3,
        "added": {"count": 1, "named": [f"p7@{house.domain}"]},
        "removed": {"count": 1, "named": [f"p0@{house.domain}"]},
        "changed": {"count": 1, "named": [f"p1@{house.domain}"]},
    }


def test_what_is_asked_of_people_is_told_where_it_is_something_else(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign = approved(house)
    house.tenant.policy(asking(expires_after="PT48H"))
    task = again(house, campaign)
    assert task["changed"] == ["requirement"]
    assert task["difference"]["requirement"] == {
        "identical": False,
        "changes": [{"key": "expires_after", "before": "PT72H", "after": "PT48H"}],
    }


def test_lists_of_tasks_tell_nothing_of_it(server: Server) -> None:
    house = House.of(server, policy=asking())
    again(house, approved(house))
    [listed] = house.data("GET", "/v1/lexi/tasks")["tasks"]
    assert not {"difference", "changed"} & set(listed)
