"""A few thousand messages through Postfix's smtp-sink, which is no server of ours, by the worker as it is shipped."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash.reckoning import Received, differences
from crash.scenario import Launch
from support.smtp_sink import smtp_sink

PEOPLE = 5_000


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where anybody may write: smtp-sink, started by root, runs as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="smtp-sink-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_everybody_gets_one_message_through_a_server_that_is_none_of_ours(
    database_url: str, tmp_path: Path, open_folder: Path
) -> None:
    with smtp_sink(open_folder) as port:
        run = Launch(database_url, tmp_path, port, PEOPLE)
        with run.shipped():
            run.completes()
    received = Received.of_smtp_sink(open_folder / "mails")
    assert received.whole.total() == PEOPLE
    with run.engine.connect() as connection:
        assert differences(connection, run.id, PEOPLE, received) == []
    assert run.unknown == 0
    run.close()
