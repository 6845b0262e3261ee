"""What the tables share: instants, the one MetaData, and the names of states."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel
from whenever import Instant

Document = dict[str, Any]


class Utc(sa.types.TypeDecorator[Instant]):
    """An instant: `timestamptz` on PostgreSQL; on SQLite ISO 8601 text of fixed width, which sorts as time does."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.String(27) if dialect.name == "sqlite" else self.impl_instance)

    def process_bind_param(self, value: Instant | None, dialect: sa.Dialect) -> str | datetime | None:
        if value is None:
            return None
        return value.format_iso(unit="microsecond") if dialect.name == "sqlite" else value.to_stdlib()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Instant | None:
        if value is None:
            return None
        return Instant.parse_iso(value) if dialect.name == "sqlite" else Instant(value.astimezone(UTC))


def one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


CLAIMED_STATES = ("claimed", "sent", "unknown")
LEDGER_STATES = (*CLAIMED_STATES, "deferred", "released", "rejected", "failed", "skipped", "cancelled", "superseded")
SUPPRESSIONS = ("unsubscribe", "complaint", "bounce", "reply")
TASK_STATES = ("reviewing", "pending", "approved", "dismissed", "changes_requested", "expired", "void")
DIALECTS = ("leadlex", "sonarly", "leadterra", "burki", "bavlio")


class Base(SQLModel):
    """One MetaData for all our tables; names of constraints are fixed, so that migrations can name them."""

    metadata = sa.MetaData(
        naming_convention={
            "pk": "%(table_name)s_pk",
            "fk": "%(table_name)s_%(column_0_name)s_fk",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        }
    )
    model_config = {"arbitrary_types_allowed": True}


def added(value: int, sa_type: Any = sa.Integer) -> Any:
    """A column that joined a table later: the rows that stood there already got this value."""
    return Field(default=value, sa_type=sa_type, sa_column_kwargs={"server_default": str(value)})


def table(model: type[Base]) -> sa.Table:
    """The Core table of a class: what the statements of `store.py` are written with."""
    found: sa.Table = Base.metadata.tables[str(model.__tablename__)]
    return found
