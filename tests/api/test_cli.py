"""The command `gonogo`, as a process: what it answers, how it fails, and how a server of it ends."""

import json
import os
import re
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from gonogo import database, models
from gonogo_api.commands.receiving import receiving
from support.commands import Ended, Running, run
from support.house import House, asking, eventually
from support.server import PEPPER, Client, Server, Tenant, free_port


@dataclass(slots=True)
class Shell:
    """Where commands run: a folder of their own, with these variables."""

    folder: Path
    variables: dict[str, str]

    def run(self, *arguments: str, **more: str) -> Ended:
        return run(*arguments, folder=self.folder, **{**self.variables, **more})

    def started(self, *arguments: str) -> Ended:
        """The same by an interpreter of its own, as a shell starts it."""
        command = [sys.executable, "-m", "gonogo_api", *arguments]
        environment = {**os.environ, **self.variables}
        ended = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def files(self) -> dict[str, bytes]:
        """Every file of the folder, to see that nothing was written."""
        return {str(path): path.read_bytes() for path in sorted(self.folder.rglob("*")) if path.is_file()}


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, {"GONOGO_PEPPER": PEPPER})


@pytest.fixture
def on(shell: Shell, blank_url: str) -> Shell:
    """On a database without a table, of both kinds in turn."""
    shell.variables["GONOGO_DATABASE_URL"] = blank_url
    return shell


# What it answers


def test_the_version_is_told(shell: Shell) -> None:
    told = shell.started("--version")
    assert (told.code, told.err) == (0, "")
    assert re.fullmatch(r"gonogo \d+\.\d+\.\d+\S*\n", told.out)


def test_without_a_command_it_tells_what_there_is(shell: Shell) -> None:
    told = shell.run()
    for command in ("serve", "worker", "migrate", "workspace", "key", "check", "diagram", "demo"):
        assert command in told.out + told.err


def test_a_workspace_and_its_keys_are_made_on_a_new_database(on: Shell) -> None:
    made = on.run("workspace", "create", "Acme", "--json").json
    assert (made["name"], made["dialect"]) == ("Acme", "leadlex")
    group = "507f1f77bcf86cd799439011"
    sonarly = on.run("workspace", "create", "So", "--dialect", "sonarly", "--account-group", group, "--json").json
    assert (sonarly["dialect"], sonarly["account_group"]) == ("sonarly", group)

    arguments = ("key", "create", "--workspace", made["id"], "--dialect", "leadlex", "--scope", "campaigns:write")
    key = on.run(*arguments, "--scope", "lexi", "--json").json
    by_member = on.run(*arguments, "--member", "ann@acme.example", "--json").json
    assert set(key) == set(by_member) == {"key", "id"}
    assert key["key"].startswith(f"wbk_{key['id']}_")
    told = on.run(*arguments)
    assert (told.code, told.out.splitlines()[0].split(": ")[0]) == (0, "key")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("workspace", "create", "Acme", "--dialect", "klingon"), "dialect: expected one of leadlex"),
        (("workspace", "create", " "), "name: expected a name"),
        (
            ("workspace", "create", "So", "--dialect", "sonarly", "--account-group", "a/b c"),
            "account_group: expected 24 hexadecimal digits, found 'a/b c'",
        ),
        (
            ("key", "create", "--workspace", "nobody", "--dialect", "leadlex", "--scope", "lexi"),
            "no workspace 'nobody'",
        ),
    ],
)
def test_what_can_not_be_made_is_one_line(on: Shell, arguments: tuple[str, ...], says: str) -> None:
    assert says in on.run(*arguments, "--json").line


def test_a_key_of_unknown_scopes_is_not_made_nor_its_member(on: Shell) -> None:
    workspace = on.run("workspace", "create", "Acme", "--json").json["id"]
    arguments = ("key", "create", "--workspace", workspace, "--dialect", "leadlex", "--scope", "everything")
    assert on.run(*arguments, "--member", "ann@acme.example").line.startswith("scopes: expected some of ")
    assert [count(on.variables["GONOGO_DATABASE_URL"], model) for model in (models.Key, models.Member)] == [0, 0]


def test_the_members_that_the_command_line_makes_are_verified(on: Shell) -> None:
    workspace = on.run("workspace", "create", "Acme", "--json").json["id"]
    on.run("member", "add", "--workspace", workspace, "ada@acme.example")
    key = ("key", "create", "--workspace", workspace, "--dialect", "leadlex", "--scope", "lexi")
    on.run(*key, "--member", "ann@acme.example")
    engine, member = database.connect(on.variables["GONOGO_DATABASE_URL"]), models.table(models.Member)
    with engine.connect() as connection:
        found = connection.execute(sa.select(member.c.verified_at)).scalars().all()
    engine.dispose()
    assert [moment is not None for moment in found] == [True, True]


