"""Moving in: the command imports what the original product had, and its clients go on with the ids they know."""

import csv
import io
import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gonogo_api.cli import main
from support.commands import Ended
from support.driver_burki import ASSISTANT
from support.drivers import Driver
from support.driving import DRIVERS, PATHS
from support.house import House, mails
from support.server import Server

Rows = Sequence[Mapping[str, Any]]
TEMPLATE = {"subject": "Hello {{ name }}", "body": "Dear {{ name }}, we moved."}
#: Ids as the seeds show them.
SEED = {
    "leadlex": "550e8400-e29b-41d4-a716-446655440000",
    "sonarly": "507f1f77bcf86cd799439011",
    "leadterra": "camp_123",
    "burki": "42",
    "bavlio": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
}
#: What only the dialect has, as a row says it.
OWN: dict[str, dict[str, Any]] = {
    "leadlex": {"metadata": {"from": "before"}},
    "sonarly": {"description": "Old", "includeConversationHistory": True, "outreachLanguage": "de"},
    "leadterra": {"senderPoolId": "pool_9"},
    "burki": {"description": "Old", "assistant_id": 7},
    "bavlio": {
        "type": "outreach",
        "alias_ids": ["a1", "a2"],
        "user_id": "3c90c3cc-0d44-4b50-8888-8dd25736052a",
        "dataset_id": "8d3bb2b0-7f39-4f0c-8f0b-5b9a55ed2a11",
    },
}


@dataclass(slots=True)
class Mover:
    """Somebody who moves a workspace: its driver, a folder for files, and a mail domain for its people."""

    driver: Driver
    folder: Path
    domain: str

    def __call__(self, kind: str, rows: Rows | bytes, suffix: str = ".ndjson") -> Ended:
        """Write a file and import it."""
        file = self.folder / f"{uuid.uuid4().hex}{suffix}"
        file.write_bytes(rows if isinstance(rows, bytes) else written(rows, suffix))
        return self.run(kind, str(file))

    def run(self, kind: str, file: str, workspace: str | None = None) -> Ended:
        tenant = self.driver.tenant
        options = ["--workspace", workspace or tenant.id, "--database-url", tenant.server.url, "--json"]
        return _called("import", kind, file, *options)

    def people(self, campaign: object, count: int = 2, start: int = 0) -> list[dict[str, Any]]:
        return [{"campaign_id": campaign, "email": f"p{n}@{self.domain}", "name": f"N{n}"} for n in range(start, count)]

    def shown(self, wire_id: str) -> dict[str, Any]:
        """The campaign, as its dialect's GET answers it."""
        account = self.driver.tenant.account_group()
        answer = self.driver.client.get(PATHS[self.driver.dialect].format(id=wire_id, account=account))
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        data: dict[str, Any] = body.get("data", body)
        found: dict[str, Any] = data.get("campaign", data)
        return found

    def missing(self, wire_id: str) -> bool:
        account = self.driver.tenant.account_group()
        return self.driver.client.get(PATHS[self.driver.dialect].format(id=wire_id, account=account)).status_code == 404

    def mails(self) -> dict[str, str]:
        """Subjects by address."""
        return {str(mail["To"]): str(mail["Subject"]) for mail in mails(self.driver.tenant.server.mail, self.domain)}

    def rows(self) -> Mapping[str, list[str]]:
        return House(self.driver.tenant, self.driver.client, self.domain).rows()


