"""A relay that outlives whoever sends to it: `python recording_relay.py FILE`. It says its port on stdout.

Of every message it writes lines into the file, outside any database: `whole`, the recipient and the message's id once
the final dot was there, and `answered` with the same once its yes was handed to the connection.
"""

import asyncio
import os
import re
import sys

_ID = re.compile(rb"^Message-ID: (\S+)\r$", re.MULTILINE | re.IGNORECASE)
_OK = b"250 OK\r\n"


class Relay:
    """Says yes to everything, and notes what it took."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever spoke is dead: what was not whole was not received
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = ""
        writer.write(b"220 recording\r\n")
        while line := await reader.readline():
            verb = line[:4].upper()
            if verb == b"RCPT":
                recipient = line.partition(b"<")[2].partition(b">")[0].decode()
            if verb == b"DATA":
                writer.write(b"354 go on\r\n")
                data = await reader.readuntil(b"\r\n.\r\n")
                await self._take(data, recipient, writer)
                continue
            writer.write(b"250-recording\r\n250 PIPELINING\r\n" if verb == b"EHLO" else _OK)
            if verb == b"QUIT":
                return

    async def _take(self, data: bytes, recipient: str, writer: asyncio.StreamWriter) -> None:
        [message_id] = _ID.findall(data)
        self._note("whole", recipient, message_id)
        writer.write(_OK)
        await writer.drain()
        self._note("answered", recipient, message_id)

    def _note(self, what: str, recipient: str, message_id: bytes) -> None:
        os.write(self._file, f"{what} {recipient} {message_id.decode()}\n".encode())


async def main(path: str) -> None:
    server = await asyncio.start_server(Relay(path).converse, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
