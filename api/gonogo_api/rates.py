"""How often a key may knock. Counted by `limits`, in fixed windows: in memory where one process serves, else in
PostgreSQL, where every process sees the same figure."""

import math
import time
from dataclasses import dataclass

import sqlalchemy as sa
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, Storage

from gonogo import database
from gonogo.store import rates


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key has left in the present window."""

    limit: int
    remaining: int
    resets_at: float  # seconds since the epoch
    exceeded: bool

    @property
    def headers(self) -> dict[str, str]:
        shown = {"Limit": self.limit, "Remaining": self.remaining, "Reset": math.ceil(self.resets_at)}
        return {f"X-RateLimit-{name}": str(value) for name, value in shown.items()}

    @property
    def retry_after(self) -> str:
        """Whole seconds until the next window, 1 at least."""
        return str(max(1, math.ceil(self.resets_at - time.time())))


class Limiter:
    """Counts the requests of each key against one limit, such as "1200/minute"; on an engine of `database.glances`."""

    def __init__(self, limit: str, engine: sa.Engine) -> None:
        self.item: RateLimitItem = parse(limit)
        self.storage: Storage = MemoryStorage() if engine.dialect.name == "sqlite" else PostgresStorage(engine)

    def hit(self, key_id: str) -> Allowance:
        name = self.item.key_for(key_id)
        hits = self.storage.incr(name, self.item.get_expiry())
        left = max(0, self.item.amount - hits)
        return Allowance(self.item.amount, left, self.storage.get_expiry(name), hits > self.item.amount)


class PostgresStorage(Storage):
    """`limits.storage.Storage` on an UNLOGGED table: one upsert a hit, in a transaction of its own."""

    STORAGE_SCHEME = None  # made with an engine, never from an address

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__()
        self.engine = engine
        self._until: dict[str, float] = {}  # a window's end is answered with its hit, and needs no second question

    @property
    def base_exceptions(self) -> type[Exception]:
        return sa.exc.DBAPIError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        hit = database.at_a_glance(self.engine, lambda connection: rates.hit(connection, key, amount, expiry))
        hits, self._until[key] = hit
        return hits

    def get(self, key: str) -> int:
        with self.engine.begin() as connection:
            return rates.window(connection, key)[0]

    def get_expiry(self, key: str) -> float:
        if key not in self._until:
            with self.engine.begin() as connection:
                return rates.window(connection, key)[1]
        return self._until[key]

    def check(self) -> bool:
        with self.engine.connect() as connection:
            connection.execute(sa.select(1))
        return True

    def reset(self) -> int:
        with self.engine.begin() as connection:
            return rates.clear(connection)

    def clear(self, key: str) -> None:
        with self.engine.begin() as connection:
            rates.clear(connection, key)
