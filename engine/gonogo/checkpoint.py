"""Notices that a database was restored from an older backup, and pauses whatever would go out by itself.

How far the database has come is kept in a small file outside of it. A database that is behind that file has forgotten
what happened since: messages that it believes unsent may be out. So nothing is executed before a person looked at it.
"""

import json
import logging
import os
import secrets
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import database, service
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.clock import Clock
from gonogo.errors import DatabaseUnusable
from gonogo.jobs import Jobs
from gonogo.store import positions

log = logging.getLogger(__name__)

#: Why a campaign is paused that was under way when its database was restored.
RESTORED = "restored"
#: How far past the file a restored database goes on: the files of other processes may be a few turns ahead.
MARGIN = 60
#: How many campaigns one question answers.
MOST = 100


class Checkpoint:
    """The newest position of one database, in a file. Raises DatabaseUnusable for a file that can't be relied on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not os.access(path.parent, os.W_OK):
            raise DatabaseUnusable(f"the checkpoint file {path} can't be written: is its folder there?")
        self.position()

    def position(self) -> int:
        """The position that was kept; 0 where none was yet."""
        try:
            said = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return 0
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        position = said.get("position") if isinstance(said, dict) else None
        if type(position) is not int or position < 0:
            raise self._damaged()
        return position

    def keep(self, position: int) -> None:
        """Keep a position, unless a newer one is kept already. What a power cut leaves is the old one or the new."""
        if position <= self.position():
            return
        draft = self.path.with_name(f"{self.path.name}.{secrets.token_hex(8)}")
        try:
            with draft.open("xb") as file:
                file.write(json.dumps({"position": position}).encode())
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _damaged(self) -> DatabaseUnusable:
        return DatabaseUnusable(
            f"the checkpoint file {self.path} can't be read: put back a copy of it, or, if this database was not"
            " restored from a backup, remove the file"
        )


class Watch:
    """Compares a database with its checkpoint, before work starts and while it goes on."""

    def __init__(
        self, engine: sa.Engine, jobs: Jobs, clock: Clock, checkpoint: Checkpoint, *, late_start: TimeDelta
    ) -> None:
        self.engine, self.jobs, self.clock, self.late_start = engine, jobs, clock, late_start
        self.checkpoint = checkpoint

    def look(self) -> bool:
        """Keep how far the database has come. True where it was restored: everything under way is paused then."""
        kept = self.checkpoint.position()  # first: another process may go on meanwhile, database first and file after
        with database.reader(self.engine).begin() as connection:
            found = positions.newest(connection)
        if found < kept:
            self._restored(kept, found)
            return True
        self.checkpoint.keep(found)
        return False

    def _restored(self, kept: int, found: int) -> None:
        log.critical(
            "the database was restored from an older backup (it is at %d, and was at %d): everything under way is"
            " paused, for it may be out already",
            found,
            kept,
        )
        paused = self._pause_all()
        with self.engine.begin() as connection:  # last: who dies before begins again
            positions.put_past(connection, kept + MARGIN, self.clock.now())
        self.checkpoint.keep(kept + MARGIN)
        log.critical("%d campaigns were paused with the reason %r; resume what is not out yet", paused, RESTORED)

    def _pause_all(self) -> int:
        paused, after = 0, ""
        while found := self._under_way(after):
            for workspace, campaign in found:
                with self.engine.begin() as connection:
                    call = Call(connection, machine(workspace), self.clock.now(), self.jobs, self.late_start)
                    outcome = service.pause(call, campaign, RESTORED)
                paused += not outcome.refused  # refused is one that came to rest meanwhile
                after = campaign
        return paused

    def _under_way(self, after: str) -> list[tuple[str, str]]:
        with database.reader(self.engine).begin() as connection:
            return positions.under_way(connection, after, MOST)
