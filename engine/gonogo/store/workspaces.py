"""Workspaces, with their members, keys, policies and immutable versions."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.clock import new_id
from gonogo.database import insert_new
from gonogo.errors import NotFound
from gonogo.models import Document, table
from gonogo.seal import canonical, digest, leaf

workspace = table(models.Workspace)
member = table(models.Member)
key = table(models.Key)
version = table(models.Version)
payload = table(models.Payload)
policy = table(models.PolicyVersion)
part = table(models.Part)
executor = table(models.Executor)
campaign = table(models.Campaign)


def get(connection: sa.Connection, workspace_id: str) -> sa.Row[Any]:
    """A workspace. Raises NotFound."""
    found = connection.execute(sa.select(workspace).where(workspace.c.id == workspace_id)).first()
    if found is None:
        raise NotFound("workspace", workspace_id)
    return found


def hold(connection: sa.Connection, workspace_id: str) -> sa.Row[Any]:
    """A workspace, held until the transaction ends. Raises NotFound."""
    if connection.dialect.name != "sqlite":
        locked = sa.select(workspace.c.id).where(workspace.c.id == workspace_id).with_for_update(key_share=True)
        connection.execute(locked)
    return get(connection, workspace_id)


def group_taken(connection: sa.Connection, account_group: str) -> bool:
    found = connection.execute(sa.select(workspace.c.id).where(workspace.c.account_group == account_group))
    return found.first() is not None


def add(connection: sa.Connection, row: Document) -> None:
    connection.execute(workspace.insert(), row)


def change(connection: sa.Connection, workspace_id: str, **values: object) -> None:
    connection.execute(workspace.update().where(workspace.c.id == workspace_id).values(**values))


def next_number(connection: sa.Connection, workspace_id: str) -> int:
    """The next integer id of the workspace; rolled back with the transaction."""
    raised = workspace.update().where(workspace.c.id == workspace_id).values(numbers=workspace.c.numbers + 1)
    return int(connection.execute(raised.returning(workspace.c.numbers)).scalar_one())


def pass_number(connection: sa.Connection, workspace_id: str, number: int) -> None:
    """Never give this number, which was given elsewhere, nor any below it."""
    behind = workspace.update().where(workspace.c.id == workspace_id, workspace.c.numbers < number)
    connection.execute(behind.values(numbers=number))


def has_campaign(connection: sa.Connection, campaign_id: str) -> bool:
    """Whether any workspace has a campaign of this id, be it one that was removed."""
    return connection.execute(sa.select(campaign.c.id).where(campaign.c.id == campaign_id)).first() is not None


# Versions and payloads


def pin(connection: sa.Connection, workspace_id: str, kind: str, body: Document, now: Instant) -> str:
    """The id of the immutable version that says exactly this, made if it is new."""
    wanted = digest(body)
    known = sa.select(version.c.id).where(
        version.c.workspace_id == workspace_id, version.c.kind == kind, version.c.digest == wanted
    )
    found: str | None = connection.execute(known).scalar()
    if found is None:
        made = new_id(now)
        row = {"id": made, "workspace_id": workspace_id, "kind": kind, "digest": wanted, "body": body}
        if insert_new(connection, version, {**row, "created_at": now}):
            return made
        found = str(connection.execute(known).scalar_one())  # another transaction said the same at the same moment
    return found


def versions(connection: sa.Connection, ids: list[str]) -> dict[str, sa.Row[Any]]:
    """Versions by id."""
    return {row.id: row for row in connection.execute(sa.select(version).where(version.c.id.in_(ids)))}


def conceal(connection: sa.Connection, workspace_id: str, body: Document, salt: bytes) -> str:
    """Store personal data or free text where it can be erased; returns the digest that stands for it."""
    text = canonical(body)
    name = leaf(salt, text)
    row = {"digest": name, "workspace_id": workspace_id, "salt": salt, "body": text.decode()}
    connection.execute(payload.insert(), row)
    return name


def reveal(connection: sa.Connection, digests: list[str]) -> dict[str, str | None]:
    """What the payloads say, by digest; None for one that was erased."""
    wanted = sa.select(payload.c.digest, payload.c.body).where(payload.c.digest.in_(digests))
    return {name: body for name, body in connection.execute(wanted)}


# Policies


def policy_document(connection: sa.Connection, workspace_id: str, number: int) -> Document:
    """The document of one policy version. Raises NotFound."""
    wanted = sa.select(policy.c.document).where(policy.c.workspace_id == workspace_id, policy.c.number == number)
    found: Document | None = connection.execute(wanted).scalar()
    if found is None:
        raise NotFound("policy version", str(number))
    return found


def policy_digest(connection: sa.Connection, workspace_id: str, number: int) -> str:
    """The digest of one policy version."""
    wanted = sa.select(policy.c.digest).where(policy.c.workspace_id == workspace_id, policy.c.number == number)
    return str(connection.execute(wanted).scalar_one())


def policy_author(connection: sa.Connection, workspace_id: str, number: int) -> str:
    """The person who wrote one policy version."""
    wanted = sa.select(policy.c.person).where(policy.c.workspace_id == workspace_id, policy.c.number == number)
    return str(connection.execute(wanted).scalar_one())


def last_policy(connection: sa.Connection, workspace_id: str) -> int:
    """The number of the last version that was written, whether or not it was put into force."""
    wanted = sa.select(sa.func.max(policy.c.number)).where(policy.c.workspace_id == workspace_id)
    return connection.execute(wanted).scalar() or 0


def policies(connection: sa.Connection, workspace_id: str) -> list[sa.Row[Any]]:
    """Every version of the workspace's policy that was written, the newest first."""
    wanted = sa.select(policy).where(policy.c.workspace_id == workspace_id).order_by(policy.c.number.desc())
    return list(connection.execute(wanted))


