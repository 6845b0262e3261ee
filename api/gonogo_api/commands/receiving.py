"""A mail server for the demo, on this machine alone: it takes every message and writes it into a maildir.

It speaks as much SMTP (RFC 5321) as a client of a relay needs, and is honest: it says yes to a message that is on disk.
"""

import asyncio
import os
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

_OK, _BYE = b"250 OK\r\n", b"221 Bye\r\n"
_GO_ON = b"354 Go on, and end with a dot\r\n"
_OUT_OF_ORDER, _NOT_KNOWN = b"503 Out of order\r\n", b"500 Not known here\r\n"


@contextmanager
def receiving(folder: Path) -> Iterator[int]:
    """The port of such a server, on a thread of its own."""
    for name in ("tmp", "new", "cur"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event, int]] = Future()

    async def serve() -> None:
        ended = asyncio.Event()
        server = await asyncio.start_server(lambda *streams: _converse(folder, *streams), "127.0.0.1", 0)
        started.set_result((asyncio.get_running_loop(), ended, server.sockets[0].getsockname()[1]))
        await ended.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="demo-mail", daemon=True)
    thread.start()
    loop, ended, port = started.result(10)
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()


@dataclass
class Envelope:
    """Who wrote, and to whom."""

    sender: str | None = None
    recipients: list[str] = field(default_factory=list)

    def hear(self, line: bytes) -> bytes:
        """The answer to a command."""
        verb, address = line[:4].upper().strip(), line.partition(b"<")[2].partition(b">")[0].decode(errors="replace")
        if verb in (b"EHLO", b"HELO", b"RSET"):
            self.sender, self.recipients = None, []
        elif verb == b"MAIL":
            self.sender, self.recipients = address, []
        elif verb == b"RCPT" and self.sender is not None:
            self.recipients.append(address)
        elif verb != b"NOOP":
            return _OUT_OF_ORDER if verb == b"RCPT" else _NOT_KNOWN
        return b"250-demo\r\n250-8BITMIME\r\n250 PIPELINING\r\n" if verb == b"EHLO" else _OK


async def _converse(folder: Path, reader: StreamReader, writer: StreamWriter) -> None:
    envelope = Envelope()
    writer.write(b"220 demo\r\n")
    with suppress(ConnectionError):  # who breaks off in a message has not sent it
        while (line := await reader.readline()) and line[:4].upper() != b"QUIT":
            if line[:4].upper() != b"DATA":
                writer.write(envelope.hear(line))
            elif not envelope.recipients:
                writer.write(_OUT_OF_ORDER)
            else:
                writer.write(_GO_ON)
                _keep(folder, envelope, await _message(reader))
                envelope = Envelope()
                writer.write(_OK)
        writer.write(_BYE)
        await writer.drain()
    writer.close()


async def _message(reader: StreamReader) -> bytes:
    """What comes before the dot, with the line ends of this machine. Raises ConnectionError."""
    lines = []
    while (line := await reader.readline()) != b".\r\n":
        if not line.endswith(b"\n"):
            raise ConnectionResetError
        lines.append(line.removeprefix(b".").removesuffix(b"\r\n") + b"\n")
    return b"".join(lines)


def _keep(folder: Path, envelope: Envelope, message: bytes) -> None:
    """Write a message as maildir has it: whole and on disk, or not there."""
    name = uuid4().hex
    delivered = "".join(f"Delivered-To: {recipient}\n" for recipient in envelope.recipients)
    with (folder / "tmp" / name).open("wb") as file:
        file.write(f"Return-Path: <{envelope.sender}>\n{delivered}".encode() + message)
        file.flush()
        os.fsync(file.fileno())
    (folder / "tmp" / name).rename(folder / "new" / name)
