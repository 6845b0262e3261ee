"""Nothing is served where a guard is missing: each that the laws rest on is taken away once, and it is noticed."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from gonogo.campaign import CAMPAIGN
from gonogo.catalogue import differences
from gonogo.errors import DatabaseUnusable
from gonogo.migrations import ensure_usable, migrate
from gonogo.models import Base
from support.attacks import constraints, drop


@contextmanager
def tampering(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that is undone, on a connection that is thrown away: SQLite remembers a changed schema."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()
        connection.invalidate()


def triggers(engine: sa.Engine) -> list[str]:
    asked = {
        "sqlite": "SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname",
    }
    with engine.connect() as connection:
        return list(connection.exec_driver_sql(asked[engine.dialect.name]).scalars())


def unnoticed(engine: sa.Engine, names: list[str]) -> list[str]:
    """Those of the names that can be dropped without exactly one line that tells of it."""
    found = []
    for name in names:
        with tampering(engine) as connection:
            drop(connection, name)
            told = differences(connection)
            if len(told) != 1 or name not in told[0].split() or "\n" in told[0]:
                found.append(f"{name}: {told}")
    return found


def test_a_migrated_database_lacks_nothing(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert differences(connection) == []
    ensure_usable(engine)


def test_every_trigger_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    names = triggers(engine)
    assert len(names) > 40
    assert unnoticed(engine, names) == []


def test_every_foreign_key_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    names = [name for name, _ in constraints(sa.ForeignKeyConstraint)]
    assert "gonogo_campaign_permit_fk" in names
    assert unnoticed(engine, names) == []


def test_every_check_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    names = [name for name, _ in constraints(sa.CheckConstraint)]
    assert "gonogo_campaign_gate" in names
    assert unnoticed(engine, names) == []


def test_every_unique_index_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    """Among them what makes sure that nobody gets two messages."""
    names = [index.name for table in Base.metadata.tables.values() for index in table.indexes if index.unique]
    assert "gonogo_ledger_once_key" in names
    assert unnoticed(engine, [str(name) for name in names]) == []


@pytest.mark.parametrize("backend", ["postgresql"])  # on SQLite no key can be dropped without its table
def test_every_unique_constraint_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    pointed_at = {"gonogo_permit_id_campaign_id_run_key"}  # by the foreign key of the gate: it can't be dropped alone
    names = {name for name, _ in constraints(sa.UniqueConstraint)} - pointed_at
    assert "gonogo_permit_campaign_id_run_key" in names
    assert unnoticed(engine, sorted(names)) == []


def test_a_table_that_is_missing_is_told_in_a_line(engine: sa.Engine) -> None:
    with tampering(engine) as connection:
        connection.exec_driver_sql("DROP TABLE gonogo_executor")
        assert [line for line in differences(connection) if "gonogo_executor" in line]


def test_a_move_that_is_missing_is_noticed(engine: sa.Engine) -> None:
    with tampering(engine) as connection:
        drop(connection, "gonogo_move_stays")
        connection.exec_driver_sql("DELETE FROM gonogo_move WHERE event = 'begin'")
        told = differences(connection)
        assert "the move begin active running is not in the table of moves" in told
        assert len(told) == 2


def test_a_move_too_many_is_noticed(engine: sa.Engine) -> None:
    """Law 5 rests on this table: a row of it that the flow does not have is a way around every guard."""
    assert not any((move.source, move.to) == ("draft", "running") for move in CAMPAIGN.moves)
    with tampering(engine) as connection:
        connection.exec_driver_sql("INSERT INTO gonogo_move VALUES ('sneak', 'draft', 'running')")
        [told] = differences(connection)
        assert "sneak draft running" in told


# Not missing, and yet not what it was


def test_a_trigger_that_refuses_nothing_any_more_is_noticed(engine: sa.Engine) -> None:
    with tampering(engine) as connection:
        if engine.dialect.name == "sqlite":
            drop(connection, "gonogo_step_stays")
            connection.exec_driver_sql(
                "CREATE TRIGGER gonogo_step_stays BEFORE DELETE ON gonogo_step WHEN FALSE BEGIN SELECT 1; END"
            )
        else:
            connection.exec_driver_sql(
                "CREATE OR REPLACE FUNCTION gonogo_step_stays() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN old; END'"
            )
        assert differences(connection) == ["the trigger gonogo_step_stays is not the one this version wants"]


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param("ALTER TABLE gonogo_step DISABLE TRIGGER gonogo_step_stays", id="switched off"),
        pytest.param("ALTER TABLE gonogo_step ENABLE REPLICA TRIGGER gonogo_step_stays", id="only for replication"),
        pytest.param(
            "DROP TRIGGER gonogo_step_stays ON gonogo_step; CREATE TRIGGER gonogo_step_stays BEFORE DELETE ON"
            " gonogo_executor FOR EACH ROW EXECUTE FUNCTION gonogo_step_stays()",
            id="on another table",
        ),
        pytest.param(
            "CREATE OR REPLACE TRIGGER gonogo_step_stays BEFORE DELETE ON gonogo_step FOR EACH ROW WHEN (FALSE)"
            " EXECUTE FUNCTION gonogo_step_stays()",
            id="under a condition",
        ),
        pytest.param(
            "CREATE OR REPLACE TRIGGER gonogo_step_stays BEFORE INSERT ON gonogo_step FOR EACH ROW"
            " EXECUTE FUNCTION gonogo_step_stays()",
            id="at another event",
        ),
    ],
)
def test_a_trigger_that_is_not_asked_any_more_is_noticed(engine: sa.Engine, changed: str) -> None:
    with tampering(engine) as connection:
        for statement in changed.split("; "):
            connection.exec_driver_sql(statement)
        [told] = differences(connection)
        assert "gonogo_step_stays" in told


@pytest.mark.parametrize("backend", ["postgresql"])
@pytest.mark.parametrize(
    ("name", "weaker"),
    [
        ("gonogo_campaign_gate", "CHECK (TRUE)"),
        (
            "gonogo_campaign_gate",
            "CHECK (1 = 1 OR state = 'paused' OR (state IN ('scheduled', 'active', 'running'))"
            " = (permit_id IS NOT NULL))",
        ),
        ("gonogo_campaign_permit_fk", "FOREIGN KEY (permit_id) REFERENCES gonogo_permit (id)"),
    ],
)
def test_a_constraint_of_the_same_name_that_says_less_is_noticed(engine: sa.Engine, name: str, weaker: str) -> None:
    with tampering(engine) as connection:
        drop(connection, name)
        connection.exec_driver_sql(f"ALTER TABLE gonogo_campaign ADD CONSTRAINT {name} {weaker}")
        [told] = differences(connection)
        assert name in told


@pytest.mark.parametrize(
    "weaker",
    [
        "(campaign_id, generation, contact_id, step) WHERE state IN ('claimed', 'sent', 'unknown') AND 1 = 0",
        "(campaign_id, generation, contact_id, step, token) WHERE state IN ('claimed', 'sent', 'unknown')",
    ],
    ids=["condition", "columns"],
)
def test_a_unique_index_of_the_same_name_that_binds_less_is_noticed(engine: sa.Engine, weaker: str) -> None:
    with tampering(engine) as connection:
        connection.exec_driver_sql("DROP INDEX gonogo_ledger_once_key")
        connection.exec_driver_sql(f"CREATE UNIQUE INDEX gonogo_ledger_once_key ON gonogo_ledger {weaker}")
        [told] = differences(connection)
        assert "gonogo_ledger_once_key" in told


@pytest.mark.parametrize("backend", ["postgresql"])
def test_a_constraint_that_was_never_checked_is_noticed(engine: sa.Engine) -> None:
    with tampering(engine) as connection:
        [text] = connection.exec_driver_sql(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'gonogo_campaign_gate'"
        ).scalars()
        drop(connection, "gonogo_campaign_gate")
        connection.exec_driver_sql(f"ALTER TABLE gonogo_campaign ADD CONSTRAINT gonogo_campaign_gate {text} NOT VALID")
        [told] = differences(connection)
        assert "gonogo_campaign_gate" in told


# What is done about it


@pytest.mark.parametrize("missing", ["gonogo_campaign_permits", "gonogo_campaign_gate", "gonogo_campaign_permit_fk"])
def test_a_database_that_lacks_a_guard_is_not_served_and_one_line_says_why(engine: sa.Engine, missing: str) -> None:
    with engine.begin() as connection:
        drop(connection, missing)
    engine.dispose()
    with pytest.raises(DatabaseUnusable) as refused:
        ensure_usable(engine)
    assert missing in str(refused.value)
    assert "\n" not in str(refused.value)


def test_several_that_are_missing_are_counted(engine: sa.Engine) -> None:
    names = triggers(engine)
    with engine.begin() as connection:
        for name in names:
            drop(connection, name)
    with pytest.raises(DatabaseUnusable, match=r"and \d\d more"):
        ensure_usable(engine)


def test_migrating_puts_every_trigger_back(engine: sa.Engine) -> None:
    before = triggers(engine)
    with engine.begin() as connection:
        for name in before:
            drop(connection, name)
    migrate(engine)
    assert triggers(engine) == before
    ensure_usable(engine)


@pytest.mark.parametrize("missing", ["gonogo_campaign_gate", "gonogo_campaign_permit_fk"])
def test_what_migrating_can_not_put_back_it_does_not_pass_over(engine: sa.Engine, missing: str) -> None:
    with engine.begin() as connection:
        drop(connection, missing)
    engine.dispose()
    with pytest.raises(DatabaseUnusable, match=missing):
        migrate(engine)
