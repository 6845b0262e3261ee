"""Mail through a relay: real SMTP, with everything that a relay may say, and everything that may break."""

import asyncio
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from whenever import Instant

from gonogo.execution import smtp
from gonogo.execution.channels import SENT, Channel, Delivery, Message, Receipt
from gonogo.execution.smtp import Relay, Smtp
from support.house import eventually
from support.relays import Inbox, scripted, silent_relay, smtp_server
from support.server import free_port

ADA = Message(
    message_id="<run.0.0@gonogo>",
    sender_email="news@acme.example",
    sender_name="Acme",
    address="ada@example.com",
    subject="Grüße",
    body="Dear Ada,\n.\n..dots\nyours",
    html=None,
    date=Instant.from_utc(2026, 1, 15, 9),
)
HELLO, OK, GO = b"220 relay", b"250 OK", b"354 go on"


def people(count: int) -> list[Message]:
    return [replace(ADA, address=f"p{n}@example.com", message_id=f"<run.0.{n}@gonogo>") for n in range(count)]


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PAUSES", (0.01, 0.02, 0.03))
    monkeypatch.setattr(smtp, "PATIENCE", 0.5)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with smtp_server() as found:
        yield found


class Dial:
    """Opens channels to relays on this machine, and closes them."""

    def __init__(self) -> None:
        self.opened: list[Smtp] = []

    def __call__(self, port: int, relay: str = "smtp://127.0.0.1", **more: Any) -> Smtp:
        self.opened.append(Smtp(Relay.parse(f"{relay}:{port}"), **more))
        return self.opened[-1]

    def hang_up(self) -> None:
        while self.opened:
            self.opened.pop().close()


@pytest.fixture
def dial() -> Iterator[Dial]:
    dialling = Dial()
    yield dialling
    dialling.hang_up()


def always() -> bool:
    return True


def test_a_mail_arrives_as_it_was_written(inbox: Inbox, dial: Dial) -> None:
    channel: Channel = dial(inbox.port)
    assert channel.deliver([ADA], always) == Delivery([SENT])
    [mail] = inbox.mails
    assert (mail["To"], mail["Subject"], mail["Message-ID"]) == ("ada@example.com", "Grüße", "<run.0.0@gonogo>")
    assert mail.get_content().replace("\r\n", "\n") == f"{ADA.body}\n"
    assert inbox.senders == {"news@acme.example": 1}


def test_a_batch_goes_over_few_connections_that_stay_open(inbox: Inbox, dial: Dial) -> None:
    channel = dial(inbox.port, connections=3)
    for _ in range(2):
        assert channel.deliver(people(40), always) == Delivery([SENT] * 40)
    assert sorted(inbox.recipients) == sorted(each.address for each in [*people(40), *people(40)])
    assert 1 <= len(inbox.sessions) <= 3


def test_a_final_no_is_the_recipients_fate_and_nobody_elses(inbox: Inbox, dial: Dial) -> None:
    inbox.refuses = {"p1@example.com": repeat("550 no such box")}
    delivery = dial(inbox.port).deliver(people(3), always)
    assert delivery == Delivery([SENT, Receipt("rejected", "550 no such box"), SENT])
    assert sorted(inbox.recipients) == ["p0@example.com", "p2@example.com"]


def test_a_no_for_now_is_tried_again(inbox: Inbox, dial: Dial) -> None:
    inbox.refuses = {"p0@example.com": iter(["451 greylisted", "451 greylisted"])}
    assert dial(inbox.port).deliver(people(1), always) == Delivery([SENT])
    assert inbox.recipients == ["p0@example.com"]
    assert inbox.senders.total() == 3


def test_a_no_for_now_that_stays_is_put_off(inbox: Inbox, dial: Dial) -> None:
    inbox.refuses = {"p0@example.com": repeat("451 greylisted")}
    delivery = dial(inbox.port).deliver(people(2), always)
    assert delivery == Delivery([Receipt("deferred", "451 greylisted"), SENT])
    assert inbox.senders.total() == 1 + 1 + len(smtp.PAUSES)


