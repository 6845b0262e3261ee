"""Law 6: what is written down is only ever added to, attacked with every statement that changes or removes a row."""

import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from gonogo.catalogue import APPEND_ONLY, GUARDED
from gonogo.models import Base, table
from support.attacks import ALREADY_SENT, Attack, copied, message, on_both, permit, refused, replacing, succeeds_without
from support.scene import Scene

LOOSE = {
    # Per guarded table: statements that leave a row which no other row points at, and what finds it.
    "gonogo_version": (
        (copied("gonogo_version", "kind = 'settings' AND workspace_id = :workspace", id="'loose'", digest="'loose'"),),
        "id = 'loose'",
    ),
    "gonogo_move": (("INSERT INTO gonogo_move VALUES ('loose', 'draft', 'draft')",), "event = 'loose'"),
    "gonogo_audience": ((), "run_id = :long_run AND position = 0"),
    "gonogo_vote": ((), "task_id = :revoked_task"),
    "gonogo_permit": ((permit("loose", "draft", 9),), "id = 'loose'"),
    "gonogo_permit_end": ((), "permit_id = :revoked_permit"),
    "gonogo_glass": ((), "permit_id = :active_permit"),
    "gonogo_comment": ((), "id = 'comment'"),
    "gonogo_ruling": ((), "campaign_id = :active"),
    "gonogo_act": ((), "workspace_id = :workspace AND act = 'put_into_force'"),
    "gonogo_step": ((), "campaign_id = :draft"),
    "gonogo_policy": ((), "workspace_id = :workspace"),
    "gonogo_resolution": ((), "run_id = :live_run"),
    "gonogo_response": ((), "run_id = :live_run"),
    "gonogo_notice": ((), "id = 'notice'"),
    "gonogo_campaign": ((), "id = :bare"),
    "gonogo_run": ((copied("gonogo_run", "id = :long_run", id="'loose'", campaign_id=":bare"),), "id = 'loose'"),
    "gonogo_task": ((copied("gonogo_task", "id = :asked_task", id="'loose'", status="'void'"),), "id = 'loose'"),
    "gonogo_payload": (
        (copied("gonogo_payload", "digest = (SELECT max(digest) FROM gonogo_payload)", digest="'loose'"),),
        "digest = 'loose'",
    ),
    "gonogo_ledger": ((), "campaign_id = :live AND state = 'claimed'"),
}
NAMES = [str(model.__tablename__) for model in GUARDED]
WHOLE = tuple(f"{name}_whole" for name in NAMES)


def upserted(name: str, where: str) -> str:
    key = [column.name for column in Base.metadata.tables[name].primary_key.columns]
    on = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {key[0]} = excluded.{key[0]}"
    return f"{copied(name, where)} {on}"


def emptied(name: str) -> Iterator[Attack]:
    loose, where = LOOSE[name]
    yield Attack(f"{name}: a row deleted", (*loose, f"DELETE FROM {name} WHERE {where}"), (f"{name}_stays",))
    yield Attack(f"{name}: emptied", (f"TRUNCATE {name} CASCADE",), WHOLE, "postgresql")
    same = replacing(copied(name, where))
    yield Attack(f"{name}: a row replaced", (*loose, same), (f"{name}_once",), "sqlite")


def rewritten(name: str) -> Iterator[Attack]:
    loose, where = LOOSE[name]
    column = next(iter(Base.metadata.tables[name].columns)).name
    changed = f"UPDATE {name} SET {column} = {column} WHERE {where}"
    yield Attack(f"{name}: a row updated", (*loose, changed), (f"{name}_fixed",))
    both = (f"{name}_fixed", f"{name}_once")
    yield Attack(f"{name}: a row upserted over", (*loose, upserted(name, where)), both[:1], "postgresql")
    yield Attack(f"{name}: a row upserted over", (*loose, upserted(name, where)), both, "sqlite")
    if name == "gonogo_move":  # all its columns are its key
        return
    merged = f"MERGE INTO {name} USING (SELECT 1) AS one ON ({where}) WHEN MATCHED THEN UPDATE SET {column} = {column}"
    yield Attack(
        f"{name}: a row merged over",
        (*loose, merged.replace(f"= {column}", f"= {name}.{column}")),
        both[:1],
        "postgresql",
    )


