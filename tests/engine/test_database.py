"""Connections to the two databases: what holds on all of them, and what is refused."""

import logging
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session

from gonogo import database
from gonogo.errors import DatabaseUnusable
from support.pgserver import PgServer

Host = Callable[..., sa.Engine]


@pytest.fixture
def blank(blank_url: str) -> Iterator[sa.Engine]:
    engine = database.connect(blank_url)
    yield engine
    engine.dispose()


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """Makes engines as a host would: on SQLite, with the driver of the standard library and no thought of us.

    Never on a file that the other library has open.
    """
    made: list[sa.Engine] = []

    def make(**options: Any) -> sa.Engine:
        made.append(sa.create_engine(f"sqlite:///{tmp_path}/host.db", **options))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_every_connection_to_sqlite_has_the_settings(blank: sa.Engine) -> None:
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with database.reader(blank).connect() as one, database.reader(blank).connect() as other:
        for connection in (one, other):
            values = [connection.scalar(sa.text(f"PRAGMA {name}")) for name in names]
            assert values == ["wal", 2, 1, 10_000]
            driver: Any = connection.connection.dbapi_connection
            assert driver.isolation_level is None  # it begins nothing by itself


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_the_library_has_the_fix_of_the_write_ahead_log(blank: sa.Engine) -> None:
    assert _driver(blank).sqlite_version_info >= database.WAL_FIXED
    assert _driver(blank).__name__ == "pysqlite3.dbapi2"


def test_an_older_library_gets_a_rollback_journal_and_a_line_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "_library", lambda: sqlite3)
    monkeypatch.setattr(database, "WAL_FIXED", (99,))
    with caplog.at_level(logging.WARNING):
        engine = database.connect(f"sqlite:///{tmp_path}/a.db")
    with engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA journal_mode")) == "delete"
    assert database.check(engine) == []
    engine.dispose()
    assert [record.message for record in caplog.records] == [
        f"SQLite {sqlite3.sqlite_version} can corrupt a file in WAL mode: using a rollback journal"
    ]


@pytest.mark.parametrize(
    "url", ["mysql://user:secret@host/name", "sqlite://", "sqlite:///:memory:", "nothing", "sqlite+aiosqlite:///a.db"]
)
def test_other_databases_are_refused_in_one_line_that_tells_no_password(url: str) -> None:
    with pytest.raises(DatabaseUnusable) as refusal:
        database.connect(url)
    assert len(str(refusal.value).splitlines()) == 1
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_goes_through_psycopg(scheme: str) -> None:
    engine = database.connect(f"{scheme}://user:secret@host/name")
    assert engine.dialect.driver == "psycopg"
    assert engine.url.password == "secret"  # noqa: S105


def test_a_foreign_key_is_enforced_and_tables_roll_back(blank: sa.Engine) -> None:
    with blank.begin() as connection:
        connection.execute(sa.text("CREATE TABLE parent (id int PRIMARY KEY)"))
        connection.execute(sa.text("CREATE TABLE child (parent_id int REFERENCES parent (id))"))
    with pytest.raises(sa.exc.IntegrityError), blank.begin() as connection:
        connection.execute(sa.text("INSERT INTO child VALUES (1)"))
    with blank.connect() as connection:
        connection.execute(sa.text("CREATE TABLE gone (id int)"))
        connection.rollback()
    assert "gone" not in sa.inspect(blank).get_table_names()


