"""Contacts, and the audiences that runs take from them."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from gonogo import models
from gonogo.errors import NotFound
from gonogo.models import Document, table
from gonogo.store.cases import Case

contacts = table(models.ContactList)
contact = table(models.Contact)
payload = table(models.Payload)
audience = table(models.Audience)
ledger = table(models.Ledger)
suppression = table(models.Suppression)
run = table(models.Run)

#: What another run may send: nothing of it is out, or an operator took that on themselves.
_UNHANDLED = ("deferred", "released", "cancelled", "superseded")
#: How many recipients SQLite takes in one statement: until it is done, those stand in memory, since triggers watch.
_TAKEN_AT_ONCE = 100_000
#: What is out, or may be.
_OUT = ("claimed", "sent", "unknown")
#: The steps of earlier launches that people are not sent again, by what was chosen: what is not out goes to those for
#: whom something went wrong; what nobody tried goes to the others.
_KEPT = {"failed": _OUT, "unsent": (*_OUT, "rejected", "failed")}


def add_list(connection: sa.Connection, row: Document) -> None:
    connection.execute(contacts.insert(), row)


def hold(connection: sa.Connection, list_id: str) -> sa.Row[Any]:
    """A list, held until the transaction ends."""
    wanted = sa.select(contacts).where(contacts.c.id == list_id)
    if connection.dialect.name != "sqlite":
        wanted = wanted.with_for_update(key_share=True)
    return connection.execute(wanted).one()


def check(connection: sa.Connection, workspace_id: str, list_id: str) -> None:
    """Raises NotFound unless the workspace has this list."""
    read(connection, workspace_id, list_id)


def read(connection: sa.Connection, workspace_id: str, list_id: str) -> sa.Row[Any]:
    """A list as it is, not held. Raises NotFound, also for another workspace's."""
    mine = sa.select(contacts).where(contacts.c.id == list_id, contacts.c.workspace_id == workspace_id)
    found = connection.execute(mine).first()
    if found is None:
        raise NotFound("list", list_id)
    return found


def existing(connection: sa.Connection, workspace_id: str, ids: Collection[str]) -> frozenset[str]:
    """Those of these that are lists of the workspace."""
    wanted = sa.select(contacts.c.id).where(contacts.c.workspace_id == workspace_id, contacts.c.id.in_(ids))
    return frozenset(connection.execute(wanted).scalars())


def page_of_lists(connection: sa.Connection, workspace_id: str, after: str, limit: int) -> list[sa.Row[Any]]:
    """Lists in order of their making, after the given id. Index: gonogo_list_workspace_id_idx."""
    wanted = sa.select(contacts).where(contacts.c.workspace_id == workspace_id, contacts.c.id > after)
    return list(connection.execute(wanted.order_by(contacts.c.id).limit(limit)))


def change_list(connection: sa.Connection, list_id: str, **values: object) -> None:
    connection.execute(contacts.update().where(contacts.c.id == list_id).values(**values))


def known(connection: sa.Connection, list_id: str, address_keys: Sequence[str]) -> dict[str, sa.Row[Any]]:
    """The contacts that already stand in a list, by the digest of their address."""
    if connection.dialect.name == "postgresql":
        connection.execute(_SORT_NOTHING)
        rows = connection.execute(_KNOWN, {"list": list_id, "keys": list(address_keys)}).all()
        connection.execute(_SORT_AGAIN)
        return {row.address_key: row for row in rows}
    found = {}
    for start in range(0, len(address_keys), 500):  # a statement has a limit of parameters
        some = address_keys[start : start + 500]
        wanted = sa.select(contact).where(contact.c.list_id == list_id, contact.c.address_key.in_(some))
        found.update({row.address_key: row for row in connection.execute(wanted)})
    return found


