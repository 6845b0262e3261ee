"""A member's address, confirmed over HTTP: as an admin asks, as the member answers, as scanners and others try it."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import models
from gonogo_api.verify_page import proofs_for
from support.house import House, refusal
from support.relays import Inbox, smtp_server
from support.server import PEPPER, Server

DAY = TimeDelta(hours=24)


@dataclass
class Mailing:
    """A server, and the inbox that its mail goes to."""

    server: Server
    inbox: Inbox


@pytest.fixture
def mailing(database_url: str, tmp_path: Path) -> Iterator[Mailing]:
    with smtp_server() as inbox:
        server = Server(database_url, tmp_path, {"GONOGO_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}"})
        yield Mailing(server.start(), inbox)
        server.stop()


def join(house: House, name: str = "eve") -> str:
    """A member who was made over HTTP."""
    made = house.data("POST", "/v1/members", {"email": f"{name}@{house.domain}", "scopes": ["lexi"]})
    return str(made["member"]["id"])


def shown(house: House, member: str) -> Any:
    return next(each for each in house.data("GET", "/v1/members")["members"] if each["id"] == member)


def is_verified(house: House, member: str) -> bool:
    return shown(house, member)["verified_at"] is not None


def ask(house: House, member: str) -> requests.Response:
    return house.client.post(f"/v1/members/{member}/verify")


def link(mail: EmailMessage) -> str:
    [url] = re.findall(r"https?://\S+", mail.get_content())
    return str(url)


def made(server: Server, member: str, ago: TimeDelta = TimeDelta.ZERO, pepper: str = PEPPER) -> str:
    """A link as the server made it that long ago."""
    assert server.engine is not None
    table = models.table(models.Member)
    with server.engine.connect() as connection:
        key = connection.execute(sa.select(table.c.address_key).where(table.c.id == member)).scalar_one()
    return proofs_for(server.base, pepper.encode()).link(member, key, Instant.now() - ago)


def test_a_member_made_over_http_gets_test_messages_once_the_address_was_confirmed(mailing: Mailing) -> None:
    house = House.of(mailing.server)
    eve, campaign = join(house), house.draft()
    wanted = (f"/v1/campaigns/{campaign}/test-send", {"member_ids": [eve]})
    answer = house.client.post(*wanted)
    assert refusal(answer) == (400, "validation_error", [])
    assert f"POST /v1/members/{eve}/verify" in answer.json()["error"]["message"]
    assert mailing.inbox.mails == []

    answer = ask(house, eve)
    assert (answer.status_code, answer.json()["data"]["member"]) == (202, shown(house, eve))
    [mail] = mailing.inbox.mails
    assert mail["To"] == f"eve@{house.domain}"
    url, before = link(mail), house.rows()
    for method in ("GET", "HEAD", "GET"):
        looked = requests.request(method, url, timeout=30)
        assert looked.status_code == 200
    assert '<form method="post">' in looked.text
    assert house.rows() == before
    assert not is_verified(house, eve)
    assert house.client.post(*wanted).status_code == 400

    first, again = (requests.post(url, timeout=30, allow_redirects=False) for _ in range(2))
    assert (first.status_code, first.text) == (again.status_code, again.text)
    assert (first.status_code, "Your address is confirmed" in first.text) == (200, True)
    since = shown(house, eve)["verified_at"]
    acts = house.data("GET", f"/v1/audit?kind=member&subject={eve}")["acts"]
    assert [(each["act"], each["person"]) for each in acts[1:]] == [("verified", eve)]
    assert [view["state"] for view in house.data("POST", *wanted)["test_sends"]] == ["sent"]

    answer = ask(house, eve)
    assert (answer.status_code, answer.json()["data"]["member"]["verified_at"]) == (200, since)
    assert [mail["Subject"] for mail in mailing.inbox.mails] == ["Please confirm your address", "[Test] Hello N0"]


@pytest.mark.parametrize("refuses", ["550 no such user", "451 not now"])
def test_a_relay_that_takes_no_mail_is_told(mailing: Mailing, refuses: str) -> None:
    house = House.of(mailing.server)
    eve = join(house)
    mailing.inbox.refuses = {f"eve@{house.domain}": repeat(refuses)}
    answer = ask(house, eve)
    assert refusal(answer) == (400, "validation_error", [])
    assert refuses in answer.json()["error"]["message"]
    assert mailing.inbox.mails == []


def test_who_runs_the_server_vouches_and_who_has_a_key_does_not(server: Server) -> None:
    house = House.of(server)
    house.by("lexi", member=f"ida@{house.domain}")
    house.data("POST", "/v1/keys", {"scopes": ["lexi"], "member": f"eve@{house.domain}"})
    found = {each["name"]: each["verified_at"] for each in house.data("GET", "/v1/members")["members"]}
    assert (found["ida"] is not None, found["eve"]) == (True, None)


def test_a_mail_that_can_not_be_asked_for_is_refused(server: Server) -> None:
    house = House.of(server)
    eve = join(house)
    house.client.headers["Idempotency-Key"] = "once"
    assert refusal(ask(house, eve)) == (400, "validation_error", [])
    house.client.headers.clear()
    house.data("POST", "/v1/suppressions", {"email": f"eve@{house.domain}", "reason": "complaint"})
    assert refusal(ask(house, eve)) == (400, "validation_error", [])
    assert refusal(ask(House.of(server), eve)) == (404, "not_found", [])
    assert house.mails() == []


def test_a_link_that_is_forged_changed_or_old_tells_nothing_and_does_nothing(server: Server) -> None:
    house = House.of(server)
    eve, ida = join(house), join(house, "ida")
    good, gone = made(server, eve), join(house, "gone")
    left = made(server, gone)
    house.data("DELETE", f"/v1/members/{gone}")
    before = house.rows()
    wrong = [
        good.replace(eve, ida),
        f"{good[:-1]}{'0' if good[-1] != '0' else '1'}",
        made(server, eve, 7 * DAY),
        made(server, eve, pepper="another pepper"),
        left,
        f"{good}%20",
        f"{server.base}/m/x",
        f"{server.base}/m/%00",
    ]
    for method in ("GET", "POST"):
        answers = [requests.request(method, url, timeout=30) for url in wrong]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text for answer in answers}) == 1
        assert not any(word in answers[0].text for word in (eve, house.domain, house.tenant.id))
    assert house.rows() == before
    assert requests.post(made(server, eve, 6 * DAY), timeout=30).status_code == 200
    assert (is_verified(house, eve), is_verified(house, ida)) == (True, False)


def test_a_link_shows_no_other_address_than_it_was_sent_to(server: Server) -> None:
    house = House.of(server)
    eve, table = join(house), models.table(models.Member)
    url = made(server, eve)
    assert server.engine is not None
    with server.engine.begin() as connection:
        connection.execute(table.update().where(table.c.id == eve).values(address_key="anew"))
    assert requests.post(url, timeout=30).status_code == 404
    assert not is_verified(house, eve)


def test_no_other_method_is_taken(server: Server) -> None:
    house = House.of(server)
    eve = join(house)
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = requests.request(method, made(server, eve), timeout=30)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert not is_verified(house, eve)


def test_the_page_needs_nothing_from_elsewhere_and_lets_nothing_out(server: Server) -> None:
    url = made(server, join(House.of(server)))
    ways: list[Callable[..., requests.Response]] = [requests.get, requests.post, requests.get, requests.put]
    for way in ways:
        answer = way(url, timeout=30)
        [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert not re.search(r"<script|<link|<img|src=|https?:|style=", answer.text)
        [title], [heading] = re.findall("<title>(.*)</title>", answer.text), re.findall("<h1>(.*)</h1>", answer.text)
        assert title == heading


def test_a_database_that_fails_asks_to_try_again(strict: Server) -> None:
    house = House.of(strict)
    eve = join(house)
    url = made(strict, eve)
    with strict.broken("ALTER TABLE gonogo_act RENAME TO gone", "ALTER TABLE gone RENAME TO gonogo_act"):
        answer = requests.post(url, timeout=30)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "try again" in answer.text
    assert not is_verified(house, eve)


def test_the_link_leads_where_the_server_is_reached_from_outside(tmp_path: Path) -> None:
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, {"GONOGO_PUBLIC_URL": "https://go.example/mail/"})
    try:
        house = House.of(server.start())
        eve = join(house)
        answer = ask(house, eve)
        assert answer.status_code == 202, answer.text
        [mail] = house.mails()
        url = link(mail)
        assert url.startswith(f"https://go.example/mail/m/{eve}.")
        assert requests.post(url.replace("https://go.example/mail", server.base), timeout=30).status_code == 200
    finally:
        server.stop()
