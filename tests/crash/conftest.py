"""What the crash tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crash.scenario import Launch, relay
from support.smtp_sink import program

if program() is None:  # `make test-smtp-sink` fetches it, and runs what needs it
    collect_ignore = ["test_smtp_sink.py"]


@pytest.fixture
def launch(database_url: str, tmp_path: Path) -> Iterator[Callable[[int], Launch]]:
    """Makes the launch of a test, to so many people."""
    made: list[Launch] = []
    with relay(tmp_path / "received") as port:

        def make(people: int) -> Launch:
            made.append(Launch(database_url, tmp_path, port, people))
            return made[-1]

        yield make
    for each in made:
        each.close()
