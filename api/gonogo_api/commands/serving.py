"""Processes that stay: the server and the worker."""

import fcntl
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from sqlalchemy import make_url
from starlette.applications import Starlette

from gonogo import database, migrations
from gonogo.errors import DatabaseUnusable
from gonogo_api import logs
from gonogo_api.app import create_app, create_worker, open_gate
from gonogo_api.commands.common import DatabaseUrl, settings_for
from gonogo_api.settings import Settings

log = logging.getLogger(__name__)

#: Seconds that requests in flight are given when the server is told to stop; a client that never reads has no more.
GRACE = 20


def serve(
    host: str = "127.0.0.1",
    port: int = 8000,
    database_url: DatabaseUrl = None,
    worker: Annotated[bool, typer.Option(help="Execute launches in this process, too.")] = True,
    migrate: Annotated[bool, typer.Option(help="Bring an older database up to date first.")] = True,
) -> None:
    """Serve the five APIs; SIGTERM drains."""
    settings = settings_for(database_url)
    settings.check_pepper()
    with listening(host, port) as sock, alone(settings):  # before anything is written: a port in use changes nothing
        ready(settings, migrated=migrate)
        app = create_app(settings, open_gate(settings), executes=worker)
        logs.configure(settings.log_level)
        log.info("gonogo serves http://%s:%d on %s", host, sock.getsockname()[1], _shown(settings))
        _run(app, sock)


def worker(
    host: str = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="Answer /metrics, /healthz and /readyz here.")] = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Execute launches, and nothing else, on the same database."""
    settings = settings_for(database_url)
    if port is not None:
        with listening(host, port) as sock, alone(settings):
            ready(settings, migrated=False)
            app = create_worker(settings, open_gate(settings))
            logs.configure(settings.log_level)
            log.info("gonogo executes launches of %s", _shown(settings))
            log.info("gonogo answers http://%s:%d/metrics", host, sock.getsockname()[1])
            _run(app, sock)
        return
    stopping = threading.Event()
    with alone(settings):
        ready(settings, migrated=False)
        gate = open_gate(settings)
        logs.configure(settings.log_level)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopping.set())
        gate.start_work()
        log.info("gonogo executes launches of %s", _shown(settings))
        stopping.wait()
        gate.close()


def _run(app: Starlette, sock: socket.socket) -> None:
    """Answer until the process is told to end; what is in flight is given its time."""
    config = uvicorn.Config(
        app, log_config=None, log_level="warning", server_header=False, ws="none", timeout_graceful_shutdown=GRACE
    )
    server = uvicorn.Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):  # the server drains on them, and then raises them again
        signal.signal(number, lambda *_: None)
    server.run(sockets=[sock])


def migrate(database_url: DatabaseUrl = None) -> None:
    """Create the tables of this version, or bring an older database up to date."""
    settings = settings_for(database_url)
    engine = database.connect(settings.database_url)
    with engine.connect() as connection:
        if migrations.schema(connection) == "foreign":
            raise DatabaseUnusable(
                "the database holds other tables and none of gonogo's: is it the right one? A host that wants them"
                " side by side calls gonogo.migrate(engine)"
            )
    migrations.migrate(engine)
    engine.dispose()
    Console().print(f"{_shown(settings)} is up to date", highlight=False, soft_wrap=True)


def ready(settings: Settings, *, migrated: bool) -> None:
    """Make or upgrade the database where that is wanted, and raise DatabaseUnusable where it can't be served."""
    engine = database.connect(settings.database_url)
    if migrated:
        migrations.make(engine)
    migrations.ensure_usable(engine)
    engine.dispose()


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Be the one process that serves this SQLite file; on PostgreSQL there may be many.

    Raises DatabaseUnusable where another is. A process that dies lets go, whatever it dies of.
    """
    engine = database.connect(settings.database_url)  # which opens nothing yet
    if engine.dialect.name != "sqlite":
        yield
        return
    path = Path(str(engine.url.database)).resolve()
    if not path.parent.is_dir():
        yield  # SQLite itself says best what it can't open
        return
    held = _held(path.with_name(f"{path.name}.lock"), path)
    try:
        yield
    finally:
        path.with_name(f"{path.name}.lock").unlink(missing_ok=True)  # while it is held: nobody else can have taken it
        os.close(held)


def _held(lock: Path, path: Path) -> int:
    """The descriptor of a file that nobody else has locked."""
    while True:
        held = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            whose = os.read(held, 20).decode().strip() or "another"
            os.close(held)
            raise DatabaseUnusable(
                f"{path} is served already, by process {whose}: SQLite takes one `gonogo serve` or `gonogo worker`,"
                " PostgreSQL any number"
            ) from None
        with suppress(FileNotFoundError):  # one that has just ended removed it
            if os.path.samestat(os.fstat(held), lock.stat()):
                os.truncate(held, 0)
                os.write(held, str(os.getpid()).encode())
                return held
        os.close(held)


def listening(host: str, port: int) -> socket.socket:
    """A bound socket. Raises OSError, in one line, for a port in use."""
    try:
        return socket.create_server((host, port), backlog=2048)
    except OSError as error:
        raise OSError(f"can't listen on {host}:{port}: {error.strerror}") from None
    except OverflowError:
        raise ValueError(f"can't listen on port {port}: expected 0 to 65535") from None


def _shown(settings: Settings) -> str:
    """The database's address without its password."""
    return make_url(settings.database_url).render_as_string(hide_password=True)
