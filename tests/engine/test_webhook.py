"""Messages over HTTP: a real receiver, with everything that it may say, and everything that may break."""

import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from whenever import Instant

from gonogo.execution import posting, webhook
from gonogo.execution.channels import SENT, Channel, Delivery, Message, Receipt
from gonogo.execution.posting import Answer, NotPosted, Poster, Target, Unanswered, is_public, new_secret, signed
from gonogo.execution.webhook import Webhook
from support.receiver import Receiver, Reply, receiver
from support.server import free_port

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - of the specification's own example
NOW = Instant.from_utc(2026, 1, 15, 9)
ADA = Message(
    message_id="<run.0.0@gonogo>",
    sender_email="news@acme.example",
    sender_name="Acme",
    address="ada@example.com",
    subject="Grüße",
    body="Dear Ada",
    html=None,
    date=NOW,
    headers=(("List-Unsubscribe", "<https://acme.example/u>"),),
)


class Noon:
    def now(self) -> Instant:
        return NOW


def people(count: int) -> list[Message]:
    return [replace(ADA, address=f"p{n}@example.com", message_id=f"<run.0.{n}@gonogo>") for n in range(count)]


def always() -> bool:
    return True


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "PAUSES", (0.01, 0.02, 0.03))


@pytest.fixture
def hears() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


Dial = Callable[..., Webhook]


@pytest.fixture
def dial() -> Iterator[Dial]:
    """Opens channels to receivers on this machine, and closes them."""
    opened: list[Webhook] = []

    def open_one(url: str, *, timeout: float = 5, private: bool = True, **more: Any) -> Webhook:
        poster = Poster(timeout, private, *more.pop("trusted", ()))
        opened.append(Webhook(url, SECRET, poster=poster, clock=Noon(), **more))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


# A message


def test_a_message_arrives_as_a_signed_document(hears: Receiver, dial: Dial) -> None:
    channel: Channel = dial(hears.url + "/a?b=c")
    assert channel.deliver([ADA], always) == Delivery([SENT])
    [request] = hears.requests
    assert (request.method, request.path) == ("POST", "/hook/a?b=c")
    assert request.document == {
        "type": "message.send",
        "timestamp": "2026-01-15T09:00:00Z",
        "data": {
            "message_id": "<run.0.0@gonogo>",
            "to": "ada@example.com",
            "from": {"email": "news@acme.example", "name": "Acme"},
            "subject": "Grüße",
            "text": "Dear Ada",
            "html": None,
            "headers": {"List-Unsubscribe": "<https://acme.example/u>"},
        },
    }
    assert request.signed_with(SECRET)
    assert not request.signed_with(new_secret(bytes(24)))
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == f"127.0.0.1:{hears.port}"
    assert request.headers["webhook-timestamp"] == "1768467600"


def test_the_same_message_has_the_same_key_and_another_one_another(hears: Receiver, dial: Dial) -> None:
    channel = dial(hears.url)
    first, second = people(2)
    for each in (first, first, second):
        channel.deliver([each], always)
    assert hears.ids == ["msg_run_0_0_gonogo", "msg_run_0_0_gonogo", "msg_run_0_1_gonogo"]


def test_several_go_side_by_side_but_no_more_than_connections(hears: Receiver, dial: Dial) -> None:
    gate = threading.Event()
    hears.answers = lambda _: Reply(when=gate)
    channel = dial(hears.url, connections=3)
    answered: list[Delivery] = []
    sending = threading.Thread(target=lambda: answered.append(channel.deliver(people(9), always)))
    sending.start()
    deadline = time.monotonic() + 5
    while hears.present < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    gate.set()
    sending.join(10)
    assert answered == [Delivery([SENT] * 9)]
    assert hears.together == 3
    assert sorted(each.document["data"]["to"] for each in hears.requests) == [each.address for each in people(9)]


# What the receiver says


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_a_yes_is_a_yes(hears: Receiver, dial: Dial, status: int) -> None:
    hears.script(Reply(status, body=b""))
    assert dial(hears.url).deliver([ADA], always) == Delivery([SENT])


@pytest.mark.parametrize("status", [400, 404, 410, 422, 499])
def test_a_final_no_is_the_recipients_fate_and_nobody_elses(hears: Receiver, dial: Dial, status: int) -> None:
    hears.answers = lambda asked: Reply(status, body=b"no\nsuch") if asked.id.endswith("_1_gonogo") else Reply()
    delivery = dial(hears.url).deliver(people(3), always)
    assert delivery == Delivery([SENT, Receipt("rejected", f"{status} no such"), SENT])
    assert len(hears.requests) == 3