def count(url: str, model: type[models.Base]) -> int:
    engine = database.connect(url)
    with engine.connect() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(models.table(model))).scalar_one()
    engine.dispose()
    return int(found)


def test_migrating_makes_the_tables_and_again_changes_nothing(on: Shell) -> None:
    assert on.run("worker").line == "the database is not migrated: run `gonogo migrate`"
    for _ in range(2):
        told = on.run("migrate")
        assert (told.code, told.err) == (0, "")
        assert "is up to date" in told.out
    assert on.run("workspace", "create", "Acme", "--json").json["name"] == "Acme"


def test_the_command_line_names_the_database_too(on: Shell) -> None:
    url = on.variables.pop("GONOGO_DATABASE_URL")
    made = on.run("workspace", "create", "Acme", "--database-url", url, "--json").json
    assert made["name"] == "Acme"
    assert not (on.folder / "gonogo.db").exists()


def test_check_proves_the_table(shell: Shell) -> None:
    found = shell.run("check", "--json").json
    assert (found["ok"], found["counterexamples"], found["survivors"]) == (True, [], [])
    assert min(found["laws"], found["worlds"], found["mutants"]) > 5


def test_the_diagrams_are_those_of_the_table_and_a_changed_one_is_found(shell: Shell) -> None:
    shutil.copytree(Path(__file__).parents[2] / "diagrams", shell.folder / "diagrams")
    assert shell.run("diagram", "--check").code == 0

    drawn = shell.folder / "diagrams" / "campaign.mmd"
    drawn.write_text(drawn.read_text().replace("draft", "daft", 1))
    before = shell.files()
    differs = shell.run("diagram", "--check")
    assert differs.code == 1
    assert "campaign.mmd" in differs.out
    assert shell.files() == before

    assert shell.run("diagram").code == 0
    assert shell.run("diagram", "--check").code == 0


# How it fails: one line, and nothing written


