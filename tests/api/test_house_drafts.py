"""Around a launch of the house API: drafts removed and copied, a look ahead, people in lists and streams, policies."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from support.house import LATER, NOBODY, TEMPLATE, Body, House, asking, refusal
from support.server import Server

CSV, NDJSON = "text/csv", "application/x-ndjson"


def send(house: House, path: str, body: bytes | Iterator[bytes], kind: str = CSV) -> requests.Response:
    """A body as it is, or in chunks as it comes."""
    headers = {"Authorization": f"Bearer {house.client.key}", "Content-Type": kind}
    return requests.post(house.client.base + path, data=body, headers=headers, timeout=100)


def taken(answer: requests.Response) -> Body:
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()["data"]
    return found


def new_list(house: House, name: str = "Customers") -> str:
    return str(house.data("POST", "/v1/lists", {"name": name})["list"]["id"])


# Removed


def test_a_draft_that_is_removed_is_gone_everywhere(server: Server) -> None:
    house = House.of(server)
    campaign, kept = house.draft(), house.draft()

    removed = house.data("DELETE", f"/v1/campaigns/{campaign}")

    assert removed == {"campaign": {"id": campaign, "removed": True}}
    assert [found["id"] for found in house.data("GET", "/v1/campaigns")["campaigns"]] == [kept]
    asked = f"/v1/campaigns/{campaign}"
    parts = ("/events", "/messages", "/stats", "/launchability", f"/preview?contact=p0@{house.domain}")
    for path in (asked, *(asked + part for part in parts)):
        assert refusal(house.client.get(path)) == (404, "not_found", []), path
    for verb in ("start", "cancel", "clone", "contacts"):
        body = {"contacts": house.people(1)} if verb == "contacts" else None
        assert refusal(house.client.post(f"{asked}/{verb}", body)) == (404, "not_found", []), verb
    assert refusal(house.client.patch(asked, {"name": "Autumn"})) == (404, "not_found", [])
    assert refusal(house.client.delete(asked)) == (404, "not_found", [])


def test_a_campaign_that_was_submitted_is_not_removed(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()

    for _ in ("while it is asked about", "once it is a draft again"):
        before = house.rows()
        answer = house.client.delete(f"/v1/campaigns/{campaign}")
        assert refusal(answer) == (409, "campaign_submitted", ["campaign_submitted"])
        assert house.rows() == before
        house.client.post(f"/v1/lexi/tasks/{task}/dismiss")
    assert house.status(campaign) == "draft"


def test_a_start_that_was_refused_does_not_keep_a_draft(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0)
    assert house.client.post(f"/v1/campaigns/{campaign}/start").status_code == 400

    assert house.client.delete(f"/v1/campaigns/{campaign}").status_code == 200


# Copied


def test_a_clone_says_the_same_to_nobody_yet(server: Server) -> None:
    house = House.of(server)
    said = {
        "template": {**TEMPLATE, "html": "<p>{{ name }}</p>"},
        "steps": LATER,
        "sender": {"email": "go@acme.example", "name": "Acme"},
        "timezone": "Europe/Berlin",
        "daily_limit": 7,
        "metadata": {"team": "blue"},
        "start_at": "2099-01-01T00:00:00Z",
    }
    campaign = house.draft(2, **said)
    original, before = house.campaign(campaign), house.rows()

    answer = house.client.post(f"/v1/campaigns/{campaign}/clone")

    assert answer.status_code == 201
    made = answer.json()["data"]["campaign"]
    own = ("id", "list_id", "created_at", "updated_at")
    fresh = {"name": "Spring (copy)", "start_at": None, "recipients": 0, "revision": 0}
    assert made == {**original, **fresh, **{name: made[name] for name in own}}
    assert made["id"] != original["id"]
    assert made["list_id"] != original["list_id"]
    assert house.campaign(campaign) == original
    assert house.rows()["gonogo_version"] == before["gonogo_version"]
    house.data("POST", f"/v1/campaigns/{made['id']}/contacts", {"contacts": house.people(1)})
    assert house.campaign(campaign)["recipients"] == 2


def test_a_clone_with_contacts_shares_the_list_and_may_have_a_name_of_its_own(server: Server) -> None:
    house = House.of(server)
    campaign = house.sent()
    body = {"name": "Autumn", "contacts": True}

    made = house.data("POST", f"/v1/campaigns/{campaign}/clone", body)["campaign"]

    assert (made["name"], made["status"], made["run"], made["recipients"]) == ("Autumn", "draft", 0, 2)
    assert made["list_id"] == house.campaign(campaign)["list_id"]
    house.start(made["id"])
    house.wait_for(made["id"], "completed")
    assert len(house.mails()) == 4


def test_the_clone_of_a_long_name_has_a_name_that_can_be_sent_back(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0, name="x" * 200)

    made = house.data("POST", f"/v1/campaigns/{campaign}/clone")["campaign"]

    assert made["name"] == "x" * 193 + " (copy)"
    assert house.data("PATCH", f"/v1/campaigns/{made['id']}", {"name": made["name"]})


# A look ahead


def ahead(house: House, campaign: str) -> Body:
    """What a launch would meet; the looking leaves no trace."""
    before = house.rows()
    found: Body = house.data("GET", f"/v1/campaigns/{campaign}/launchability")
    assert house.rows() == before
    assert set(found) == {"launchable", "blockers", "warnings", "findings", "rule", "requirement"}
    return found


def _approvers(house: House) -> None:
    """Two members who may approve."""
    for name in ("bob", "cid"):
        house.by("lexi", member=f"{name}@acme.example")


def test_launchability_tells_what_a_start_would_ask_for(server: Server) -> None:
    house = House.of(server)
    _approvers(house)
    house.tenant.policy(asking(quorum=2))

    found = ahead(house, house.draft())

    assert (found["launchable"], found["blockers"], found["rule"]) == (True, [], "everything")
    assert found["requirement"]["stages"] == [{"group": "approvers", "quorum": 2}]
    house.tenant.policy({"approval": "off", "reason": "trying things out"})
    found = ahead(house, house.draft())
    assert (found["launchable"], found["rule"], found["requirement"]) == (True, "approval off", None)


@pytest.mark.parametrize(
    ("fields", "recipients"),
    [
        ({}, 0),
        ({"template": None}, 1),
        ({"template": {"subject": "x", "body": "{{ surname }}"}}, 1),
        ({"start_at": "2020-01-01T00:00:00Z"}, 1),
        ({"timezone": "Mars/Olympus"}, 1),
    ],
    ids=["nobody", "nothing", "variable", "past", "zone"],
)
def test_launchability_blocks_as_the_start_does(server: Server, fields: Body, recipients: int) -> None:
    house = House.of(server)
    campaign = house.draft(recipients, **fields)

    found = ahead(house, campaign)

    refused = house.client.post(f"/v1/campaigns/{campaign}/start").json()["error"]["blockers"]
    assert refused
    assert (found["launchable"], found["blockers"]) == (False, refused)


def test_launchability_shows_every_finding_and_the_warnings_apart(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft()
    people = [{**house.people(1, 7)[0], "timezone": "Mars/Olympus"}, {**house.people(1, 8)[0], "consent": False}]
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": people})

    found = ahead(house, campaign)

    assert found["launchable"]
    assert {each["code"] for each in found["warnings"]} == {"unknown_zone"}
    assert {each["code"] for each in found["findings"]} == {"unknown_zone", "recipients_excluded"}


@pytest.mark.parametrize(
    ("verb", "blocker"), [("start", "approval_pending"), ("cancel", "campaign_ended")], ids=["pending", "cancelled"]
)
def test_launchability_answers_the_refusal_of_a_state(server: Server, verb: str, blocker: str) -> None:
    house = House.of(server, policy=asking())
    campaign = house.draft()
    house.data("POST", f"/v1/campaigns/{campaign}/{verb}")

    found = ahead(house, campaign)

    assert (found["launchable"], [each["code"] for each in found["blockers"]]) == (False, [blocker])
    assert (found["findings"], found["rule"]) == ([], None)


def test_a_preview_is_the_mail_that_is_sent(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(
        1,
        template={"subject": "Hello {{ name }}", "body": "On {{ today }}: {{ unsubscribe_url }} {{ postal_address }}"},
        postal_address="1 Main Street",
        sender={"email": "go@acme.example", "name": "Acme"},
    )

    found = house.data("GET", f"/v1/campaigns/{campaign}/preview?contact=P0@{house.domain}")

    assert set(found) == {"subject", "body", "html", "step"}
    assert (found["subject"], found["html"], found["step"]) == ("Hello N0", None, 0)
    assert "mailto:go@acme.example?subject=unsubscribe 1 Main Street" in found["body"]
    house.start(campaign)
    house.wait_for(campaign, "completed")
    [mail] = house.mails()
    body = mail.get_body()
    assert body is not None
    assert (str(mail["Subject"]), body.get_content().strip()) == (found["subject"], found["body"])


def test_a_preview_shows_any_step_and_escapes_only_markup(server: Server) -> None:
    house = House.of(server)
    later = {"subject": "Again", "body": "{{ name }}", "html": "<b>{{ name }}</b>"}
    campaign = house.draft(0, steps=[{"delay_days": 2, "template": later}])
    ada = {"email": f"ada@{house.domain}", "name": "A&B"}
    house.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": [ada]})

    found = house.data("GET", f"/v1/campaigns/{campaign}/preview?contact={ada['email']}&step=1")

    assert found == {"subject": "Again", "body": "A&B", "html": "<b>A&amp;B</b>", "step": 1}


def test_what_can_not_be_previewed_is_told(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(1, template={"subject": "x", "body": "{{ surname }}"})
    nothing = house.draft(1, template=None)
    path, known = f"/v1/campaigns/{campaign}/preview", f"p0@{house.domain}"

    assert refusal(house.client.get(f"{path}?contact=nobody@{house.domain}")) == (404, "not_found", [])
    answer = house.client.get(f"{path}?contact={known}")
    assert refusal(answer) == (400, "validation_error", [])
    assert "surname" in answer.json()["error"]["message"]
    path = f"/v1/campaigns/{house.draft(1)}/preview"
    assert house.client.get(f"{path}?contact={known}").status_code == 200
    for query in (f"contact={known}&step=1", f"contact={known}&step=-1", "step=0"):
        assert refusal(house.client.get(f"{path}?{query}")) == (400, "validation_error", []), query
    answer = house.client.get(f"/v1/campaigns/{nothing}/preview?contact={known}")
    assert refusal(answer) == (400, "validation_error", [])


# People, in streams


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "marked"])
def test_contacts_come_as_csv(server: Server, mark: bytes) -> None:
    house = House.of(server)
    campaign = house.draft(1)
    table = (
        "email, name ,consent,note\r\n"
        f'p0@{house.domain},"Ada, ""the first""",yes,"two\r\nlines"\r\n'
        "\r\n"
        f"zoe@{house.domain},Zoë,no\r\n"
        "nobody,N,,\r\n"
        f"p2@{house.domain},,perhaps,"
    )

    added = taken(send(house, f"/v1/campaigns/{campaign}/contacts", mark + table.encode(), f"{CSV}; charset=utf-8"))

    assert (added["added"], added["updated"], added["rejected_count"]) == (1, 1, 2)
    assert [row["row"] for row in added["rejected"]] == [2, 3]
    assert [row["reason"].partition(":")[0] for row in added["rejected"]] == ["email", "consent"]
    assert house.campaign(campaign)["recipients"] == 1
    shown = house.data("GET", f"/v1/campaigns/{campaign}/preview?contact=p0@{house.domain}")
    assert shown["subject"] == 'Hello Ada, "the first"'


