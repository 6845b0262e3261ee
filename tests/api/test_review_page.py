"""The page behind the link in a mail to a reviewer: as people open it, as scanners follow it, as others try it."""

import base64
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from gonogo.clock import SystemClock
from gonogo.store import workspaces as store
from gonogo_api.review_page import MOST, MOST_OF_A_COMMENT
from support.house import Body, House, asking, eventually
from support.relays import Inbox, smtp_server
from support.server import Client, Server, free_port

CHOICES = ("approve", "dismiss", "request_changes")


@dataclass
class Mailing:
    """A server that links lead to, and the inbox that its mail goes to."""

    server: Server
    inbox: Inbox


@pytest.fixture(scope="module")
def mailings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Mailing]]:
    """One on each database."""
    with ExitStack() as stack:
        made = {}
        for backend in ("sqlite", "postgresql"):
            folder = tmp_path_factory.mktemp(f"{backend}-mailing")
            url = f"sqlite:///{folder}/gonogo.db"
            if backend == "postgresql":
                cluster = request.getfixturevalue("postgresql")
                name = f"mailing_{folder.parent.name}_{folder.name}".replace("-", "_")
                url = cluster.create(name)
                stack.callback(cluster.drop, name)
            inbox, port = stack.enter_context(smtp_server()), free_port()
            public = {"GONOGO_PUBLIC_URL": f"http://127.0.0.1:{port}/"}
            server = Server(url, folder, {"GONOGO_SMTP_URL": f"smtp://127.0.0.1:{inbox.port}", **public}, port=port)
            stack.callback(server.stop)
            made[backend] = Mailing(server.start(), inbox)
        yield made


@pytest.fixture
def mailing(mailings: dict[str, Mailing], backend: str) -> Mailing:
    return mailings[backend]


@dataclass
class Asked:
    """A launch that people are asked about, and the people."""

    mailing: Mailing
    house: House
    campaign: str
    task: str
    keys: dict[str, str]

    @classmethod
    def of(cls, mailing: Mailing, policy: Body, *names: str, **draft: object) -> "Asked":
        house = House.of(mailing.server)
        keys = {name: house.tenant.key("lexi", member=f"{name}@{house.domain}") for name in names}
        house.tenant.policy({"invite": True, **policy})
        campaign, task = house.asked(**draft)  # type: ignore[arg-type]
        return cls(mailing, house, campaign, task, keys)

    def link(self, name: str, nth: int = 1) -> str:
        """The link in the newest of so many mails to a person, once it is settled that they were sent."""
        address = self.address(name)
        eventually(lambda: len(self._to(address)), nth)
        eventually(lambda: any("'pending'" in row for row in self.house.rows()["gonogo_review_mail"]), False)
        text = self._to(address)[-1].get_body(("plain",))
        [url] = re.findall(r"http://127\.0\.0\.1:[0-9]+/r/[0-9a-f]{48}", text.get_content())
        return str(url)

    def _to(self, address: str) -> list[Any]:
        return [mail for mail in self.mailing.inbox.mails if mail["To"] == address]

    def address(self, name: str) -> str:
        return f"{name}@{self.house.domain}"

    def member(self, name: str) -> str:
        found = self.house.data("GET", "/v1/members")["members"]
        return next(str(each["id"]) for each in found if each["email"] == self.address(name))

    def revoked(self, name: str) -> str:
        """A key that ended."""
        key = self.house.tenant.key("lexi", member=self.address(name))
        self.house.data("DELETE", f"/v1/keys/{key.split('_')[1]}")
        return key

    def votes(self) -> list[tuple[str, str]]:
        return [(vote["person"], vote["choice"]) for vote in self.house.task(self.task)["votes"]]


def look(url: str) -> requests.Response:
    return requests.get(url, timeout=30)


def post(url: str, decision: str = "approve", **fields: Any) -> requests.Response:
    """Send the form as the page shows it; fields replace or add to what it holds."""
    seals = re.findall(r'name="seal" value="([0-9a-f]+)"', look(url).text)
    form = {"decision": decision, "comment": "", "seal": seals[0] if seals else "", **fields}
    return requests.post(url, data=form, timeout=30, allow_redirects=False)


LINK = asking(link_decides=True)


# Looking