def test_a_sender_that_is_refused_is_trouble_and_nobodys_fate(inbox: Inbox, dial: Dial) -> None:
    inbox.refuses = {"news@acme.example": repeat("553 not you")}
    delivery = dial(inbox.port, connections=1).deliver(people(3), always)
    assert delivery == Delivery([None, None, None], "The relay refuses the sender: 553 not you", "people")


def test_a_mail_that_can_not_be_written_is_rejected_and_the_rest_goes(inbox: Inbox, dial: Dial) -> None:
    first, second = people(2)
    delivery = dial(inbox.port).deliver([replace(first, subject="a\nBcc: everybody@example.com"), second], always)
    assert delivery.receipts[0] == Receipt("rejected", "Subject has a line break in it.")
    assert delivery.receipts[1] == SENT
    assert inbox.recipients == ["p1@example.com"]


def test_nothing_is_tried_once_time_has_run_out(inbox: Inbox, dial: Dial) -> None:
    left = iter([True] * 4)  # asked before a message, and before it is handed over
    delivery = dial(inbox.port, connections=1).deliver(people(4), lambda: next(left, False))
    assert delivery == Delivery([SENT, SENT, None, None])
    assert inbox.recipients == ["p0@example.com", "p1@example.com"]


def test_a_message_is_not_handed_over_once_time_ran_out_on_the_way_to_it(inbox: Inbox, dial: Dial) -> None:
    left = iter([True, True, True])
    delivery = dial(inbox.port, connections=1).deliver(people(3), lambda: next(left, False))
    assert delivery == Delivery([SENT, None, None])
    assert inbox.recipients == ["p0@example.com"]


def test_a_relay_that_is_not_there_is_trouble_at_once(dial: Dial) -> None:
    port = free_port()
    begun = time.monotonic()
    delivery = dial(port).deliver(people(30), always)
    assert delivery.receipts == [None] * 30
    assert str(delivery.trouble).startswith(f"The relay 127.0.0.1:{port} can't be reached: ")
    assert time.monotonic() - begun < 5


def test_a_relay_that_says_nothing_is_trouble_once_patience_ends(dial: Dial) -> None:
    with scripted([b"", None]) as script:  # an empty line is no greeting
        delivery = dial(script.port, connections=1).deliver([ADA], always)
    assert delivery.receipts == [None]
    assert "can't be reached" in str(delivery.trouble)


def talk(*answers: bytes | None) -> list[bytes | None]:
    """A relay up to the message, and what it says then."""
    return [HELLO, OK, OK, OK, *answers]  # greeting, EHLO, MAIL, RCPT, ...


@pytest.mark.parametrize(
    ("then", "receipt"),
    [
        ([GO, OK], "sent"),
        ([GO, b"251 well"], "sent"),
        ([GO, b"550 spam"], "rejected"),
        ([b"554 no data from you"], "rejected"),
        ([GO, None], "unknown"),
        ([GO, b"what?"], "unknown"),
        ([GO, b"199 hm"], "unknown"),
    ],
)
def test_what_becomes_of_a_message_is_what_the_relay_said(dial: Dial, then: list[bytes | None], receipt: str) -> None:
    """Where it said nothing, or nothing that can be understood, nobody can tell."""
    with scripted(talk(*then)) as script:
        [found] = dial(script.port, connections=1).deliver([ADA], always).receipts
    assert found is not None
    assert found.state == receipt, found
    assert bool(found.reason) is (receipt != "sent")


@pytest.mark.parametrize(
    "answers",
    [
        [OK, b"299 hm", OK],  # to MAIL, to RCPT, to RSET
        [OK, OK, OK, OK],  # to MAIL, RCPT, DATA, RSET: it never asks for the message
    ],
)
def test_what_was_never_handed_over_is_not_told_as_sent(dial: Dial, answers: list[bytes | None]) -> None:
    with scripted([HELLO, OK, *answers * (1 + len(smtp.PAUSES))]) as script:
        [found] = dial(script.port, connections=1).deliver([ADA], always).receipts
    assert found is not None
    assert (found.state, bool(found.reason)) == ("deferred", True)
    assert not any(heard.endswith(b"\r\n.\r\n") for heard in script.heard)


def test_a_relay_that_falls_silent_after_the_message_leaves_it_unknown(dial: Dial) -> None:
    with scripted([*talk(GO), b"250-it goes on"]) as script:
        [found] = dial(script.port, connections=1).deliver([ADA], always).receipts
    assert found is not None
    assert (found.state, found.reason) == ("unknown", "The relay broke off: Timed out waiting for server response")


