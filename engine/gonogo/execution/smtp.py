"""E-mail through a relay: SMTP (RFC 5321) over a few connections that stay open, side by side.

Where the relay takes groups of commands (RFC 2920), a message goes out together with the commands for the next one,
and costs one round trip; where it does not, they are said one by one. A refusal that may pass (4xx) is tried again,
each time after a longer while; one that will not (5xx) is the recipient's fate. Until a message itself is handed over
nothing of it is out; what breaks from then on, before the relay has answered, leaves nobody able to tell, and the
message is unknown.
"""

import asyncio
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException, SMTPServerDisconnected

from gonogo.execution.channels import SENT, ChannelUnavailable, Delivery, Message, Receipt
from gonogo.execution.email import MailInvalid, compose

#: Seconds before each further try of what is refused for now.
PAUSES = (0.2, 0.5, 1.0)
#: Seconds for which a relay that could not be used is left alone. Then one connection tries it, and no more.
REST = 5.0
#: Seconds for taking leave of it.
LEAVE = 1.0
CLOSED = "The worker was stopped before the relay answered."
#: Seconds that a relay may take for one answer, and how many bytes.
PATIENCE = 30.0
LONGEST_ANSWER = 32_768
LOOPBACK = ("localhost", "127.0.0.1", "::1")
OK, FORWARDED, GO_ON, CLOSING = 250, 251, 354, 421
YES, MORE, LATER, NEVER = 2, 3, 4, 5  # the first digits of answers


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


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the relay said to one command; `code` is 0 where nobody can understand it."""

    code: int
    lines: bytes

    @property
    def kind(self) -> int:
        return self.code // 100

    def __str__(self) -> str:
        if not self.code:
            return f"nothing that can be understood: {_plain(self.lines)}"
        return f"{self.code} {' '.join(_plain(line[4:]) for line in self.lines.splitlines())}"


def _plain(said: bytes) -> str:
    return "".join(each if each.isprintable() else " " for each in said.decode(errors="replace")).strip()


class _Broken(Exception):
    """A connection that is of no more use."""


class _Line(asyncio.Protocol):
    """A connection to a relay that has been greeted: every command has an answer, in the same order."""

    def __init__(self, transport: asyncio.Transport, *, takes_groups: bool) -> None:
        self._transport, self._takes_groups = transport, takes_groups
        self._unsaid: deque[bytes] = deque()
        self._owed = 0  # answers
        self._asks = False  # for a message, in the last answer
        self._heard = bytearray()
        self._waiting: asyncio.Future[None] | None = None
        self._lost = ""
        self.used = False  # a sender was answered
        transport.set_protocol(self)

    @property
    def is_open(self) -> bool:
        return not self._lost

    def say(self, *commands: bytes) -> None:
        """Say them together where the relay takes groups, else each when the answer to the one before is there.

        Raises _Broken, also where the relay said more than it was asked: its next answers would be taken for others.
        """
        if self._heard or not self.is_open:
            raise _Broken(self._lost or "it spoke without being asked")
        self._owed += len(commands)
        if self._takes_groups:
            self._transport.write(b"".join(commands))
        else:
            self._unsaid += commands

    async def answer(self) -> _Answer:
        """The answer to the first command that was not answered yet. Raises _Broken."""
        if self._unsaid:
            self._transport.write(self._unsaid.popleft())
        self._owed -= 1
        answer = self._complete()
        if answer is None:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(PATIENCE, self._lose, "Timed out waiting for server response")
            while answer is None and not self._lost:
                self._waiting = loop.create_future()
                await self._waiting
                answer = self._complete()
            timer.cancel()
        if answer is None:
            raise _Broken(self._lost)
        self._asks = answer.kind == MORE
        return answer

    async def forget(self) -> None:
        """Have the relay forget the message that it was told of. Raises _Broken.

        It may ask for a message whose recipient it refused (RFC 2920 section 3.1): it gets none, not even an empty one.
        """
        self._owed -= len(self._unsaid)
        self._unsaid.clear()
        while self._owed:
            await self.answer()
        if self._asks:
            raise _Broken("it asked for a message that it refused")
        self.say(b"RSET\r\n")
        if (answer := await self.answer()).code != OK:
            raise _Broken(str(answer))

    def close(self) -> None:
        self._lose("Connection lost")
        self._transport.abort()

    def _complete(self) -> _Answer | None:
        """An answer of one line or several, once all of it is there."""
        start = 0
        while (end := self._heard.find(b"\n", start) + 1) > 0:
            if self._heard[start + 3 : start + 4] != b"-":
                code, lines = self._heard[start : start + 3], bytes(self._heard[:end])
                del self._heard[:end]
                return _Answer(int(code) if code.isdigit() else 0, lines)
            start = end
        return None

    def _lose(self, why: str) -> None:
        self._lost = self._lost or why
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    # What asyncio tells

    def data_received(self, data: bytes) -> None:
        self._heard += data
        if len(self._heard) > LONGEST_ANSWER:
            self._lose("its answer had no end")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lose(str(exc or "Connection lost"))


@dataclass(slots=True)
class _Letter:
    """A message on its way to the relay.

    new: nothing was answered to it. begun: its sender was. handed: the message itself went out. over: for this tour.
    """

    commands: tuple[bytes, ...]
    data: bytes
    stage: Literal["new", "begun", "handed", "over"] = "new"
    receipt: Receipt | None = None

    @classmethod
    def of(cls, message: Message) -> "_Letter":
        """As it goes over the wire, where lines that begin with a dot get another (RFC 5321 section 4.5.2)."""
        try:
            data = compose(message, b"\r\n").replace(b"\r\n.", b"\r\n..")
        except MailInvalid as error:
            return cls((), b"", "over", Receipt("rejected", str(error)))
        mail, rcpt = f"MAIL FROM:<{message.sender_email}>\r\n", f"RCPT TO:<{message.address}>\r\n"
        end = b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
        return cls((mail.encode(), rcpt.encode(), b"DATA\r\n"), data + end)

    def end(self, receipt: Receipt) -> None:
        self.receipt, self.stage = receipt, "over"

    def refused(self, answer: _Answer) -> None:
        """Nothing of it is out: only a no for good is final."""
        self.end(Receipt("rejected" if answer.kind == NEVER else "deferred", str(answer)))

    def answered(self, answer: _Answer) -> None:
        """The letter itself was. Raises _Broken where that is neither yes nor no: nobody can tell."""
        if answer.kind == YES:
            self.end(SENT)
        elif answer.kind in (LATER, NEVER):
            self.refused(answer)
        else:
            raise _Broken(str(answer))


class _Tour:
    """The letters of a batch that are to be tried now; connections take one after the other."""

    def __init__(self, letters: Iterable[_Letter], in_time: Callable[[], bool]) -> None:
        self.letters, self.in_time = deque(letters), in_time
        self.trouble: ChannelUnavailable | None = None
        self.probes = False  # whether the relay can be used again

    def take(self) -> _Letter | None:
        """The next one; None where there is none, or it may not be tried any more."""
        if self.trouble is not None or not self.letters or not self.in_time():
            return None
        letter = self.letters.popleft()
        letter.stage = "new"
        return letter

    def cut_off(self, letter: _Letter, line: _Line, why: str) -> None:
        """The connection broke while the letter was under way."""
        if letter.stage == "handed":
            letter.end(Receipt("unknown", why))
        elif letter.stage == "begun":
            letter.end(Receipt("deferred", why))
        elif letter.stage == "new" and line.used:  # no fault of the letter's: it goes over another
            self.letters.appendleft(letter)
        elif letter.stage == "new":
            self.trouble = ChannelUnavailable(why)


async def _converse(line: _Line, first: _Letter, tour: _Tour) -> None:
    """Hand over letters while the connection lasts, each together with the commands for the one that follows it."""
    letter: _Letter | None = first
    following: _Letter | None = None
    try:
        line.say(*first.commands)
        while letter is not None:
            wanted = await _wanted(line, letter, tour)
            if wanted and not tour.in_time():
                line.close()
                return
            following = tour.take()
            commands = following.commands if following is not None else ()
            if wanted:
                line.say(letter.data, *commands)
                letter.stage = "handed"
                letter.answered(await line.answer())
            else:
                line.say(*commands)
            letter, following = following, None
    except (_Broken, asyncio.CancelledError) as error:
        line.close()
        for each in (letter, following):
            if each is not None:
                tour.cut_off(each, line, f"The relay broke off: {error}" if isinstance(error, _Broken) else CLOSED)
        if not isinstance(error, _Broken):
            raise


async def _wanted(line: _Line, letter: _Letter, tour: _Tour) -> bool:
    """Whether the relay asks for the letter itself, which its recipient and nobody else would get. Raises _Broken."""
    sender = await line.answer()
    if sender.code == CLOSING and line.used:
        raise _Broken(str(sender))
    line.used, letter.stage = True, "begun"
    if sender.kind == NEVER:  # no recipient's fate: people must look at it
        tour.trouble = ChannelUnavailable(f"The relay refuses the sender: {sender}", "people")
        letter.stage = "over"
    elif sender.code != OK:
        letter.refused(sender)
    elif (recipient := await line.answer()).code not in (OK, FORWARDED):
        letter.refused(recipient)
    elif (data := await line.answer()).code != GO_ON:
        letter.refused(data)
    else:
        return True
    await line.forget()
    return False


class Smtp:
    """The relay as a channel. Its connections live on an event loop of their own, in a thread of their own."""

    kind = "email"

    def __init__(self, relay: Relay, *, connections: int = 4, trusted: ssl.SSLContext | None = None) -> None:
        self._relay, self._size, self._trusted = relay, connections, trusted
        self._idle: list[_Line] = []
        self._slots = asyncio.Semaphore(connections)  # of all workers together
        self._under_way: set[asyncio.Task[Any]] = set()
        self._trouble: ChannelUnavailable | None = None  # since a tour failed, and until one succeeds
        self._rests_until = 0.0  # by the loop's clock
        self._probing = False
        self._closed = False
        self._closing = threading.Lock()  # what is handed to the loop before it ends is done
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gonogo-smtp", daemon=True)
        self._thread.start()

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        letters = [_Letter.of(each) for each in messages]
        with self._closing:
            if self._closed:
                return Delivery([each.receipt for each in letters], CLOSED)
            work = self._all([each for each in letters if each.receipt is None], in_time)
            answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        trouble = answer.result()
        receipts = [each.receipt for each in letters]
        return Delivery(receipts) if trouble is None else Delivery(receipts, trouble.reason, trouble.cure)

    def close(self) -> None:
        """Break off what is under way, and take leave of the relay."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._quit(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _all(self, letters: list[_Letter], in_time: Callable[[], bool]) -> ChannelUnavailable | None:
        """The same, until the channel is closed."""
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._under_way.add(task)
        try:
            return await self._tried(letters, in_time)
        except asyncio.CancelledError:
            return ChannelUnavailable(CLOSED)
        finally:
            self._under_way.discard(task)

    async def _tried(self, letters: list[_Letter], in_time: Callable[[], bool]) -> ChannelUnavailable | None:
        """Try until the relay says yes or no, a few times."""
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            tour = _Tour(letters, in_time)
            await self._go(tour)
            letters = [each for each in letters if each.receipt is not None and each.receipt.state == "deferred"]
            if tour.trouble is not None or not letters:
                return tour.trouble
        return None

    async def _go(self, tour: _Tour) -> None:
        """A tour over several connections. While the relay can't be used, one after the other tries it, and whoever
        comes meanwhile is told so at once: nobody waits for it as long as the one who tries."""
        if self._trouble is None:
            await asyncio.gather(*(self._carry(tour) for _ in range(min(self._size, len(tour.letters)))))
        elif self._probing or self._loop.time() < self._rests_until:
            tour.trouble = self._trouble
        else:
            self._probing = tour.probes = True
            try:
                await self._carry(tour)
            finally:
                self._probing = False

    async def _carry(self, tour: _Tour) -> None:
        """Take letters over one connection, and over another where that one ends."""
        async with self._slots:
            if self._trouble is not None and not tour.probes:
                tour.trouble = tour.trouble or self._trouble
            while (letter := tour.take()) is not None:
                try:
                    line = await self._line()
                except ChannelUnavailable as error:
                    tour.trouble = error
                else:
                    await self._talk(line, letter, tour)
                if tour.trouble is not None and tour.trouble.cure == "time":
                    self._trouble, self._rests_until = tour.trouble, self._loop.time() + REST

    async def _talk(self, line: _Line, letter: _Letter, tour: _Tour) -> None:
        await _converse(line, letter, tour)
        if line.used:
            self._trouble = None
        if line.is_open:
            self._idle.append(line)

    async def _line(self) -> _Line:
        """A connection. Raises ChannelUnavailable."""
        while self._idle:
            line = self._idle.pop()
            if line.is_open:
                return line
        return await self._connected()

    async def _connected(self) -> _Line:
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
            if smtp.is_ehlo_or_helo_needed:
                await smtp.ehlo()
            if smtp.transport is None:
                raise SMTPServerDisconnected("Connection lost")
        except (SMTPException, OSError) as error:
            smtp.close()
            raise ChannelUnavailable(f"The relay {relay} can't be reached: {_said(error)}") from error
        transport = cast(asyncio.Transport, smtp.transport)
        return _Line(transport, takes_groups=smtp.supports_extension("pipelining"))

    async def _quit(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way)
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE):
                await asyncio.gather(*map(_take_leave, self._idle))
        for line in self._idle:
            line.close()


async def _take_leave(line: _Line) -> None:
    with suppress(_Broken):
        line.say(b"QUIT\r\n")
        await line.answer()


def _said(error: Exception) -> str:
    if isinstance(error, SMTPResponseException):
        return f"{error.code} {error.message}"
    return str(error) or type(error).__name__