def test_a_port_in_use_changes_nothing(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = shell.run("serve", "--port", str(port)).line
    assert line.startswith(f"can't listen on 127.0.0.1:{port}: Address already in use")
    assert shell.files() == {}


def test_a_port_that_there_is_not_is_one_line(shell: Shell) -> None:
    assert shell.started("serve", "--port", "99999").line == "can't listen on port 99999: expected 0 to 65535"
    assert shell.files() == {}


def test_a_maildir_that_can_not_be_written_is_one_line(shell: Shell) -> None:
    (shell.folder / "taken").write_text("no folder")
    line = shell.run("serve", "--port", "0", GONOGO_MAILDIR="taken").line
    assert line.startswith("GONOGO_MAILDIR: taken can't be written to (")


@pytest.mark.parametrize("rate", ["often", "5", "-1/minute"])
def test_a_rate_that_makes_no_sense_is_one_line(shell: Shell, rate: str) -> None:
    line = shell.run("serve", "--port", "0", GONOGO_RATE_LIMIT=rate).line
    assert line == f"GONOGO_RATE_LIMIT: expected a rate such as 1200/minute, or 0, found {rate!r}"
    assert shell.files() == {}


Spoil = Callable[[Path, Path], None]  # a migrated database, and where the spoiled one is to stand


def no_database(_: Path, path: Path) -> None:
    path.write_bytes(b"This is a letter to my grandmother, and no database at all.\n" * 100)


def of_others(_: Path, path: Path) -> None:
    execute(path, "CREATE TABLE customer (id INTEGER)")


def newer(migrated: Path, path: Path) -> None:
    shutil.copyfile(migrated, path)
    execute(path, "UPDATE gonogo_schema SET version_num = 'zzzz'")


def unguarded(migrated: Path, path: Path) -> None:
    shutil.copyfile(migrated, path)
    execute(path, "DROP TRIGGER gonogo_vote_fixed")


def execute(path: Path, statement: str) -> None:
    engine = database.connect(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


SPOILED = [
    (no_database, "SQLite can't open "),
    (of_others, "the database holds other tables and none of gonogo's: is it the right one?"),
    (newer, "the database was written by a newer version of gonogo: upgrade gonogo, or restore an older backup"),
    (unguarded, "the database lacks a guard: "),
]
#: Commands that need the database, and may make one.
NEEDING = [("serve", "--port", "0"), ("worker",), ("workspace", "create", "Acme", "--json")]


@pytest.mark.parametrize(("spoil", "says"), SPOILED, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("arguments", NEEDING, ids=lambda arguments: arguments[0])
def test_a_database_that_can_not_be_served_is_left_as_it_is(
    shell: Shell, sqlite_template: Path, spoil: Spoil, says: str, arguments: tuple[str, ...]
) -> None:
    spoil(sqlite_template, shell.folder / "gonogo.db")
    before = shell.files()

    assert shell.run(*arguments).line.startswith(says)

    assert shell.files() == before


@pytest.mark.parametrize(("spoil", "says"), SPOILED[:3], ids=lambda value: getattr(value, "__name__", ""))
def test_a_database_that_can_not_be_migrated_is_left_as_it_is(
    shell: Shell, sqlite_template: Path, spoil: Spoil, says: str
) -> None:
    spoil(sqlite_template, shell.folder / "gonogo.db")
    before = shell.files()
    assert shell.run("migrate").line.startswith(says)
    assert shell.files() == before


def test_migrating_puts_a_guard_back(shell: Shell, sqlite_template: Path) -> None:
    unguarded(sqlite_template, shell.folder / "gonogo.db")
    assert shell.run("migrate").code == 0
    assert shell.run("workspace", "create", "Acme", "--json").json["name"] == "Acme"


@pytest.mark.parametrize("url", ["mysql://u:secret@host/name", "gonogo.db", "http://u:secret@x", "", "sqlite://"])
def test_an_address_that_is_no_database_is_refused_without_repeating_it(shell: Shell, url: str) -> None:
    line = shell.run("serve", "--port", "0", GONOGO_DATABASE_URL=url).line
    assert "secret" not in line
    assert "SQLite needs a file" in line if url == "sqlite://" else "sqlite:///path" in line
    assert shell.files() == {}


@pytest.mark.parametrize("arguments", [*NEEDING, ("migrate",)], ids=lambda arguments: arguments[0])
def test_every_command_refuses_an_address_that_is_no_database(shell: Shell, arguments: tuple[str, ...]) -> None:
    assert "not mysql" in shell.run(*arguments, "--database-url", "mysql://u:secret@host/name").line
    assert shell.files() == {}


def test_a_postgresql_that_does_not_answer_is_one_line(shell: Shell) -> None:
    url = f"postgresql://u:secret@127.0.0.1:{free_port()}/x"
    for arguments in NEEDING:
        line = shell.run(*arguments, GONOGO_DATABASE_URL=url).line
        assert line.startswith("the database can't be used: ")
        assert "secret" not in line


def test_a_folder_that_is_not_there_is_one_line(shell: Shell) -> None:
    line = shell.run("serve", "--port", "0", GONOGO_DATABASE_URL=f"sqlite:///{shell.folder}/no/where.db").line
    assert line.startswith("SQLite can't open ")
    assert line.endswith("unable to open database file")
    assert shell.files() == {}


def test_postgresql_needs_a_pepper_before_anything_is_made(postgresql_blank: str, shell: Shell) -> None:
    del shell.variables["GONOGO_PEPPER"]
    line = shell.run("serve", "--port", "0", GONOGO_DATABASE_URL=postgresql_blank).line
    assert line.startswith("set GONOGO_PEPPER to ")
    engine = database.connect(postgresql_blank)
    found = sa.inspect(engine).get_table_names()
    engine.dispose()
    assert found == []


@pytest.fixture
def postgresql_blank(request: pytest.FixtureRequest) -> Iterator[str]:
    cluster = request.getfixturevalue("postgresql")
    name = f"cli_{os.getpid()}_{free_port()}"
    yield cluster.create(name)
    cluster.drop(name)


@pytest.mark.parametrize("hosts", ['{"api.burki.example": "klingon"}', "api.burki.example", '["burki"]'])
def test_hosts_that_make_no_sense_are_one_line(shell: Shell, hosts: str) -> None:
    assert shell.run("serve", "--port", "0", GONOGO_HOSTS=hosts).line.startswith("GONOGO_HOSTS: ")
    assert shell.files() == {}


# How a server lives and ends


@pytest.fixture
def own(blank_url: str, tmp_path: Path) -> Iterator[Server]:
    """A server of the test's own, of which claims are small, so that a launch takes a while."""
    server = Server(blank_url, tmp_path, extra={"GONOGO_CLAIM_BATCH": "2"}).start()
    yield server
    end(server, signal.SIGKILL)


def end(server: Server, number: signal.Signals) -> int:
    """Send the server a signal that ends it; returns its exit code."""
    assert server.process is not None
    assert server.engine is not None
    server.engine.dispose()
    server.process.send_signal(number)
    return server.process.wait(30)


def test_a_server_drains_and_what_it_was_sending_goes_on_after_the_next_start(own: Server) -> None:
    house = House.of(own, policy=asking())
    campaign, task = house.asked(600)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    eventually(lambda: bool(house.mails()), True)

    assert end(own, signal.SIGTERM) == 0

    own.start()
    house = again(own, house)
    house.wait_for(campaign, "completed")
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    assert (stats["sent"] + stats["unknown"], stats["unknown"]) == (600, 0)
    assert len(house.mails()) == 600


def test_a_server_that_has_nothing_to_do_ends_at_once(own: Server) -> None:
    began = time.monotonic()
    assert end(own, signal.SIGTERM) == 0
    assert time.monotonic() - began < 10


def test_a_request_under_way_is_answered_when_the_server_ends(own: Server) -> None:
    house = House.of(own)
    campaign = house.draft(0)
    body = json.dumps({"contacts": house.people(1000)}).encode()
    assert own.process is not None

    head = (
        f"POST /v1/campaigns/{campaign}/contacts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Authorization: Bearer {house.client.key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", own.port), timeout=30) as client:
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 100")  # the request is under way
        own.process.send_signal(signal.SIGTERM)
        client.sendall(body)
        answer = b"".join(iter(lambda: client.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 200")
    assert b'"added":1000' in answer
    assert own.process.wait(30) == 0


def test_after_a_kill_between_approval_and_sending_the_campaign_completes_by_itself(own: Server) -> None:
    end(own, signal.SIGKILL)
    own.arguments = ("--no-worker",)
    own.start()
    house = House.of(own, policy=asking())
    campaign, task = house.asked(5)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    end(own, signal.SIGKILL)
    assert house.mails() == []

    own.arguments = ()
    own.start()

    house = again(own, house)
    house.wait_for(campaign, "completed")
    assert len(house.mails()) == 5


def test_after_a_kill_while_sending_nobody_gets_two_and_what_is_unknown_is_named(own: Server) -> None:
    house = House.of(own, policy=asking())
    campaign, task = house.asked(300)
    house.data("POST", f"/v1/lexi/tasks/{task}/approve")
    eventually(lambda: len(house.mails()) > 10, True)
    end(own, signal.SIGKILL)
    assert len(house.mails()) < 300

    own.start()

    house = again(own, house)
    house.wait_for(campaign, "completed")
    rows = [row for page in house.pages(f"/v1/campaigns/{campaign}/messages") for row in page]
    mailed = [str(mail["To"]) for mail in house.mails()]
    unknown = {row["recipient"] for row in rows if row["state"] == "unknown"}
    assert len(rows) == 300
    assert len(mailed) == len(set(mailed))
    assert {row["recipient"] for row in rows if row["state"] == "sent"} | unknown >= set(mailed)
    assert len(unknown) <= 2  # one claim batch


def again(server: Server, house: House) -> House:
    """The same client, of the server started again."""
    return House(Tenant(server, house.tenant.id, "leadlex"), Client(server.base, house.client.key), house.domain)


def test_one_off_commands_work_beside_a_running_server(own: Server, tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"GONOGO_DATABASE_URL": own.url, "GONOGO_PEPPER": PEPPER})

    workspace = shell.run("workspace", "create", "Acme", "--json").json["id"]
    scopes = [part for scope in ("campaigns:read", "campaigns:write") for part in ("--scope", scope)]
    key = shell.run("key", "create", "--workspace", workspace, "--dialect", "leadlex", *scopes, "--json").json["key"]
    assert shell.run("migrate").code == 0

    house = House(Tenant(own, workspace, "leadlex"), Client(own.base, key), "beside.example.com")
    assert house.sent()


def test_the_server_makes_its_own_pepper_beside_an_sqlite_file(tmp_path: Path) -> None:
    """So that a key made by a command is good at the server."""
    url = f"sqlite:///{tmp_path}/gonogo.db"
    shell = Shell(tmp_path, {"GONOGO_DATABASE_URL": url})
    workspace = shell.run("workspace", "create", "Acme", "--json").json["id"]
    arguments = (
        "key",
        "create",
        "--workspace",
        workspace,
        "--dialect",
        "leadlex",
        "--scope",
        "campaigns:read",
        "--json",
    )
    key = shell.run(*arguments).json["key"]
    server = Server(url, tmp_path, extra={"GONOGO_PEPPER": ""}).start()
    try:
        assert Client(server.base, key).get("/v1/campaigns").status_code == 200
    finally:
        server.stop()


def test_a_worker_sends_what_a_server_without_one_took_in(postgresql_blank: str, tmp_path: Path) -> None:
    server = Server(postgresql_blank, tmp_path, arguments=("--no-worker",)).start()
    try:
        house = House.of(server)
        campaign = house.draft(5)
        assert house.start(campaign)["status"] == "active"
        assert house.mails() == []
        variables = {"GONOGO_DATABASE_URL": server.url, "GONOGO_MAILDIR": str(server.mail)}
        log = tmp_path / "worker.log"
        port = free_port()
        worker = Running("worker", "--port", str(port), variables=variables, out=log, err=log)
        try:
            house.wait_for(campaign, "completed")
            assert len(house.mails()) == 5
            base = f"http://127.0.0.1:{port}"
            shown = requests.get(f"{base}/metrics", timeout=10).text
            assert 'gonogo_messages_settled_total{state="sent"} 5.0' in shown
            ready = requests.get(f"{base}/readyz", timeout=10)
            assert (ready.status_code, ready.json()) == (200, {"database": "ok", "executor": "ok"})
            assert requests.get(f"{base}/healthz/", timeout=10).json() == {"status": "ok"}
            wrong = [requests.get(f"{base}/v1/campaigns", timeout=10), requests.post(f"{base}/metrics", timeout=10)]
            assert [(each.status_code, each.json()["error"]["code"]) for each in wrong] == [
                (404, "not_found"),
                (405, "method_not_allowed"),
            ]
            assert wrong[1].headers["Allow"] == "GET, HEAD"
        finally:
            worker.terminate()
            assert worker.wait() == 0
    finally:
        server.stop()


# The demo


def test_the_demo_sends_a_whole_launch_over_smtp_and_tells_where_the_mails_are(shell: Shell) -> None:
    told = shell.run("demo", "--folder", "here")
    assert told.code == 0, told.err
    assert "Status: completed." in told.out
    assert re.search(r"The mails:  here/mail/new \(600 ", told.out)
    mails = [message_from_bytes(path.read_bytes()) for path in (shell.folder / "here" / "mail" / "new").iterdir()]
    assert len({mail["To"] for mail in mails}) == len(mails) == 600
    assert {mail["Delivered-To"] for mail in mails} == {mail["To"] for mail in mails}
    assert {mail["Return-Path"] for mail in mails} == {"<spring@acme.example>"}


def test_the_mail_server_of_the_demo_keeps_a_message_as_it_was_sent(tmp_path: Path) -> None:
    said = "Subject: x\r\n\r\n.\r\n..two\r\n.end\r\n"
    with receiving(tmp_path) as port, smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("ann@example.com", ["bob@example.com", "cid@example.com"], said)
        client.sendmail("ann@example.com", "dora@example.com", said)
    kept = sorted(path.read_text() for path in (tmp_path / "new").iterdir())
    body = "Subject: x\n\n.\n..two\n.end\n"
    both = "Delivered-To: bob@example.com\nDelivered-To: cid@example.com\n"
    assert kept == [
        f"Return-Path: <ann@example.com>\n{both}{body}",
        f"Return-Path: <ann@example.com>\nDelivered-To: dora@example.com\n{body}",
    ]
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_mail_server_of_the_demo_keeps_nothing_of_a_message_that_broke_off(tmp_path: Path) -> None:
    with receiving(tmp_path) as port, socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"EHLO x\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\nDATA\r\nSubject: x\r\n\r\nhalf")
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as lines:
            assert lines.read().splitlines()[-1].startswith(b"354")
    assert list((tmp_path / "new").iterdir()) == []


def test_the_mail_server_of_the_demo_refuses_what_is_out_of_order(tmp_path: Path) -> None:
    with receiving(tmp_path) as port, smtplib.SMTP("127.0.0.1", port) as client:
        assert client.rcpt("b@x")[0] == 503
        client.mail("a@x")
        assert client.docmd("DATA")[0] == 503
        assert client.docmd("WIZARD")[0] == 500
        assert client.rset()[0] == 250
        assert client.rcpt("b@x")[0] == 503
