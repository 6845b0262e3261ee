"""From an empty database to this version's schema, and what a database is told to be before anything is done to it."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext

from gonogo import database
from gonogo.errors import DatabaseUnusable
from gonogo.gate import Gate
from gonogo.migrations import VERSION_TABLE, ensure_usable, make, migrate, schema
from gonogo.models import Base
from gonogo.testing.fake_jobs import FakeJobs
from support.engine import Bench, snapshot


@pytest.fixture
def blank(blank_url: str) -> sa.Engine:
    return database.connect(blank_url)


def what(engine: sa.Engine) -> str:
    with engine.connect() as connection:
        return schema(connection)


def run(engine: sa.Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


def refusal(engine: sa.Engine) -> str:
    """The one line in which a database is refused."""
    with pytest.raises(DatabaseUnusable) as refused:
        ensure_usable(engine)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_an_empty_database_becomes_a_current_one(blank: sa.Engine) -> None:
    assert what(blank) == "empty"
    assert "not migrated" in refusal(blank)
    migrate(blank)
    assert what(blank) == "current"
    ensure_usable(blank)
    blank.dispose()


def test_the_models_and_the_migrations_agree(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("backend", ["sqlite"])
def test_tables_made_by_migrating_are_without_hidden_row_numbers_where_the_models_say_so(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        stored = connection.exec_driver_sql("SELECT name FROM pragma_table_list WHERE wr = 1").scalars().all()
    options = {name: table.dialect_options["sqlite"] for name, table in Base.metadata.tables.items()}
    assert set(stored) == {name for name, said in options.items() if said["with_rowid"] is False}


def test_migrating_again_changes_nothing(bench: Bench) -> None:
    bench.ended()
    before = snapshot(bench.engine)
    for _ in range(2):
        migrate(bench.engine)
    assert snapshot(bench.engine) == before


def test_messages_of_an_older_version_outlive_the_migration(blank: sa.Engine) -> None:
    with blank.begin() as connection:
        config = Config()
        config.set_main_option("script_location", "gonogo:migrations")
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
    loose = "PRAGMA foreign_keys=OFF" if blank.dialect.name == "sqlite" else "SET session_replication_role = replica"
    driver = blank.raw_connection()
    driver.cursor().execute(loose)  # the message and its place, without the campaign that they belong to
    driver.cursor().execute("INSERT INTO gonogo_audience VALUES ('run', 7, 'contact', 'payload', 2)")
    at = "2026-03-01T09:00:00.000000Z"
    row = f"('run', 0, 7, 'campaign', 1, 'contact', 'sent', 'token', '{at}', '{at}', NULL)"
    driver.cursor().execute(f"INSERT INTO gonogo_ledger VALUES {row}")
    driver.commit()
    driver.detach()
    driver.close()
    migrate(blank)
    with blank.connect() as connection:
        kept = connection.exec_driver_sql("SELECT run_id, position, state, tries, retry_at FROM gonogo_ledger").all()
        assert connection.exec_driver_sql("SELECT done FROM gonogo_audience").scalar_one() == 0b11
    assert [tuple(row) for row in kept] == [("run", 7, "sent", 0, None)]
    ensure_usable(blank)
    blank.dispose()


def test_a_migration_that_breaks_off_leaves_the_database_as_it_was(blank: sa.Engine) -> None:
    seen = itertools.count()

    def cut(*_: object) -> None:
        if next(seen) == 40:
            raise KeyboardInterrupt

    sa.event.listen(blank, "before_cursor_execute", cut)
    with pytest.raises(KeyboardInterrupt):
        migrate(blank)
    sa.event.remove(blank, "before_cursor_execute", cut)
    assert what(blank) == "empty"
    migrate(blank)
    ensure_usable(blank)
    blank.dispose()


@pytest.mark.parametrize("door", [migrate, make, ensure_usable])
def test_a_newer_schema_is_refused_and_left_alone(engine: sa.Engine, door: object) -> None:
    with engine.connect() as connection:
        current = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar_one()
    run(engine, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    run(engine, "DROP TRIGGER gonogo_step_stays" + (" ON gonogo_step" if engine.dialect.name != "sqlite" else ""))
    assert what(engine) == "newer"
    assert callable(door)
    with pytest.raises(DatabaseUnusable, match="newer version of gonogo"):
        door(engine)
    run(engine, f"UPDATE {VERSION_TABLE} SET version_num = '{current}'")
    assert "gonogo_step_stays" in refusal(engine)


def test_a_schema_that_broke_off_before_its_first_step_counts_as_older(blank: sa.Engine) -> None:
    run(blank, f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
    assert what(blank) == "older"
    assert "not migrated" in refusal(blank)
    migrate(blank)
    ensure_usable(blank)
    blank.dispose()


def test_a_database_of_somebody_else_is_told_from_an_empty_one(blank: sa.Engine) -> None:
    run(blank, "CREATE TABLE customer (id INTEGER PRIMARY KEY)")
    assert what(blank) == "foreign"
    assert "is it the right one?" in refusal(blank)
    with pytest.raises(DatabaseUnusable, match="is it the right one"):
        make(blank)
    blank.dispose()


def test_a_host_keeps_its_tables_when_ours_are_added(blank: sa.Engine) -> None:
    run(blank, "CREATE TABLE customer (id INTEGER PRIMARY KEY)")
    run(blank, "INSERT INTO customer VALUES (7)")
    migrate(blank)
    ensure_usable(blank)
    with blank.connect() as connection:
        assert connection.exec_driver_sql("SELECT id FROM customer").scalars().all() == [7]
    blank.dispose()


@pytest.mark.parametrize("said", [b"this is a letter, not a database\n" * 200, b"SQLite format 3\x00" + b"\xff" * 4096])
def test_a_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path, said: bytes) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_bytes(said)
    with pytest.raises(DatabaseUnusable) as refused:
        Gate.open(f"sqlite:///{letter}", jobs=FakeJobs())
    assert "\n" not in str(refused.value)
    assert letter.read_bytes() == said


def test_a_place_where_no_file_can_be_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnusable) as refused:
        Gate.open(f"sqlite:///{tmp_path}/nowhere/launches.db", jobs=FakeJobs())
    assert "\n" not in str(refused.value)


def test_two_processes_that_migrate_at_once_make_one_schema(blank_url: str, blank: sa.Engine) -> None:
    program = """
import sys
from gonogo import database
from gonogo.migrations import ensure_usable, migrate
engine = database.connect(sys.argv[1])
print("ready", flush=True)
migrate(engine)
ensure_usable(engine)
"""
    begun = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program, blank_url], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    with blank.begin() as connection:  # SQLite's only write lock; on PostgreSQL the one that a migration takes
        if blank.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(x'676F6E6F676F'::bigint)")
        for process in begun:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
    for process in begun:
        process.communicate(timeout=30)
    assert [process.returncode for process in begun] == [0, 0]
    ensure_usable(blank)
    blank.dispose()