# A list may grow from nothing to a million in one transaction, of which PostgreSQL has no figures: by its guess, to
# read the whole list is as good as to look up an address, and it keeps the plan of when the list was short. It is told
# to take each address from its place in the index, by the one way that leaves nothing to sort.
_keys = (
    sa.func.unnest(sa.bindparam("keys", type_=postgresql.ARRAY(sa.String))).table_valued("address_key").render_derived()
)
_next = (
    sa.select(contact)
    .where(contact.c.list_id == sa.bindparam("list"), contact.c.address_key >= _keys.c.address_key)
    .order_by(contact.c.address_key)
    .limit(sa.literal_column("1"))
    .lateral()
)
_KNOWN = sa.select(_next).select_from(_keys.join(_next, _next.c.address_key == _keys.c.address_key))
_SORT_NOTHING, _SORT_AGAIN = sa.text("SET LOCAL enable_sort = off"), sa.text("SET LOCAL enable_sort = DEFAULT")


def body(connection: sa.Connection, list_id: str, key: str) -> str | None:
    """What one contact of a list says, by the digest of its address; None where it is not there, or was erased."""
    wanted = sa.select(payload.c.body).join(contact, contact.c.payload == payload.c.digest)
    found: str | None = connection.execute(
        wanted.where(contact.c.list_id == list_id, contact.c.address_key == key)
    ).scalar()
    return found


def among(connection: sa.Connection, list_id: str, ids: Sequence[str]) -> set[str]:
    """Those of the ids that are contacts of the list."""
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        some = ids[start : start + 500]
        wanted = sa.select(contact.c.id).where(contact.c.list_id == list_id, contact.c.id.in_(some))
        found.update(connection.execute(wanted).scalars())
    return found


def add_contacts(connection: sa.Connection, payloads: list[Document], rows: list[Document]) -> None:
    connection.execute(payload.insert(), payloads)
    connection.execute(contact.insert(), rows)


_REPLACE = (
    contact.update()
    .where(contact.c.id == sa.bindparam("of_contact"))
    .values(payload=sa.bindparam("new_payload"), excluded=sa.bindparam("new_excluded"))
)


def change_contacts(connection: sa.Connection, payloads: list[Document], rows: list[Document]) -> None:
    connection.execute(payload.insert(), payloads)
    connection.execute(_REPLACE, rows)


def remove_contact(connection: sa.Connection, contact_id: str) -> None:
    connection.execute(contact.delete().where(contact.c.id == contact_id))


def page(connection: sa.Connection, list_id: str, after: int, limit: int) -> list[sa.Row[Any]]:
    """Contacts of a list in order, with what they say."""
    wanted = (
        sa.select(contact, payload.c.body)
        .join(payload, payload.c.digest == contact.c.payload)
        .where(contact.c.list_id == list_id, contact.c.position > after)
        .order_by(contact.c.position)
        .limit(limit)
    )
    return list(connection.execute(wanted))


def excluded(connection: sa.Connection, list_id: str) -> dict[str, int]:
    """How many contacts of a list are left out, by reason."""
    wanted = (
        sa.select(contact.c.excluded, sa.func.count())
        .where(contact.c.list_id == list_id, contact.c.excluded.is_not(None))
        .group_by(contact.c.excluded)
    )
    return {reason: count for reason, count in connection.execute(wanted)}


def size(connection: sa.Connection, list_id: str) -> int:
    """How many contacts of a list are not left out."""
    return int(connection.execute(sa.select(contacts.c.size).where(contacts.c.id == list_id)).scalar_one())


def left_out(connection: sa.Connection, list_id: str, limit: int) -> list[sa.Row[Any]]:
    """The first contacts of a list that are left out: their position and why. Index: on (list_id, position)."""
    wanted = (
        sa.select(contact.c.position, contact.c.excluded)
        .where(contact.c.list_id == list_id, contact.c.excluded.is_not(None))
        .order_by(contact.c.position)
        .limit(limit)
    )
    return list(connection.execute(wanted))


# The audience of the next run


def _bits(wanted: sa.Select[Any]) -> sa.Subquery:
    """Per contact, the steps that are found in ledger rows, a bit each."""
    bit = sa.literal_column("1", sa.Integer).bitwise_lshift(ledger.c.step)
    return wanted.add_columns(sa.func.sum(sa.distinct(bit)).label("bits")).group_by(ledger.c.contact_id).subquery()


