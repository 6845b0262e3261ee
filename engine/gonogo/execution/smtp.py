"""E-mail through a relay: SMTP (RFC 5321) over a few connections that stay open, side by side.

A refusal that may pass (4xx) is tried again, each time after a longer while; one that will not (5xx) is the recipient's
fate. Until a message itself is handed over nothing of it is out; what breaks from then on, before the relay has
answered, leaves nobody able to tell, and the message is unknown.
"""

import asyncio
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from gonogo.execution.channels import SENT, ChannelUnavailable, Delivery, Message, Receipt
from gonogo.execution.email import MailInvalid, compose

T = TypeVar("T")

#: Seconds before each further try of a message that is refused for now.
PAUSES = (0.2, 0.5, 1.0)
#: Seconds that a relay may take for one answer.
PATIENCE = 30.0
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OK, OTHER, LATER, NEVER, CLOSING = 250, 300, 400, 500, 421
#: A connection that is of no more use. TimeoutError is an OSError.
_BROKEN = (SMTPException, OSError)


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed in. `tls` is spoken from the first byte; without it, STARTTLS where the relay offers it, and
    always before a password is sent, but on this very machine."""

    host: str
    port: int
    user: str | None = None
    password: str | None = None
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> "Relay":
        """`smtp://[user:password@]host[:port]` or `smtps://...`. Raises ValueError, which tells no password."""
        parts = urlsplit(url)
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.path.strip("/") or not _port(parts):
            raise ValueError("expected smtp://[user:password@]host[:port], or smtps://...")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("expected a user with a password, or neither")
        return cls(
            host=parts.hostname,
            port=_port(parts),
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=parts.scheme == "smtps",
        )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def _port(parts: Any) -> int:
    """The port of an address, by its scheme where it names none; 0 for one that is none."""
    try:
        return int(parts.port or (465 if parts.scheme == "smtps" else 587))
    except ValueError:
        return 0


class _Later(Exception):
    """Refused for now, or cut off before the message was handed over: nothing of it is out."""


class Smtp:
    """The relay as a channel. Its connections live on an event loop of their own, in a thread of their own."""

    kind = "email"

    def __init__(self, relay: Relay, *, connections: int = 4, trusted: ssl.SSLContext | None = None) -> None:
        self._relay, self._size, self._trusted = relay, connections, trusted
        self._idle: list[aiosmtplib.SMTP] = []
        self._slots = asyncio.Semaphore(connections)  # of all workers together
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gonogo-smtp", daemon=True)
        self._thread.start()

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        return self._run(self._all(messages, in_time))

    def close(self) -> None:
        """Take leave of the relay."""
        self._run(self._quit())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _all(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        receipts: list[Receipt | None] = [None] * len(messages)
        troubles: list[ChannelUnavailable] = []

        async def some(waiting: Iterator[tuple[int, Message]]) -> None:
            for at, message in waiting:
                if troubles or not in_time():
                    return
                try:
                    receipts[at] = await self._delivered(message, in_time)
                except ChannelUnavailable as error:
                    troubles.append(error)

        shared = iter(enumerate(messages))
        await asyncio.gather(*(some(shared) for _ in range(min(self._size, len(messages)))))
        if not troubles:
            return Delivery(receipts)
        return Delivery(receipts, troubles[0].reason, troubles[0].cure)

    # One message

    async def _delivered(self, message: Message, in_time: Callable[[], bool]) -> Receipt | None:
        """Try until the relay says yes or no, a few times; None where time ran out before the message was handed over.
        Raises ChannelUnavailable."""
        try:
            data = compose(message, b"\r\n")
        except MailInvalid as error:
            return Receipt("rejected", str(error))
        refusal = ""
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            try:
                async with self._slots:
                    return await self._tried(message, data, in_time)
            except _Later as error:
                refusal = str(error)
        return Receipt("deferred", refusal)

    async def _tried(self, message: Message, data: bytes, in_time: Callable[[], bool]) -> Receipt | None:
        """One try. Raises _Later and ChannelUnavailable."""
        smtp = await self._for_sender(message.sender_email)
        clean = False
        try:
            try:
                await smtp.rcpt(message.address)
            except SMTPResponseException as error:
                if error.code < NEVER:  # for now, or an answer that is none: nothing of the message is out
                    raise _Later(_said(error)) from error
                return Receipt("rejected", _said(error))
            if not in_time():  # connecting, or a pause before this try, may have taken long
                return None
            receipt = await _handed_over(smtp, data)
            clean = receipt == SENT
            return receipt
        except _BROKEN as error:
            smtp.close()
            raise _Later(f"The relay broke off: {error}") from error
        finally:
            await self._put_back(smtp, clean=clean)

    async def _for_sender(self, sender: str) -> aiosmtplib.SMTP:
        """A connection on which the relay takes mail of the sender. One that was idle may have ended: then another is
        taken. Raises _Later, and ChannelUnavailable where a new one is of no use either."""
        while True:
            was_idle = bool(self._idle)
            smtp = self._idle.pop() if was_idle else await self._connected()
            try:
                await smtp.mail(sender)
            except SMTPResponseException as error:
                await self._put_back(smtp, clean=False)
                if error.code >= NEVER:  # no recipient's fate: people must look at it
                    raise ChannelUnavailable(f"The relay refuses the sender: {_said(error)}", "people") from error
                if not (was_idle and error.code == CLOSING):
                    raise _Later(_said(error)) from error
            except _BROKEN as error:
                smtp.close()
                if not was_idle:
                    raise ChannelUnavailable(f"The relay {self._relay} broke off: {error}") from error
            else:
                return smtp

    # Connections

    async def _connected(self) -> aiosmtplib.SMTP:
        relay = self._relay
        must = relay.user is not None and relay.host not in LOOPBACK
        smtp = aiosmtplib.SMTP(
            hostname=relay.host,
            port=relay.port,
            username=relay.user,
            password=relay.password,
            use_tls=relay.tls,
            start_tls=False if relay.tls else (True if must else None),
            timeout=PATIENCE,
            tls_context=self._trusted,
        )
        try:
            await smtp.connect()
        except _BROKEN as error:
            smtp.close()
            raise ChannelUnavailable(f"The relay {relay} can't be reached: {_said(error)}") from error
        return smtp

    async def _put_back(self, smtp: aiosmtplib.SMTP, *, clean: bool) -> None:
        """Keep a connection for the next message; one in the middle of something is told to forget it first."""
        if not clean and smtp.is_connected:
            try:
                await smtp.rset()
            except _BROKEN:
                smtp.close()
        if smtp.is_connected:
            self._idle.append(smtp)

    async def _quit(self) -> None:
        for smtp in self._idle:
            with suppress(*_BROKEN):
                await smtp.quit()
            smtp.close()


async def _handed_over(smtp: aiosmtplib.SMTP, data: bytes) -> Receipt:
    """What became of the message itself. Raises _Later."""
    try:
        await smtp.data(data)
    except SMTPResponseException as error:
        return _answered(error)
    except _BROKEN as error:
        smtp.close()
        return Receipt("unknown", f"The relay broke off: {error}")
    return SENT


def _answered(error: SMTPResponseException) -> Receipt:
    """What an answer means that is not the usual one; one that says neither yes nor no leaves nobody able to tell.

    A plain 250 is unusual where the relay should have asked for the message: it never had it. Raises _Later.
    """
    if error.code == OK or LATER <= error.code < NEVER:
        raise _Later(_said(error))
    if OK < error.code < OTHER:
        return SENT
    return Receipt("rejected" if error.code >= NEVER else "unknown", _said(error))


def _said(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__