def _called(*arguments: str) -> Ended:
    """The command line, called in this process: a process of its own takes a second to start."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["gonogo", *arguments])
        patch.setenv("NO_COLOR", "1")
        with pytest.raises(SystemExit) as ended:
            main()
    return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def mover(server: Server, folder: Path, dialect: str = "leadterra") -> Mover:
    return Mover(DRIVERS[dialect](server), folder, f"{uuid.uuid4().hex[:12]}.example.com")


def campaign(wire_id: object = "camp_123", **fields: Any) -> dict[str, Any]:
    return {"id": wire_id, "name": "Spring", "template": TEMPLATE, **fields}


def written(rows: Rows, suffix: str) -> bytes:
    if suffix != ".csv":
        return "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    flat = [dict(_flat(row)) for row in rows]
    table = io.StringIO()
    writer = csv.DictWriter(table, list(dict.fromkeys(name for row in flat for name in row)))
    writer.writeheader()
    writer.writerows(flat)
    return table.getvalue().encode()


def _flat(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Cells: shapes in columns with dots, lists and free documents as JSON."""
    cells: list[tuple[str, str]] = []
    for name, value in row.items():
        if name in ("template", "sender", "send_window"):
            cells += [(f"{name}.{inner}", str(said)) for inner, said in value.items()]
        else:
            cells.append((name, value if isinstance(value, str) else json.dumps(value)))
    return cells


# What comes in


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
@pytest.mark.parametrize("dialect", DRIVERS)
def test_a_campaign_goes_out_under_the_id_that_it_had(
    server: Server, tmp_path: Path, dialect: str, suffix: str
) -> None:
    move, own = mover(server, tmp_path, dialect), OWN[dialect]
    taken = dialect == "leadlex" and suffix != ".csv"
    wire_id = str(uuid.uuid4()) if taken else SEED[dialect]
    assert move("campaigns", [campaign(wire_id.upper() if dialect == "sonarly" else wire_id, **own)], suffix).json == {
        "campaigns": 1
    }
    assert move("contacts", move.people(wire_id), suffix).json == {"contacts": 2, "updated": 0}
    shown = move.shown(wire_id)
    assert str(shown.get("id", shown.get("campaign_id"))) == wire_id
    assert (shown["name"], shown["status"]) == ("Spring", "draft")
    assert {name: shown[name] for name in own} == own

    move.driver.started(move.driver.start(wire_id), wire_id)
    move.driver.wait_for(wire_id, "completed")
    assert move.mails() == {f"p{n}@{move.domain}": f"Hello N{n}" for n in range(2)}


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_everything_that_the_house_takes_is_read_from_a_cell(server: Server, tmp_path: Path, suffix: str) -> None:
    move, wire_id = mover(server, tmp_path, "leadlex"), str(uuid.uuid4())
    said: dict[str, Any] = {
        "template": {"subject": "Hello", "body": "Dear all,\nwe moved.", "html": "<p>Dear all</p>"},
        "sender": {"email": "old@acme.example", "name": "Acme"},
        "start_at": "2099-02-15T09:00:00Z",
        "timezone": "Europe/Berlin",
        "send_window": {"start": "09:00", "end": "17:00"},
        "send_days": ["mon", "tue"],
        "daily_limit": 50,
        "min_interval_seconds": 60,
        "marketing": True,
        "postal_address": "1 Main Street",
        "steps": [{"delay_days": 2, "template": {"subject": "Still", "body": "there?", "html": None}}],
        "metadata": {"tags": [1, "two"]},
    }
    assert move("campaigns", [{"id": wire_id, "name": "Spring", "status": "draft", **said}], suffix).json
    shown = move.shown(wire_id)
    assert {name: shown[name] for name in said} == said


@pytest.mark.parametrize("suffix", [".csv", ".ndjson"])
def test_a_sender_comes_in_in_the_form_that_mail_carries(server: Server, tmp_path: Path, suffix: str) -> None:
    move, wire_id = mover(server, tmp_path, "leadlex"), str(uuid.uuid4())
    row = campaign(wire_id, sender={"email": "go@bücher.example", "name": "Bücher"})
    assert move("campaigns", [row], suffix).json == {"campaigns": 1}
    assert move.shown(wire_id)["sender"] == {"email": "go@xn--bcher-kva.example", "name": "Bücher"}
    row = campaign(str(uuid.uuid4()), sender={"email": "grüße@acme.example", "name": ""})
    refused = move("campaigns", [row], suffix)
    assert refused.code == 1
    assert "row 0: sender.email: " in refused.err