def test_to_look_shows_the_case_and_changes_nothing(mailing: Mailing) -> None:
    asked = Asked.of(mailing, asking(2), "bob", "cid", recipients=3, name="Spring <script>")
    approve = f"/v1/lexi/tasks/{asked.task}/approve"
    assert Client(mailing.server.base, asked.keys["cid"]).post(approve, {"comment": "Fine & good"}).status_code == 200
    url = asked.link("bob")
    before = asked.house.rows()
    for method in ("GET", "HEAD", "GET"):
        answer = requests.request(method, url, timeout=30)
        assert answer.status_code == 200
    assert asked.house.rows() == before

    shown = re.sub(r"\s+", " ", answer.text)
    task = asked.house.task(asked.task)
    for wanted in (
        "<dt>Campaign</dt><dd>Spring &lt;script&gt;</dd>",
        "<dt>Recipients</dt><dd>3</dd>",
        "<dt>Rule</dt><dd>everything</dd>",
        "<dt>Approvals</dt><dd>1 of 2</dd>",
        f"<code>{task['seal'][:16]}</code>",
        "cid approved, ",
        ": Fine &amp; good</li>",
        '<input type="password" name="key"',
    ):
        assert wanted in shown
    assert task["expires_at"][:16].replace("T", " ") in shown


