"""The least that sending mail over SMTP can cost in Python: pipelined (RFC 2920), over a few connections side by side.

Every message is on the wire together with the commands for the next one, so that each costs one write and one read.
"""

import asyncio
from collections.abc import Iterator, Sequence

Mail = tuple[bytes, bytes]  # the commands that come before it, and the message as it goes over the wire


def mail(sender: str, recipient: str, data: bytes) -> Mail:
    """A message made ready; `data` has CRLF as its line ends."""
    stuffed = data.replace(b"\r\n.", b"\r\n..")
    end = b".\r\n" if stuffed.endswith(b"\r\n") else b"\r\n.\r\n"
    return f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode(), stuffed + end


def send_all(port: int, mails: Sequence[Mail], connections: int) -> None:
    """Hand them over. Raises RuntimeError where the server says anything but yes."""
    asyncio.run(_send_all(port, mails, connections))


async def _send_all(port: int, mails: Sequence[Mail], connections: int) -> None:
    shared = iter(mails)
    await asyncio.gather(*(_some(port, shared) for _ in range(connections)))


async def _some(port: int, mails: Iterator[Mail]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _heard(reader, b"220")
    writer.write(b"EHLO bench\r\n")
    await _heard(reader, b"250")
    before = b""  # the message before, whose yes is still to come
    for commands, data in mails:
        writer.write(before + commands)
        for code in (b"250", b"250", b"250", b"354") if before else (b"250", b"250", b"354"):
            await _heard(reader, code)
        before = data
    writer.write(before + b"QUIT\r\n")
    for code in (b"250", b"221") if before else (b"221",):
        await _heard(reader, code)
    writer.close()


async def _heard(reader: asyncio.StreamReader, code: bytes) -> None:
    while (line := await reader.readline())[3:4] == b"-":
        pass
    if not line.startswith(code):
        raise RuntimeError(f"the server said {line!r}, not {code.decode()}")