def test_what_a_row_leaves_out_is_as_a_new_campaigns(server: Server, tmp_path: Path) -> None:
    for dialect in DRIVERS:
        move = mover(server, tmp_path, dialect)
        wire_id = str(uuid.uuid4()) if dialect == "leadlex" else SEED[dialect]
        assert move("campaigns", [{"id": wire_id, "name": "Spring"}], ".csv").json == {"campaigns": 1}
        made = move.driver.campaign(recipients=False, content=False)
        old, new = move.shown(wire_id), move.shown(made)
        differing = {
            "id",
            "name",
            "campaign_id",
            "created_at",
            "updated_at",
            "createdAt",
            "updatedAt",
            "list_id",
            "user_id",
        }
        assert {name for name in new if old[name] != new[name]} <= differing
        assert old.keys() == new.keys()


def test_bavlio_shows_its_steps_and_campaigns_of_one_data_set_share_its_people(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path, "bavlio")
    first, second, dataset = (str(uuid.uuid4()) for _ in range(3))
    later = [{"delay_days": 2, "template": {"subject": "Still", "body": "there?"}}]
    rows = [campaign(first, dataset_id=dataset, steps=later), campaign(second, dataset_id=dataset)]
    assert move("campaigns", rows).json == {"campaigns": 2}
    assert move("contacts", move.people(first)).json == {"contacts": 2, "updated": 0}
    steps = move.shown(first)["steps_config"]
    assert [(step["step"], step["delay_days"], step["message_template"]) for step in steps] == [
        (1, 0, TEMPLATE["body"]),
        (2, 2, "there?"),
    ]
    assert (move.shown(second)["total_leads"], move.shown(second)["dataset_id"]) == (2, dataset)
    found = move.driver.client.get(f"/api/v1/datasets/{dataset}").json()
    assert (found["dataset_id"], found["total_rows"]) == (dataset, 2)


def test_burki_counts_on_from_the_largest_number_that_came_in(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path, "burki")
    assert move("campaigns", [campaign(42), campaign(1200, assistant_id=1300)]).json["campaigns"] == 2
    assistant = move.driver.client.post("/api/v1/assistants", ASSISTANT).json()["id"]
    assert (assistant, move.driver.campaign(content=False)) == (1301, "1302")
    assert move("campaigns", [{"id": 50, "name": "Said by", "assistant_id": 1301}]).json == {"campaigns": 1}
    move("contacts", move.people(50))
    assert move.driver.start("50").status_code == 200
    assert move.driver.campaign(content=False) == "1303"
    assert move("campaigns", [campaign(2**52)]).json["campaigns"] == 1
    assert move.shown(str(2**52))["id"] == 2**52
    assert move.driver.campaign(content=False) == str(2**52 + 1)


@pytest.mark.parametrize("status", ["completed", "no such word"])
def test_what_was_launched_elsewhere_comes_in_cancelled(server: Server, tmp_path: Path, status: str) -> None:
    move, wire_id = mover(server, tmp_path, "leadlex"), str(uuid.uuid4())
    draft = str(uuid.uuid4())
    assert move("campaigns", [campaign(wire_id, status=status), campaign(draft, status="DRAFT")]).json == {
        "campaigns": 2
    }
    assert move("contacts", move.people(wire_id)).json == {"contacts": 2, "updated": 0}
    refused = move.driver.start(wire_id)
    assert (refused.status_code, move.shown(wire_id)["status"]) == (400, "cancelled")
    assert move.shown(draft)["status"] == "draft"
    assert move.mails() == {}
    assert move.driver.client.post(f"/v1/campaigns/{wire_id}/reopen").status_code == 200
    assert move.driver.start(wire_id).status_code == 200
    move.driver.wait_for(wire_id, "completed")
    assert len(move.mails()) == 2


# People