def test_reading_and_then_writing_from_many_threads_loses_nothing(blank: sa.Engine) -> None:
    _count(blank, 0)

    def add() -> None:
        for _ in range(25):
            with blank.begin() as connection:
                n = connection.execute(sa.select(_COUNTER.c.n).with_for_update()).scalar_one()
                connection.execute(_COUNTER.update().values(n=n + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with blank.connect() as connection:
        assert connection.scalar(sa.select(_COUNTER.c.n)) == 100


_COUNTER = sa.Table("counter", sa.MetaData(), sa.Column("n", sa.Integer))


def _count(engine: sa.Engine, n: int) -> None:
    with engine.begin() as connection:
        _COUNTER.create(connection)
        connection.execute(_COUNTER.insert().values(n=n))


def test_a_reader_is_not_held_up_by_a_writer(blank: sa.Engine) -> None:
    _count(blank, 1)
    with blank.begin() as writer:
        writer.execute(_COUNTER.update().values(n=2))
        with database.reader(blank).connect() as reader:
            assert reader.scalar(sa.select(_COUNTER.c.n)) == 1


@pytest.mark.parametrize("how", ["connection", "session"])
def test_a_commit_that_failed_keeps_no_lock(blank: sa.Engine, how: str) -> None:
    """SQLAlchemy 2.1 gives such a connection back to the pool as it is, and SQLite's transaction is still open."""
    _count(blank, 0)
    with blank.begin() as connection:
        connection.execute(sa.text("CREATE TABLE parent (id int PRIMARY KEY)"))
        reference = "int REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED"
        connection.execute(sa.text(f"CREATE TABLE child (parent_id {reference})"))

    def fail() -> None:
        with blank.connect() if how == "connection" else Session(blank) as one:
            one.execute(sa.text("INSERT INTO child VALUES (1)"))
            one.commit()

    with pytest.raises(sa.exc.IntegrityError):
        fail()
    other = database.connect(blank.url.render_as_string(hide_password=False))
    with other.begin() as connection:
        connection.execute(_COUNTER.update().values(n=1))
        assert connection.scalar(sa.text("SELECT count(*) FROM child")) == 0
    other.dispose()


def test_an_engine_of_our_own_lacks_nothing(blank: sa.Engine) -> None:
    assert database.check(blank) == []


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_host_that_changes_the_isolation_of_postgresql_is_told(blank: sa.Engine, level: Any) -> None:
    engine = sa.create_engine(blank.url, isolation_level=level)
    (line,) = database.check(engine)
    engine.dispose()
    assert level in line


def test_a_hosts_engine_is_told_what_it_lacks_and_then_prepared(host: Host) -> None:
    engine = host()
    with engine.connect() as connection:
        connection.execute(sa.text("PRAGMA journal_mode=WAL"))
    lines = database.check(engine)
    fixed = sqlite3.sqlite_version_info >= database.WAL_FIXED
    expected = ["write lock", "foreign keys"] if fixed else ["write lock", "foreign keys", "WAL"]
    assert [word for word, line in zip(expected, lines, strict=True) if word in line] == expected
    assert all("gonogo.prepare(engine)" in line for line in lines)

    assert database.prepare(engine) is engine
    assert database.check(engine) == []
    assert _driver(engine).__name__ == "sqlite3.dbapi2"


def _driver(engine: sa.Engine) -> Any:
    return engine.dialect.loaded_dbapi


def test_a_host_that_does_not_wait_for_the_disk_is_told(host: Host) -> None:
    engine = host()
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL"))
    assert any("synchronous" in line for line in database.check(engine))
    assert database.check(database.prepare(engine)) == []


@pytest.mark.parametrize("mode", ["IMMEDIATE", "DEFERRED", ""])
def test_a_host_that_begins_by_itself_is_understood(host: Host, mode: str) -> None:
    engine = host()
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(f"BEGIN {mode}"))
    lacks_the_lock = any("write lock" in line for line in database.check(engine))
    assert lacks_the_lock == (mode != "IMMEDIATE")
    assert database.check(database.prepare(engine)) == []


def test_preparing_twice_changes_nothing_more(host: Host) -> None:
    engine = database.prepare(host())
    pool = engine.pool
    assert database.prepare(engine).pool is pool
    said: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda _c, _x, statement, *_: said.append(statement))
    with engine.begin():
        pass
    assert said == ["BEGIN IMMEDIATE"]


def test_connections_that_were_open_before_are_prepared_too(host: Host) -> None:
    engine = host()
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    database.prepare(engine)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1


def test_a_second_library_is_never_loaded_for_a_host(tmp_path: Path) -> None:
    code = (
        "import sys, sqlalchemy; from gonogo import database\n"
        f"engine = database.prepare(sqlalchemy.create_engine('sqlite:///{tmp_path}/host.db'))\n"
        "database.check(engine); database.jobs_engine(engine).connect().close()\n"
        "print('sqlite3' in sys.modules, 'pysqlite3' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "True False\n"


def test_the_engine_of_the_jobs_is_opened_as_the_hosts_is(host: Host) -> None:
    engine = database.prepare(host(connect_args={"factory": _Marked}))
    second = database.jobs_engine(engine)
    with second.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        assert type(driver) is _Marked
        assert connection.scalar(sa.text("PRAGMA foreign_keys")) == 1
        assert driver.isolation_level == "IMMEDIATE"
    second.dispose()


class _Marked(sqlite3.Connection):
    """A connection that only a host would open."""


def test_committed_rows_survive_the_death_of_postgresql() -> None:
    with PgServer() as server:
        engine = database.connect(server.cluster.create("app"))
        _count(engine, 1)
        with engine.connect() as idle:
            idle.execute(sa.select(1))
            held = engine.connect()
        held.execute(_COUNTER.update().values(n=2))
        server.kill()
        server.start()
        with engine.connect() as connection:
            assert connection.scalar(sa.select(_COUNTER.c.n)) == 1
            assert connection.scalar(sa.text("SHOW fsync")) == "on"
        with pytest.raises(sa.exc.OperationalError):
            held.execute(sa.select(1))
        held.close()
        engine.dispose()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_readers_of_sqlite_wait_for_nobody_in_wal_mode_alone(engine: sa.Engine) -> None:
    assert database.readers_never_wait(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA journal_mode=DELETE")
    assert not database.readers_never_wait(engine)


@pytest.mark.parametrize("backend", ["postgresql"])
def test_readers_of_another_machine_wait_for_the_wire(engine: sa.Engine) -> None:
    assert not database.readers_never_wait(engine)