@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
def test_a_no_for_now_is_tried_again_with_the_same_key(hears: Receiver, dial: Dial, status: int) -> None:
    hears.script(Reply(status), Reply(status))
    assert dial(hears.url).deliver([ADA], always) == Delivery([SENT])
    assert hears.ids == ["msg_run_0_0_gonogo"] * 3


def test_a_no_for_now_that_stays_is_deferred(hears: Receiver, dial: Dial) -> None:
    hears.answers = lambda asked: Reply(503, body=b"") if asked.id.endswith("_0_gonogo") else Reply()
    assert dial(hears.url).deliver(people(2), always) == Delivery([Receipt("deferred", "503"), SENT])
    assert len(hears.requests) == 1 + 1 + len(webhook.PAUSES)


def test_a_receiver_that_asks_for_a_short_while_is_given_it(hears: Receiver, dial: Dial) -> None:
    hears.script(Reply(429, {"Retry-After": "1"}))
    begun = time.monotonic()
    assert dial(hears.url).deliver([ADA], always) == Delivery([SENT])
    assert 1 <= time.monotonic() - begun < 4


@pytest.mark.parametrize(("long", "seconds"), [("3600", 3600), ("Thu, 15 Jan 2026 09:10:00 GMT", 600)])
def test_a_receiver_that_asks_for_a_long_while_is_left_alone(
    hears: Receiver, dial: Dial, long: str, seconds: int
) -> None:
    hears.script(Reply(503, {"Retry-After": long}, b"busy"))
    assert dial(hears.url).deliver([ADA], always) == Delivery([Receipt("deferred", "503 busy", seconds)])
    assert len(hears.requests) == 1


