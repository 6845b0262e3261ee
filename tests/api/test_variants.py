"""A message in several texts: written, read, edited, copied, and really sent."""

from collections import Counter
from typing import Any

import pytest

from support.house import Body, House, refusal
from support.server import Server

A_OR_B: Body = {
    "subject": "A",
    "body": "A for {{ name }}",
    "html": None,
    "weight": 3,
    "variants": [{"weight": 1, "subject": "B", "body": "B for {{ name }}", "html": "<p>B</p>"}],
}
PLAIN = {"subject": "Hello", "body": "Hello.", "html": None}
STEPS = [{"delay_days": 2, "template": A_OR_B}]


def test_a_template_comes_back_as_it_was_written(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(template=A_OR_B, steps=STEPS)
    made = house.campaign(campaign)
    assert (made["template"], made["steps"]) == (A_OR_B, STEPS)
    renamed = house.data("PATCH", f"/v1/campaigns/{campaign}", {"name": "Autumn"})["campaign"]
    assert (renamed["template"], renamed["steps"]) == (A_OR_B, STEPS)
    copy = house.data("POST", f"/v1/campaigns/{campaign}/clone")["campaign"]
    assert (copy["template"], copy["steps"]) == (A_OR_B, STEPS)


def test_an_edit_of_one_message_leaves_the_variants_of_the_others(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(template=A_OR_B, steps=STEPS)
    path = f"/v1/campaigns/{campaign}"
    edited = house.data("PATCH", path, {"template": PLAIN})["campaign"]
    assert (edited["template"], edited["steps"]) == (PLAIN, STEPS)
    edited = house.data("PATCH", path, {"template": A_OR_B})["campaign"]
    edited = house.data("PATCH", path, {"steps": []})["campaign"]
    assert (edited["template"], edited["steps"]) == (A_OR_B, [])


def test_every_message_tells_which_text_it_was(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(60, template=A_OR_B)
    house.start(campaign)
    house.wait_for(campaign, "completed")
    rows = house.data("GET", f"/v1/campaigns/{campaign}/messages?limit=200")["messages"]
    drawn = {row["recipient"]: "AB"[row["variant"]] for row in rows}
    assert drawn == {str(mail["To"]): str(mail["Subject"]) for mail in house.mails()}
    assert set(Counter(drawn.values())) == {"A", "B"}


def test_the_only_text_there_is_has_no_number(server: Server) -> None:
    house = House.of(server)
    [first, _] = house.data("GET", f"/v1/campaigns/{house.sent()}/messages")["messages"]
    assert first["variant"] is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 2},
        {"variants": [{"weight": 0, "subject": "B"}]},
        {"weight": 0, "variants": [{"subject": "B"}]},
        {"variants": [{"colour": "red"}]},
        {"variants": [{"subject": "B", "variants": []}]},
        {"variants": [{"subject": "B"}] * 26},
        {"variants": "B"},
    ],
)
def test_what_is_no_variant_is_refused(server: Server, wrong: dict[str, Any]) -> None:
    house = House.of(server)
    answer = house.client.post("/v1/campaigns", {"name": "x", "template": {"subject": "A", **wrong}})
    assert refusal(answer) == (400, "validation_error", [])
    assert house.data("GET", "/v1/campaigns") == {"campaigns": []}


def test_a_variant_is_reviewed_as_any_text(server: Server) -> None:
    house = House.of(server)
    template = {**PLAIN, "variants": [{"subject": "B", "body": "{{ surname }}"}]}
    answer = house.client.post(f"/v1/campaigns/{house.draft(template=template)}/start")
    assert refusal(answer) == (400, "validation_error", ["variable_missing"])
