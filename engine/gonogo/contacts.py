"""People to send to: what is taken, what is refused row by row, and how equal addresses become one person."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from gonogo import seal
from gonogo.addresses import BETWEEN_DIGITS, address_key, carried, email_problem
from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.errors import Invalid, Mistake, NotFound
from gonogo.models import Document
from gonogo.store import acts, lists, workspaces

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
#: Keys of a contact that mean something; every other key is a variable, as `email` and `phone` are, too.
KNOWN = ("timezone", "consent")
#: Rows that are read and written at a time, however many there are.
CHUNK = 1000
#: How many rows that are not taken are named one by one.
NAMED = 1000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken, counted from 0, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the rows of one call, or of an import so far; of those not taken, the first are named."""

    added: int = 0
    updated: int = 0
    rejected: tuple[Rejected, ...] = ()
    rejected_count: int = 0
    # where the next part of an import goes on
    rows: int = field(default=0, compare=False, repr=False)
    before: int | None = field(default=None, compare=False, repr=False)  # positions of the list when it began
    changed: frozenset[int] = field(default=frozenset(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class _Row:
    """A contact as it will be stored."""

    address: str
    variables: Document
    zone: str | None
    excluded: str | None


def new_list(call: Call, name: str) -> str:
    """Make an empty list; returns its id."""
    row = {"id": new_id(call.now), "workspace_id": call.by.workspace, "name": name, "created_at": call.now}
    lists.add_list(call.connection, {**row, "positions": 0, "size": 0, "imports": 0})
    return str(row["id"])


def merge(
    call: Call,
    list_id: str,
    channel: str,
    contacts: Iterable[Mapping[str, Any]],
    *,
    after: Added | None = None,
    more: bool | None = None,
) -> Added:
    """Add the contacts to a list, or change those whose address it knows; of equal rows the last one counts.

    However many they are, only a chunk of them is in memory; the list is held until the transaction ends. A long import
    comes in parts, a transaction each: `after` is what the parts before it did, and `more` whether others follow. Until
    the last of them nothing is launched to the list.
    """
    merging, rows = _Merging(call, list_id, channel, after or Added()), iter(contacts)
    while chunk := list(islice(rows, CHUNK)):
        merging.take(chunk)
    return merging.finish({} if more is None else {"imports": int(more)})


def take_off(call: Call, list_id: str, address: str) -> None:
    """Remove one contact from a list. Raises NotFound."""
    held = lists.hold(call.connection, list_id)
    key = address_key(workspaces.get(call.connection, call.by.workspace).salt, address)
    found = lists.known(call.connection, list_id, [key]).get(key)
    if found is None:
        raise NotFound("contact", address)
    lists.remove_contact(call.connection, found.id)
    acts.note_edit(call.connection, [list_id], call.by.person, call.now)
    lists.change_list(call.connection, list_id, size=held.size - (found.excluded is None))


def resolve(call: Call, list_id: str, wanted: Sequence[str]) -> list[str]:
    """The ids of contacts that are named by id or by address. Raises Invalid for those that are not on the list."""
    salt = workspaces.get(call.connection, call.by.workspace).salt
    keys = {address: address_key(salt, address) for address in wanted if "@" in address}
    known = lists.known(call.connection, list_id, list(keys.values()))
    ids = lists.among(call.connection, list_id, [name for name in wanted if name not in keys])
    found = {name: known[keys[name]].id if name in keys and keys[name] in known else name for name in wanted}
    unknown = [name for name in wanted if found[name] not in ids and keys.get(name) not in known]
    if unknown:
        raise Invalid([Mistake("recipients", f"{name!r} is not on the list") for name in unknown])
    return list(dict.fromkeys(found.values()))


class _Merging:
    """Rows on their way into one list, chunk by chunk."""

    def __init__(self, call: Call, list_id: str, channel: str, after: Added) -> None:
        self.call, self.list_id, self.channel = call, list_id, channel
        self.salt = workspaces.get(call.connection, call.by.workspace).salt
        held = lists.hold(call.connection, list_id)
        self.positions, self.size = held.positions, held.size
        self.before = held.positions if after.before is None else after.before
        self.rows = after.rows
        self.updated = set(after.changed)  # positions: a contact that several chunks change is one
        self.rejected = list(after.rejected)
        self.rejected_count = after.rejected_count

    def take(self, contacts: Sequence[Mapping[str, Any]]) -> None:
        rows = self._read(contacts)
        known = lists.known(self.call.connection, self.list_id, list(rows))
        old = {key: row for key, row in rows.items() if key in known}
        new = {key: row for key, row in rows.items() if key not in known}
        if new:
            _add(self.call, self.list_id, self.positions, new)
        if old:
            _change(self.call, {known[key].id: row for key, row in old.items()})
        self.positions += len(new)
        self.size += sum(row.excluded is None for row in new.values())
        self.size += sum((row.excluded is None) - (known[key].excluded is None) for key, row in old.items())
        self.updated.update(known[key].position for key in old if known[key].position <= self.before)

    def finish(self, values: Document) -> Added:
        acts.note_edit(self.call.connection, [self.list_id], self.call.by.person, self.call.now)
        lists.change_list(self.call.connection, self.list_id, positions=self.positions, size=self.size, **values)
        return Added(
            added=self.positions - self.before,
            updated=len(self.updated),
            rejected=tuple(self.rejected),
            rejected_count=self.rejected_count,
            rows=self.rows,
            before=self.before,
            changed=frozenset(self.updated),
        )

    def _read(self, contacts: Sequence[Mapping[str, Any]]) -> dict[str, _Row]:
        rows: dict[str, _Row] = {}
        for at, contact in enumerate(contacts, self.rows):
            problem = next(_problems(contact, self.channel), None)
            if problem:
                self._reject(at, problem)
                continue
            address = _address(contact, self.channel)
            variables = {name: value for name, value in contact.items() if name not in KNOWN}
            excluded = "no_consent" if contact.get("consent") is False else None
            rows[address_key(self.salt, address)] = _Row(address, variables, contact.get("timezone"), excluded)
        self.rows += len(contacts)
        return rows

    def _reject(self, row: int, reason: str) -> None:
        self.rejected_count += 1
        if self.rejected_count <= NAMED:
            self.rejected.append(Rejected(row, reason))


def _address(contact: Mapping[str, Any], channel: str) -> str:
    wanted = contact.get("phone") if channel == "sms" else contact.get("email") or contact.get("phone")
    return carried(str(wanted or ""))


def _problems(contact: Mapping[str, Any], channel: str) -> Iterator[str]:
    """Why a row is not taken."""
    email, phone, zone = contact.get("email"), contact.get("phone"), contact.get("timezone")
    for name, value in (("email", email), ("phone", phone), ("timezone", zone)):
        if value is not None and not isinstance(value, str):
            yield f"{name}: expected a text"
            return
    wanted = "phone" if channel == "sms" else "email"
    if not (contact.get(wanted) or (channel == "webhook" and phone)):
        yield f"{wanted}: expected an address, found none"
    if not isinstance(contact.get("consent", True), bool):
        yield "consent: expected true or false"
    wrong = email_problem(email.strip()) if email else None
    if wrong:
        yield f"email: {wrong}"
    if phone and not _E164.fullmatch(BETWEEN_DIGITS.sub("", phone)):
        yield "phone: expected a number in international form, such as +12025550123"
    try:
        seal.canonical(dict(contact))
    except (ValueError, RecursionError) as error:
        yield f"expected plain JSON values: {error}"


def _add(call: Call, list_id: str, position: int, rows: Mapping[str, _Row]) -> None:
    payloads, contacts = [], []
    for nth, (key, row) in enumerate(rows.items(), position + 1):
        contact_id = new_id(call.now)
        payloads.append(_payload(call.by.workspace, contact_id, row))
        stored = {"payload": payloads[-1]["digest"], "excluded": row.excluded}
        contacts.append({"id": contact_id, "list_id": list_id, "position": nth, "address_key": key, **stored})
    lists.add_contacts(call.connection, payloads, contacts)


def _change(call: Call, rows: Mapping[str, _Row]) -> None:
    payloads, contacts = [], []
    for contact_id, row in rows.items():
        payloads.append(_payload(call.by.workspace, contact_id, row))
        stored = {"new_payload": payloads[-1]["digest"], "new_excluded": row.excluded}
        contacts.append({"of_contact": contact_id, **stored})
    lists.change_contacts(call.connection, payloads, contacts)


def _payload(workspace_id: str, contact_id: str, row: _Row) -> Document:
    said = {"recipient": contact_id, "address": row.address, "variables": row.variables, "zone": row.zone}
    body, salt = seal.canonical(said), secrets.token_bytes(32)
    return {"digest": seal.leaf(salt, body), "workspace_id": workspace_id, "salt": salt, "body": body.decode()}
