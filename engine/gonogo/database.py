"""Connections: what each of the two databases must be set to before a decision may rest on it.

`connect` opens a database of our own; `prepare` sets up an engine that a host brought along, and `check` tells what
it lacks. On SQLite a transaction takes the write lock when it begins, because one that reads first and then writes
is turned away at once if another wrote in between. One SQLite library per process and file: the libraries do not see
each other's locks, so nothing here opens a file with another driver than the engine's own.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from gonogo.errors import DatabaseUnusable

T = TypeVar("T")
log = logging.getLogger(__name__)

BUSY_TIMEOUT = 10_000  # milliseconds that a transaction waits for SQLite's write lock
#: At most, of one process to PostgreSQL. All of them stay open: to open one costs as much as several transactions.
CONNECTIONS = 15
GLANCING = 5  # connections beside them, for questions of one statement
IDLE_TIMEOUT = 5_000  # milliseconds that PostgreSQL waits for the next statement of an open transaction
#: The first SQLite without the WAL-reset bug, which can corrupt a file in WAL mode (sqlite.org/wal.html).
WAL_FIXED = (3, 51, 3)
_FULL = 2  # PRAGMA synchronous: NORMAL loses the last commits when the power goes
_POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg")
_WANTED = "a database address reads sqlite:///path or postgresql://user@host/name"


def connect(url: str) -> sa.Engine:
    """An engine on the database at `sqlite:///path` or `postgresql://...`. Raises DatabaseUnusable for any other."""
    try:
        address = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise DatabaseUnusable(_WANTED) from None  # the address may hold a password: it is not repeated
    if address.drivername in _POSTGRESQL:
        engine = sa.create_engine(
            address.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=CONNECTIONS, max_overflow=0
        )
        event.listen(engine, "connect", _give_up_idle)
        return engine
    if address.drivername != "sqlite":
        raise DatabaseUnusable(f"{_WANTED}, not {address.drivername}")
    return _connect_sqlite(address)


def _connect_sqlite(address: sa.URL) -> sa.Engine:
    if address.database in (None, "", ":memory:"):
        raise DatabaseUnusable("SQLite needs a file: in memory, each connection has a database of its own")
    library = _library()
    engine = sa.create_engine(address, module=library)
    fixed = library.sqlite_version_info >= WAL_FIXED
    if not fixed:
        log.warning("SQLite %s can corrupt a file in WAL mode: using a rollback journal", library.sqlite_version)

    @event.listens_for(engine, "connect")
    def open_(connection: Any, _: object) -> None:
        connection.isolation_level = None  # `_begin` begins, not the driver
        _settle(connection, None)
        if fixed and connection.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise DatabaseUnusable("SQLite can't use WAL mode here: is it a network file system?")

    @event.listens_for(engine, "handle_error")
    def refuse(context: Any) -> None:
        if context.connection is None:
            raise DatabaseUnusable(f"SQLite can't open {address.database}: {context.original_exception}")

    _listen(engine)
    return engine


def prepare(engine: sa.Engine) -> sa.Engine:
    """Set up a host's engine as `check` wants it, keeping its driver, and return it. Idempotent.

    That concerns SQLite: foreign keys, the begin mode, the wait for locks and for the disk. Idle connections are
    closed, since they were opened without. PostgreSQL needs nothing of it.
    """
    if engine.dialect.name == "sqlite" and not event.contains(engine, "begin", _begin):
        event.listen(engine, "connect", _settle)
        _listen(engine)
        engine.dispose()
    return engine


def check(engine: sa.Engine) -> list[str]:
    """What a host's engine lacks, one line each, with the cure. Empty if decisions may rest on it."""
    match engine.dialect.name:
        case "sqlite":
            return list(_sqlite_lacks(engine))
        case "postgresql":
            return list(_postgresql_lacks(engine))
        case other:
            return [f"gonogo runs on SQLite and on PostgreSQL, not on {other}"]


def reader(engine: sa.Engine) -> sa.Engine:
    """The same engine for work that only reads: on SQLite it takes no write lock."""
    return engine if engine.dialect.name != "sqlite" else engine.execution_options(sqlite_begin="DEFERRED")


def glances(engine: sa.Engine) -> sa.Engine:
    """An engine on the same database for `at_a_glance`, to be kept: each statement is a transaction by itself.

    On PostgreSQL it has connections of its own. They commit by themselves for good, and nothing is asked of one before
    it is taken or given back: what is around a statement would cost more than the statement does.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(sqlite_begin=None)
    return sa.create_engine(
        engine.url,
        creator=_another(engine),
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=GLANCING,
        max_overflow=0,
    )


def at_a_glance(engine: sa.Engine, ask: Callable[[sa.Connection], T]) -> T:
    """What one statement answers, on an engine of `glances`: asked again where its connection turns out to be lost."""
    try:
        with engine.begin() as connection:
            return ask(connection)
    except sa.exc.DBAPIError as error:
        if not error.connection_invalidated:
            raise
    with engine.begin() as connection:
        return ask(connection)


def readers_never_wait(engine: sa.Engine) -> bool:
    """A transaction that only reads neither waits for one that writes nor for another machine: SQLite in WAL mode."""
    if engine.dialect.name != "sqlite":
        return False
    with reader(engine).connect() as connection:
        return bool(connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal")


def jobs_engine(engine: sa.Engine) -> sa.Engine:
    """A second, small engine on the same database, through the same driver, for the job engine behind `jobs.py`.

    It has no "begin" event: on SQLite the job engine begins its own transactions, through the driver.
    """
    second = sa.create_engine(
        engine.url,
        module=engine.dialect.loaded_dbapi,
        creator=_another(engine),
        pool_size=5,
        max_overflow=5,
        pool_pre_ping=engine.dialect.name == "postgresql",
    )
    if engine.dialect.name == "sqlite":

        @event.listens_for(second, "connect")
        def open_(connection: Any, _: object) -> None:
            connection.isolation_level = "IMMEDIATE"

    return second


def _another(engine: sa.Engine) -> Callable[[], Any]:
    """Opens connections as the engine's are, for another engine."""

    def creator() -> Any:
        opened = engine.raw_connection()  # with all that a host set up: its arguments, its events
        opened.detach()
        return opened.dbapi_connection

    return creator


