"""A client that costs little: it keeps connections open, sends what it was given, and reads no more than it must."""

import asyncio
from collections.abc import Iterator, Sequence

Answered = tuple[int, bytes]


def request(method: str, path: str, key: str = "", body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    authorization = f"Authorization: Bearer {key}\r\n" if key else ""
    typed = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{authorization}{typed}\r\n".encode() + body


def send_all(port: int, requests: Sequence[bytes], connections: int) -> list[Answered]:
    """Send every request, over so many connections at once; status and body of each, in the order of answering."""
    answers: list[Answered] = []

    async def talk(waiting: Iterator[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in waiting:
            writer.write(each)
            answers.append(await _answer(reader))
        writer.close()
        await writer.wait_closed()

    async def all_of_them() -> None:
        waiting = iter(requests)
        await asyncio.gather(*(talk(waiting) for _ in range(connections)))

    asyncio.run(all_of_them())
    return answers


async def _answer(reader: asyncio.StreamReader) -> Answered:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length"))
    return int(head[9:12]), await reader.readexactly(length)