def _handled(case: Case) -> sa.Select[Any]:
    """Contacts, by what the runs of this generation have claimed of them, but for what was given back."""
    return (
        sa.select(ledger.c.contact_id)
        .join(run, run.c.id == ledger.c.run_id)
        .where(run.c.campaign_id == case.id, run.c.generation == case.generation)
        .where(ledger.c.state.not_in(_UNHANDLED))
    )


def _reached(case: Case, states: Sequence[str]) -> sa.Select[Any]:
    """Contacts that runs before the last reopening left in one of these states."""
    return (
        sa.select(ledger.c.contact_id)
        .join(run, run.c.id == ledger.c.run_id)
        .where(run.c.campaign_id == case.id, run.c.generation < case.generation, ledger.c.state.in_(states))
    )


def _chosen(case: Case) -> str | list[str]:
    """Whom an ended campaign was opened again for: a word, or those who are listed."""
    chosen: str | list[str] = (case.selection or {}).get("recipients", "all")
    return chosen


def _kept(case: Case) -> Sequence[str]:
    """In which states earlier launches left the messages that are not sent again."""
    chosen = _chosen(case)
    return _KEPT.get(chosen, ()) if isinstance(chosen, str) else ()


def _selected(case: Case) -> sa.ColumnElement[bool]:
    chosen = _chosen(case)
    if chosen == "unsent":
        return contact.c.id.not_in(_reached(case, ("rejected",)))
    if chosen == "failed":
        return contact.c.id.in_(_reached(case, ("rejected", "failed")))
    if chosen == "new":
        earlier = sa.select(audience.c.contact_id).join(run, run.c.id == audience.c.run_id)
        return contact.c.id.not_in(earlier.where(run.c.campaign_id == case.id))
    if isinstance(chosen, list):
        return contact.c.id.in_(chosen)
    return sa.true()