BY_ANOTHER_KEY = [
    Attack(
        "a version replaced by one that says the same",
        (*LOOSE["gonogo_version"][0], replacing(copied("gonogo_version", "id = 'loose'", id="'looser'"))),
        ("gonogo_version_once",),
        "sqlite",
    ),
    Attack(
        "a permit replaced by another of its run",
        (*LOOSE["gonogo_permit"][0], replacing(permit("looser", "draft", 9))),
        ("gonogo_permit_once",),
        "sqlite",
    ),
    Attack(
        "a run replaced by another of its number",
        (*LOOSE["gonogo_run"][0], replacing(copied("gonogo_run", "id = 'loose'", id="'looser'"))),
        ("gonogo_run_once",),
        "sqlite",
    ),
    Attack(
        "a campaign replaced by another of its name",
        (replacing(copied("gonogo_campaign", "id = :bare", id="'looser'")),),
        ("gonogo_campaign_once",),
        "sqlite",
    ),
    Attack(
        "an open task replaced by another",
        (replacing(copied("gonogo_task", "id = :asked_task", id="'looser'")),),
        ("gonogo_task_once",),
        "sqlite",
    ),
    Attack(
        "a message that was sent replaced by another claim",
        (
            replacing(
                message(
                    "second",
                    "second",
                    0,
                    contact_id=ALREADY_SENT,
                )
            ),
        ),
        ("gonogo_ledger_once", "gonogo_ledger_permitted"),
        "sqlite",
    ),
    Attack(
        "a campaign overwritten by another's name",
        (
            """UPDATE OR REPLACE gonogo_campaign SET wire_id = (SELECT wire_id FROM gonogo_campaign WHERE id = :bare)
            WHERE id = :draft""",
        ),
        ("gonogo_campaign_named",),
        "sqlite",
    ),
    Attack(
        "a run overwritten by another's number",
        (
            *LOOSE["gonogo_run"][0],
            copied("gonogo_run", "id = 'loose'", id="'looser'", number="2"),
            "UPDATE OR REPLACE gonogo_run SET number = 1 WHERE id = 'looser'",
        ),
        ("gonogo_run_named",),
        "sqlite",
    ),
    *(
        Attack(
            f"{name}: a row replaced by its hidden number",
            (
                *LOOSE[name][0],
                replacing(copied(name, LOOSE[name][1], **{key: "'looser'"}, **more))
                .replace("(", "(rowid, ", 1)
                .replace("SELECT ", "SELECT rowid, ", 1),
            ),
            (),
            "sqlite",
        )
        for name, key, more in (
            ("gonogo_version", "id", {"digest": "'looser'"}),
            ("gonogo_move", "event", {}),
            ("gonogo_campaign", "id", {"wire_id": "'looser'"}),
            ("gonogo_run", "id", {"number": "2"}),
            ("gonogo_task", "id", {}),
            ("gonogo_payload", "digest", {}),
        )
    ),
]
ATTACKS = [
    *itertools.chain.from_iterable(emptied(name) for name in NAMES),
    *itertools.chain.from_iterable(rewritten(str(model.__tablename__)) for model in APPEND_ONLY),
    *BY_ANOTHER_KEY,
]


@pytest.mark.parametrize("scene", ["sqlite", "postgresql"], indirect=True)
def test_the_scene_holds_all_that_is_attacked(scene: Scene) -> None:
    with scene.engine.connect() as connection:
        for model in GUARDED:
            assert connection.execute(sa.select(sa.func.count()).select_from(table(model))).scalar(), model
    assert scene.bench.states(str(scene.names["live"])) == {"sent": 1, "unknown": 1, "claimed": 1}


@on_both(ATTACKS)
def test_what_is_written_down_is_only_ever_added_to(scene: Scene, attack: Attack) -> None:
    assert refused(scene.engine, attack, scene.names)


@on_both(attack for attack in ATTACKS if attack.held_by)
def test_it_succeeds_once_what_refuses_it_is_gone(scene: Scene, attack: Attack) -> None:
    assert succeeds_without(scene.engine, attack, scene.names)
