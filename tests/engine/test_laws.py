"""The laws, attacked in raw SQL on both databases, with every mechanism taken away once to see that it was the one.

Law 6 has a file of its own (`test_append_only.py`), law 4 another (`test_races.py`); how the engine itself keeps the
laws, whoever asks, is in the last sections here and in `test_service.py`.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import service
from gonogo.campaign import CAMPAIGN
from gonogo.errors import Conflict, Invalid, NotFound
from gonogo.facts import Facts
from gonogo.machine import decide
from gonogo.models import Base
from gonogo.proposal import facts_of
from gonogo.record import record
from gonogo.review import Finding
from gonogo.store import cases, workspaces
from support.attacks import (
    ALREADY_SENT,
    Attack,
    copied,
    ended,
    message,
    moved,
    on_both,
    permit,
    refused,
    step,
    succeeds_without,
)
from support.engine import NOW, SEQUENCE, Bench, asking, codes, snapshot
from support.scene import Scene

# Law 1: no run is scheduled or executed without a permit for exactly that run.

TO_SENDING = [("approve", "active"), ("approve", "scheduled")]
LAW_1 = [
    *(
        attack
        for event, target in TO_SENDING
        for attack in (
            Attack(
                f"{target} without a permit",
                moved("asked", event, "pending_approval", target),
                ("gonogo_campaign_gate",),
            ),
            Attack(
                f"{target} with a junk permit",
                moved("asked", event, "pending_approval", target, "permit_id = 'junk'"),
                ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
            ),
            Attack(
                f"{target} with another campaign's permit",
                moved("asked", event, "pending_approval", target, "permit_id = :active_permit"),
                ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
            ),
            Attack(
                f"{target} with another run's permit",
                (
                    permit("loose", "asked", 7),
                    *moved("asked", event, "pending_approval", target, "permit_id = 'loose'"),
                ),
                ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
            ),
            Attack(
                f"{target} with an ended permit",
                moved("revoked", "resume", "paused", target, "permit_id = :revoked_permit"),
                ("gonogo_campaign_permits",),
            ),
            Attack(
                f"{target} with a permit that was ended while it was held",
                (ended("paused_permit"), *moved("paused", "resume", "paused", target)),
                ("gonogo_campaign_permits",),
            ),
        )
    ),
    Attack(
        "running without a permit",
        (ended("active_permit"), *moved("active", "begin", "active", "running", "permit_id = NULL")),
        ("gonogo_campaign_gate",),
    ),
    Attack(
        "running with a junk permit",
        (ended("active_permit"), *moved("active", "begin", "active", "running", "permit_id = 'junk'")),
        ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
    ),
    Attack(
        "running with another campaign's permit",
        (ended("active_permit"), *moved("active", "begin", "active", "running", "permit_id = :paused_permit")),
        ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
    ),
    Attack(
        "running with the permit of the run before",
        ("UPDATE gonogo_campaign SET permit_id = :first_permit WHERE id = :second",),
        ("gonogo_campaign_permit_fk", "gonogo_campaign_permits"),
    ),
    Attack(
        "the permit taken from a campaign that is sending",
        (ended("live_permit"), "UPDATE gonogo_campaign SET permit_id = NULL WHERE id = :live"),
        ("gonogo_campaign_gate",),
    ),
    Attack(
        "a permit put down without its end",
        ("UPDATE gonogo_campaign SET permit_id = NULL WHERE id = :paused",),
        ("gonogo_campaign_permits",),
    ),
    Attack(
        "a permit exchanged without its end",
        (permit("loose", "paused", 2), "UPDATE gonogo_campaign SET permit_id = 'loose', run = 2 WHERE id = :paused"),
        ("gonogo_campaign_permits",),
    ),
    Attack(
        "a permit that outlives its campaign's end",
        moved("paused", "cancel", "paused", "cancelled"),
        ("gonogo_campaign_gate",),
    ),
    Attack("a run that falls", ("UPDATE gonogo_campaign SET run = 0 WHERE id = :asked",), ("gonogo_campaign_permits",)),
    Attack("a second permit of one run", (permit("loose", "active", 1),)),
    Attack("a permit of another kind", (permit("loose", "asked", 1, "test"),), ("gonogo_permit_kind",)),
    Attack(
        "born awaiting approval",
        (copied("gonogo_campaign", "id = :bare", id="'new'", wire_id="'new'", state="'pending_approval'"),),
        ("gonogo_campaign_born",),
    ),
    Attack(
        "born with a run",
        (copied("gonogo_campaign", "id = :bare", id="'new'", wire_id="'new'", run="1"),),
        ("gonogo_campaign_born",),
    ),
    Attack(
        "born begun",
        (copied("gonogo_campaign", "id = :bare", id="'new'", wire_id="'new'", begun="(1 = 1)"),),
        ("gonogo_campaign_born",),
    ),
    *(
        Attack(
            f"a message of a campaign that is {label}",
            (message(label, label, 0),),
            ("gonogo_ledger_permitted",),
        )
        for label in ("asked", "active", "paused", "revoked")
    ),
    Attack("a message of another campaign's run", (message("live", "asked", 0),), ("gonogo_ledger_permitted",)),
    Attack("a message of the run before", (message("second", "first", 3),), ("gonogo_ledger_permitted",)),
    Attack(
        "a message under a permit that was ended in writing",
        (ended("live_permit"), message("live", "live", 3)),
        ("gonogo_ledger_permitted",),
    ),
]


@on_both(LAW_1)
def test_nothing_sends_without_a_permit_for_exactly_its_run(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


# Law 2: a vote holds only for the run that the reviewer was shown.

LAW_2 = [
    Attack(
        "a decided task reopened",
        ("UPDATE gonogo_task SET status = 'pending' WHERE id = :revoked_task",),
        ("gonogo_task_decided",),
    ),
    Attack(
        "a decided task decided otherwise",
        ("UPDATE gonogo_task SET status = 'dismissed' WHERE id = :revoked_task",),
        ("gonogo_task_decided",),
    ),
    Attack(
        "an open task put about another run",
        ("UPDATE gonogo_task SET run_id = :active_run WHERE id = :asked_task",),
        ("gonogo_task_decided",),
    ),
    Attack(
        "an open task put about another campaign",
        ("UPDATE gonogo_task SET campaign_id = :draft WHERE id = :asked_task",),
        ("gonogo_task_decided",),
    ),
    Attack(
        "what an open task asks for, changed",
        (
            """UPDATE gonogo_task SET requirement = (SELECT extra FROM gonogo_campaign WHERE id = :bare)
            WHERE id = :asked_task""",
        ),
        ("gonogo_task_decided",),
    ),
    Attack(
        "a second open task of one campaign",
        (copied("gonogo_task", "id = :asked_task", id="'new'"),),
        ("gonogo_task_open_key", "gonogo_task_once"),
    ),
]


@on_both(LAW_2)
def test_a_vote_holds_only_for_what_was_shown(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


# Law 3: what is sent is what was approved.

WHICH = {
    "campaign_id": ":draft",
    "number": "number + 10",
    "generation": "generation + 1",
    "requester": "'x'",
    "opened_at": "(SELECT expires_at FROM gonogo_task WHERE id = :asked_task)",
}
WHAT = {
    "content_id": "settings_id",
    "sender_id": "settings_id",
    "settings_id": "sender_id",
    "start_at": "opened_at",
    "recipients": "recipients + 1",
    "chain": "chain - 1",
    "steps": "steps + 1",
    "findings": "NULL",
    "warnings": "(SELECT extra FROM gonogo_campaign WHERE id = :bare)",
    "seal": "'x'",
}
LAW_3 = [
    *(
        Attack(
            f"the {column} of a sealed run changed",
            (f"UPDATE gonogo_run SET {column} = {value} WHERE id = :asked_run",),
            ("gonogo_run_named" if column in WHICH else "gonogo_run_sealed",),
        )
        for column, value in {**WHICH, **WHAT}.items()
    ),
    Attack("a seal broken", ("UPDATE gonogo_run SET seal = NULL WHERE id = :asked_run",), ("gonogo_run_sealed",)),
    Attack(
        "a recipient added to a sealed audience",
        (copied("gonogo_audience", "run_id = :asked_run AND position = 0", position="99"),),
        ("gonogo_audience_sealed",),
    ),
    Attack(
        "a message for who is not in the audience",
        (message("live", "live", 3).replace("a.position,", "99,", 1),),
        ("gonogo_ledger_audience_fk", "gonogo_ledger_permitted"),
    ),
    Attack(
        "a message that counts for somebody else",
        (message("live", "live", 3, contact_id="'x'"),),
        ("gonogo_ledger_permitted",),
    ),
    *(
        Attack(
            f"the {column} of a payload rewritten",
            (f"UPDATE gonogo_payload SET {column} = {value} WHERE workspace_id = :workspace",),
            ("gonogo_payload_erased",),
        )
        for column, value in (("body", "'{}'"), ("salt", "(SELECT max(salt) FROM gonogo_workspace)"))
    ),
    Attack(
        "the digest of a payload rewritten",
        (
            copied("gonogo_payload", "digest = (SELECT max(digest) FROM gonogo_payload)", digest="'loose'"),
            "UPDATE gonogo_payload SET digest = 'loosened', salt = NULL, body = NULL WHERE digest = 'loose'",
        ),
        ("gonogo_payload_erased",),
    ),
    Attack(
        "an erased payload restored",
        (
            "UPDATE gonogo_payload SET body = NULL, salt = NULL",
            "UPDATE gonogo_payload SET body = '{}' WHERE workspace_id = :workspace",
        ),
        ("gonogo_payload_erased",),
    ),
]


@on_both(LAW_3)
def test_what_is_sent_is_what_was_approved(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


def test_every_column_that_a_run_pins_is_attacked() -> None:
    """In the model, `step` is the first column that tells how it went."""
    columns = [column.name for column in Base.metadata.tables["gonogo_run"].columns]
    assert set(WHICH) | set(WHAT) == set(columns[1 : columns.index("step")])


@pytest.mark.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
def test_a_payload_can_be_erased_and_its_digest_stays(scene: Scene) -> None:
    with scene.engine.connect() as connection:
        before = connection.execute(sa.text("SELECT count(DISTINCT digest) FROM gonogo_payload")).scalar()
        connection.execute(sa.text("UPDATE gonogo_payload SET salt = NULL, body = NULL"))
        left = connection.execute(sa.text("SELECT count(DISTINCT digest), count(body) FROM gonogo_payload")).one()
        assert tuple(left) == (before, 0)


# Law 5: every stored (state, event, state) is a row of the table.

LAW_5 = [
    Attack(
        "a state changed without a step",
        ("UPDATE gonogo_campaign SET state = 'cancelled' WHERE id = :draft",),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a state changed by the step before",
        ("UPDATE gonogo_campaign SET state = 'cancelled', seq = seq + 1 WHERE id = :draft",),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a state changed by a step that leads elsewhere",
        (
            step("draft", "cancel", "draft", "cancelled"),
            "UPDATE gonogo_campaign SET state = 'pending_approval', seq = seq + 1 WHERE id = :draft",
        ),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a state changed by a step from elsewhere",
        moved("asked", "cancel", "draft", "cancelled"),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a state changed by another campaign's step",
        (
            step("draft", "cancel", "draft", "cancelled"),
            "UPDATE gonogo_campaign SET state = 'cancelled', seq = 2 WHERE id = :bare",
        ),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a step that is no row of the table",
        (step("draft", "complete", "draft", "completed"),),
        ("gonogo_step_move_fk",),
    ),
    Attack(
        "a state that is none",
        ("UPDATE gonogo_campaign SET state = 'launching' WHERE id = :draft",),
        ("gonogo_campaign_moves", "gonogo_campaign_state"),
    ),
    Attack(
        "the number of steps lowered",
        ("UPDATE gonogo_campaign SET seq = 0 WHERE id = :draft",),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "the number of steps raised without a step",
        ("UPDATE gonogo_campaign SET seq = seq + 1 WHERE id = :draft",),
        ("gonogo_campaign_moves",),
    ),
    Attack(
        "a step left out",
        (
            step("draft", "revise", "draft", "draft").replace("seq + 1", "seq + 2"),
            "UPDATE gonogo_campaign SET seq = seq + 2 WHERE id = :draft",
        ),
        ("gonogo_campaign_moves",),
    ),
]


@on_both(LAW_5)
def test_a_state_changes_only_by_a_recorded_row_of_the_table(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


# Law 9: one workspace never changes another's rows.

LAW_9 = [
    Attack(
        "a campaign put into another workspace",
        ("UPDATE gonogo_campaign SET workspace_id = :other_workspace WHERE id = :draft",),
        ("gonogo_campaign_named",),
    ),
    Attack(
        "a task put into another workspace",
        ("UPDATE gonogo_task SET workspace_id = :other_workspace WHERE id = :asked_task",),
        ("gonogo_task_decided",),
    ),
]


@on_both(LAW_9)
def test_rows_stay_with_their_workspace(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


# Law 10: no message is knowingly sent twice.

LAW_10 = [
    Attack(
        "a recipient claimed twice in a generation",
        (message("second", "second", 0, contact_id=ALREADY_SENT),),
        ("gonogo_ledger_once_key", "gonogo_ledger_permitted", "gonogo_ledger_once"),
    ),
    Attack(
        "a message claimed for another generation",
        (message("live", "live", 3, generation="c.generation + 1"),),
        ("gonogo_ledger_permitted",),
    ),
    Attack(
        "a message of a step that there is not",
        (message("live", "live", 0, step="1"),),
        ("gonogo_ledger_permitted",),
    ),
    Attack(
        "a message born in a state that is none",
        (message("live", "live", 3, state="'lost'"),),
        ("gonogo_ledger_state",),
    ),
    Attack(
        "a message that was sent opened again",
        ("UPDATE gonogo_ledger SET state = 'claimed' WHERE campaign_id = :live AND state = 'sent'",),
        ("gonogo_ledger_settles",),
    ),
    Attack(
        "an unknown message claimed again",
        ("UPDATE gonogo_ledger SET state = 'claimed' WHERE campaign_id = :live AND state = 'unknown'",),
        ("gonogo_ledger_settles", "gonogo_ledger_told"),
    ),
    Attack(
        "an unknown message told as sent, and nobody said so",
        ("UPDATE gonogo_ledger SET state = 'sent' WHERE campaign_id = :live AND state = 'unknown'",),
        ("gonogo_ledger_told",),
    ),
    Attack(
        "a claimed message released for another try",
        ("UPDATE gonogo_ledger SET state = 'released' WHERE campaign_id = :live AND state = 'claimed'",),
        ("gonogo_ledger_told",),
    ),
    *(
        Attack(
            f"the {column} of a claim changed",
            (f"UPDATE gonogo_ledger SET {column} = {value} WHERE campaign_id = :live AND state = 'claimed'",),
            ("gonogo_ledger_settles",),
        )
        for column, value in (
            ("run_id", ":active_run"),
            ("step", "1"),
            ("position", "3"),
            ("contact_id", "'x'"),
            ("campaign_id", ":second"),
            ("generation", "generation + 1"),
            ("token", "'x'"),
        )
    ),
]  # fmt: skip


@on_both(LAW_10)
def test_no_message_is_claimed_twice_nor_settled_twice(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


# Every mechanism taken away once

HELD = [attack for attack in (*LAW_1, *LAW_2, *LAW_3, *LAW_5, *LAW_9, *LAW_10) if attack.held_by]


@on_both(HELD)
def test_it_succeeds_once_what_refuses_it_is_gone(scene: Scene, attack: Attack) -> None:
    assert succeeds_without(scene.engine, attack, scene.names)


# Law 4: each decision is judged against the state that the one before left.


def test_a_decision_about_what_has_changed_meanwhile_is_not_written(bench: Bench) -> None:
    stale = bench.asked()
    bench.did(service.revise, stale.id, name="Summer")
    refusals = (Conflict, sa.exc.IntegrityError)  # the row was changed, or the step of that number stands already
    with bench.call() as call:
        decision = decide(CAMPAIGN, stale.state, "cancel", facts_of(call, stale))
        with pytest.raises(refusals), call.connection.begin_nested():
            record(call, stale, "cancel", decision)
        with pytest.raises(Conflict):
            cases.move(call.connection, stale, name="Autumn")
    assert (bench.case(stale.id).state, bench.case(stale.id).name) == ("draft", "Summer")


# Law 7: state, step, vote, permit and job commit in one transaction, or not at all.


class PowerCut(Exception):
    """What the tests below do to a transaction."""


@contextmanager
def cut_at(engine: sa.Engine, statement: int) -> Iterator[None]:
    """Break the connection's work off at the statement of that number, from 0."""
    seen = itertools.count()

    def before(*_: object) -> None:
        if next(seen) == statement:
            raise PowerCut

    sa.event.listen(engine, "before_cursor_execute", before)
    try:
        yield
    finally:
        sa.event.remove(engine, "before_cursor_execute", before)