def add_policy(connection: sa.Connection, row: Document) -> None:
    connection.execute(policy.insert(), row)


# Members and keys


def member_by_address(connection: sa.Connection, workspace_id: str, address_key: str) -> sa.Row[Any] | None:
    wanted = sa.select(member).where(member.c.workspace_id == workspace_id, member.c.address_key == address_key)
    return connection.execute(wanted).first()


def add_member(connection: sa.Connection, row: Document) -> None:
    connection.execute(member.insert(), row)


def members(connection: sa.Connection, workspace_id: str) -> list[sa.Row[Any]]:
    """The members of a workspace, in order of their joining."""
    wanted = sa.select(member).where(member.c.workspace_id == workspace_id, member.c.removed_at.is_(None))
    return list(connection.execute(wanted.order_by(member.c.id)))


def find_member(connection: sa.Connection, workspace_id: str, member_id: str) -> sa.Row[Any]:
    """A present member. Raises NotFound."""
    mine = sa.and_(member.c.workspace_id == workspace_id, member.c.removed_at.is_(None))
    found = connection.execute(sa.select(member).where(member.c.id == member_id, mine)).first()
    if found is None:
        raise NotFound("member", member_id)
    return found


def member_anywhere(connection: sa.Connection, member_id: str) -> sa.Row[Any] | None:
    """A present member of whatever workspace."""
    wanted = sa.select(member).where(member.c.id == member_id, member.c.removed_at.is_(None))
    return connection.execute(wanted).first()


def verify_member(connection: sa.Connection, member_id: str, now: Instant) -> bool:
    """Say since when it is known that the address is the member's; False where that was said before."""
    unverified = sa.and_(member.c.id == member_id, member.c.verified_at.is_(None))
    return connection.execute(member.update().where(unverified).values(verified_at=now)).rowcount == 1


def change_member(connection: sa.Connection, member_id: str, **values: object) -> None:
    connection.execute(member.update().where(member.c.id == member_id).values(**values))


def add_key(connection: sa.Connection, row: Document) -> None:
    connection.execute(key.insert(), row)


_KEY = (
    sa.select(key, member.c.removed_at, workspace.c.account_group)
    .join(workspace, workspace.c.id == key.c.workspace_id)
    .outerjoin(member, member.c.id == key.c.member_id)
    .where(key.c.id == sa.bindparam("key"))
)


def key_by_id(connection: sa.Connection, key_id: str) -> sa.Row[Any] | None:
    """A key by its public part, with its workspace's account group, and since when its member is none any more."""
    return connection.execute(_KEY, {"key": key_id}).first()


