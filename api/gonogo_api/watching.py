"""Who watches a launch is told how far it is: one watcher a process asks about all that is watched, once a second.

A stream that has nothing to tell costs nothing: no thread, no timer, no look at it. What changed is put into words once
and given to every stream that wants it; one that is read slowly is told the newest only.
"""

import asyncio
import json
import logging
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from whenever import Instant

from gonogo import progress
from gonogo.clock import Clock
from gonogo.errors import DatabaseUnusable
from gonogo.progress import Progress
from gonogo.store import watched
from gonogo.store.watched import Watched

log = logging.getLogger(__name__)
T = TypeVar("T")

INTERVAL = 1.0  # seconds between two questions
HEARTBEAT = 15.0  # seconds after which every stream shows life, so that nothing in between thinks it dead
GLANCE = 0.2  # seconds between two looks at whether the server is to end
_BEAT = b": still here\n\n"


@dataclass(frozen=True, slots=True)
class Question:
    """What is watched with which keys; the streams that were told nothing yet."""

    campaigns: Collection[str]
    keys: Collection[str]
    fresh: set["Stream"]


@dataclass(frozen=True, slots=True)
class Answer:
    """The campaigns that are there, and those of the keys that still open."""

    now: Instant
    found: dict[str, Watched]
    still_open: set[str]


def event(name: str, data: str) -> bytes:
    """A Server-Sent Event (HTML Living Standard, section 9.2)."""
    return f"event: {name}\ndata: {data}\n\n".encode()


class Stream:
    """What one client is told, until it ends."""

    def __init__(self, campaign: str, key: str) -> None:
        self.campaign, self.key = campaign, key
        self.waiting = b""
        self._is_over = False
        self._ready = asyncio.Event()

    def say(self, news: bytes) -> None:
        """Tell this next; what was not read yet is out of date."""
        if not self._is_over:
            self.waiting = news
            self._ready.set()

    def beat(self) -> None:
        if not self.waiting:
            self.say(_BEAT)

    def end(self, reason: str) -> None:
        """Tell why, and nothing more."""
        self.say(self.waiting.removeprefix(_BEAT) + event("end", json.dumps({"reason": reason})))
        self._is_over = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.waiting or not self._is_over:
            await self._ready.wait()
            self._ready.clear()
            news, self.waiting = self.waiting, b""
            yield news


class Watcher:
    """Tells every stream of a process what it wants to know. `tell` puts progress into words.

    A stream ends when its campaign is `over` or `gone`, soon after its `key_ended`, and when the server is `draining`.
    It lives on the event loop; only the question goes to a thread.
    """

    def __init__(self, engine: sa.Engine, clock: Clock, tell: Callable[[Progress], bytes]) -> None:
        self.engine, self.clock, self.tell = engine, clock, tell
        self.to_exit: Callable[[], bool] = told_to_exit
        self._of: dict[str, set[Stream]] = {}  # by campaign
        self._with: dict[str, set[Stream]] = {}  # by key
        self._fresh: set[Stream] = set()  # that the watcher has told nothing yet
        self._seen: dict[str, Watched] = {}
        self._watching: asyncio.Task[None] | None = None

    @contextmanager
    def stream(self, campaign: str, key: str) -> Iterator[Stream]:
        """What happens to a campaign from now on, for whoever came with this key."""
        made = Stream(campaign, key)
        self._of.setdefault(campaign, set()).add(made)
        self._with.setdefault(key, set()).add(made)
        self._fresh.add(made)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="gonogo-watcher")
        try:
            yield made
        finally:
            self._fresh.discard(made)
            for held, name in ((self._of, campaign), (self._with, key)):
                held[name].discard(made)
                if not held[name]:
                    del held[name]
            if campaign not in self._of:
                self._seen.pop(campaign, None)

    async def _watch(self) -> None:
        """Ask and tell, as long as somebody listens."""
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + HEARTBEAT
        try:
            while self._of:
                await self._ask_and_tell()
                await self._patiently(asyncio.sleep(INTERVAL))
                if loop.time() >= beat_at:
                    beat_at = loop.time() + HEARTBEAT
                    for each in self._all():
                        each.beat()
        finally:
            self._watching = None

    async def _ask_and_tell(self) -> None:
        question = Question(tuple(self._of), tuple(self._with), self._fresh)
        self._fresh = set()
        try:
            answer = await self._patiently(run_in_threadpool(self.ask, question))
        except (SQLAlchemyError, DatabaseUnusable):
            log.warning("the database could not be asked how far launches are; it is asked again", exc_info=True)
            self._fresh |= question.fresh
        else:
            self.told(question, answer)

    async def _patiently(self, what: Awaitable[T]) -> T:
        """Wait for it, and see meanwhile whether the server is to end: it waits for streams before it says so."""
        waiting = asyncio.ensure_future(what)
        while not waiting.done():
            if self.to_exit():
                self._end(self._all(), "draining")
            await asyncio.wait([waiting], timeout=GLANCE)
        return waiting.result()

    def ask(self, question: Question) -> Answer:
        """Ask the database about all campaigns at once, and about all keys."""
        now = self.clock.now()
        with self.engine.begin() as connection:
            found = progress.look(connection, question.campaigns, now)
            return Answer(now, found, watched.open_keys(connection, question.keys, now))

    def told(self, question: Question, answer: Answer) -> None:
        """Tell what changed to whom it concerns. Who joined while the question was under way was told more than it."""
        for campaign in question.campaigns:
            seen, told_before = answer.found.get(campaign), self._seen.get(campaign)
            if seen is not None and seen == told_before and not question.fresh:
                continue
            streams = self._of.get(campaign, set()) - self._fresh
            if seen is None:
                self._end(streams, "gone")
                continue
            if streams:
                self._seen[campaign] = seen
            self._say(seen, streams if seen != told_before else streams & question.fresh, answer.now)
        for key in set(question.keys) - answer.still_open:
            self._end(self._with.get(key, ()), "key_ended")

    def _say(self, seen: Watched, streams: set[Stream], now: Instant) -> None:
        if not streams:
            return
        found = progress.shown(seen, now)
        news = self.tell(found)
        for each in streams:
            each.say(news)
        if found.is_over:
            self._end(streams, "over")

    def _end(self, streams: Iterable[Stream], reason: str) -> None:
        for each in list(streams):
            each.end(reason)

    def _all(self) -> list[Stream]:
        return [each for streams in self._of.values() for each in streams]


def told_to_exit() -> bool:
    """The server that runs this process was told to end.

    Uvicorn tells an application only when every response is complete, and a stream would never be; but the handler of
    SIGTERM is a method of its server, which knows.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return bool(getattr(server, "should_exit", False))
