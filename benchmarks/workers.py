"""Processes that wait for work, do it, and answer."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

Work = Callable[[Any], Any]


class Worker:
    """One such process, as its owner sees it."""

    def __init__(self, pipe: "Connection[Any, Any]") -> None:
        self.send, self.answer = pipe.send, pipe.recv

    def ask(self, what: object) -> Any:
        """Send, and wait for the answer."""
        self.send(what)
        return self.answer()


@contextmanager
def worker(start: Callable[..., Work], *args: object) -> Iterator[Worker]:
    """A process of its own: what is sent to it goes to the function that `start` answers there. It ends when it is
    let go of."""
    fresh = multiprocessing.get_context("spawn")
    ours, theirs = fresh.Pipe()
    process = fresh.Process(target=_serve, args=(theirs, start, *args))
    process.start()
    theirs.close()
    try:
        yield Worker(ours)
    finally:
        ours.close()
        process.join()


def _serve(pipe: "Connection[Any, Any]", start: Callable[..., Work], *args: object) -> None:
    work = start(*args)
    while True:
        try:
            asked = pipe.recv()
        except EOFError:
            return
        pipe.send(work(asked))
