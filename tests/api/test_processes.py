"""Processes side by side: one serves an SQLite file, any number a PostgreSQL, and one that ends loses nothing."""

import os
import re
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from support.commands import Ended, Running, run
from support.house import House, asking, eventually
from support.server import PEPPER, Client, Server, free_port

SERVE = ("serve", "--port", "0")


def command(url: str, folder: Path, *arguments: str, **more: str) -> Ended:
    """What comes of a command that ends by itself."""
    return run(*arguments, **{**variables(url, folder), **more})


def variables(url: str, folder: Path) -> dict[str, str]:
    return {"GONOGO_DATABASE_URL": url, "GONOGO_MAILDIR": str(folder / "mail"), "GONOGO_PEPPER": PEPPER}


@contextmanager
def worker(url: str, folder: Path) -> Iterator[Running]:
    """A `gonogo worker` that has begun to work; it is killed in the end if it has not ended by then."""
    path = folder / "worker.log"
    begun = Running("worker", variables=variables(url, folder), out=path, err=path)
    try:
        eventually(lambda: "gonogo executes launches" in path.read_text() or begun.poll(), True)
        yield begun
    finally:
        begun.kill()
        begun.wait()


# SQLite


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Server]:
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path).start()
    yield server
    server.stop()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(SERVE, "gonogo.db"), ((*SERVE, "--no-worker"), "../{}/gonogo.db"), (("worker",), "link.db")],
    ids=["serve", "serve without a worker", "worker"],
)
def test_a_second_process_on_the_same_sqlite_file_is_refused_in_one_line(
    first: Server, tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "gonogo.db")
    assert first.process is not None
    line = command(f"sqlite:///{tmp_path}/{name.format(tmp_path.name)}", tmp_path, *arguments).line
    assert line.startswith(f"{tmp_path}/gonogo.db is served already, by process {first.process.pid}: ")
    assert requests.get(f"{first.base}/readyz", timeout=5).status_code == 200


def test_a_worker_keeps_servers_off_its_sqlite_file_also_those_that_execute_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/gonogo.db"
    assert command(url, tmp_path, "migrate").code == 0
    with worker(url, tmp_path) as begun:
        for arguments in ((*SERVE, "--no-worker"), ("worker",)):
            assert f"is served already, by process {begun.pid}: " in command(url, tmp_path, *arguments).line
        assert command(url, tmp_path, "workspace", "create", "Acme").code == 0
        begun.terminate()
        assert begun.wait(30) == 0
    assert not (tmp_path / "gonogo.db.lock").exists()


def test_the_file_is_free_once_its_process_died_whatever_of(first: Server, tmp_path: Path) -> None:
    assert first.process is not None
    assert first.engine is not None
    first.engine.dispose()
    first.process.send_signal(signal.SIGKILL)
    first.process.wait(30)
    assert (tmp_path / "gonogo.db.lock").exists()
    first.start()
    assert requests.get(f"{first.base}/healthz", timeout=5).status_code == 200


def test_another_file_beside_it_is_served_too(first: Server, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    second = Server(f"sqlite:///{tmp_path}/second.db", tmp_path / "other").start()
    try:
        assert requests.get(f"{second.base}/healthz", timeout=5).status_code == 200
    finally:
        second.stop()


# A file that tells how far the database has come


def test_a_damaged_checkpoint_file_is_one_line_and_nothing_is_served(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/gonogo.db", tmp_path / "position.json"
    assert command(url, tmp_path, "migrate").code == 0
    path.write_text("{")
    for arguments in (SERVE, ("worker",)):
        line = command(url, tmp_path, *arguments, GONOGO_CHECKPOINT_FILE=str(path)).line
        assert line.startswith(f"the checkpoint file {path} can't be read: put back a copy of it")


def test_a_server_keeps_how_far_its_database_has_come(tmp_path: Path) -> None:
    path = tmp_path / "position.json"
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, {"GONOGO_CHECKPOINT_FILE": str(path)}).start()
    try:
        eventually(lambda: path.exists() and bool(re.fullmatch(r'\{"position": [1-9]\d*\}', path.read_text())), True)
    finally:
        server.stop()


def test_a_server_that_executes_nothing_pauses_what_a_restored_database_has_under_way(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/gonogo.db", tmp_path / "position.json"
    server = Server(url, tmp_path).start()
    house = House.of(server)
    campaign = house.draft(start_at="2099-01-15T09:00:00Z")
    assert house.start(campaign)["status"] == "scheduled"
    server.stop()
    path.write_text('{"position": 1000000}')
    idle = Server(url, tmp_path, {"GONOGO_CHECKPOINT_FILE": str(path)}, arguments=("--no-worker",)).start()
    try:
        house = House(house.tenant, Client(idle.base, house.client.key), house.domain)
        assert (house.status(campaign), house.campaign(campaign)["paused_reason"]) == ("paused", "restored")
    finally:
        idle.stop()


# PostgreSQL


@pytest.fixture
def blank(request: pytest.FixtureRequest) -> Iterator[str]:
    cluster = request.getfixturevalue("postgresql")
    name = f"processes_{os.getpid()}_{free_port()}"
    yield cluster.create(name)
    cluster.drop(name)


def test_two_servers_and_a_worker_share_a_launch_and_go_on_when_one_of_them_is_ended(
    blank: str, tmp_path: Path
) -> None:
    few = {"GONOGO_CLAIM_BATCH": "2", "GONOGO_MAILDIR": str(tmp_path / "mail")}
    (tmp_path / "b").mkdir()
    ends = Server(blank, tmp_path, few).start()
    stays = Server(blank, tmp_path / "b", few).start()
    try:
        with worker(blank, tmp_path) as begun:
            house = House.of(ends, policy=asking())
            other = House(house.tenant, Client(stays.base, house.client.key), house.domain)
            campaign, task = house.asked(60)
            other.data("POST", f"/v1/lexi/tasks/{task}/approve")
            eventually(lambda: bool(house.mails()), True)

            ends.end()
            assert ends.process is not None
            assert ends.process.wait(30) == 0

            other.wait_for(campaign, "completed")
            stats = other.data("GET", f"/v1/campaigns/{campaign}/stats")
            assert (stats["sent"], stats["unknown"]) == (60, 0)
            assert Counter(str(mail["To"]) for mail in house.mails()) == {p["email"]: 1 for p in house.people(60)}
            assert begun.poll() is None
    finally:
        ends.stop()
        stays.stop()