@pytest.mark.parametrize("before", [[HELLO, OK, OK, None], talk(None)])
def test_what_breaks_before_the_message_is_tried_again_on_another_connection(
    dial: Dial, before: list[bytes | None]
) -> None:
    with scripted(before, talk(GO, OK)) as script:
        assert dial(script.port, connections=1).deliver([ADA], always) == Delivery([SENT])
    assert sum(heard.endswith(b"\r\n.\r\n") for heard in script.heard) == 1


@contextmanager
def in_thread(work: Callable[[], Delivery]) -> Iterator[list[Delivery]]:
    """Runs beside what is done meanwhile, and has ended after it."""
    found: list[Delivery] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    yield found
    thread.join(10)
    assert not thread.is_alive()


def test_closing_breaks_off_what_is_under_way_and_tells_what_nobody_can_know(
    dial: Dial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 60)
    with scripted(talk(GO, b"250-it goes on")) as relay:  # and it never says what became of the message
        channel = dial(relay.port, connections=1)
        with in_thread(lambda: channel.deliver(people(3), always)) as found:
            eventually(lambda: any(each.endswith(b"\r\n.\r\n") for each in relay.heard), True)
            channel.close()
    assert found == [Delivery([Receipt("unknown", smtp.CLOSED), None, None], smtp.CLOSED)]
    assert channel.deliver(people(1), always) == Delivery([None], smtp.CLOSED)


