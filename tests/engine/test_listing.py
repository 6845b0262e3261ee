"""A page costs what a page costs, however long the list: the database is asked how it finds one."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import reading, service
from gonogo.models import Base
from gonogo.store import cases, ledger
from gonogo.store.cases import Case
from support.engine import HOUR, Bench

OPEN = ("reviewing", "pending")
DISMISSED = ("dismissed", "changes_requested", "expired", "void")
LIMIT = 10
COPIES = 4_000
#: What is copied, parents first, and which of its columns hold an id of that copy.
COPIED = {
    "gonogo_list": {"id"},
    "gonogo_campaign": {"id", "wire_id", "list_id"},
    "gonogo_run": {"id", "campaign_id"},
    "gonogo_task": {"id", "campaign_id", "run_id"},
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A workspace, and a task in the middle of it."""

    connection: sa.Connection
    workspace: str
    campaign: str
    task: str
    asked_at: Instant

    def tasks(self, statuses: tuple[str, ...] = OPEN, **more: Any) -> list[Case]:
        asked = {"campaign_id": None, "after": None, "limit": LIMIT, **more}
        return cases.tasks(self.connection, self.workspace, statuses=statuses, **asked)

    def campaigns(self, **more: Any) -> list[Case]:
        asked = {"dialect": None, "states": None, "after": "", "limit": LIMIT, **more}
        return cases.page(self.connection, self.workspace, **asked)

    def plan(self, ask: Callable[[], object]) -> Any:
        """How the database finds what is asked for, in its own words."""
        said: list[tuple[str, Any]] = []

        def hear(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:
            said.append((statement, parameters))

        sa.event.listen(self.connection, "before_cursor_execute", hear)
        ask()
        sa.event.remove(self.connection, "before_cursor_execute", hear)
        [(statement, parameters)] = said
        if self.connection.dialect.name == "sqlite":
            return self.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        [top] = self.connection.exec_driver_sql(explained, parameters).scalar_one()
        return top["Plan"]


@pytest.fixture
def listed(engine: sa.Engine) -> Iterator[Listed]:
    """On PostgreSQL, which plans by what is there, with some thousands of tasks: every second one is dismissed."""
    bench = Bench(engine)
    case = bench.asked()
    if engine.dialect.name == "postgresql":
        _copy(engine, case)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT id, campaign_id FROM gonogo_task ORDER BY created_at, id")).all()
        task, campaign = rows[len(rows) // 2]
        found = cases.read_by_task(connection, bench.workspace, task)
        assert found.asked_at is not None
        yield Listed(connection, bench.workspace, campaign, task, found.asked_at)


def _copy(engine: sa.Engine, case: Case) -> None:
    rows = (case.list_id, case.id, case.run_id, case.task_id)
    new = "lpad(n::text, 36, '0')"
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no trigger is asked
        for (name, own), row in zip(COPIED.items(), rows, strict=True):
            columns = Base.metadata.tables[name].columns.keys()
            changed = {
                **dict.fromkeys(own, new),
                "created_at": "made.created_at + n * interval '1 second'",
                "status": "CASE WHEN n % 2 = 0 THEN 'pending' ELSE 'dismissed' END",
            }
            values = ", ".join(changed.get(column, f"made.{column}") for column in columns)
            connection.execute(
                sa.text(
                    f"INSERT INTO {name} ({', '.join(columns)}) SELECT {values}"
                    f" FROM generate_series(1, {COPIES}) n, {name} made WHERE made.id = :row"
                ),
                {"row": row},
            )
        connection.exec_driver_sql("ANALYZE")


def wasteful(plan: Any) -> list[str]:
    """The steps of a plan that read, or sort, more than a page."""
    return _wasteful_on_postgresql(plan) if isinstance(plan, dict) else _wasteful_on_sqlite(plan)


def _wasteful_on_sqlite(steps: list[Any]) -> list[str]:
    found = [step.detail for step in steps if step.detail.startswith("SCAN gonogo_")]
    for step in steps:
        if "TEMP B-TREE" in step.detail:  # a harmless one sorts what a limit has cut
            found += [of.detail for of in steps if of.parent == step.parent and " gonogo_" in of.detail]
    return found


def _wasteful_on_postgresql(step: Any) -> list[str]:
    read = step["Actual Loops"] * (step["Actual Rows"] + step.get("Rows Removed by Filter", 0))
    found = [f"{step['Node Type']} of {step.get('Relation Name')}: {read:g} rows"] if read > 2 * LIMIT else []
    return found + [each for below in step.get("Plans", ()) for each in _wasteful_on_postgresql(below)]


def test_a_page_of_tasks_reads_no_more_of_them_than_a_page(listed: Listed) -> None:
    after = (listed.asked_at, listed.task)
    for statuses in (OPEN, DISMISSED, ("approved",)):
        assert wasteful(listed.plan(partial(listed.tasks, statuses))) == []
        assert wasteful(listed.plan(partial(listed.tasks, statuses, after=after))) == []


def test_a_page_of_campaigns_reads_no_more_of_them_than_a_page(listed: Listed) -> None:
    for after in ("", listed.campaign):
        assert wasteful(listed.plan(partial(listed.campaigns, after=after))) == []
        assert wasteful(listed.plan(partial(listed.campaigns, after=after, dialect="leadlex"))) == []


def test_one_case_is_found_without_looking_at_others(listed: Listed) -> None:
    by_campaign = listed.plan(partial(cases.read, listed.connection, listed.workspace, listed.campaign))
    by_task = listed.plan(partial(cases.read_by_task, listed.connection, listed.workspace, listed.task))
    assert wasteful(by_campaign) == wasteful(by_task) == []


def test_the_tasks_of_one_campaign_are_found_through_it(listed: Listed) -> None:
    for statuses in (OPEN, DISMISSED, ("approved",)):
        plan = listed.plan(partial(listed.tasks, statuses, campaign_id=listed.campaign))
        told = json.dumps(plan, default=str)
        assert "gonogo_task_campaign_id_idx" in told or "gonogo_task_open_key" in told
        assert "gonogo_task_listed_idx" not in told
        if listed.connection.dialect.name == "postgresql":
            assert wasteful(plan) == []  # on SQLite the plan does not tell how few are sorted


@pytest.mark.parametrize("backend", ["sqlite"])  # PostgreSQL weighs an index anew for every size of the table
def test_what_time_makes_due_is_found_by_its_index(listed: Listed) -> None:
    now = listed.asked_at
    asked: dict[str, Callable[[], object]] = {
        "gonogo_campaign_due_idx": partial(cases.due, listed.connection, now, LIMIT),
        "gonogo_task_deadline_idx": partial(cases.overdue, listed.connection, now, LIMIT),
        "gonogo_task_nudge_idx": partial(cases.to_nudge, listed.connection, now, LIMIT),
        "gonogo_campaign_sending_idx": partial(ledger.unbegun, listed.connection, now, LIMIT),
        "gonogo_run_under_way_idx": partial(ledger.idle, listed.connection, now, LIMIT),
        "gonogo_run_waking_idx": partial(ledger.waking, listed.connection, now, LIMIT),
    }
    for index, ask in asked.items():
        plan = listed.plan(ask)
        assert any(f"INDEX {index}" in step.detail for step in plan), plan


def test_pages_of_tasks_of_several_statuses_make_one_list_in_order(bench: Bench) -> None:
    asked = []
    for number in range(7):
        asked.append(bench.asked())
        bench.clock.move(HOUR * (number % 2))  # two each are made at the same instant
    for case in asked[::3]:
        bench.did(service.dismiss, case.task_id, None, by=bench.bob)
    seen: list[Any] = []
    with bench.engine.connect() as connection:
        after = None
        while page := cases.tasks(
            connection, bench.workspace, statuses=("dismissed", *OPEN), campaign_id=None, after=after, limit=2
        ):
            seen += [(case.asked_at, case.task_id) for case in page]
            after = seen[-1]
    assert seen == sorted((case.asked_at, case.task_id) for case in asked)


def test_the_tasks_of_a_campaign_are_told_to_its_own_workspace_alone(bench: Bench) -> None:
    case = bench.asked()
    with bench.engine.connect() as connection:
        told = {
            workspace: cases.tasks(connection, workspace, statuses=OPEN, campaign_id=case.id, after=None, limit=LIMIT)
            for workspace in (bench.workspace, "another")
        }
    assert told == {bench.workspace: [case], "another": []}


def test_campaigns_are_listed_in_order_of_their_making_whatever_their_ids(bench: Bench) -> None:
    made = []
    for brought in ("ffffffff-0000-4000-8000-000000000000", None, "00000000-0000-4000-8000-000000000000", None):
        bench.clock.move(TimeDelta(seconds=1))
        made.append(bench.draft(0, id=brought))
    with bench.call() as call:
        seen, after = [], ""
        while page := reading.campaigns(call, after=after, limit=1):
            seen.append(page[0].case.id)
            after = seen[-1]
    assert seen == made