@pytest.mark.parametrize("verb", ["start", "approve", "revoke", "cancel", "revise"])
def test_whatever_breaks_in_a_use_case_leaves_nothing_of_it(bench: Bench, verb: str) -> None:
    use_case: Callable[..., Any] = getattr(service, verb)
    subjects: dict[str, Callable[[], str | None]] = {
        "start": bench.draft,
        "approve": lambda: bench.asked().task_id,
        "revoke": lambda: bench.launched().id,
        "cancel": lambda: bench.launched().id,
        "revise": lambda: bench.asked().id,
    }
    subject = subjects[verb]()
    changes = {"name": "Summer", "content": SEQUENCE} if verb == "revise" else {}
    before, jobs = snapshot(bench.engine), bench.jobs.pending()
    for statement in itertools.count():
        try:
            with cut_at(bench.engine, statement):
                outcome = bench.do(use_case, subject, by=bench.bob, **changes)
            break
        except PowerCut:
            assert (snapshot(bench.engine), bench.jobs.pending()) == (before, jobs), statement
    assert not outcome.refused
    assert statement > 5  # it was cut at each of several
    assert snapshot(bench.engine) != before


# Law 8: what is missing or broken opens nothing.


def test_a_policy_that_can_not_be_found_opens_nothing(bench: Bench) -> None:
    campaign = bench.draft()
    bench.write("UPDATE gonogo_workspace SET policy = 99")
    before = snapshot(bench.engine)
    with pytest.raises(NotFound, match="99"):
        bench.do(service.start, campaign)
    assert snapshot(bench.engine) == before


