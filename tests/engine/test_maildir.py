"""A message becomes the bytes of a mail, and the mail a durable file."""

import email
import os
import re
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP, compat32, default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whenever import Instant

from gonogo.execution.channels import SENT, Channel, ChannelUnavailable, Delivery, Message
from gonogo.execution.email import MailInvalid, compose
from gonogo.execution.maildir import Maildir

ADA = Message(
    message_id="<7f3a.12.0@gonogo>",
    sender_email="hello@acme.example",
    sender_name="ACME, Inc.",
    address="ada@example.com",
    subject="Hello Ada",
    body="Dear Ada,\n\nwelcome.\n",
    html=None,
    date=Instant.from_utc(2026, 3, 1, 9, 30),
    headers=(("List-Unsubscribe", "<https://acme.example/u/x>"),),
)

#: what a header may not hold in any form: it would end, and another begin
BREAKS = "\r\n"
one_line = st.text(st.characters(exclude_characters=BREAKS, exclude_categories=["Cs"]), max_size=200)
text = st.text(max_size=500) | st.text(alphabet="a =_-.\t\n\r\0é\u2028", max_size=2_500)


def read(data: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(data, policy=default)
    assert isinstance(parsed, EmailMessage)
    assert not parsed.defects
    return parsed


def part(mail: EmailMessage, kind: str) -> str:
    found = mail.get_body((kind,))
    assert found is not None
    assert not found.defects
    content = found.get_content()
    assert isinstance(content, str)
    return content


def lines(written: str) -> str:
    return written.replace("\r\n", "\n").replace("\r", "\n")


@given(subject=one_line, body=text, html=st.none() | text)
@example(subject="=?utf-8?q?a?=", body="", html=None)
@example(subject=" a ", body="", html=None)
@example(subject="a" + "é" * 60, body="", html=None)
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_back_as_it_was_written(subject: str, body: str, html: str | None) -> None:
    mail = read(compose(replace(ADA, subject=subject, body=body, html=html)))
    assert mail["Subject"] == subject
    assert part(mail, "plain") == lines(body)
    assert html is None or part(mail, "html") == lines(html)
    assert mail["To"].addresses[0].addr_spec == "ada@example.com"
    assert mail["Message-ID"] == "<7f3a.12.0@gonogo>"


@given(subject=one_line, body=text, html=st.none() | text)
@example(subject="a" * 1_100, body="a" * 1_100, html=None)
@settings(max_examples=100, deadline=None)
def test_a_mail_for_a_relay_has_its_line_ends_and_no_line_is_too_long(
    subject: str, body: str, html: str | None
) -> None:
    data = compose(replace(ADA, subject=subject, body=body, html=html), b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert b"\r" not in data.replace(b"\r\n", b"")
    assert data.isascii()
    assert lines(part(read(data), "plain")) == lines(body)


@given(name=one_line)
@example(name="=?utf-8?q?a?=")
@settings(max_examples=200, deadline=None)
def test_any_sender_name_is_read_back(name: str) -> None:
    """Through the older parser: the newer one of Python 3.11 puts blanks between words that RFC 2047 joins.

    Blanks around a name mean nothing.
    """
    data = compose(replace(ADA, sender_name=name))
    assert read(data)["From"].addresses[0].addr_spec == "hello@acme.example"
    phrase, address = parseaddr(email.message_from_bytes(data, policy=compat32)["From"])
    assert address == "hello@acme.example"
    assert str(make_header(decode_header(phrase))) == name.strip()


@given(st.emails())
@settings(max_examples=200, deadline=None)
def test_an_address_is_read_back_or_refused(address: str) -> None:
    try:
        data = compose(replace(ADA, address=address))
    except MailInvalid:
        return
    assert [found.addr_spec for found in read(data)["To"].addresses] == [address]


FIELDS = {
    "sender_email": ADA.sender_email,
    "sender_name": ADA.sender_name,
    "address": ADA.address,
    "subject": ADA.subject,
    "message_id": ADA.message_id,
    "headers": "x",
}


def with_field(field: str, value: str) -> Message:
    changes: dict[str, Any] = {field: (("X-Tag", value),) if field == "headers" else value}
    return replace(ADA, **changes)


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=20), st.sampled_from(["\n", "\r", "\r\n", "\n "]))
@settings(max_examples=300, deadline=None)
def test_no_field_can_bring_a_line_break_into_the_headers(field: str, lead: str, line: str) -> None:
    for before in (lead, FIELDS[field]):
        with pytest.raises(MailInvalid):
            compose(with_field(field, f"{before}{line}Bcc: eve@example.com"))


@pytest.mark.parametrize("name", ["Bcc", "from", "Content-Type", "X Tag", "X:", "X\nBcc", ""])
def test_an_extra_header_can_be_none_that_steers_the_mail(name: str) -> None:
    with pytest.raises(MailInvalid):
        compose(replace(ADA, headers=((name, "eve@example.com"),)))


@pytest.mark.parametrize(
    "address", ["ada@example.com, eve@example.com", "<ada@example.com>", "=?utf-8?q?ada?=@x.org", "ada"]
)
def test_an_address_is_one_plain_address(address: str) -> None:
    with pytest.raises(MailInvalid):
        compose(replace(ADA, address=address))


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(MailInvalid):
        compose(replace(ADA, body="\ud800"))


def test_a_body_can_not_end_its_part() -> None:
    body = "one\n--=_gonogo--\ntwo"
    mail = read(compose(replace(ADA, body=body, html="<p>three</p>")))
    assert part(mail, "plain") == body
    assert part(mail, "html") == "<p>three</p>"


