"""How often somebody knocked: one row per name, counted by the database's clock for every process together."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gonogo import models
from gonogo.models import table

rate = table(models.Rate)
_NOW: sa.ColumnElement[float] = sa.literal_column(
    "CAST(extract(epoch FROM clock_timestamp()) AS double precision)", sa.Double
)


_AMOUNT, _SECONDS = sa.bindparam("amount", type_=sa.Integer), sa.bindparam("seconds", type_=sa.Double)
_OVER = rate.c.until <= _NOW
_HIT = (
    postgresql.insert(rate)
    .values(name=sa.bindparam("counted"), hits=_AMOUNT, until=_NOW + _SECONDS)
    .on_conflict_do_update(
        index_elements=[rate.c.name],
        set_={
            "hits": sa.case((_OVER, _AMOUNT), else_=rate.c.hits + _AMOUNT),
            "until": sa.case((_OVER, _NOW + _SECONDS), else_=rate.c.until),
        },
    )
    .returning(rate.c.hits, rate.c.until)
)


def hit(connection: sa.Connection, name: str, amount: int, seconds: float) -> tuple[int, float]:
    """Count in the present window, which a first hit opens; the hits in it, and when it ends. PostgreSQL only."""
    found = connection.execute(_HIT, {"counted": name, "amount": amount, "seconds": seconds}).one()
    return found.hits, found.until


def window(connection: sa.Connection, name: str) -> tuple[int, float]:
    """The hits and the end of the present window; nothing where none is open."""
    open_ = sa.select(rate.c.hits, rate.c.until).where(rate.c.name == name, rate.c.until > _NOW)
    row = connection.execute(open_).first()
    return (row.hits, row.until) if row else (0, 0.0)


def clear(connection: sa.Connection, name: str | None = None) -> int:
    """Forget the windows of one name, or of all; how many those were."""
    gone = sa.delete(rate) if name is None else sa.delete(rate).where(rate.c.name == name)
    return connection.execute(gone).rowcount