def _next_audience(case: Case, steps: int, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Contacts that the next run would send to, in order, with the steps of which it would not."""
    if not case.run:
        wanted = sa.select(*columns, sa.literal(0).label("done")).select_from(contact)
    else:
        handled, kept = _bits(_handled(case)), _bits(_reached(case, _kept(case)))
        done = sa.func.coalesce(handled.c.bits, 0).bitwise_or(sa.func.coalesce(kept.c.bits, 0))
        whole = sa.literal((1 << steps) - 1, sa.BigInteger)
        wanted = (
            sa.select(*columns, done.label("done"))
            .select_from(contact)
            .outerjoin(handled, handled.c.contact_id == contact.c.id)
            .outerjoin(kept, kept.c.contact_id == contact.c.id)
            .where(done.bitwise_and(whole) != whole, _selected(case))
            .where(contact.c.id.not_in(_handled(case).where(ledger.c.state == "rejected")))
        )
    return wanted.where(
        contact.c.list_id == case.list_id, contact.c.excluded.is_(None), ~_suppressed(case.workspace).exists()
    )


def _suppressed(workspace_id: str) -> sa.Select[Any]:
    """Why a contact is not written to by any campaign, for good. Index: the primary key of suppressions."""
    return sa.select(suppression.c.address_key).where(
        suppression.c.workspace_id == workspace_id,
        suppression.c.address_key == contact.c.address_key,
        suppression.c.reason != "reply",
    )


def has_newcomers(connection: sa.Connection, case: Case) -> bool:
    """Somebody joined the list after the present run took its audience. Index: on (list_id, position)."""
    last = (
        sa.select(contact.c.position)
        .join(audience, audience.c.contact_id == contact.c.id)
        .where(audience.c.run_id == case.run_id)
        .order_by(audience.c.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    joined = sa.select(contact.c.id).where(
        contact.c.list_id == case.list_id,
        contact.c.excluded.is_(None),
        contact.c.position > sa.func.coalesce(last, 0),
        ~_suppressed(case.workspace).exists(),
    )
    return connection.execute(joined.limit(1)).first() is not None


def suppressed(connection: sa.Connection, workspace_id: str, list_id: str) -> int:
    """How many contacts of a list, of those that are not left out otherwise, are not written to by any campaign.

    Asked from the suppressions, of which there are few: their primary key, and the key of (list_id, address_key).
    """
    wanted = (
        sa.select(sa.func.count(sa.distinct(contact.c.id)))
        .join(suppression, suppression.c.address_key == contact.c.address_key)
        .where(
            suppression.c.workspace_id == workspace_id,
            suppression.c.reason != "reply",
            contact.c.list_id == list_id,
            contact.c.excluded.is_(None),
        )
    )
    return int(connection.execute(wanted).scalar_one())


def count_next(connection: sa.Connection, case: Case, steps: int) -> int:
    """How many recipients the next run would have."""
    if not case.run:
        return case.contacts - suppressed(connection, case.workspace, case.list_id)
    counted = _next_audience(case, steps, contact.c.id).subquery()
    return int(connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one())


def read_next(connection: sa.Connection, case: Case, steps: int) -> Iterator[tuple[str, str]]:
    """(contact, what it says) of every recipient that the next run would have, in order."""
    wanted = _next_audience(case, steps, contact.c.id, payload.c.body)
    ordered = wanted.join(payload, payload.c.digest == contact.c.payload).order_by(contact.c.position)
    for row in connection.execute(ordered, execution_options={"yield_per": 1000}):
        yield row.id, row.body


def read_audience(connection: sa.Connection, run_id: str) -> Iterator[tuple[str, str]]:
    """(contact, what it says) of every recipient of a run, in order; those that were erased are passed over."""
    wanted = (
        sa.select(audience.c.contact_id, payload.c.body)
        .join(payload, payload.c.digest == audience.c.payload)
        .where(audience.c.run_id == run_id, payload.c.body.is_not(None))
        .order_by(audience.c.position)
    )
    for row in connection.execute(wanted, execution_options={"yield_per": 1000}):
        yield row.contact_id, row.body


def snapshot(connection: sa.Connection, case: Case, steps: int, run_id: str) -> int:
    """Take the audience of a run from the list as it is; how many they are.

    On PostgreSQL one statement takes them all, since only that sees the list as of one moment; on SQLite nobody else
    writes meanwhile.
    """
    at_once = _TAKEN_AT_ONCE if connection.dialect.name == "sqlite" else None
    taken, last = 0, 0
    while True:
        some = _take(connection, case, steps, run_id, (taken, last), at_once)
        taken += some
        if at_once is None or some < at_once:
            return taken
        last = _last_taken(connection, run_id, taken)


def _take(
    connection: sa.Connection, case: Case, steps: int, run_id: str, after: tuple[int, int], limit: int | None
) -> int:
    """Take the next ones of the list, `after` so many that were taken and the last one's place in the list."""
    taken, last = after
    wanted = _next_audience(case, steps, contact.c.position, contact.c.id, contact.c.payload)
    some = wanted.where(contact.c.position > last).order_by(contact.c.position).limit(limit).subquery()
    nth = sa.func.row_number().over(order_by=some.c.position) + (taken - 1)
    rows = sa.select(sa.literal(run_id), nth, some.c.id, some.c.payload, some.c.done)
    columns = ["run_id", "position", "contact_id", "payload", "done"]
    added = audience.insert().from_select(columns, rows)
    return connection.execute(added, execution_options={"preserve_rowcount": True}).rowcount


def _last_taken(connection: sa.Connection, run_id: str, taken: int) -> int:
    """Where in the list the last recipient stands that was taken."""
    wanted = (
        sa.select(contact.c.position)
        .join(audience, audience.c.contact_id == contact.c.id)
        .where(audience.c.run_id == run_id, audience.c.position == taken - 1)
    )
    return int(connection.execute(wanted).scalar_one())


def leaves(connection: sa.Connection, run_id: str) -> Iterator[str]:
    """The leaf hashes of a run's audience, in order."""
    wanted = sa.select(audience.c.payload).where(audience.c.run_id == run_id).order_by(audience.c.position)
    for row in connection.execute(wanted, execution_options={"yield_per": 4096}):
        yield row.payload


# Two audiences, compared


def same_audience(connection: sa.Connection, run_id: str, other: str) -> bool:
    """Two runs that reach equally many reach the same people with the same values, byte for byte, in order.

    A payload says whose it is. Read along the primary keys of both at once, as far as the first difference: nothing is
    sorted or kept.
    """
    one, two = audience.alias("one"), audience.alias("two")
    wanted = (
        sa.select(sa.literal(1))
        .select_from(one)
        .join(two, sa.and_(two.c.run_id == other, two.c.position == one.c.position))
        .where(one.c.run_id == run_id, two.c.payload != one.c.payload, ~_says_the_same(one, two).exists())
        .limit(1)
    )
    return connection.execute(wanted).first() is None


def differing(connection: sa.Connection, before: str, after: str, named: int) -> list[sa.Row[Any]]:
    """Who is in one of two audiences only, or with other values: the kind, its total, and what they say,
    for the first few of each kind. All of both audiences is sorted by contact."""

    def of(run_id: str, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return sa.func.max(sa.case((audience.c.run_id == run_id, column)))

    old, new = of(before, audience.c.payload), of(after, audience.c.payload)
    pairs = (
        sa.select(old.label("old"), new.label("new"), sa.func.max(audience.c.position).label("position"))
        .where(audience.c.run_id.in_([before, after]))
        .group_by(audience.c.contact_id)
        .having(sa.or_(old.is_(None), new.is_(None), old != new))
        .subquery("pairs")
    )
    was, says = payload.alias("was"), payload.alias("says")
    kind = sa.case((pairs.c.old.is_(None), "added"), (pairs.c.new.is_(None), "removed"), else_="changed")
    ranked = (
        sa.select(
            kind.label("kind"),
            sa.func.count().over(partition_by=kind).label("total"),
            sa.func.row_number().over(partition_by=kind, order_by=pairs.c.position).label("nth"),
            sa.func.coalesce(says.c.body, was.c.body).label("body"),
        )
        .select_from(pairs)
        .outerjoin(was, was.c.digest == pairs.c.old)
        .outerjoin(says, says.c.digest == pairs.c.new)
        .where(sa.or_(was.c.body.is_(None), says.c.body.is_(None), was.c.body != says.c.body))
        .subquery("ranked")
    )
    wanted = sa.select(ranked).where(ranked.c.nth <= named).order_by(ranked.c.kind, ranked.c.nth)
    return list(connection.execute(wanted))


def _says_the_same(one: sa.FromClause, two: sa.FromClause) -> sa.Select[Any]:
    """What was written anew, and reads as before."""
    was, says = payload.alias("was"), payload.alias("says")
    return sa.select(was.c.digest).where(
        was.c.digest == two.c.payload, says.c.digest == one.c.payload, was.c.body == says.c.body
    )


def reached(connection: sa.Connection, case: Case, steps: int) -> int:
    """How many people the runs of this generation have claimed whom the next run would not have."""
    taken = _next_audience(case, steps, contact.c.id).subquery()
    wanted = (
        sa.select(sa.func.count(sa.distinct(ledger.c.contact_id)))
        .join(run, run.c.id == ledger.c.run_id)
        .where(run.c.campaign_id == case.id, run.c.generation == case.generation)
        .where(ledger.c.contact_id.not_in(sa.select(taken.c.id)))
    )
    return int(connection.execute(wanted).scalar_one())


def claimed(connection: sa.Connection, campaign_id: str) -> int:
    """Messages of a campaign that were claimed and are not settled. Index: gonogo_ledger_claimed_idx."""
    wanted = sa.select(sa.func.count()).where(ledger.c.campaign_id == campaign_id, ledger.c.state == "claimed")
    return int(connection.execute(wanted).scalar_one())
