"""API keys: `prefix_keyid_secret`. The secret is shown once; only a MAC of it is kept.

The secret ends with a checksum of the whole, so that a mistyped key and one that leaked can be told by looking at
them: `(wbk|sk_live|bk_live|bav_live)_[a-z2-7]{16}_[a-z2-7]{46}`.
"""

import base64
import hashlib
import hmac
import logging
import re
import secrets
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from whenever import Instant, TimeDelta

from gonogo import database
from gonogo.acting import act
from gonogo.actor import Actor
from gonogo.call import Call
from gonogo.errors import DatabaseUnusable, Invalid, NotFound
from gonogo.models import DIALECTS, Document
from gonogo.store import workspaces as store
from gonogo.workspaces import check_scopes
from gonogo_api.shapes import iso

log = logging.getLogger(__name__)

#: How keys of each dialect begin. `sk_live` is shared by two products, so it decides nothing.
PREFIXES = {
    "leadlex": "wbk",
    "sonarly": "sk_live",
    "leadterra": "sk_live",
    "burki": "bk_live",
    "bavlio": "bav_live",
}
#: How exactly it is known when a key was last used.
USE_NOTED_EVERY = TimeDelta(seconds=60)
_CHECKSUM = 6  # characters
KEY_ID = re.compile(r"[a-z2-7]{16}")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever presented a key: one that ended tells no more than which dialect its owner speaks."""

    actor: Actor
    dialect: str
    account_group: str | None
    used_at: Instant | None  # when the key was used before this
    alive: bool = True  # it has neither expired nor been revoked

    def use_is_due(self, now: Instant) -> bool:
        """It was not noted lately that the key is in use."""
        return self.used_at is None or now - self.used_at >= USE_NOTED_EVERY


def issue(
    call: Call,
    pepper: bytes,
    *,
    workspace: str,
    dialect: str,
    scopes: Iterable[str],
    member: str | None = None,
    expires_at: Instant | None = None,
) -> tuple[str, str]:
    """Make a key; returns it, this once, and its id. Raises Invalid: unknown dialect or scope, an end in the past."""
    if dialect not in DIALECTS:
        raise Invalid.at("dialect", f"expected one of {', '.join(DIALECTS)}, found {dialect!r}")
    wanted = check_scopes(scopes)
    if not wanted:
        raise Invalid.at("scopes", "expected at least one scope")
    if expires_at is not None and expires_at <= call.now:
        raise Invalid.at("expires_at", "expected a time to come")
    key_id = _random(10)
    body = f"{PREFIXES[dialect]}_{key_id}_{_random(25)}"
    made = body + _checksum(body)
    row = {
        "id": key_id,
        "workspace_id": workspace,
        "member_id": member,
        "dialect": dialect,
        "mac": _mac(pepper, made.rpartition("_")[2]),
        "scopes": wanted,
        "created_at": call.now,
        "expires_at": expires_at,
    }
    store.add_key(call.connection, row)
    act(call, "key", key_id, "made", {"member": member, "dialect": dialect, "scopes": wanted})
    return made, key_id


def revoke(call: Call, key_id: str) -> Instant:
    """End a key of the workspace; returns since when it is revoked. Raises NotFound."""
    _owned(call, key_id)
    if store.end_key(call.connection, key_id, call.now):
        act(call, "key", key_id, "revoked")
        return call.now
    since: Instant = _owned(call, key_id).revoked_at
    return since


def rotate(call: Call, pepper: bytes, key_id: str) -> tuple[str, str]:
    """Put a new key in the place of a good one, for the same; returns it, this once, and its id.

    Raises NotFound, and Invalid for a key that ended: it would come back to life.
    """
    row = _owned(call, key_id)
    if not (_alive(row, call.now) and store.end_key(call.connection, key_id, call.now)):
        raise Invalid.at("key", "it has ended already: make a new one")
    made, made_id = issue(
        call,
        pepper,
        workspace=row.workspace_id,
        dialect=row.dialect,
        scopes=row.scopes,
        member=row.member_id,
        expires_at=row.expires_at,
    )
    act(call, "key", key_id, "rotated", {"to": made_id})
    return made, made_id


def scopes_of(call: Call, key_id: str) -> frozenset[str]:
    """What a key of the workspace may do. Raises NotFound."""
    return frozenset(_owned(call, key_id).scopes)


def told(call: Call, *, before: str = "", limit: int | None = None) -> list[Document]:
    """What may be told of the keys of the workspace, newest first, from before the given one: of all, or of so many.
    Times in ISO 8601."""
    return [
        {name: iso(value) if isinstance(value, Instant) else value for name, value in row.items()}
        for row in store.keys(call.connection, call.by.workspace, before=before, limit=limit)
    ]


def well_formed(presented: str) -> bool:
    """The checksum of a presented key is right. Tells mistakes, not attackers: anybody can compute it."""
    return presented[-_CHECKSUM:] == _checksum(presented[:-_CHECKSUM])


def identify(connection: sa.Connection, pepper: bytes, key: str, now: Instant) -> Visitor | None:
    """Who a key belongs to, or did before it ended; None for one that is unknown."""
    prefix, _, secret = key.rpartition("_")
    prefix, _, key_id = prefix.rpartition("_")
    row = store.key_by_id(connection, key_id) if key_id else None
    mac = row.mac if row is not None else _NO_MAC  # an unknown key takes as long as a wrong one
    if not hmac.compare_digest(mac, _mac(pepper, secret)) or row is None or prefix != PREFIXES[row.dialect]:
        return None
    return _visitor(row, now)


def owner(connection: sa.Connection, key_id: str, now: Instant) -> Visitor | None:
    """The same by the id of a key, which proves nothing: for whoever has proved otherwise which key let them in."""
    row = store.key_by_id(connection, key_id)
    return None if row is None else _visitor(row, now)


def _visitor(row: Any, now: Instant) -> Visitor:
    actor = Actor(
        workspace=row.workspace_id,
        id=row.id,
        person=row.member_id or row.id,
        scopes=frozenset(row.scopes),
        is_member=row.member_id is not None,
    )
    return Visitor(actor, row.dialect, row.account_group, row.used_at, alive=_alive(row, now))


def note_use(engine: sa.Engine, visitor: Visitor, now: Instant) -> None:
    """Keep when a key was used, to the minute; on an engine of `database.glances`.

    Never fails, and hardly waits, where BEGIN would wait long for another's write lock: the next request tries again.
    """
    if not visitor.use_is_due(now):
        return
    try:
        database.at_a_glance(
            engine, lambda connection: store.note_use(connection, visitor.actor.id, visitor.used_at, now)
        )
    except (SQLAlchemyError, DatabaseUnusable) as error:
        log.warning("the use of the key %s was not noted: %s", visitor.actor.id, getattr(error, "orig", error))


def presented(header: str | None) -> str | None:
    """The key in an Authorization header, if it is well formed: to see that takes no connection."""
    key = bearer(header)
    return key if key is not None and well_formed(key) else None


def derived(pepper: bytes, label: bytes) -> bytes:
    """A secret for one purpose: it comes of the pepper and tells nothing of it."""
    return hmac.new(pepper, label, hashlib.sha256).digest()


def bearer(header: str | None) -> str | None:
    """The key in an Authorization header, if it holds one."""
    scheme, _, key = (header or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def _owned(call: Call, key_id: str) -> sa.Row[Any]:
    if not KEY_ID.fullmatch(key_id):
        raise NotFound("key", key_id)
    return store.find_key(call.connection, call.by.workspace, key_id)


def _alive(row: Any, now: Instant) -> bool:
    expired = row.expires_at is not None and row.expires_at <= now
    return row.revoked_at is None and row.removed_at is None and not expired


def _mac(pepper: bytes, secret: str) -> str:
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


_NO_MAC = "0" * 64


def _checksum(body: str) -> str:
    """The first 30 bits of the CRC-32 of a key without it."""
    return _base32(zlib.crc32(body.encode()).to_bytes(4, "big"))[:_CHECKSUM]


def _random(size: int) -> str:
    return _base32(secrets.token_bytes(size))


def _base32(value: bytes) -> str:
    """Base 32 in lower case: no underscore, nothing to escape."""
    return base64.b32encode(value).decode().rstrip("=").lower()
