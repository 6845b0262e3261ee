"""What the routes of every dialect share: the gate, and who knocks at it with which key."""

from collections.abc import Callable

import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool

from gonogo import database
from gonogo.gate import Gate
from gonogo.store import standing, workspaces
from gonogo_api import channels
from gonogo_api.auth import Visitor, identify, note_use, owner, presented
from gonogo_api.rates import Allowance, Limiter
from gonogo_api.settings import Settings
from gonogo_api.writing import GroupCommit


class Door:
    """What the routes of every dialect share."""

    def __init__(self, gate: Gate, settings: Settings, pepper: bytes) -> None:
        self.gate, self.settings, self.pepper = gate, settings, pepper
        self.channels = channels.kinds(gate.executor.channels)
        self.commits = GroupCommit(gate.engine)
        self.reader, self.glances = database.reader(gate.engine), database.glances(gate.engine)
        self.limiter = Limiter(settings.rate_limit, self.glances) if settings.rate_limit != "0" else None
        #: Of the event loop, where a reader waits for nobody.
        self._at_hand = self.glances.connect() if database.readers_never_wait(gate.engine) else None

    def close(self) -> None:
        """Let go of what it opened itself."""
        if self._at_hand is not None:
            self._at_hand.close()
        self.glances.dispose()

    async def meet(self, authorization: str | None) -> tuple[Visitor | None, Allowance | None]:
        """Who a request says it is from, and what is left to that key.

        Where a reader waits for nobody it is looked up right here: changing to a thread costs more than the answer.
        """
        if self._at_hand is None:
            return await run_in_threadpool(self._met, authorization)
        key = presented(authorization)
        visitor = identify(self._at_hand, self.pepper, key, self.gate.clock.now()) if key else None
        if visitor is not None and visitor.alive and visitor.use_is_due(self.gate.clock.now()):
            await run_in_threadpool(self._note, visitor)
        return visitor, self._counted(visitor)

    async def meet_owner(self, key_id: str) -> tuple[Visitor | None, Allowance | None]:
        """The same for a request that has proved otherwise which key let it in."""
        return await run_in_threadpool(self._met_owner, key_id)

    def who(self, authorization: str | None) -> Visitor | None:
        """Who a request says it is from; None for a missing key, and for one that is unknown. Its use is noted."""
        key, now = presented(authorization), self.gate.clock.now()
        if key is None:
            return None
        return self._noted(lambda connection: identify(connection, self.pepper, key, now))

    def _met(self, authorization: str | None) -> tuple[Visitor | None, Allowance | None]:
        visitor = self.who(authorization)
        return visitor, self._counted(visitor)

    def _met_owner(self, key_id: str) -> tuple[Visitor | None, Allowance | None]:
        now = self.gate.clock.now()
        visitor = self._noted(lambda connection: owner(connection, key_id, now))
        return visitor, self._counted(visitor)

    def _noted(self, find: Callable[[sa.Connection], Visitor | None]) -> Visitor | None:
        """Whom it finds; that the key was used is kept."""
        visitor = database.at_a_glance(self.glances, find)
        if visitor is not None and visitor.alive:
            self._note(visitor)
        return visitor

    def _note(self, visitor: Visitor) -> None:
        note_use(self.glances, visitor, self.gate.clock.now())

    def _counted(self, visitor: Visitor | None) -> Allowance | None:
        if visitor is None or not visitor.alive or self.limiter is None:
            return None
        return self.limiter.hit(visitor.actor.id)

    def executor_alive(self) -> bool:
        """An executor has shown life lately; decided from rows."""
        return executor_alive(self.glances, self.settings)

    def mail_is_stuck(self) -> bool:
        """A launch waits for the relay, which refused it or could not be reached; decided from rows."""
        return database.at_a_glance(self.glances, standing.mail_is_stuck)


def executor_alive(glances: sa.Engine, settings: Settings) -> bool:
    """Whether any executor has shown life lately, on an engine of `database.glances`."""
    return database.at_a_glance(glances, workspaces.seconds_since_life) <= settings.executor_silence
