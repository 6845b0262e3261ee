"""The page behind the link in a message: as people open it, as mail programs post to it, as scanners follow it."""

import base64
import hashlib
import re
from typing import Any

import pytest
import requests

from gonogo_api import hosted
from support.house import LATER, House, eventually
from support.server import PEPPER, Server

ONE_CLICK = {"List-Unsubscribe": "One-Click"}  # RFC 8058, section 3.1
UNGATED = {"approval": "off", "reason": "a test"}


@pytest.fixture
def pages(server: Server) -> str:
    """Where the pages are."""
    return server.base


def sent(server: Server) -> tuple[House, str, list[str]]:
    """A campaign whose first two messages are out, and their names."""
    house = House.of(server, policy=UNGATED)
    campaign = house.draft(steps=LATER)
    house.start(campaign)
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 2)
    return house, campaign, [each["id"] for each in house.data("GET", f"/v1/campaigns/{campaign}/messages")["messages"]]


def link(pages: str, message: str) -> str:
    run_id, step, position = message.split(".")
    return hosted.links_for(pages, PEPPER.encode()).unsubscribe(run_id, int(step), int(position))


def reasons(house: House, person: int) -> list[str]:
    found = house.data("GET", f"/v1/suppressions?email=p{person}@{house.domain}")
    return [each["reason"] for each in found["suppressions"]]


def test_looking_at_the_page_changes_nothing(server: Server, pages: str) -> None:
    house, _, [message, _] = sent(server)
    before = house.rows()
    for method in ("GET", "HEAD", "GET"):
        answer = requests.request(method, link(pages, message), timeout=30)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert '<form method="post">' in answer.text
    assert house.rows() == before


@pytest.mark.parametrize(
    "body",
    [ONE_CLICK, "List-Unsubscribe=One-Click", "", b"\xff\x00", "x" * 3_000_000],
    ids=["form", "text", "nothing", "bytes", "long"],
)
def test_a_post_unsubscribes_at_once_whatever_its_body_says(server: Server, pages: str, body: Any) -> None:
    house, _, [message, other] = sent(server)
    answer = requests.post(link(pages, message), data=body, timeout=30, allow_redirects=False)
    assert answer.status_code == 200
    assert "You are unsubscribed" in answer.text
    assert reasons(house, int(message.split(".")[2])) == ["unsubscribe"]
    assert reasons(house, int(other.split(".")[2])) == []


def test_a_mail_program_may_post_a_form_of_parts(server: Server, pages: str) -> None:
    house, _, [message, _] = sent(server)
    answer = requests.post(link(pages, message), files={"List-Unsubscribe": (None, "One-Click")}, timeout=30)
    assert answer.status_code == 200
    assert reasons(house, 0) == ["unsubscribe"]


def test_posting_again_says_the_same_and_counts_once(server: Server, pages: str) -> None:
    house, _, [message, _] = sent(server)
    first, second = (requests.post(link(pages, message), data=ONE_CLICK, timeout=30) for _ in range(2))
    assert (first.status_code, first.text) == (second.status_code, second.text)
    assert house.data("GET", "/v1/suppressions")["counts"]["unsubscribe"] == 1
    assert len(house.rows()["gonogo_response"]) == 1


def test_a_link_that_this_server_did_not_make_tells_nothing_and_does_nothing(server: Server, pages: str) -> None:
    house, _, [message, other] = sent(server)
    made, before = link(pages, message), house.rows()
    token, foreign = made.rpartition("/")[2], hosted.links_for(pages, b"another pepper")
    run_id = message.split(".")[0]
    wrong = [
        f"{made[:-1]}{'0' if made[-1] != '0' else '1'}",
        made.upper().replace("HTTP", "http").replace("/U/", "/u/"),
        made.replace(message, other),
        foreign.unsubscribe(run_id, 0, 0),
        f"{pages}/u/{run_id}.0.0",
        f"{pages}/u/x",
        f"{pages}/u/%00",
        f"{pages}/u/{token}%20",
        link(pages, f"{run_id}.0.999"),  # one that it would make, of a message that there is not
    ]
    for method in ("GET", "POST"):
        answers = [requests.request(method, url, data=ONE_CLICK, timeout=30) for url in wrong]
        shown = {(answer.status_code, answer.text) for answer in answers[: -1 if method == "GET" else None]}
        assert [status for status, _ in shown] == [404]
        assert not any(word in str(shown) for word in (run_id, house.domain, house.tenant.id))
    assert house.rows() == before


def test_the_page_needs_nothing_from_elsewhere_and_lets_nothing_out(server: Server, pages: str) -> None:
    _, _, [message, _] = sent(server)
    for answer in (
        requests.get(link(pages, message), timeout=30),
        requests.post(link(pages, message), timeout=30),
        requests.get(f"{pages}/u/x", timeout=30),
        requests.put(link(pages, message), timeout=30),
    ):
        [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert answer.headers["Content-Security-Policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'"
            "; frame-ancestors 'none'"
        )
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{24}", answer.headers["X-Request-Id"])
        assert "Set-Cookie" not in answer.headers
        assert "Location" not in answer.headers
        assert not re.search(r"<script|<link|<img|src=|https?:|style=", answer.text)
        assert answer.text.startswith('<!doctype html>\n<html lang="en">')
        [title], [heading] = re.findall("<title>(.*)</title>", answer.text), re.findall("<h1>(.*)</h1>", answer.text)
        assert title == heading


def test_no_other_method_is_taken(server: Server, pages: str) -> None:
    house, _, [message, _] = sent(server)
    before = house.rows()
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = requests.request(method, link(pages, message), timeout=30)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert house.rows() == before


def test_who_was_erased_is_told_so(server: Server, pages: str) -> None:
    house, campaign, [message, _] = sent(server)
    assert server.engine is not None
    with server.engine.begin() as connection:
        listed = house.campaign(campaign)["list_id"]
        connection.exec_driver_sql(f"DELETE FROM gonogo_contact WHERE list_id = '{listed}'")
        connection.exec_driver_sql(
            f"UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE workspace_id = '{house.tenant.id}'"
        )
    answer = requests.post(link(pages, message), data=ONE_CLICK, timeout=30)
    assert (answer.status_code, "erased" in answer.text) == (200, True)


def test_a_database_that_fails_asks_to_try_again(server: Server, pages: str) -> None:
    house, _, [message, _] = sent(server)
    with server.broken(
        "ALTER TABLE gonogo_suppression RENAME TO gone", "ALTER TABLE gone RENAME TO gonogo_suppression"
    ):
        answer = requests.post(link(pages, message), data=ONE_CLICK, timeout=30)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert "try again" in answer.text
    assert reasons(house, 0) == []
    assert len(house.rows()["gonogo_response"]) == 0


def test_the_secret_of_links_is_the_peppers_and_tells_nothing_of_it() -> None:
    links, other = hosted.links_for("https://go.example/", b"pepper"), hosted.links_for("https://go.example", b"Pepper")
    assert links.secret != other.secret
    assert len(links.secret) == 32
    assert b"pepper" not in links.secret
    url = links.unsubscribe("0" * 36, 0, 1)
    assert url.startswith("https://go.example/u/")
    assert hosted.links_for("https://elsewhere.example", b"pepper").read(url.rpartition("/")[2]) == ("0" * 36, 0, 1)
    assert other.read(url.rpartition("/")[2]) is None
