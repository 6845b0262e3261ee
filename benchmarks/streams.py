"""What people who only watch cost those who decide: the slowest approvals beside 500 idle event streams, and without.

Two servers take turns; each approval is timed by itself, over a few connections.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice

from benchmarks.campaigns import approve, ask, folder, new_list, opened
from benchmarks.http_client import request
from benchmarks.measure import AtMost, Comparison, alternate
from benchmarks.server import new_key, served
from gonogo.testing.fake_jobs import FakeJobs

ROUNDS = 7
TIMES = 200
CONNECTIONS = 4
STREAMS, WATCHED = 500, 25


def compare() -> Iterator[Comparison]:
    """Milliseconds of the 99th of 100 approvals."""
    with folder() as path, folder() as other:
        urls = f"sqlite:///{path}/watched.db", f"sqlite:///{other}/alone.db"
        with (
            opened(urls[0], jobs=FakeJobs()) as (watched, by),
            opened(urls[1], jobs=FakeJobs()) as (alone, same),
            served(urls[0], path) as port,
            served(urls[1], other) as quiet,
        ):
            count = TIMES * (ROUNDS + 1)
            tasks = ask(watched, by, new_list(watched, by, 1), count + WATCHED)
            mine = [approve(watched, by, task) for task in tasks[count:]]
            keys = new_key(watched, by), new_key(alone, same)
            asked = iter(tasks[:count]), iter(ask(alone, same, new_list(alone, same, 1), count))
            with watching(port, keys[0], mine):
                turns = (partial(slowest, port, keys[0], asked[0]), partial(slowest, quiet, keys[1], asked[1]))
                for turn in turns:
                    turn()
                beside, without = alternate(ROUNDS, *turns)
        yield Comparison(f"p99 of approve, {STREAMS} streams", "no streams", "ms", beside, without, AtMost(1.2))


def slowest(port: int, key: str, tasks: Iterator[str]) -> float:
    """The time within which 99 of 100 approvals were answered, in milliseconds."""
    sent = [request("POST", f"/v1/lexi/tasks/{task}/approve", key) for task in islice(tasks, TIMES)]
    took: list[float] = []

    async def talk(waiting: Iterator[bytes]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in waiting:
            begun = time.perf_counter()
            writer.write(each)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"an approval was refused: {head!r}")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            took.append(time.perf_counter() - begun)
        writer.close()
        await writer.wait_closed()

    async def all_of_them() -> None:
        waiting = iter(sent)
        await asyncio.gather(*(talk(waiting) for _ in range(CONNECTIONS)))

    asyncio.run(all_of_them())
    return sorted(took)[int(len(took) * 0.99)] * 1000


@contextmanager
def watching(port: int, key: str, campaigns: list[str]) -> Iterator[None]:
    """So many clients that listen to campaigns of which nothing is heard."""
    opened_, ended = threading.Event(), threading.Event()

    async def listen(campaign: str) -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", f"/v1/campaigns/{campaign}/progress", key))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"a stream was refused: {head!r}")
        return writer

    async def crowd() -> None:
        writers = [await listen(campaigns[n % len(campaigns)]) for n in range(STREAMS)]
        opened_.set()
        await asyncio.to_thread(ended.wait)
        for writer in writers:
            writer.close()

    listening = threading.Thread(target=lambda: asyncio.run(crowd()))
    listening.start()
    if not opened_.wait(60):
        raise RuntimeError("the streams were not opened")
    try:
        yield
    finally:
        ended.set()
        listening.join()