def test_twenty_thousand_people_of_several_campaigns_come_in_however_they_are_mixed(
    server: Server, tmp_path: Path
) -> None:
    move = mover(server, tmp_path)
    ids = ["camp_1", "camp_2", "camp_3"]
    assert move("campaigns", [campaign(each) for each in ids]).json == {"campaigns": 3}
    assert move("contacts", move.people("camp_1", 3)).json == {"contacts": 3, "updated": 0}
    rows = [{**person, "campaign_id": ids[n % 3]} for n, person in enumerate(move.people("", 19_998))]
    rows += [{**rows[0], "consent": "no"}, rows[5]]  # known already, by its first row or from before
    assert move("contacts", rows, ".csv").json == {"contacts": 19_997, "updated": 1}
    assert [move.shown(each)["leadCount"] for each in ids] == [6667, 6666, 6666]
    assert revisions(move, "camp_2") == 1


def revisions(move: Mover, wire_id: str) -> int:
    """How often a campaign was revised, as the house API tells it."""
    house = move.driver.tenant.client(dialect="leadlex")
    found = house.get("/leadlex/v1/campaigns").json()["data"]["campaigns"]
    assert len(found) == 3
    return int(next(each["revision"] for each in found if each["recipients"] == 6666))


def test_people_are_changed_where_their_address_is_known(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path)
    move("campaigns", [campaign()])
    move("contacts", move.people("camp_123"))
    changed = [{**person, "name": "New"} for person in move.people("camp_123", 3, 1)]
    assert move("contacts", changed, ".csv").json == {"contacts": 1, "updated": 1}
    assert move.driver.start("camp_123").status_code == 200
    move.driver.wait_for("camp_123", "completed")
    assert sorted(move.mails().values()) == ["Hello N0", "Hello New", "Hello New"]


# What does not


WRONG_IDS: dict[str, list[object]] = {
    "leadlex": ["camp_123", "3c90c3cc0d444b5088888dd25736052a", 7, None],
    "sonarly": ["507f1f77bcf86cd79943901", "507f1f77bcf86cd79943901g", {}],
    "leadterra": ["123", "camp_", "camp_a-b", "CAMP_1", "camp_" + "1" * 65],
    "burki": ["0", -1, "042", 1.5, True, "\uff14\uff12", 2**52 + 1],
    "bavlio": ["42", "550e8400-e29b-41d4-a716-44665544000"],
}


@pytest.mark.parametrize("dialect", DRIVERS)
def test_an_id_of_another_shape_is_told_and_nothing_comes_in(server: Server, tmp_path: Path, dialect: str) -> None:
    move = mover(server, tmp_path, dialect)
    good = str(uuid.uuid4()) if dialect == "leadlex" else SEED[dialect]
    before = move.rows()
    head, *told = move("campaigns", [campaign(good), *(campaign(each) for each in WRONG_IDS[dialect])]).lines
    assert head.startswith(f"nothing was imported, mistakes: {len(WRONG_IDS[dialect])} ")
    for row, (line, wrong) in enumerate(zip(told, WRONG_IDS[dialect], strict=True), 1):
        assert line.startswith(f"row {row}: id: expected ")
        assert line.endswith("nothing" if wrong is None else str(json.dumps(wrong))) or wrong == 2**52 + 1
    assert move.rows() == before
    assert move.missing(good)


def test_an_id_comes_in_once(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path)
    assert move("campaigns", [campaign("camp_1")]).json == {"campaigns": 1}
    before = move.rows()
    told = move("campaigns", [campaign("camp_2"), campaign("camp_1"), campaign("camp_2")], ".csv").lines[1:]
    assert told == [f"row {row}: id: the campaign 'camp_{row % 2 + (row == 2) * 2}' exists already" for row in (1, 2)]
    assert move.rows() == before


