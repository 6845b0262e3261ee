"""Progress as it happens: event streams of a real server, what they cost, how they end, and `gonogo watch`."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from gonogo.clock import SystemClock
from gonogo.progress import Progress
from gonogo_api import watching
from gonogo_api.watching import Stream, Watcher, event
from support.house import LATER, NOBODY, House, asking, eventually, refusal
from support.server import Server

Event = tuple[str, dict[str, Any]]


@dataclass(slots=True)
class Listener:
    """A client of a stream, event by event; it does not listen for ever."""

    answer: requests.Response
    lines: Iterator[str]

    def next(self) -> Event | None:
        """The next event; None where the stream has ended."""
        name, data = "", ""
        for line in self.lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = value
            elif not line and name:
                return name, json.loads(data)
        return None

    def rest(self) -> list[Event]:
        return list(iter(self.next, None))


@contextmanager
def listening(house: House, campaign: str) -> Iterator[Listener]:
    headers = {"Authorization": f"Bearer {house.client.key}", "Accept": "text/event-stream"}
    url = f"{house.client.base}/v1/campaigns/{campaign}/progress"
    with requests.get(url, headers=headers, stream=True, timeout=30) as answer:
        assert answer.status_code == 200, answer.text
        yield Listener(answer, answer.iter_lines(decode_unicode=True))


def test_a_stream_tells_how_far_a_launch_is_until_it_is_over(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked(3)
    with listening(house, campaign) as stream:
        assert stream.answer.headers["Content-Type"].startswith("text/event-stream")
        assert stream.answer.headers["Cache-Control"] == "no-store"
        name, first = stream.next() or ("", {})
        assert (name, first["status"], first["recipients"], first["sent"]) == ("progress", "pending_approval", 3, 0)
        house.data("POST", f"/v1/lexi/tasks/{task}/approve")
        *told, end = stream.rest()
    assert end == ("end", {"reason": "over"})
    assert told[-1][0] == "progress"
    assert (told[-1][1]["status"], told[-1][1]["sent"], told[-1][1]["pending"]) == ("completed", 3, 0)
    stats = house.data("GET", f"/v1/campaigns/{campaign}/stats")
    assert {name: stats[name] for name in told[-1][1] if name != "status"} == {
        name: value for name, value in told[-1][1].items() if name != "status"
    }


def test_a_stream_about_what_is_over_tells_so_and_ends(server: Server) -> None:
    house = House.of(server)
    with listening(house, house.sent()) as stream:
        names = [name for name, _ in stream.rest()]
    assert (names[0], names[-1]) == ("progress", "end")


def test_a_stream_about_what_is_removed_ends(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft()
    with listening(house, campaign) as stream:
        stream.next()
        house.data("DELETE", f"/v1/campaigns/{campaign}")
        assert stream.rest()[-1] == ("end", {"reason": "gone"})


def test_a_stream_is_for_those_who_may_read(server: Server) -> None:
    house, stranger = House.of(server), House.of(server)
    campaign = house.draft()
    path = f"/v1/campaigns/{campaign}/progress"
    assert refusal(stranger.client.get(path)) == (404, "not_found", [])
    for odd in (NOBODY, "x", "%00"):
        assert refusal(house.client.get(f"/v1/campaigns/{odd}/progress")) == (404, "not_found", [])
    assert refusal(house.by("campaigns:write").client.get(path)) == (403, "insufficient_permissions", [])
    assert refusal(type(house.client)(house.client.base).get(path)) == (401, "invalid_key", [])


@pytest.mark.parametrize("how", ["key", "member"])
def test_a_stream_ends_soon_after_its_key(server: Server, how: str) -> None:
    owner = House.of(server)
    reader = owner.by("campaigns:read", member="bob@acme.example")
    with listening(reader, owner.draft()) as stream:
        stream.next()
        if how == "key":
            key = str(reader.client.key).removeprefix("wbk_").partition("_")[0]
            owner.data("DELETE", f"/v1/keys/{key}")
        else:
            [bob] = owner.data("GET", "/v1/members")["members"]
            owner.data("DELETE", f"/v1/members/{bob['id']}")
        began = time.monotonic()
        assert stream.rest()[-1] == ("end", {"reason": "key_ended"})
    assert time.monotonic() - began < 10


@pytest.fixture
def own(blank_url: str, tmp_path: Path) -> Iterator[Server]:
    server = Server(blank_url, tmp_path).start()
    yield server
    server.stop()


def test_open_streams_do_not_hold_up_the_end_of_a_server(own: Server) -> None:
    house = House.of(own)
    campaign = house.running()
    with ExitStack() as stack:
        streams = [stack.enter_context(listening(house, campaign)) for _ in range(20)]
        for stream in streams:
            assert stream.next() is not None
        assert own.process is not None
        own.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        assert [stream.rest()[-1] for stream in streams] == [("end", {"reason": "draining"})] * 20
        assert own.process.wait(30) == 0
    assert time.monotonic() - began < 15


def test_a_watched_launch_is_told_line_by_line_where_there_is_no_terminal(server: Server) -> None:
    house = House.of(server, policy=asking())
    campaign, task = house.asked(3)
    command = [sys.executable, "-m", "gonogo_api", "watch", campaign]
    environment = {**os.environ, "GONOGO_DATABASE_URL": server.url}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "pending_approval: 0 of 3\n"
        house.data("POST", f"/v1/lexi/tasks/{task}/approve")
        assert process.stdout.read().splitlines()[-1] == "completed: 3 of 3"
        assert process.wait(30) == 0


# The watcher, looked at from inside


def words(found: Progress) -> bytes:
    return event("progress", f"{found.state} {found.sent}")


class Asked:
    """A watcher on a server's database, that counts its statements."""

    def __init__(self, server: Server) -> None:
        assert server.engine is not None
        self.engine = server.engine
        self.statements: list[str] = []
        self.watcher = Watcher(self.engine, SystemClock(), words)
        self.watcher.to_exit = lambda: False

    def __enter__(self) -> "Asked":
        sa.event.listen(self.engine, "before_cursor_execute", self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sa.event.remove(self.engine, "before_cursor_execute", self._note)

    def _note(self, *given: Any) -> None:
        self.statements.append(given[2])


async def opened(stack: ExitStack, watcher: Watcher, campaign: str, key: str, count: int) -> list[Stream]:
    """Streams that were told how it is when they began."""
    streams = [stack.enter_context(watcher.stream(campaign, key)) for _ in range(count)]
    async with asyncio.timeout(30):
        for stream in streams:
            assert b"event: progress" in await anext(aiter(stream))
    return streams


def test_many_idle_streams_cost_two_statements_a_second_and_are_not_looked_at(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House.of(server)
    campaigns = [house.running(), house.draft()]
    key = str(house.client.key).removeprefix("wbk_").partition("_")[0]
    monkeypatch.setattr(watching, "INTERVAL", 0.02)
    spoken: list[bytes] = []

    async def idle(asked: Asked) -> None:
        with ExitStack() as stack:
            for campaign in campaigns:
                await opened(stack, asked.watcher, campaign, key, 250)
            monkeypatch.setattr(Stream, "say", lambda _, news: spoken.append(news))
            asked.statements.clear()
            while len(asked.statements) < 20:
                await asyncio.sleep(0)

    with Asked(server) as asked:
        asyncio.run(idle(asked))
    assert spoken == []
    told = [statement for statement in asked.statements if "gonogo" in statement]
    assert {("gonogo_campaign" in each, "gonogo_key" in each) for each in told} == {(True, False), (False, True)}


def test_who_joins_late_and_who_reads_slowly_is_told_the_newest(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House.of(server)
    campaign = house.draft()
    key = str(house.client.key).removeprefix("wbk_").partition("_")[0]
    monkeypatch.setattr(watching, "INTERVAL", 0.02)

    async def watch(asked: Asked) -> tuple[list[bytes], list[bytes]]:
        with ExitStack() as stack:
            [slow] = await opened(stack, asked.watcher, campaign, key, 1)
            await asyncio.to_thread(house.start, campaign)
            await asyncio.to_thread(house.wait_for, campaign, "completed")
            [late] = await opened(stack, asked.watcher, campaign, key, 1)
            async with asyncio.timeout(30):
                return [each async for each in slow], [each async for each in late]

    with Asked(server) as asked:
        slow, late = asyncio.run(watch(asked))
    assert slow == [event("progress", "completed 2") + event("end", '{"reason": "over"}')]
    assert late == []  # it was told with the first event that it is over


def test_every_stream_shows_life_now_and_then(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House.of(server)
    key = str(house.client.key).removeprefix("wbk_").partition("_")[0]
    monkeypatch.setattr(watching, "INTERVAL", 0.02)
    monkeypatch.setattr(watching, "HEARTBEAT", 0.05)
    campaign = house.draft()

    async def beat(asked: Asked) -> bytes:
        with ExitStack() as stack:
            [stream] = await opened(stack, asked.watcher, campaign, key, 1)
            async with asyncio.timeout(30):
                return await anext(aiter(stream))

    with Asked(server) as asked:
        assert asyncio.run(beat(asked)) == b": still here\n\n"


def test_a_client_that_goes_away_leaves_nothing_behind(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft(steps=LATER)
    for _ in range(3):
        with listening(house, campaign) as stream:
            assert stream.next() is not None
    house.start(campaign)
    eventually(lambda: house.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 2)
    assert "Traceback" not in server.log
