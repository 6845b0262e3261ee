"""Relays for tests, on this machine alone: one that is a real SMTP server and keeps what it gets, and one by script."""

import asyncio
import gc
import socket
import ssl
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


@dataclass
class Inbox:
    """What an SMTP server keeps. `refuses` are the answers to recipients, taken one by one; None lets pass."""

    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    senders: Counter[str] = field(default_factory=Counter)
    refuses: Mapping[str, Iterator[str | None]] = field(default_factory=dict)
    sessions: set[Any] = field(default_factory=set)
    tls: set[bool] = field(default_factory=set)
    port: int = 0

    async def handle_MAIL(self, _: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        self.sessions.add(session.peer)
        self.tls.add(session.ssl is not None)
        self.senders[address] += 1
        if address in self.refuses and (answer := next(self.refuses[address], None)):
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, options: list[str]) -> str:  # noqa: N802
        if address in self.refuses and (answer := next(self.refuses[address], None)):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802
        self.recipients += envelope.rcpt_tos
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 OK"


class _Server(Controller):
    """On a port that is free: the library's own check asks the port that it was given."""

    def _trigger_server(self) -> None:
        self.port = cast(asyncio.Server, self.server).sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


@contextmanager
def smtp_server(
    *, port: int = 0, tls: ssl.SSLContext | None = None, user: tuple[str, str] | None = None
) -> Iterator[Inbox]:
    """A real SMTP server; with `tls` it offers STARTTLS, with a user it asks for one."""
    inbox = Inbox()

    def knows(_: Any, __: Any, ___: Any, ____: Any, said: Any) -> AuthResult:
        return AuthResult(success=(said.login.decode(), said.password.decode()) == user, handled=False)

    asks: dict[str, Any] = {"authenticator": knows, "auth_required": True, "auth_require_tls": False} if user else {}
    server = _Server(inbox, hostname="127.0.0.1", port=port, tls_context=tls, **asks)
    server.start()
    inbox.port = server.port
    try:
        yield inbox
    finally:
        server.stop()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the library leaves the connection of its own check open
            del server
            gc.collect()


@dataclass
class Script:
    """Answers line by line, connection by connection: `None` breaks off. What was said is kept."""

    answers: list[list[bytes | None]]
    heard: list[bytes] = field(default_factory=list)
    port: int = 0
    client: socket.socket | None = None


@contextmanager
def scripted(*connections: list[bytes | None]) -> Iterator[Script]:
    """A relay that says what the script says, whatever it hears: the greeting first, then an answer a command, and one
    a message."""
    script = Script([*connections])
    listener = socket.create_server(("127.0.0.1", 0))
    script.port = listener.getsockname()[1]
    serving = threading.Thread(target=_serve, args=(listener, script), daemon=True)
    serving.start()
    try:
        yield script
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes it up
        listener.close()
        if script.client is not None:
            with suppress(OSError):
                script.client.shutdown(socket.SHUT_RDWR)
        serving.join(5)


@dataclass
class Silent:
    """Everybody who called."""

    port: int
    callers: list[socket.socket] = field(default_factory=list)


@contextmanager
def silent_relay() -> Iterator[Silent]:
    """Takes every call, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = Silent(listener.getsockname()[1])

        def answer() -> None:
            with suppress(OSError):
                while True:
                    silent.callers.append(listener.accept()[0])

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        yield silent
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
    answering.join(5)
    for each in silent.callers:
        each.close()


def _serve(listener: socket.socket, script: Script) -> None:
    for answers in script.answers:
        try:
            script.client, _ = listener.accept()
        except OSError:  # closed: nobody calls any more
            return
        with script.client as client, client.makefile("rb") as lines:
            for answer in answers:
                if answer is None:
                    break
                client.sendall(answer + b"\r\n")
                if not _hear(lines, script, message=answer.startswith(b"354")):
                    break


def _hear(lines: Any, script: Script, *, message: bool) -> bool:
    """One command, or one message up to its dot; False at the end."""
    heard = b""
    while line := lines.readline():
        heard += line
        if not message or line == b".\r\n":
            script.heard.append(heard)
            return True
    return False