def test_a_relay_that_could_not_be_used_is_tried_by_one_at_a_time(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_relay() as relay:
        channel = dial(relay.port, connections=2)
        assert channel.deliver(people(1), always).trouble
        for _ in range(20):  # none of them waits for the relay
            assert channel.deliver(people(1), always).trouble
        assert len(relay.callers) == 1
        monkeypatch.setattr(channel, "_rests_until", 0)
        with in_thread(lambda: channel.deliver(people(9), always)) as found:
            eventually(lambda: len(relay.callers) == 2, True)
            assert channel.deliver(people(9), always).trouble
        assert found[0].trouble
        assert len(relay.callers) == 2


def test_a_relay_that_can_be_used_again_is_used_by_all(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    channel = dial(port)
    assert channel.deliver(people(1), always).trouble
    monkeypatch.setattr(channel, "_rests_until", 0)
    with smtp_server(port=port) as inbox:
        assert channel.deliver(people(20), always) == Delivery([SENT] * 20)
        assert channel.deliver(people(40), always) == Delivery([SENT] * 40)
        assert len(inbox.sessions) > 1


def test_a_no_for_now_to_the_message_itself_is_tried_again(dial: Dial) -> None:
    again = [GO, b"451 later", OK, OK, GO, OK]  # MAIL, RCPT, DATA, the message
    with scripted(talk(*again)) as script:
        assert dial(script.port, connections=1).deliver([ADA], always) == Delivery([SENT])
    assert sum(heard.endswith(b"\r\n.\r\n") for heard in script.heard) == 2


@pytest.mark.parametrize("ended", [None, b"421 enough for today"])
def test_an_idle_connection_that_ended_meanwhile_costs_nothing(dial: Dial, ended: bytes | None) -> None:
    with scripted(talk(GO, OK, ended), talk(GO, OK)) as script:
        channel = dial(script.port, connections=1)
        assert channel.deliver(people(1), always) == Delivery([SENT])
        assert channel.deliver(people(2)[1:], always) == Delivery([SENT])


def test_what_a_relay_says_unasked_is_no_answer(dial: Dial) -> None:
    early: list[bytes | None] = [HELLO, OK, OK, b"250 OK\r\n354 go on\r\n250 taken"]  # greeting, EHLO, MAIL, RCPT
    with scripted(early, talk(GO, OK)) as script:
        assert dial(script.port, connections=1).deliver([ADA], always) == Delivery([SENT])
    assert sum(heard.endswith(b"\r\n.\r\n") for heard in script.heard) == 1


def test_an_answer_without_an_end_leaves_the_message_unknown(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 30)
    monkeypatch.setattr(smtp, "LONGEST_ANSWER", 100)
    with scripted(talk(GO, b"250-" + b"x" * 100)) as script:
        [found] = dial(script.port, connections=1).deliver([ADA], always).receipts
    assert found == Receipt("unknown", "The relay broke off: its answer had no end")


def test_a_reason_is_one_line_that_any_database_takes(dial: Dial) -> None:
    with scripted(talk(GO, b"550-no\0\r\n550 never")) as script:
        assert dial(script.port).deliver([ADA], always) == Delivery([Receipt("rejected", "550 no never")])


def test_what_was_refused_for_now_stays_so_where_time_runs_out(inbox: Inbox, dial: Dial) -> None:
    inbox.refuses = {"p0@example.com": repeat("451 greylisted")}
    left = iter([True])
    delivery = dial(inbox.port).deliver(people(1), lambda: next(left, False))
    assert delivery == Delivery([Receipt("deferred", "451 greylisted")])


# Groups of commands

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ASKS = b"250 sender\r\n250 recipient\r\n354 go on\r\n"


@contextmanager
def relay(*conversations: Conversation) -> Iterator[int]:
    """The port of a relay that takes groups; each connection has a conversation of its own after EHLO."""
    following, stop = iter(conversations), asyncio.Event()
    ready = Queue[tuple[asyncio.AbstractEventLoop, int]]()

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        await reader.readline()
        writer.write(b"250-relay\r\n250 PIPELINING\r\n")
        try:
            with suppress(asyncio.CancelledError):  # still listening at the end
                await next(following)(reader, writer)
        finally:
            writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(converse, "127.0.0.1", 0) as server:
            ready.put((asyncio.get_running_loop(), server.sockets[0].getsockname()[1]))
            await stop.wait()

    serving = threading.Thread(target=lambda: asyncio.run(serve()))
    serving.start()
    loop, port = ready.get(timeout=5)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        serving.join(5)


async def group(reader: asyncio.StreamReader) -> str:
    """Whom the next three commands are about: nothing is answered before all of them are there."""
    commands = [await reader.readline() for _ in range(3)]
    assert [each[:4] for each in commands] == [b"MAIL", b"RCPT", b"DATA"], commands
    return commands[1].decode().removeprefix("RCPT TO:<").removesuffix("@example.com>\r\n")


async def message(reader: asyncio.StreamReader) -> str:
    """Whom the next message is addressed to."""
    data = await reader.readuntil(b"\r\n.\r\n")
    return data.partition(b"To: ")[2].partition(b"@")[0].decode()


def test_a_message_travels_with_the_commands_for_the_next_where_the_relay_takes_groups(dial: Dial) -> None:
    heard: list[tuple[str, ...]] = []

    async def all_three(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append((await group(reader),))
        writer.write(ASKS)
        for _ in range(2):
            heard.append((await message(reader), await group(reader)))
            writer.write(b"250 taken\r\n" + ASKS)
        heard.append((await message(reader),))
        writer.write(b"250 taken\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")

    with relay(all_three) as port:
        assert dial(port, connections=1).deliver(people(3), always) == Delivery([SENT] * 3)
    assert heard == [("p0",), ("p0", "p1"), ("p1", "p2"), ("p2",)]


@pytest.mark.parametrize("goes_on", [True, False])
def test_nobody_gets_what_was_meant_for_a_recipient_who_is_refused_within_a_group(dial: Dial, goes_on: bool) -> None:
    """A relay may ask for the message all the same (RFC 2920 section 3.1): it gets none, and the connection ends."""
    heard: list[bytes] = []

    async def refuses_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await group(reader) == "p0"
        writer.write(
            b"250 sender\r\n550 no such box\r\n" + (b"503 nobody to send to\r\n" if goes_on else b"354 go on\r\n")
        )
        heard.append(await reader.readline())
        if goes_on:
            writer.write(b"250 forgotten\r\n")
            await takes_one(reader, writer)

    async def takes_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await group(reader) == "p1"
        writer.write(ASKS)
        assert await message(reader) == "p1"
        writer.write(b"250 taken\r\n")
        await reader.read()

    with relay(refuses_one, takes_one) as port:
        delivery = dial(port, connections=1).deliver(people(2), always)
    assert delivery == Delivery([Receipt("rejected", "550 no such box"), SENT])
    assert heard == [b"RSET\r\n" if goes_on else b""]


@pytest.mark.parametrize("answer", [b"250 taken\r\n", b""])
def test_of_a_group_that_broke_only_the_message_that_went_out_is_unknown(dial: Dial, answer: bytes) -> None:
    heard: list[str] = []

    async def dies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await group(reader)
        writer.write(ASKS)
        heard.append(await message(reader))
        await group(reader)
        writer.write(answer)

    async def lives(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await group(reader)
        writer.write(ASKS)
        heard.append(await message(reader))
        writer.write(b"250 taken\r\n")
        await reader.read()

    with relay(dies, lives) as port:
        first, second = dial(port, connections=1).deliver(people(2), always).receipts
    assert first == (SENT if answer else Receipt("unknown", "The relay broke off: Connection lost"))
    assert second == SENT
    assert heard == ["p0", "p1"]


def test_a_relay_that_takes_no_groups_hears_nothing_after_a_refusal(dial: Dial) -> None:
    with scripted([HELLO, OK, OK, b"550 no such box", OK, OK]) as script:
        channel = dial(script.port, connections=1)
        assert channel.deliver([ADA], always) == Delivery([Receipt("rejected", "550 no such box")])
        dial.hang_up()
    assert [heard[:4] for heard in script.heard] == [b"EHLO", b"MAIL", b"RCPT", b"RSET", b"QUIT"]


# TLS and passwords

#: The server warns of what is tested here.
in_clear = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, by itself."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*made, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def test_starttls_is_used_where_it_is_offered(certificate: Path, dial: Dial) -> None:
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate)
    with smtp_server(tls=served) as inbox:
        trusting = ssl.create_default_context(cafile=str(certificate))
        assert dial(inbox.port, trusted=trusting).deliver([ADA], always) == Delivery([SENT])
        assert inbox.tls == {True}
        refused = dial(inbox.port).deliver([ADA], always)  # nobody vouches for it
        assert refused.receipts == [None]
        assert "certificate" in str(refused.trouble)
        dial.hang_up()


@in_clear
def test_a_user_logs_in_and_a_wrong_password_is_trouble(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "PATIENCE", 30)  # the server lets who guesses wait
    with smtp_server(user=("acme", "p@ss:/word")) as inbox:
        assert dial(inbox.port, "smtp://acme:p%40ss%3A%2Fword@127.0.0.1").deliver([ADA], always) == Delivery([SENT])
        refused = dial(inbox.port, "smtp://acme:wrong@127.0.0.1").deliver([ADA], always)
        assert refused.receipts == [None]
        assert "535" in str(refused.trouble)
        assert "wrong" not in str(refused.trouble)
        dial.hang_up()


@in_clear
def test_a_password_is_not_sent_in_clear_to_another_machine(dial: Dial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "LOOPBACK", ())  # as if this machine were another
    with smtp_server(user=("acme", "secret")) as inbox:
        refused = dial(inbox.port, "smtp://acme:secret@127.0.0.1").deliver([ADA], always)
        assert refused.receipts == [None]
        assert "STARTTLS" in str(refused.trouble)
        dial.hang_up()


@pytest.mark.parametrize(
    ("url", "relay"),
    [
        ("smtp://mail.example", Relay("mail.example", 587)),
        ("smtp://mail.example:25", Relay("mail.example", 25)),
        ("smtps://mail.example", Relay("mail.example", 465, tls=True)),
        ("smtp://a%40b:p%2Fw@mail.example:2525/", Relay("mail.example", 2525, "a@b", "p/w")),
    ],
)
def test_an_address_of_a_relay_is_read(url: str, relay: Relay) -> None:
    assert Relay.parse(url) == relay


@pytest.mark.parametrize(
    "url",
    ["", "mail.example", "http://mail.example", "smtp://", "smtp://x:99999", "smtp://x:y", "smtp://x/y", "smtp://u@x"],
)
def test_what_is_no_address_of_a_relay_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"^expected "):
        Relay.parse(url)
    with pytest.raises(ValueError, match=r"^expected ") as refused:
        Relay.parse(f"{url}/secret" if "://" in url else f"secret@{url}")
    assert "secret" not in str(refused.value)