def test_a_uuid_of_another_workspace_is_taken_and_not_told_whose(server: Server, tmp_path: Path) -> None:
    other, move, wire_id = mover(server, tmp_path, "leadlex"), mover(server, tmp_path, "leadlex"), str(uuid.uuid4())
    assert other("campaigns", [campaign(wire_id)]).json == {"campaigns": 1}
    before = other.rows(), move.rows()
    assert move("campaigns", [campaign(wire_id)]).lines[1:] == [f"row 0: id: the id '{wire_id}' is taken"]
    assert (other.rows(), move.rows()) == before
    assert move.missing(wire_id)
    for dialect in ("bavlio", "burki"):  # whose ids are the workspace's own
        for _ in range(2):
            assert mover(server, tmp_path, dialect)("campaigns", [campaign(SEED[dialect])]).json == {"campaigns": 1}


#: What a row says, and how its mistake begins.
WRONG: dict[str, list[tuple[dict[str, Any], str]]] = {
    "leadterra": [
        ({"colour": "red"}, "colour: expected some of id, status, name, template.subject, "),
        ({"list_id": "x"}, "list_id: expected some of id, "),
        ({"created_at": "2024-01-01T00:00:00Z"}, "created_at: expected some of id, "),
        ({"template": {"subjekt": "x"}}, "template.subjekt: expected some of subject, body, html"),
        ({"name": ""}, "name: String should have at least 1 character"),
        ({"status": 3}, "status: expected a text"),
        ({"daily_limit": "many"}, "daily_limit: Input should be a valid integer"),
        ({"start_at": "soon"}, "start_at: expected a time in ISO 8601"),
        ({"senderPoolId": ""}, "senderPoolId: String should have at least 1 character"),
        ({"metadata": {"n": 2**60}}, "expected plain JSON values"),
        ({"steps": [{"delay_days": -1, "template": {}}]}, "steps[0].delay_days: Input should be greater"),
        ({"[red]x[/red]": 1}, "[red]x[/red]: expected some of id, "),
    ],
    "burki": [
        ({"template": None, "assistant_id": 9}, "assistant_id: no assistant '9' in this workspace: expected"),
        ({"schedule_type": "scheduled"}, "schedule_type: expected immediate, because no start_at is given"),
        ({"assistant_id": -1}, "assistant_id: expected a number up to "),
    ],
    "bavlio": [
        ({"launch_type": "immediate", "start_at": "2099-01-01T00:00:00Z"}, "launch_type: expected scheduled"),
        ({"steps_config": []}, "steps_config: expected some of id, "),
        ({"dataset_id": "x"}, "dataset_id: expected a UUID"),
    ],
    "sonarly": [({"senderPoolId": "x"}, "senderPoolId: expected some of id, ")],
}


@pytest.mark.parametrize("dialect", WRONG)
def test_what_a_row_may_not_say_is_told_with_what_was_expected(server: Server, tmp_path: Path, dialect: str) -> None:
    move, wrong = mover(server, tmp_path, dialect), WRONG[dialect]
    before = move.rows()
    rows = [
        campaign(SEED[dialect]),
        *(campaign(f"{SEED[dialect][:-1]}{n % 10}", **said) for n, (said, _) in enumerate(wrong)),
    ]
    head, *told = move("campaigns", rows).lines
    assert head.startswith(f"nothing was imported, mistakes: {len(wrong)} ")
    for row, (line, (_, says)) in enumerate(zip(told, wrong, strict=True), 1):
        assert line.startswith(f"row {row}: {says}")
    assert move.rows() == before


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (b"id,name,colour\ncamp_1,Spring,\n", "header: colour: expected some of id, status, name, "),
        (b"id,name,template\ncamp_1,Spring,x\n", "header: template: expected some of id, "),
        (b"id,name,marketing\ncamp_1,Spring,maybe\n", "row 0: marketing: Input should be a valid boolean"),
        (b"id,name,steps\ncamp_1,Spring,[{\n", "row 0: steps: Input should be a valid list"),
        (b"id,name\ncamp_1,Spring\ncamp_2,S,surplus\n", "row 1: 3 cells, and the header names 2"),
        (b'id,name\ncamp_1,Spring\ncamp_2,"S\n', "row 1: expected CSV: unexpected end of data; the rest was not read"),
        (b"", "header: expected a line that names every column, once; the rest was not read"),
    ],
)
def test_a_table_that_is_wrong_leaves_nothing(server: Server, tmp_path: Path, table: bytes, says: str) -> None:
    move = mover(server, tmp_path)
    before = move.rows()
    [line] = move("campaigns", table, ".csv").lines[1:]
    assert line.startswith(says)
    assert move.rows() == before


