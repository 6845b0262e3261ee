"""API keys: `prefix_keyid_secret`. The secret is shown once; only a MAC of it is kept."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from whenever import Instant

from gonogo.actor import Actor
from gonogo.call import Call
from gonogo.errors import Invalid
from gonogo.models import DIALECTS
from gonogo.store import workspaces as store
from gonogo.workspaces import check_scopes

#: How keys of each dialect begin. `sk_live` is shared by two products, so it decides nothing.
PREFIXES = {
    "leadlex": "wbk",
    "sonarly": "sk_live",
    "leadterra": "sk_live",
    "burki": "bk_live",
    "bavlio": "bav_live",
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever presented a valid key."""

    actor: Actor
    dialect: str
    account_group: str | None


def issue(
    call: Call, pepper: bytes, *, workspace: str, dialect: str, scopes: Iterable[str], member: str | None = None
) -> tuple[str, str]:
    """Make a key; returns it, this once, and its id. Raises Invalid for an unknown dialect or scope."""
    if dialect not in DIALECTS:
        raise Invalid.at("dialect", f"expected one of {', '.join(DIALECTS)}, found {dialect!r}")
    wanted = check_scopes(scopes)
    if not wanted:
        raise Invalid.at("scopes", "expected at least one scope")
    key_id, secret = _random(10), _random(25)
    row = {
        "id": key_id,
        "workspace_id": workspace,
        "member_id": member,
        "dialect": dialect,
        "mac": _mac(pepper, secret),
        "scopes": wanted,
        "created_at": call.now,
    }
    store.add_key(call.connection, row)
    return f"{PREFIXES[dialect]}_{key_id}_{secret}", key_id


def identify(connection: sa.Connection, pepper: bytes, presented: str, now: Instant) -> Visitor | None:
    """Who a presented key belongs to; None for one that is malformed, unknown, expired or revoked."""
    prefix, _, secret = presented.rpartition("_")
    prefix, _, key_id = prefix.rpartition("_")
    row = store.key_by_id(connection, key_id) if key_id else None
    mac = row.mac if row is not None else _NO_MAC  # an unknown key takes as long as a wrong one
    if not hmac.compare_digest(mac, _mac(pepper, secret)) or row is None or prefix != PREFIXES[row.dialect]:
        return None
    if not _alive(row, now):
        return None
    actor = Actor(
        workspace=row.workspace_id,
        id=row.id,
        person=row.member_id or row.id,
        scopes=frozenset(row.scopes),
        is_member=row.member_id is not None,
    )
    return Visitor(actor, row.dialect, row.account_group)


def bearer(header: str | None) -> str | None:
    """The key in an Authorization header, if it holds one."""
    scheme, _, key = (header or "").partition(" ")
    return key.strip() or None if scheme.lower() == "bearer" else None


def _alive(row: Any, now: Instant) -> bool:
    expired = row.expires_at is not None and row.expires_at <= now
    return row.revoked_at is None and row.removed_at is None and not expired


def _mac(pepper: bytes, secret: str) -> str:
    return hmac.new(pepper, secret.encode(), hashlib.sha256).hexdigest()


_NO_MAC = "0" * 64


def _random(size: int) -> str:
    """Base 32 in lower case: no underscore, nothing to escape."""
    return base64.b32encode(secrets.token_bytes(size)).decode().rstrip("=").lower()