def find_key(connection: sa.Connection, workspace_id: str, key_id: str) -> sa.Row[Any]:
    """The same for a key of the workspace. Raises NotFound."""
    found = key_by_id(connection, key_id)
    if found is None or found.workspace_id != workspace_id:
        raise NotFound("key", key_id)
    return found


#: What may be told of a key: all but its MAC.
KEY_FACTS = ("id", "dialect", "scopes", "member_id", "created_at", "expires_at", "revoked_at", "used_at")


def keys(
    connection: sa.Connection, workspace_id: str, *, before: str = "", limit: int | None = None
) -> Sequence[sa.RowMapping]:
    """The keys of a workspace, newest first, from before the given one: all, or so many.
    Index: gonogo_key_workspace_id_idx."""
    wanted = sa.select(*(key.c[name] for name in KEY_FACTS)).where(key.c.workspace_id == workspace_id)
    if before:
        mine = sa.and_(key.c.workspace_id == workspace_id, key.c.id == before)
        made = sa.select(key.c.created_at).where(mine).scalar_subquery()
        wanted = wanted.where(sa.tuple_(key.c.created_at, key.c.id) < sa.tuple_(made, sa.literal(before)))
    return connection.execute(wanted.order_by(key.c.created_at.desc(), key.c.id.desc()).limit(limit)).mappings().all()


def keys_among(connection: sa.Connection, ids: Collection[str]) -> set[str]:
    """Those of these actors that are keys of no member. What acts for a member goes by the member's id."""
    return set(connection.execute(sa.select(key.c.id).where(key.c.id.in_(ids))).scalars())


def end_keys_of(connection: sa.Connection, member_id: str, now: Instant) -> list[str]:
    """Revoke every key of a member; the ids of those that it ends."""
    good = key.update().where(key.c.member_id == member_id, key.c.revoked_at.is_(None))
    return sorted(connection.execute(good.values(revoked_at=now).returning(key.c.id)).scalars())


def end_key(connection: sa.Connection, key_id: str, now: Instant) -> bool:
    """Revoke a key; False for one that was revoked before."""
    ended = key.update().where(key.c.id == key_id, key.c.revoked_at.is_(None)).values(revoked_at=now)
    return connection.execute(ended).rowcount == 1


def note_use(connection: sa.Connection, key_id: str, before: Instant | None, now: Instant) -> None:
    """Say when a key was last used, unless somebody said so since `before`. Hardly waits for locks."""
    free = (
        sa.select(key.c.id)
        .where(key.c.id == key_id, key.c.used_at.is_not_distinct_from(before))
        .with_for_update(skip_locked=True, key_share=True)
    )
    with _hurry(connection):
        connection.execute(key.update().where(key.c.id == free.scalar_subquery()).values(used_at=now))


#: Milliseconds: longer than a commit takes, and shorter than a reader would notice.
_HURRIED = 100


@contextmanager
def _hurry(connection: sa.Connection) -> Iterator[None]:
    """Have SQLite give up soon where it would wait long for a lock. PostgreSQL can skip locked rows instead."""
    if connection.dialect.name != "sqlite":
        yield
        return
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout={_HURRIED}").close()
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={patience}").close()


# Building blocks of the dialects


def add_part(connection: sa.Connection, row: Document) -> None:
    connection.execute(part.insert(), row)


def change_part(connection: sa.Connection, part_id: str, **values: object) -> None:
    connection.execute(part.update().where(part.c.id == part_id).values(**values))


def find_part(connection: sa.Connection, workspace_id: str, kind: str, wire_id: str) -> sa.Row[Any]:
    """A building block by the id its dialect gave it. Raises NotFound."""
    wanted = sa.select(part).where(part.c.workspace_id == workspace_id, part.c.kind == kind, part.c.wire_id == wire_id)
    found = connection.execute(wanted).first()
    if found is None:
        raise NotFound(kind, wire_id)
    return found


# Executors


def seconds_since_life(connection: sa.Connection) -> float:
    """How long ago an executor last showed life, by the database's clock; infinite if none ever did."""
    clock = "extract(epoch from clock_timestamp())"
    if connection.dialect.name == "sqlite":
        clock = "(julianday('now') - 2440587.5) * 86400.0"
    last: sa.Select[Any] = sa.select(sa.literal_column(clock) - sa.func.max(executor.c.seen_at))
    found: float | None = connection.execute(last).scalar()
    return math.inf if found is None else float(found)