def test_contacts_come_as_lines_of_json(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(1)
    rows = [*house.people(2), {"email": 5}, {**house.people(1, 2)[0], "tags": ["a"]}]
    lines = "\n\n".join(map(json.dumps, rows))

    added = taken(send(house, f"/v1/campaigns/{campaign}/contacts", lines.encode(), NDJSON))

    assert (added["added"], added["updated"], added["rejected_count"]) == (2, 1, 1)
    assert [row["row"] for row in added["rejected"]] == [2]
    assert taken(send(house, f"/v1/campaigns/{campaign}/contacts", b"", NDJSON))["added"] == 0


def test_a_long_table_is_one_import_though_it_is_taken_in_parts(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(2)
    rows = [f"p{n % 11_000}@{house.domain},N{n}" for n in range(12_000)]  # the last thousand are there already
    rows[7_000] = "nobody,No"
    body = "\n".join(["email,name", *rows]).encode()

    answer = send(house, f"/v1/campaigns/{campaign}/contacts", body).json()["data"]

    assert (answer["added"], answer["updated"], answer["rejected_count"]) == (10_997, 2, 1)
    assert answer["rejected"][0]["row"] == 7_000
    assert house.campaign(campaign)["recipients"] == 10_999
    assert house.start(campaign)["status"] == "pending_approval"


def test_a_long_table_that_can_not_be_read_to_its_end_adds_nobody(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0)
    body = "\n".join(["email,name", *(f"p{n}@{house.domain},N" for n in range(6_000)), "a,b,c"]).encode()
    assert refusal(send(house, f"/v1/campaigns/{campaign}/contacts", body)) == (400, "validation_error", [])
    assert house.campaign(campaign)["recipients"] == 0


def test_nobody_waits_for_the_end_of_a_long_table(server: Server) -> None:
    house, other = House.of(server), House.of(server)
    campaign = house.draft(0)
    body = "\n".join(["email,name", *(f"p{n}@{house.domain},N" for n in range(20_000))]).encode()
    answers: list[int] = []
    upload = threading.Thread(
        target=lambda: answers.append(send(house, f"/v1/campaigns/{campaign}/contacts", body).status_code)
    )
    upload.start()
    made = 0
    while upload.is_alive():
        assert other.client.post("/v1/campaigns", {"name": "Spring"}).status_code == 201
        made += 1
    upload.join()
    assert answers == [200]
    assert made > 3
    assert house.campaign(campaign)["recipients"] == 20_000


def test_a_stream_may_be_longer_than_any_json(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(2)
    filler = "x" * 500

    def table() -> Iterator[bytes]:
        yield b"email,name,filler\n"
        for n in range(3500):
            yield f"p{n}@{house.domain},N{n},{filler}\nnobody,{n},\n".encode()
        yield f"p0@{house.domain},Ada,\np3000@{house.domain},Bob,\n".encode()  # each once more, in another chunk

    added = taken(send(house, f"/v1/campaigns/{campaign}/contacts", table()))

    assert (added["added"], added["updated"], added["rejected_count"]) == (3498, 2, 3500)
    assert [row["row"] for row in added["rejected"]] == list(range(1, 2001, 2))
    assert house.campaign(campaign)["recipients"] == 3500
    for address, name in (("p0", "Ada"), ("p1", "N1"), ("p3000", "Bob"), ("p3499", "N3499")):
        shown = house.data("GET", f"/v1/campaigns/{campaign}/preview?contact={address}@{house.domain}")
        assert shown["subject"] == f"Hello {name}"


def test_json_stays_within_its_limits(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0)
    path = f"/v1/campaigns/{campaign}/contacts"
    before = house.rows()

    many = house.client.post(path, {"contacts": house.people(1001)})
    long = house.client.post(path, {"contacts": [{"email": f"ada@{house.domain}", "note": "x" * 1_100_000}]})

    assert refusal(many) == (400, "validation_error", [])
    assert refusal(long) == (413, "validation_error", [])
    assert house.rows() == before


GOOD = b"email,name\n" + b"".join(b"p%d@x.example,N\n" % n for n in range(1500))


#: What can't be read, and the place that the answer names.
UNREADABLE = {
    "nothing": (CSV, b"", "header"),
    "empty first line": (CSV, b"\n", "header"),
    "name twice": (CSV, b"email,email\n", "header"),
    "no name": (CSV, b"email,\n", "header"),
    "NUL in the header": (CSV, b"email,na\x00me\n", "header"),
    "bytes in the header": (CSV, b"email,na\xffme\n", "header"),
    "too many cells": (CSV, GOOD + b"a@x.example,N,surplus\n", "row 1500"),
    "NUL": (CSV, GOOD + b"a@x.example,\x00\n", "row 1500"),
    "not UTF-8": (CSV, GOOD + b"a@x.example,\xe9\n", "row 1500"),
    "open quote": (CSV, GOOD + b'a@x.example,"N', "row 1500"),
    "text after a quote": (CSV, GOOD + b'a@x.example,"N"x\n', "row 1500"),
    "endless line": (CSV, GOOD + b"a@x.example," + b"x" * 2_000_000, "row 1500"),
    "not JSON": (NDJSON, b'{"email": "a@x.example"}\n{"email": }\n', "row 1"),
    "not an object": (NDJSON, b'{"email": "a@x.example"}\n[]\n', "row 1"),
    "key twice": (NDJSON, b'{"email": "a@x.example", "email": "b@x.example"}\n', "row 0"),
    "escaped NUL": (NDJSON, b'{"email": "a@x.example", "name": "\\u0000"}\n', "row 0"),
    "JSON not in UTF-8": (NDJSON, b'{"email": "a@x.example", "name": "\xff"}\n', "row 0"),
    "endless object": (NDJSON, b'{"email": "a@x.example"}\n{"name": "' + b"x" * 2_000_000 + b'"}\n', "row 1"),
}


@pytest.mark.parametrize(("kind", "body", "place"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_stream_that_can_not_be_read_names_the_row_and_leaves_no_trace(
    server: Server, kind: str, body: bytes, place: str
) -> None:
    house = House.of(server, policy=asking())
    campaign, _ = house.asked()
    before = house.rows()

    answer = send(house, f"/v1/campaigns/{campaign}/contacts", body, kind)

    assert refusal(answer) == (400, "validation_error", [])
    assert [mistake["path"] for mistake in answer.json()["error"]["mistakes"]] == [place]
    assert house.rows() == before


@pytest.mark.parametrize("case", ["endless line", "endless object"])
def test_no_row_is_read_that_is_longer_than_any_row_should_be(server: Server, case: str) -> None:
    house = House.of(server)
    kind, body, _ = UNREADABLE[case]

    answer = send(house, f"/v1/campaigns/{house.draft(0)}/contacts", body, kind)

    assert answer.json()["error"]["message"].endswith("longer than 1048576 bytes")


def test_a_body_of_another_kind_is_not_guessed_at(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(0)

    for kind in ("text/plain", "application/xml", "multipart/form-data"):
        answer = send(house, f"/v1/campaigns/{campaign}/contacts", b"email\na@x.example\n", kind)
        assert refusal(answer) == (415, "validation_error", []), kind
    assert house.campaign(campaign)["recipients"] == 0


def test_a_stream_into_a_pending_campaign_voids_its_task(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()

    taken(send(house, f"/v1/campaigns/{campaign}/contacts", b"email\nnew@x.example\n"))

    assert (house.status(campaign), house.task(task)["outcome"]) == ("draft", "void")


# People, in lists


def test_lists_are_made_filled_shown_and_listed_page_by_page(server: Server) -> None:
    house = House.of(server)
    made = [new_list(house, f"L{n}") for n in range(3)]
    path = f"/v1/lists/{made[1]}"

    added = house.data("POST", f"{path}/contacts", {"contacts": [*house.people(2), {"email": "nobody"}]})
    taken(send(house, f"{path}/contacts", f"email\np1@{house.domain}\np2@{house.domain}\n".encode()))
    taken(send(house, f"{path}/contacts", json.dumps(house.people(1, 3)[0]).encode(), NDJSON))

    assert (added["added"], added["updated"], added["rejected_count"]) == (2, 0, 1)
    shown = house.data("GET", path)["list"]
    assert set(shown) == {"id", "name", "contacts", "created_at"}
    assert (shown["id"], shown["name"], shown["contacts"]) == (made[1], "L1", 4)
    pages = house.pages("/v1/lists?limit=2")
    assert [[each["id"] for each in page] for page in pages] == [made[:2], made[2:]]
    assert pages[0][1] == shown


def test_campaigns_share_a_list(server: Server) -> None:
    house = House.of(server)
    people = new_list(house)
    first, second = house.draft(0, list_id=people), house.draft(0)
    edited = house.data("PATCH", f"/v1/campaigns/{second}", {"list_id": people.upper()})["campaign"]
    assert edited["list_id"] == house.campaign(first)["list_id"] == people

    house.data("POST", f"/v1/lists/{people}/contacts", {"contacts": house.people(3)})

    assert [house.campaign(campaign)["recipients"] for campaign in (first, second)] == [3, 3]
    for campaign in (first, second):
        house.start(campaign)
        house.wait_for(campaign, "completed")
    assert len(house.mails()) == 6


def test_adding_to_a_shared_list_changes_no_proposed_run(server: Server) -> None:
    house = House.of(server, policy=asking())
    people = new_list(house)
    house.data("POST", f"/v1/lists/{people}/contacts", {"contacts": house.people(2)})
    campaign, task = house.asked(0, list_id=people)
    seal = house.task(task)["seal"]

    house.data("POST", f"/v1/lists/{people}/contacts", {"contacts": house.people(3)})

    assert (house.status(campaign), house.task(task)["seal"]) == ("pending_approval", seal)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve", {"seal": seal})
    house.wait_for(campaign, "completed")
    assert len(house.mails()) == 2


def test_another_list_voids_what_was_proposed(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked()

    house.data("PATCH", f"/v1/campaigns/{campaign}", {"list_id": new_list(house)})

    assert (house.status(campaign), house.task(task)["outcome"]) == ("draft", "void")
    assert house.campaign(campaign)["recipients"] == 0


def test_a_list_of_another_workspace_is_no_list(server: Server) -> None:
    house, stranger = House.of(server), House.of(server)
    foreign, campaign = new_list(stranger), house.draft()
    before, theirs = house.rows(), stranger.rows()

    for wanted in (foreign, NOBODY, "42"):
        for answer in (
            house.client.post("/v1/campaigns", {"name": "x", "list_id": wanted}),
            house.client.patch(f"/v1/campaigns/{campaign}", {"list_id": wanted}),
            send(house, f"/v1/lists/{wanted}/contacts", b"email\na@x.example\n"),
        ):
            assert refusal(answer) == (404, "not_found", []), wanted
    assert foreign not in [each["id"] for each in house.data("GET", "/v1/lists")["lists"]]
    assert (house.rows(), stranger.rows()) == (before, theirs)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/lists", {}),
        ("POST", "/v1/lists", {"name": ""}),
        ("POST", "/v1/lists", {"name": "x", "contacts": []}),
        ("GET", "/v1/lists?limit=0", None),
        ("POST", "/v1/campaigns/{id}/clone", {"name": ""}),
        ("POST", "/v1/campaigns/{id}/clone", {"contacts": "yes"}),
        ("PATCH", "/v1/campaigns/{id}", {"list_id": None}),
        ("PATCH", "/v1/campaigns/{id}", {"list_id": 5}),
        ("POST", "/v1/policy/validate", []),
        ("POST", "/v1/policy/validate", {}),
    ],
    ids=lambda value: str(value) if value != "" else "nothing",
)
def test_what_can_not_be_read_changes_nothing(server: Server, method: str, path: str, body: Any) -> None:
    house = House.of(server)
    campaign = house.draft()
    before = house.rows()

    answer = house.client.call(method, path.replace("{id}", campaign), body)

    assert refusal(answer) == (400, "validation_error", [])
    assert house.rows() == before


# The policy


def test_every_policy_that_was_in_force_is_kept_newest_first(server: Server) -> None:
    house = House.of(server)
    _approvers(house)
    assert house.data("GET", "/v1/policy/versions") == {"versions": []}
    first = house.data("PUT", "/v1/policy", asking())
    second = house.data("PUT", "/v1/policy", asking(quorum=2))

    versions = house.data("GET", "/v1/policy/versions")["versions"]

    told = ("version", "digest", "policy")
    put = [{name: each[name] for name in told} for each in (second, first)]
    assert [{name: each[name] for name in told} for each in versions] == put
    assert [each["in_force"] for each in versions] == [True, False]
    assert [each["version"] for each in versions] == [2, 1]
    assert all(each["at"].endswith("Z") for each in versions)
    assert House.of(server).data("GET", "/v1/policy/versions") == {"versions": []}


def test_a_policy_is_validated_and_not_put_into_force(server: Server) -> None:
    house = House.of(server)
    house.data("GET", "/v1/policy")
    before = house.rows()

    assert house.data("POST", "/v1/policy/validate", asking()) == {"valid": True}
    wrong = asking(quorum=0, colour="red")
    answer = house.client.post("/v1/policy/validate", wrong)

    assert refusal(answer) == (400, "validation_error", [])
    told = {mistake["path"] for mistake in answer.json()["error"]["mistakes"]}
    assert "colour" in told
    assert any("quorum" in path for path in told)
    assert house.rows() == before