def test_a_pause_is_drawn_so_that_many_do_not_come_back_together(
    hears: Receiver, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    channel = dial(hears.url)
    hears.answers = lambda _: Reply(503)
    with monkeypatch.context() as patched:
        patched.setattr(channel._closed, "wait", waited.append)
        channel.deliver(people(8), always)
    assert len(set(waited)) == len(waited) == 8 * len(webhook.PAUSES)
    assert all(0.005 <= each <= 0.03 for each in waited)


def test_no_redirect_is_followed_and_it_is_trouble(hears: Receiver, dial: Dial) -> None:
    hears.script(Reply(302, {"Location": hears.url + "/elsewhere"}))
    delivery = dial(hears.url, connections=1).deliver(people(2), always)
    moved = f"127.0.0.1:{hears.port} sends elsewhere, which is not followed: 302"
    assert delivery == Delivery([None, None], moved, "people")
    assert len(hears.requests) == 1


def test_nothing_is_tried_once_time_has_run_out(hears: Receiver, dial: Dial) -> None:
    left = iter([True, True, False])
    delivery = dial(hears.url, connections=1).deliver(people(4), lambda: next(left, False))
    assert delivery == Delivery([SENT, SENT, None, None])
    assert len(hears.requests) == 2


def test_nothing_is_tried_again_once_time_has_run_out(hears: Receiver, dial: Dial) -> None:
    hears.answers = lambda _: Reply(503)
    left = iter([True, True, False])
    assert dial(hears.url).deliver([ADA], lambda: next(left)) == Delivery([None])
    assert len(hears.requests) == 2


# What breaks


def test_a_receiver_that_is_not_there_is_trouble_at_once(dial: Dial) -> None:
    port = free_port()
    delivery = dial(f"http://127.0.0.1:{port}/s3cret").deliver(people(30), always)
    assert delivery == Delivery([None] * 30, f"127.0.0.1:{port} can't be reached: Connection refused")


def test_a_host_that_nobody_knows_is_trouble(dial: Dial) -> None:
    delivery = dial("http://nowhere.invalid/s3cret").deliver([ADA], always)
    assert delivery.receipts == [None]
    assert str(delivery.trouble).startswith("The host nowhere.invalid can't be found: ")


@pytest.mark.parametrize("reply", [None, Reply(raw=b"HTTP/1.1 2"), Reply(raw=b"what?\r\n\r\n"), Reply(103, body=b"")])
def test_a_connection_that_is_lost_without_an_answer_leaves_it_unknown(
    hears: Receiver, dial: Dial, reply: Reply | None
) -> None:
    hears.script(reply)
    delivery = dial(hears.url).deliver(people(2), always)
    assert sorted(each.state for each in delivery.receipts if each) == ["sent", "unknown"]
    assert delivery.trouble is None
    assert len(hears.requests) == 2  # it is not tried again


def test_an_answer_that_breaks_off_after_its_status_has_said_what_counts(hears: Receiver, dial: Dial) -> None:
    hears.script(Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nso f"))
    assert dial(hears.url).deliver([ADA], always) == Delivery([SENT])


@pytest.mark.parametrize("drips", [None, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000])
def test_a_receiver_that_keeps_silent_or_talks_for_ever_leaves_it_unknown(
    hears: Receiver, dial: Dial, drips: bytes | None
) -> None:
    hears.answers = lambda _: Reply(drips=drips) if drips else Reply(when=hears.stopped)
    begun = time.monotonic()
    [found] = dial(hears.url, timeout=0.4).deliver([ADA], always).receipts
    assert found == Receipt("unknown", f"127.0.0.1:{hears.port} did not answer: timed out")
    assert 0.3 < time.monotonic() - begun < 3


def test_a_receiver_that_accepts_no_connection_in_time_is_trouble(dial: Dial) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"https://127.0.0.1:{deaf.getsockname()[1]}"  # it never says a word of TLS
        delivery = dial(url, timeout=0.3).deliver([ADA], always)
    assert delivery == Delivery([None], f"{url[8:]} can't be reached: timed out")


def test_an_answer_without_an_end_is_read_no_further_than_its_bound(hears: Receiver) -> None:
    hears.script(Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000_000))
    answer = Poster(5, True).post(hears.url, b"{}", message_id="m", secret=SECRET, now=NOW)
    assert (answer.status, len(answer.body)) == (200, posting.READ)
    assert len(str(answer)) == len("200 ") + posting.TOLD


# Where it goes


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1",
        "239.1.1.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::", "::1", "fe80::1", "fc00::1",
        "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "2002:7f00:1::",
        "2002:a00:1::", "2001::1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "::ffff:100.64.0.1",
        "fe80::1%eth0",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_public_internet_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::", "64:ff9b::808:808"]
)
def test_a_public_address_is_known(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_a_private_address_is_refused_however_it_is_written(hears: Receiver, dial: Dial, host: str) -> None:
    delivery = dial(f"http://{host}:{hears.port}/", private=False).deliver([ADA], always)
    assert delivery.receipts == [None]
    assert str(delivery.trouble).endswith("has an address that is not public.")
    assert hears.requests == []


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Every look-up of a name is answered with the next of these; which names those were."""
    asked: list[str] = []
    waiting = iter(answers)
    real = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *rest: Any, **more: Any) -> Any:
        if host.replace(".", "").isdigit() or ":" in host:
            return real(host, port, *rest, **more)
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(waiting)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_one_private_address_among_public_ones_is_enough_to_refuse(
    hears: Receiver, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["93.184.216.34", "127.0.0.1"])
    delivery = dial(f"http://two.example:{hears.port}/", private=False).deliver([ADA], always)
    assert delivery.trouble == "The host two.example has an address that is not public."


def test_the_address_that_was_judged_is_the_one_that_is_called(
    hears: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads elsewhere the next time it is asked is not asked a second time."""
    asked = answering(monkeypatch, ["127.0.0.1"], ["127.0.0.2"])
    url = f"http://rebinding.example:{hears.port}/hook"
    assert Poster(5, True).post(url, b"{}", message_id="m", secret=SECRET, now=NOW).status == 200
    assert asked == ["rebinding.example"]
    assert hears.requests[0].headers["host"] == f"rebinding.example:{hears.port}"


def test_where_one_address_takes_no_connection_the_next_is_tried(
    hears: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["127.0.0.9", "127.0.0.1"])
    url = f"http://both.example:{hears.port}/"
    assert Poster(5, True).post(url, b"{}", message_id="m", secret=SECRET, now=NOW).status == 200


def test_a_proxy_of_the_environment_is_not_used(hears: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert Poster(5, True).post(hears.url, b"{}", message_id="m", secret=SECRET, now=NOW).status == 200


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of hook.example, by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def secured(certificate: Path) -> Iterator[Receiver]:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    with receiver(tls=served) as found:
        yield found


def test_tls_asks_for_the_name_and_checks_it_at_the_pinned_address(
    secured: Receiver, certificate: Path, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["127.0.0.1"], ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(certificate))
    named = f"https://hook.example:{secured.port}/hook"
    assert dial(named, trusted=[trusting]).deliver([ADA], always) == Delivery([SENT])
    assert secured.names == ["hook.example"]
    assert secured.requests[0].headers["host"] == f"hook.example:{secured.port}"
    other = dial(f"https://other.example:{secured.port}/hook", trusted=[trusting]).deliver([ADA], always)
    assert other.receipts == [None]
    assert "certificate is not good: Hostname mismatch" in str(other.trouble)
    assert len(secured.requests) == 1


def test_a_certificate_that_nobody_vouches_for_is_trouble(
    secured: Receiver, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["127.0.0.1"])
    refused = dial(f"https://hook.example:{secured.port}/").deliver([ADA], always)
    assert refused.receipts == [None]
    assert "the certificate is not good: self" in str(refused.trouble)


def test_silence_over_tls_ends_in_time_as_well(
    secured: Receiver, certificate: Path, dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, ["127.0.0.1"])
    secured.answers = lambda _: Reply(drips=b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000)
    trusting = ssl.create_default_context(cafile=str(certificate))
    channel = dial(f"https://hook.example:{secured.port}/", trusted=[trusting], timeout=0.5)
    [found] = channel.deliver([ADA], always).receipts
    assert found == Receipt("unknown", f"hook.example:{secured.port} did not answer: timed out")


# Addresses, secrets, signatures


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://a.example", Target("http", "a.example", 80, "/")),
        ("https://A.example:8443/x?y=1#z", Target("https", "a.example", 8443, "/x?y=1")),
        ("https://[2001:db8::1]/", Target("https", "2001:db8::1", 443, "/")),
    ],
)
def test_an_address_is_taken_apart(url: str, target: Target) -> None:
    assert Target.parse(url) == target
    assert str(target) == re.sub("^https?://|/.*|:443$", "", url.lower())


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "ftp://a.example", "file:///etc/passwd", "http://", "http://:80", "http://a:99999",
        "http://a:0", "http://a:b", "http://user@a", "http://user:s3cret@a", "http://@a", "http://a/ b",
        "http://a/\r\nX: y", "http://a\\@b/", "http://a\\b/", "http://ä.example", "http://[::1", "//a.example",
    ],
)  # fmt: skip
def test_what_is_no_address_for_it_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError, match=r"^expected ") as refused:
        Target.parse(url)
    assert "s3cret" not in str(refused.value)
    with pytest.raises(NotPosted, match="can't be used"):
        Poster(1, True).post(url, b"{}", message_id="m", secret=SECRET, now=NOW)
    with pytest.raises(ValueError, match=r"^expected "):
        Webhook(url, SECRET)


