"""Groups, delegations, and people as decisions see them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import bindparam
from whenever import Instant

from gonogo import models
from gonogo.database import insert_new
from gonogo.errors import NotFound
from gonogo.models import Document, table
from gonogo.policy import BUILT_IN, Voter

member = table(models.Member)
group = table(models.Group)
group_member = table(models.GroupMember)
delegation = table(models.Delegation)


@dataclass(frozen=True, slots=True)
class Delegated:
    """Somebody who lets another decide: about one task, or about all where it is None."""

    voter: Voter
    task_id: str | None


_PRESENT = member.c.removed_at.is_(None)
_IN = sa.outerjoin(member, group_member, group_member.c.member_id == member.c.id)
_VOTER = (member.c.id, member.c.scopes, member.c.removed_at, group_member.c.group_name)
_VOTERS = sa.select(*_VOTER).select_from(_IN).where(member.c.workspace_id == bindparam("workspace"))
_PRESENT_VOTERS = _VOTERS.where(_PRESENT).order_by(member.c.id)
_BY_ID = _VOTERS.where(member.c.id.in_(bindparam("ids", expanding=True)))
_DELEGATED = (
    sa.select(*_VOTER, delegation.c.task_id)
    .select_from(_IN.join(delegation, delegation.c.member_id == member.c.id))
    .where(
        _PRESENT,
        delegation.c.delegate_id == bindparam("delegate"),
        delegation.c.workspace_id == bindparam("workspace"),
        delegation.c.ends_at > bindparam("now"),
        delegation.c.starts_at <= bindparam("now"),
    )
    .order_by(delegation.c.id)
)


def voters(connection: sa.Connection, workspace_id: str, ids: Iterable[str]) -> dict[str, Voter]:
    """Those of the people named who are members, with the groups they are in, or were, and then are in none."""
    found = connection.execute(_BY_ID, {"workspace": workspace_id, "ids": sorted(ids)})
    return {voter.person: voter for voter in _voters(found)}


def everybody(connection: sa.Connection, workspace_id: str) -> list[Voter]:
    """Every member of the workspace, in order of their joining."""
    return _voters(connection.execute(_PRESENT_VOTERS, {"workspace": workspace_id}))


def rows(connection: sa.Connection, workspace_id: str, ids: Iterable[str]) -> list[sa.Row[Any]]:
    """The rows of the people named who are members, or were."""
    mine = sa.and_(member.c.workspace_id == workspace_id, member.c.id.in_(sorted(ids)))
    return list(connection.execute(sa.select(member).where(mine)))


def delegated_to(connection: sa.Connection, workspace_id: str, person: str, now: Instant) -> list[Delegated]:
    """Who lets this person decide now, the oldest delegation first. Index: gonogo_delegation_delegate_id_idx."""
    found = connection.execute(_DELEGATED, {"workspace": workspace_id, "delegate": person, "now": now}).all()
    by_task: dict[tuple[str, str | None], list[Any]] = {}
    for row in found:
        by_task.setdefault((row.id, row.task_id), []).append(row)
    return [Delegated(voter, task_id) for (_, task_id), rows in by_task.items() for voter in _voters(rows)]


def _voters(rows: Iterable[Any]) -> list[Voter]:
    groups: dict[str, set[str]] = {}
    former = set[str]()
    for row in rows:
        held = groups.setdefault(row.id, set())
        if row.removed_at is not None:
            former.add(row.id)
            continue
        held |= {name for name, scope in BUILT_IN.items() if scope in row.scopes}
        if row.group_name is not None:
            held.add(row.group_name)
    return [Voter(person, frozenset(held), is_member=person not in former) for person, held in groups.items()]


# Groups


def groups(connection: sa.Connection, workspace_id: str) -> dict[str, list[str]]:
    """The ids of the members of every group that was made, by name."""
    joined = sa.outerjoin(
        group,
        sa.join(group_member, member, sa.and_(member.c.id == group_member.c.member_id, _PRESENT)),
        sa.and_(group_member.c.workspace_id == group.c.workspace_id, group_member.c.group_name == group.c.name),
    )
    wanted = sa.select(group.c.name, group_member.c.member_id).select_from(joined)
    found: dict[str, list[str]] = {}
    for name, member_id in connection.execute(
        wanted.where(group.c.workspace_id == workspace_id).order_by(group.c.name, group_member.c.member_id)
    ):
        found.setdefault(name, [])
        if member_id is not None:
            found[name].append(member_id)
    return found


def group_names(connection: sa.Connection, workspace_id: str) -> set[str]:
    return set(connection.execute(sa.select(group.c.name).where(group.c.workspace_id == workspace_id)).scalars())


def add_group(connection: sa.Connection, workspace_id: str, name: str, now: Instant) -> bool:
    """Make a group; False where there is one of this name."""
    return insert_new(connection, group, {"workspace_id": workspace_id, "name": name, "created_at": now})


def _of_group(workspace_id: str, name: str) -> sa.ColumnElement[bool]:
    return sa.and_(group_member.c.workspace_id == workspace_id, group_member.c.group_name == name)


def in_group(connection: sa.Connection, workspace_id: str, name: str) -> set[str]:
    """The ids of those who are in a group, also of former members."""
    wanted = sa.select(group_member.c.member_id).where(_of_group(workspace_id, name))
    return set(connection.execute(wanted).scalars())


def join(connection: sa.Connection, workspace_id: str, name: str, members: Iterable[str]) -> None:
    rows = [{"workspace_id": workspace_id, "group_name": name, "member_id": each} for each in members]
    if rows:
        connection.execute(group_member.insert(), rows)


def leave(connection: sa.Connection, workspace_id: str, name: str, members: Iterable[str]) -> None:
    gone = group_member.c.member_id.in_(list(members))
    connection.execute(group_member.delete().where(_of_group(workspace_id, name), gone))


def remove_group(connection: sa.Connection, workspace_id: str, name: str) -> None:
    """Raises NotFound."""
    connection.execute(group_member.delete().where(_of_group(workspace_id, name)))
    removed = connection.execute(group.delete().where(group.c.workspace_id == workspace_id, group.c.name == name))
    if removed.rowcount != 1:
        raise NotFound("group", name)


def forget(connection: sa.Connection, workspace_id: str, member_id: str, now: Instant) -> tuple[list[str], list[str]]:
    """Take somebody out of every group, and end every delegation from and to them; the groups, and the delegations."""
    left = group_member.delete().where(group_member.c.member_id == member_id).returning(group_member.c.group_name)
    groups = sorted(connection.execute(left).scalars())
    theirs = sa.or_(delegation.c.member_id == member_id, delegation.c.delegate_id == member_id)
    standing = sa.and_(delegation.c.workspace_id == workspace_id, delegation.c.ends_at > now)
    ended = delegation.update().where(standing, theirs).values(ends_at=now).returning(delegation.c.id)
    return groups, sorted(connection.execute(ended).scalars())


# Delegations


def add_delegation(connection: sa.Connection, row: Document) -> None:
    connection.execute(delegation.insert(), row)


def find_delegation(connection: sa.Connection, workspace_id: str, delegation_id: str) -> sa.Row[Any]:
    """Raises NotFound."""
    wanted = sa.select(delegation).where(delegation.c.id == delegation_id, delegation.c.workspace_id == workspace_id)
    found = connection.execute(wanted).first()
    if found is None:
        raise NotFound("delegation", delegation_id)
    return found


def end_delegation(connection: sa.Connection, delegation_id: str, now: Instant) -> None:
    connection.execute(delegation.update().where(delegation.c.id == delegation_id).values(ends_at=now))


def delegations(connection: sa.Connection, workspace_id: str, now: Instant) -> list[sa.Row[Any]]:
    """Those that stand, or will, the one that begins first first."""
    wanted = sa.select(delegation).where(delegation.c.workspace_id == workspace_id, delegation.c.ends_at > now)
    return list(connection.execute(wanted.order_by(delegation.c.starts_at, delegation.c.id)))