def test_a_policy_of_a_rule_that_is_unknown_opens_nothing(bench: Bench) -> None:
    campaign = bench.draft()
    with bench.call() as call:  # as a newer version may have written it
        row = {"workspace_id": bench.workspace, "number": 1, "digest": "x", "actor": "x", "at": NOW}
        workspaces.add_policy(call.connection, {**row, "document": {"rules": [{"name": "x", "approve": "coin toss"}]}})
        workspaces.change(call.connection, bench.workspace, policy=1)
    before = snapshot(bench.engine)
    with pytest.raises(Invalid, match="approve"):
        bench.do(service.start, campaign)
    assert snapshot(bench.engine) == before


def test_a_guard_that_raises_refuses_and_says_which(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: Facts) -> None:
        raise ZeroDivisionError

    moves = tuple(replace(move, needs=(*move.needs, broken)) for move in CAMPAIGN.moves)
    monkeypatch.setattr(service, "CAMPAIGN", replace(CAMPAIGN, moves=moves))
    campaign = bench.draft(0)
    before = snapshot(bench.engine)
    for verb in (service.start, service.cancel, service.revise):
        assert "guard_failed" in codes(bench.do(verb, campaign))
    assert snapshot(bench.engine) == before
    assert "the guard broken failed" in caplog.text