def test_plain_mail_reads_as_it_is() -> None:
    """Golden: what a person sees who opens the file."""
    assert compose(ADA).decode().splitlines() == [
        'From: "ACME, Inc." <hello@acme.example>',
        "To: ada@example.com",
        "Subject: Hello Ada",
        "Date: Sun, 01 Mar 2026 09:30:00 +0000",
        "Message-ID: <7f3a.12.0@gonogo>",
        "List-Unsubscribe: <https://acme.example/u/x>",
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="utf-8"',
        "Content-Transfer-Encoding: 7bit",
        "",
        "Dear Ada,",
        "",
        "welcome.",
    ]


def test_a_long_subject_is_folded_and_read_back() -> None:
    subject = "a long  subject " * 12 + "ends"
    data = compose(replace(ADA, subject=subject))
    assert max(map(len, data.split(b"\n"))) <= 76
    assert b"=?" not in data
    assert read(data)["Subject"] == subject


def test_no_character_is_cut_in_two_between_encoded_words() -> None:
    subject = "a" + "é€𐀀" * 60
    words = re.findall(rb"=\?utf-8\?b\?(.*?)\?=", compose(replace(ADA, subject=subject)))
    assert "".join(b64decode(word).decode() for word in words) == subject
    assert max(map(len, words)) <= 75 - len("=?utf-8?b??=")


def test_the_standard_library_writes_a_mail_with_the_same_meaning() -> None:
    theirs = EmailMessage(policy=SMTP)
    theirs["From"], theirs["To"], theirs["Subject"] = "Jörg <hello@acme.example>", "ada@example.com", "Grüße"
    theirs.set_content("Schöne Grüße\n")
    theirs.add_alternative("<p>Schöne Grüße</p>\n", subtype="html")
    ours = compose(
        replace(ADA, sender_name="Jörg", subject="Grüße", body="Schöne Grüße\n", html="<p>Schöne Grüße</p>\n"),
        b"\r\n",
    )
    for header in ("From", "To", "Subject"):
        assert read(ours)[header] == read(theirs.as_bytes())[header]
    for kind in ("plain", "html"):
        assert part(read(ours), kind) == part(read(theirs.as_bytes()), kind)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "mail"


def files(box: Path) -> dict[str, list[str]]:
    return {folder: sorted(os.listdir(box / folder)) for folder in ("tmp", "new", "cur")}


def test_a_message_becomes_one_file_named_after_its_id(box: Path) -> None:
    channel: Channel = Maildir(box)
    assert channel.deliver([ADA], lambda: True) == Delivery([SENT])
    channel.close()
    assert files(box) == {"tmp": [], "new": ["7f3a.12.0@gonogo.eml"], "cur": []}
    assert (box / "new" / "7f3a.12.0@gonogo.eml").read_bytes() == compose(ADA)


def test_the_same_message_written_again_is_still_one_file(box: Path) -> None:
    for body in ("first", "second"):
        channel = Maildir(box)
        channel.send(replace(ADA, body=body))
        channel.flush()
        channel.close()
    assert files(box)["new"] == ["7f3a.12.0@gonogo.eml"]
    assert (box / "new" / "7f3a.12.0@gonogo.eml").read_bytes().endswith(b"second")


def test_a_mail_is_synced_before_it_appears_and_its_folder_by_the_flush(
    box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a power cut would show: the order of the syncs, watched at the system call."""
    channel = Maildir(box)
    synced: list[tuple[str, int]] = []
    fsync = os.fsync

    def watched(file: int) -> None:
        synced.append((os.readlink(f"/proc/self/fd/{file}"), len(os.listdir(box / "new"))))
        fsync(file)

    monkeypatch.setattr(os, "fsync", watched)
    channel.send(ADA)
    assert synced == [(str(box / "tmp" / "7f3a.12.0@gonogo.eml"), 0)]
    channel.flush()
    assert synced[1:] == [(str(box / "new"), 1)]


def test_a_message_that_is_no_mail_is_rejected_and_writes_nothing(box: Path) -> None:
    receipt = Maildir(box).send(replace(ADA, address="nobody"))
    assert receipt.state == "rejected"
    assert "address" in receipt.reason
    assert files(box) == {"tmp": [], "new": [], "cur": []}


def full_disk(box: Path) -> None:
    (box / "tmp" / "7f3a.12.0@gonogo.eml").symlink_to("/dev/full")


def missing_folder(box: Path) -> None:
    (box / "tmp").rmdir()


def taken_name(box: Path) -> None:
    (box / "new" / "7f3a.12.0@gonogo.eml").mkdir()


@pytest.mark.parametrize(
    ("harm", "reason"),
    [(full_disk, "No space left"), (missing_folder, "No such file"), (taken_name, "Is a directory")],
)
def test_a_disk_that_fails_stops_the_channel_and_leaves_no_half_mail(
    box: Path, harm: Callable[[Path], None], reason: str
) -> None:
    channel = Maildir(box)
    harm(box)
    with pytest.raises(ChannelUnavailable, match=reason):
        channel.send(ADA)
    assert not (box / "tmp").exists() or os.listdir(box / "tmp") == []
    assert not (box / "new" / "7f3a.12.0@gonogo.eml").is_file()


def test_a_flush_that_fails_promises_nothing(box: Path) -> None:
    channel = Maildir(box)
    channel.send(ADA)
    channel.close()  # the cheapest way to an fsync that fails
    with pytest.raises(ChannelUnavailable):
        channel.flush()


def test_a_maildir_that_can_not_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ChannelUnavailable, match="Not a directory"):
        Maildir(tmp_path / "file")