def test_the_page_shows_what_the_review_found(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob", template={"subject": "", "body": "Dear {{ name }}"})
    assert "<li>warning: The subject is empty.</li>" in look(asked.link("bob")).text


def test_the_page_needs_nothing_from_elsewhere_and_lets_nothing_out(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url = asked.link("bob")
    for answer in (
        look(url),
        post(url, decision="maybe"),
        post(url),
        look(url),
        requests.put(url, timeout=30),
    ):
        [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        assert answer.headers["Content-Security-Policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'"
            "; frame-ancestors 'none'"
        )
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "noindex" in answer.headers["X-Robots-Tag"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert re.fullmatch("[0-9a-f]{24}", answer.headers["X-Request-Id"])
        assert not {"Set-Cookie", "Location"} & set(answer.headers)
        assert not re.search(r"<script|<link|<img|src=|https?:|style=", answer.text)
        assert url.rpartition("/")[2] not in answer.text
        assert answer.text.startswith('<!doctype html>\n<html lang="en">')
        [title], [heading] = re.findall("<title>(.*)</title>", answer.text), re.findall("<h1>(.*)</h1>", answer.text)
        assert title == heading


def test_a_link_that_nobody_was_sent_tells_nothing(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url = asked.link("bob")
    before = asked.house.rows()
    wrong = [f"{url[:-1]}{'0' if url[-1] != '0' else '1'}", url[:-1], f"{url}0", f"{url[:-48]}{url[-48:].upper()}"]
    wrong += [f"{url[:-48]}{other}" for other in ("x", "%00", "%0a", asked.task, "é")]
    answers = [requests.request(method, each, data={"decision": "approve"}, timeout=30)
               for method in ("GET", "POST") for each in wrong]  # fmt: skip
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert answers[0].status_code == 404
    assert asked.house.rows() == before


# Deciding with the link alone


def test_the_form_casts_the_ballot_of_the_person_that_the_link_was_sent_to(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob", "cid")
    url = asked.link("bob")
    assert 'type="password"' not in look(url).text
    answer = post(url, comment="Go  <go>")
    assert (answer.status_code, "It goes out now." in answer.text) == (200, True)
    asked.house.wait_for(asked.campaign, "completed")
    [vote] = asked.house.task(asked.task)["votes"]
    assert (vote["person"], vote["choice"], vote["comment"]) == (asked.member("bob"), "approve", "Go  <go>")
    [event] = [
        each
        for each in asked.house.data("GET", f"/v1/campaigns/{asked.campaign}/events")["events"]
        if each["event"] == "approve"
    ]
    assert (event["actor"], event["person"]) == ("review-link", asked.member("bob"))
    assert [answer.status_code for answer in (look(url), post(url, seal="x"))] == [404, 404]
    other = look(asked.link("cid"))
    assert (other.status_code, "It was approved." in other.text, "<form" in other.text) == (200, True, False)


@pytest.mark.parametrize(
    ("decision", "became"),
    [("dismiss", "It was dismissed."), ("request_changes", "Changes were requested.")],
    ids=["dismiss", "request changes"],
)
def test_to_say_no_sends_nothing(mailing: Mailing, decision: str, became: str) -> None:
    asked = Asked.of(mailing, LINK, "bob", "cid")
    answer = post(asked.link("bob"), decision, comment="No.")
    assert (answer.status_code, "It does not go out." in answer.text) == (200, True)
    assert asked.votes() == [(asked.member("bob"), decision)]
    assert asked.house.status(asked.campaign) == "draft"
    assert became in look(asked.link("cid")).text


def test_a_vote_that_is_not_the_last_spends_the_link_and_says_what_is_missing(mailing: Mailing) -> None:
    asked = Asked.of(mailing, asking(2, link_decides=True), "bob", "cid")
    answer = post(asked.link("bob"))
    assert (answer.status_code, "1 of 2 approvals are given" in answer.text) == (200, True)
    assert post(asked.link("bob"), "dismiss", seal="x").status_code == 404
    assert asked.house.task(asked.task)["status"] == "pending"
    assert "It goes out now." in post(asked.link("cid")).text


def test_a_refusal_is_told_with_its_reasons_and_leaves_the_link_good(mailing: Mailing) -> None:
    policy = asking(acknowledge="explicit", link_decides=True)
    asked = Asked.of(mailing, policy, "bob", template={"subject": "", "body": "Dear {{ name }}"})
    url = asked.link("bob")
    before = asked.house.rows()
    refused = post(url, comment="I have <read> it")
    assert refused.status_code == 409
    assert "The policy asks for every warning to be acknowledged." in refused.text
    assert "I have &lt;read&gt; it</textarea>" in refused.text
    forged = post(url, seal="0" * 64, acknowledge="subject_empty")
    assert (forged.status_code, "shows something else" in forged.text) == (409, True)
    assert asked.house.rows() == before
    assert '<input type="checkbox" name="acknowledge" value="subject_empty">' in look(url).text
    assert post(url, acknowledge="subject_empty").status_code == 200


def test_two_posts_at_once_decide_once(mailing: Mailing) -> None:
    for quorum in (1, 2):
        asked = Asked.of(mailing, asking(quorum, link_decides=True, dismissals=2), "bob", "cid")
        url = asked.link("bob")
        [seal] = re.findall(r'name="seal" value="([0-9a-f]+)"', look(url).text)
        start, statuses = threading.Barrier(6), list[int]()

        def knock(url: str, form: dict[str, str], start: threading.Barrier, into: list[int]) -> None:
            start.wait()
            into.append(requests.post(url, data=form, timeout=30).status_code)

        threads = [
            threading.Thread(target=knock, args=(url, {"decision": decision, "seal": seal}, start, statuses))
            for decision in ("approve", "dismiss") * 3
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses.count(200) == 1, statuses
        assert set(statuses) <= {200, 404}
        assert len(asked.votes()) == 1


def test_an_edited_campaign_makes_the_old_link_useless(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    old = asked.link("bob")
    [seal] = re.findall(r'name="seal" value="([0-9a-f]+)"', look(old).text)
    asked.house.data("PATCH", f"/v1/campaigns/{asked.campaign}", {"name": "Summer"})
    task = asked.house.start(asked.campaign)["task_id"]
    new = asked.link("bob", 2)
    before = asked.house.rows()
    for answer in (look(old), post(old, seal=seal), post(old, seal=asked.house.task(task)["seal"])):
        assert (answer.status_code, "changed or taken back" in answer.text, "<form" in answer.text) == (
            200,
            True,
            False,
        )
    assert asked.house.rows() == before
    assert "<dd>Summer</dd>" in look(new).text
    assert post(new).status_code == 200


def test_who_has_left_or_may_not_approve_any_more_has_no_link(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob", "cid")
    bob, cid = asked.link("bob"), asked.link("cid")
    assert mailing.server.engine is not None
    with mailing.server.engine.begin() as connection:
        store.change_member(connection, asked.member("bob"), removed_at=SystemClock().now())
        store.change_member(connection, asked.member("cid"), scopes=["campaigns:read", "admin"])
    before = asked.house.rows()
    seal = asked.house.task(asked.task)["seal"]
    for url in (bob, cid):
        for answer in (look(url), *(post(url, decision, seal=seal) for decision in CHOICES)):
            assert (answer.status_code, asked.house.domain in answer.text) == (404, False)
    assert asked.house.rows() == before


# Deciding with a key


def a_typo(key: str) -> str:
    return f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"


WRONG_KEYS: dict[str, Callable[[Asked], str]] = {
    "none": lambda asked: "",
    "nonsense": lambda asked: "nonsense",
    "mistyped": lambda asked: a_typo(asked.keys["bob"]),
    "another member's": lambda asked: asked.keys["cid"],
    "of no member": lambda asked: asked.house.tenant.key(),
    "may not approve": lambda asked: asked.house.tenant.key("admin", member=asked.address("bob")),
    "of another workspace": lambda asked: asked.mailing.server.workspace().key("lexi", member=asked.address("bob")),
    "revoked": lambda asked: asked.revoked("bob"),
}


@pytest.mark.parametrize("kinds", [list(WRONG_KEYS)[:4], list(WRONG_KEYS)[4:]], ids=["strange", "known"])
def test_without_link_decides_only_a_good_key_of_that_person_decides(mailing: Mailing, kinds: list[str]) -> None:
    asked = Asked.of(mailing, asking(), "bob", "cid")
    url, keys = asked.link("bob"), [WRONG_KEYS[kind](asked) for kind in kinds]
    before = asked.house.rows()
    answers = [post(url, key=key, comment="Wait") for key in keys]
    assert len({(answer.status_code, answer.text) for answer in answers}) == 1
    assert (answers[0].status_code, "Wait</textarea>" in answers[0].text) == (403, True)
    assert asked.house.rows() == before
    assert post(url, key=f" {asked.keys['bob']} ").status_code == 200
    assert asked.votes() == [(asked.member("bob"), "approve")]
    assert look(url).status_code == 404


def test_a_link_may_be_tried_with_a_few_keys_a_minute(mailing: Mailing) -> None:
    asked = Asked.of(mailing, asking(), "bob", "cid")
    bob, cid = asked.link("bob"), asked.link("cid")
    assert [post(bob, key="nonsense").status_code for _ in range(5)] == [403] * 5
    limited = post(bob, key=asked.keys["bob"])
    assert (limited.status_code, asked.votes()) == (429, [])
    assert 1 <= int(limited.headers["Retry-After"]) <= 60
    assert look(bob).status_code == 200
    assert post(cid, key=asked.keys["cid"]).status_code == 200


# What goes wrong


@pytest.mark.parametrize(
    "body",
    [
        {"decision": ""},
        {"decision": "retract"},
        {"seal": ""},
        {"comment": "x" * (MOST_OF_A_COMMENT + 1)},
        {"comment": "a\0b"},
        {"comment": "x" * MOST},
        {f"field {number}": "x" for number in range(300)},
    ],
    ids=["no decision", "another decision", "no seal", "a long comment", "NUL", "a long body", "many fields"],
)
def test_a_form_that_the_page_does_not_send_decides_nothing(mailing: Mailing, body: dict[str, str]) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url = asked.link("bob")
    before = asked.house.rows()
    answer = post(url, **body)
    assert (answer.status_code, "Nothing was decided" in answer.text) == (400, True)
    assert asked.house.rows() == before
    assert post(url).status_code == 200


def test_a_form_of_another_kind_decides_nothing(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url, seal = asked.link("bob"), asked.house.task(asked.task)["seal"]
    said = {"decision": "approve", "seal": seal}
    kinds: list[dict[str, Any]] = [{"json": said}, {"files": {key: (None, value) for key, value in said.items()}}]
    for kind in [*kinds, {"params": said}, {"data": b"\xff\x00"}]:
        assert requests.post(url, timeout=30, **kind).status_code == 400
    assert asked.votes() == []


def test_the_longest_comment_fits_whatever_it_is_written_in(mailing: Mailing) -> None:
    asked = Asked.of(mailing, asking(2, link_decides=True), "bob", "cid")
    assert post(asked.link("bob"), comment="\U0001f680" * MOST_OF_A_COMMENT).status_code == 200
    assert asked.house.task(asked.task)["votes"][0]["comment"] == "\U0001f680" * MOST_OF_A_COMMENT


def test_no_other_method_is_taken(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url, before = asked.link("bob"), asked.house.rows()
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS"):
        answer = requests.request(method, url, data={"decision": "approve"}, timeout=30)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, POST")
    assert asked.house.rows() == before


def test_a_database_that_fails_asks_to_try_again(mailing: Mailing) -> None:
    asked = Asked.of(mailing, LINK, "bob")
    url, seal = asked.link("bob"), asked.house.task(asked.task)["seal"]
    with mailing.server.broken("ALTER TABLE gonogo_vote RENAME TO gone", "ALTER TABLE gone RENAME TO gonogo_vote"):
        for answer in (look(url), post(url, seal=seal)):
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
            assert "try again" in answer.text
    assert asked.votes() == []
    assert post(url).status_code == 200


def test_who_has_not_decided_is_asked_again_by_the_clock(mailing: Mailing) -> None:
    policy = asking(2, link_decides=True, remind_after="PT5S", expires_after="PT1H")
    asked = Asked.of(mailing, policy, "bob", "cid")
    first = asked.link("bob")
    again = asked.link("bob", 2)
    assert again != first
    assert post(again).status_code == 200
    assert asked.votes() == [(asked.member("bob"), "approve")]
    assert post(asked.link("cid", 2)).status_code == 200
    assert asked.house.task(asked.task)["status"] == "approved"