def test_a_review_that_raises_opens_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> Iterator[Finding]:
        raise ZeroDivisionError

    monkeypatch.setattr("gonogo.review.CHECKS", (broken,))
    campaign = bench.draft()
    before = snapshot(bench.engine)
    with pytest.raises(ZeroDivisionError):
        bench.do(service.start, campaign)
    assert snapshot(bench.engine) == before


def test_a_task_that_nobody_may_decide_stays_closed_until_it_expires(bench: Bench) -> None:
    """An empty group: nobody holds `admin` here."""
    case = bench.asked(policy=asking(group="owners"))
    for person in (bench.ann, bench.bob, bench.zoe):
        assert codes(bench.do(service.approve, case.task_id, by=person)) == ["not_entitled"]
    bench.clock.move(TimeDelta(hours=72))
    bench.tick.once()
    assert (bench.case(case.id).state, bench.case(case.id).task_status) == ("draft", "expired")


# Law 9: a foreign id answers exactly as a missing one. Every use case is asked in test_service.py.


def test_a_list_of_another_workspace_is_as_one_that_there_is_not(bench: Bench) -> None:
    foreign = Bench(bench.engine)
    theirs = foreign.case(foreign.draft()).list_id
    mine = bench.draft()
    before = snapshot(bench.engine)
    for list_id in (theirs, "there is none"):
        with pytest.raises(NotFound, match=list_id):
            bench.do(service.create, service.Draft("Spring", list_id=list_id))
        with pytest.raises(NotFound, match=list_id):
            bench.do(service.revise, mine, list_id=list_id)
    assert snapshot(bench.engine) == before


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_forged_permit_is_refused_where_nobody_asked_for_foreign_keys(bench: Bench) -> None:
    case = bench.asked()
    step = (
        "INSERT INTO gonogo_step SELECT id, seq + 1, 'approve', 'pending_approval', 'active', run, 'x', 'x', '{}',"
        f" updated_at, '' FROM gonogo_campaign WHERE id = '{case.id}'"
    )
    forged = f"UPDATE gonogo_campaign SET seq = seq + 1, state = 'active', permit_id = 'forged' WHERE id = '{case.id}'"
    with bench.engine.connect() as connection:
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA foreign_keys = OFF")  # as the shell of SQLite has it
        driver.execute("BEGIN")
        driver.execute(step)
        with pytest.raises(Exception, match="a permit is used once and ended in writing"):
            driver.execute(forged)
        connection.invalidate()
    assert bench.case(case.id).state == "pending_approval"
