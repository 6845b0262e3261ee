"""Postfix's smtp-sink, which takes mail faster than anybody makes it. `make smtp-sink` fetches it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.server import free_port

#: Where `make smtp-sink` puts it, unless the environment names another place.
PLACE = Path(__file__).parents[2] / ".venv" / "smtp-sink"
STARTS_WITHIN = 10.0  # seconds


def program() -> Path | None:
    """The program, if it is there."""
    found = Path(os.environ.get("GONOGO_SMTP_SINK", PLACE)) / "smtp-sink"
    return found if found.exists() else None


@contextmanager
def smtp_sink(keeps: Path | None = None) -> Iterator[int]:
    """The port of one that runs. It throws mail away, or appends it to a file in a folder that anybody may write to."""
    found, port = program(), free_port()
    if found is None:
        raise RuntimeError("smtp-sink is not there: run `make smtp-sink`")
    kept = [] if keeps is None else ["-R", str(keeps), "-D", "mails"]
    command = [str(found), *kept, f"127.0.0.1:{port}", "1000"]
    with subprocess.Popen(command) as process:
        try:
            _wait(port, process)
            yield port
        finally:
            process.kill()


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("smtp-sink did not start")