def test_a_failure_does_not_tell_the_path_in_which_secrets_stand(hears: Receiver) -> None:
    hears.script(None)
    with pytest.raises(Unanswered) as lost:
        Poster(5, True).post(f"{hears.url}/s3cret?key=s3cret", b"{}", message_id="m", secret=SECRET, now=NOW)
    assert "s3cret" not in str(lost.value)
    assert SECRET not in str(lost.value)


def test_the_signature_is_the_one_of_the_specification() -> None:
    """The example that the specification's own libraries are tested with."""
    headers = signed(
        b'{"test": 2432232314}',
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        secret=SECRET,
        now=Instant.from_timestamp(1614265330),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_changes_the_old_and_the_new_one_sign(hears: Receiver) -> None:
    old, new = new_secret(b"o" * 24), new_secret(b"n" * 32)
    Poster(5, True).post(hears.url, b"{}", message_id="m", secret=f"{new} {old}", now=NOW)
    assert hears.requests[0].signed_with(old)
    assert hears.requests[0].signed_with(new)
    assert not hears.requests[0].signed_with(SECRET)


@pytest.mark.parametrize("secret", ["", "secret", "whsec_", "whsec_!!!!", "whsec_c2hvcnQ=", "whsec_ä"])
def test_what_is_no_secret_is_refused_without_being_told(secret: str) -> None:
    with pytest.raises(ValueError, match="expected whsec_") as refused:
        Webhook("http://a.example", secret)
    assert "c2hvcnQ" not in str(refused.value)


def test_an_id_that_would_make_the_signed_text_ambiguous_is_refused() -> None:
    with pytest.raises(ValueError, match="full stop"):
        signed(b"", message_id="a.b", secret=SECRET, now=NOW)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("7", 7.0), ("Thu, 15 Jan 2026 09:00:30 GMT", 30.0), ("Thu, 15 Jan 2026 08:00:00 GMT", 0.0), ("soon", None),
     ("-1", None), ("", None), ("²", None)],
)  # fmt: skip
def test_when_to_come_again_is_told_in_seconds_or_as_a_date(hears: Receiver, said: str, seconds: float | None) -> None:
    hears.script(Reply(503, {"Retry-After": said}, b""))
    answer = Poster(5, True).post(hears.url, b"{}", message_id="m", secret=SECRET, now=NOW)
    assert answer == Answer(503, seconds)