def insert_new(connection: sa.Connection, table: sa.Table, row: Mapping[str, object]) -> bool:
    """Insert the row and answer True, unless one of its unique keys is taken.

    Waits for another transaction that is writing such a key, and does not break the caller's.
    """
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    made = insert(table).values(row).on_conflict_do_nothing()
    return connection.execute(made, execution_options={"preserve_rowcount": True}).rowcount == 1


def _give_up_idle(connection: Any, _: object) -> None:
    """Have the server end a transaction whose process stands still: it would keep its locks from who takes over."""
    connection.autocommit = True
    connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_TIMEOUT}")
    connection.autocommit = False


def _library() -> ModuleType:
    return import_module("pysqlite3.dbapi2")  # not at the top: a host that brings its own driver never loads it


def _listen(engine: sa.Engine) -> None:
    event.listen(engine, "begin", _begin)
    event.listen(engine, "checkin", _end)


def _settle(connection: Any, _: object) -> None:
    """Make a connection to SQLite safe: the settings last as long as it does."""
    run = connection.execute
    if run("PRAGMA busy_timeout").fetchone()[0] < BUSY_TIMEOUT:
        run(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")  # first: the next ones may meet a lock
    run("PRAGMA foreign_keys=ON")
    if run("PRAGMA synchronous").fetchone()[0] < _FULL:
        run("PRAGMA synchronous=FULL")
    if _wal_corrupts(connection):
        run("PRAGMA journal_mode=DELETE")


def _begin(connection: sa.Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if driver.in_transaction:  # a host's own listener came first, and began without the lock
        connection.exec_driver_sql("ROLLBACK")
    how = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    if how is not None:
        connection.exec_driver_sql(f"BEGIN {how}")


def _end(connection: Any, _: object) -> None:
    # SQLAlchemy takes a transaction whose COMMIT failed as ended; SQLite does not, and the lock would go to the pool.
    if connection is not None and connection.in_transaction:
        connection.rollback()


def _wal_corrupts(connection: Any) -> bool:
    version, journal = (connection.execute(query).fetchone()[0] for query in _WAL_QUERIES)
    return journal == "wal" and tuple(map(int, version.split("."))) < WAL_FIXED


_WAL_QUERIES = ("SELECT sqlite_version()", "PRAGMA journal_mode")


def _sqlite_lacks(engine: sa.Engine) -> Iterator[str]:
    cure = "call gonogo.prepare(engine)"
    if engine.url.database in (None, "", ":memory:"):
        yield "SQLite in memory gives each connection a database of its own: use a file"
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        begun = _statements_of_begin(connection, driver)
        if not any(statement.startswith(("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE")) for statement in begun):
            yield f"transactions begin without SQLite's write lock, so decisions can overtake each other: {cure}"
        if not driver.execute("PRAGMA foreign_keys").fetchone()[0]:
            yield f"SQLite's foreign keys are off: {cure}"
        if driver.execute("PRAGMA synchronous").fetchone()[0] < _FULL:
            yield f"SQLite does not wait for the disk (PRAGMA synchronous is below FULL): {cure}"
        if _wal_corrupts(driver):
            yield f"this SQLite library can corrupt a file in WAL mode (fixed in 3.51.3): {cure}"


def _statements_of_begin(connection: sa.Connection, driver: Any) -> list[str]:
    """What the engine says to SQLite to begin a transaction; nothing, where that is left to the driver."""
    said: list[str] = []
    driver.set_trace_callback(said.append)
    connection.begin()
    driver.set_trace_callback(None)
    return [" ".join(statement.upper().split()) for statement in said]


def _postgresql_lacks(engine: sa.Engine) -> Iterator[str]:
    if engine.dialect.driver != "psycopg":
        yield f"gonogo speaks to PostgreSQL through psycopg 3, not {engine.dialect.driver}: use postgresql+psycopg://"
        return
    with engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        level = "AUTOCOMMIT" if driver.autocommit else connection.get_isolation_level()
    if level != "READ COMMITTED":
        # a transaction that waited for a lock would otherwise judge by what was true before it waited
        yield f"transactions are {level} by default, not READ COMMITTED: set isolation_level on the engine"