def test_people_who_can_not_be_taken_are_told_and_nobody_comes_in(server: Server, tmp_path: Path) -> None:
    move, other = mover(server, tmp_path), mover(server, tmp_path)
    move("campaigns", [campaign("camp_1"), campaign("camp_2")])
    other("campaigns", [campaign("camp_3")])
    before = move.rows()
    good, lost = move.people("camp_1", 2), {"email": f"lost@{move.domain}"}
    wrong = [{"campaign_id": "camp_2", "email": "nowhere"}, lost, {**lost, "campaign_id": "camp_3"}]
    lines = (
        written([*wrong, good[0]], ".ndjson") + b"{\n[]\n" + written([good[1], {**lost, "campaign_id": 7}], ".ndjson")
    )
    head, *told = move("contacts", lines).lines
    assert head.startswith("nothing was imported, mistakes: 6 ")
    starts = ["0: email: ", "1: campaign_id: expected camp_", "2: campaign_id: expected a campaign of this workspace"]
    starts += ["4: expected JSON: ", "5: expected an object", "7: campaign_id: expected camp_"]
    assert [line.startswith(f"row {start}") for line, start in zip(told, starts, strict=True)] == [True] * 6
    assert move.rows() == before


def test_of_many_mistakes_the_first_hundred_are_named(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path)
    move("campaigns", [campaign("camp_1"), campaign("camp_2")])
    before = move.rows()
    rows = [{"campaign_id": f"camp_{n % 2 + 1}", "email": "" if n % 3 else f"p{n}@x.example"} for n in range(3600)]
    head, *told, more = move("contacts", rows, ".csv").lines
    assert (head.split(" (")[0], more) == ("nothing was imported, mistakes: 2400", "and 2300 more")
    assert [int(line.split(":")[0].removeprefix("row ")) for line in told] == [n for n in range(150) if n % 3]
    assert move.rows() == before


def test_a_file_is_named_as_what_it_is_and_the_workspace_is_there(server: Server, tmp_path: Path) -> None:
    move = mover(server, tmp_path)
    file = tmp_path / "campaigns.ndjson"
    file.write_bytes(written([campaign()], ".ndjson"))
    [line] = move("campaigns", b"", ".xlsx").lines
    assert line.endswith(".xlsx: expected a file whose name ends in .csv, .ndjson, .jsonl")
    [line] = move.run("campaigns", str(tmp_path / "nowhere.csv")).lines
    assert "No such file" in line
    for kind in ("campaigns", "contacts"):
        assert move.run(kind, str(file), workspace="nobody").lines == ["no workspace 'nobody' in this workspace"]


# The page


@pytest.mark.parametrize("cell", [b'{""x"": ""a\\u0000b""}', b'{""x"": 1, ""x"": 2}', b'{""x"": ""\\ud800""}'])
def test_json_in_a_cell_is_read_as_strictly_as_any_other(server: Server, tmp_path: Path, cell: bytes) -> None:
    move = mover(server, tmp_path, "leadlex")
    before = move.rows()
    row = str(uuid.uuid4()).encode() + b',A,Hi,Body,"' + cell + b'"\n'
    ended = move("campaigns", b"id,name,template.subject,template.body,metadata\n" + row, ".csv")
    assert ended.code != 0, ended
    assert move.rows() == before
