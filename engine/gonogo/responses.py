"""What comes back about messages: bounces, complaints, replies, unsubscriptions; and addresses that are not written to.

Whatever came back stops its recipient in every running campaign, for each claim asks who is suppressed. An
unsubscription, a complaint and a bounce last until somebody allows the address again; a reply stops what is under way.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from whenever import Instant

from gonogo.addresses import address_key, carried, email_problem
from gonogo.call import Call
from gonogo.errors import Invalid, NotFound
from gonogo.models import SUPPRESSIONS
from gonogo.store import responses as store
from gonogo.store import throttles, workspaces
from gonogo.store.responses import Named

Kind = Literal["unsubscribe", "complaint", "bounce", "reply"]

#: States of messages that may have arrived. What an operator released was unknown before.
MAYBE_SENT = ("sent", "unknown", "released")
#: The sum of the run that each kind is counted in.
COUNTED_AS = {"unsubscribe": "unsubscribed", "complaint": "complained", "bounce": "bounced", "reply": "replied"}
_MESSAGE = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,4})\.([0-9]{1,9})")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody tells of one message ("run.step.position", or its Message-ID), or of an address without one."""

    kind: Kind
    message: str | None = None
    recipient: str | None = None
    at: Instant | None = None  # when it happened; now, where nobody says


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of what was told.

    suppressed: it is written down, and its address is not written to any more. recorded: it is written down, but the
    recipient was erased, so that nobody knows the address. repeated: it was known, and nothing changed. refused: it
    can't be, for the reason given.
    """

    result: Literal["suppressed", "recorded", "repeated", "refused"]
    code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Taken:
    """Something that can be written down: about a message, an address, or both."""

    index: int
    kind: Kind
    key: str | None
    named: Named | None
    at: Instant


SUPPRESSED, REPEATED = Answer("suppressed"), Answer("repeated")
ERASED = Answer("recorded", "recipient_erased", "The recipient was erased: there is no address left to suppress")
UNKNOWN = Answer("refused", "message_unknown", "Message not found")


def respond(call: Call, told: Sequence[Told]) -> list[Answer]:
    """Write down what came back, each by itself, and answer each in its place.

    What was told before changes nothing, also where the address was allowed again since.
    """
    salt = workspaces.get(call.connection, call.by.workspace).salt
    read = [_read(call, salt, index, each) for index, each in enumerate(told)]
    taken = [each for each in read if isinstance(each, _Taken)]
    answers = _written(call, taken)
    return [each if isinstance(each, Answer) else answers[each.index] for each in read]


def unsubscribe(call: Call, named: Named) -> Answer:
    """Whoever got this message wants no more. That holds however the message stands, for the link was in it."""
    salt = workspaces.get(call.connection, call.by.workspace).salt
    row = store.message(call.connection, call.by.workspace, named)
    if row is None:
        return UNKNOWN
    key = _key(salt, row)
    new = row.state is not None and store.add(call.connection, named, "unsubscribe", call.now)
    if key is not None:
        throttles.suppress(call.connection, call.by.workspace, key, "unsubscribe", call.now)
    if new:
        store.count(call.connection, named[0], COUNTED_AS["unsubscribe"], 1)
    return SUPPRESSED if key is not None else ERASED


def suppress(call: Call, address: str, reason: Kind) -> bool:
    """Write to an address no more; False if that was so already. Raises Invalid."""
    return throttles.suppress(call.connection, call.by.workspace, _known_as(call, address), reason, call.now)


def allow_again(call: Call, address: str) -> int:
    """Write to an address again; how many reasons there were not to. Raises NotFound where there was none."""
    key = _known_as(call, address)
    ended = throttles.allow_again(call.connection, call.by.workspace, key)
    if not ended:
        raise NotFound("suppression", address)
    return ended


def reasons(call: Call, address: str) -> list[tuple[str, Instant]]:
    """Why an address is not written to, and since when. Raises Invalid."""
    found = throttles.suppressions(call.connection, call.by.workspace, [_known_as(call, address)])
    return sorted((row.reason, row.at) for row in found)


def counts(call: Call) -> dict[str, int]:
    """How many addresses are not written to, by reason. Which ones nobody can tell: only digests of them are kept."""
    found = store.suppressed_by_reason(call.connection, call.by.workspace)
    return {reason: found.get(reason, 0) for reason in SUPPRESSIONS}


def named(message: str) -> Named | None:
    """Which message is meant: by its name, or by its Message-ID with or without angle brackets."""
    found = _MESSAGE.fullmatch(message.strip().removeprefix("<").removesuffix(">").removesuffix("@gonogo"))
    return (found[1], int(found[2]), int(found[3])) if found else None


def _read(call: Call, salt: bytes, index: int, each: Told) -> _Taken | Answer:
    if each.message is None:
        wrong = _problem(each.recipient or "")
        if wrong:
            return Answer("refused", "recipient_invalid", wrong)
        return _Taken(index, each.kind, address_key(salt, each.recipient or ""), None, call.now)
    meant = named(each.message)
    row = store.message(call.connection, call.by.workspace, meant) if meant else None
    if meant is None or row is None or row.state is None:
        return UNKNOWN
    if row.state == "claimed":
        return Answer("refused", "message_not_sent", "The message is being sent: tell it again in a moment")
    if row.state not in MAYBE_SENT:
        return Answer("refused", "message_not_sent", f"The message was never sent: it is {row.state}")
    at = min(max(each.at or call.now, row.claimed_at), call.now)  # clocks elsewhere go as they like
    return _Taken(index, each.kind, _key(salt, row), meant, at)


def _written(call: Call, taken: Sequence[_Taken]) -> dict[int, Answer]:
    """Rows are written in the same order by everybody: first responses, then addresses, then sums, each sorted."""
    connection, workspace = call.connection, call.by.workspace
    answers: dict[int, Answer] = {}
    sums: Counter[tuple[str, str]] = Counter()
    for each in sorted(taken, key=lambda each: (each.named or ("", 0, 0), each.kind)):
        if each.named is None:
            continue
        if not store.add(connection, each.named, each.kind, each.at):
            answers[each.index] = REPEATED
            continue
        sums[each.named[0], COUNTED_AS[each.kind]] += 1
        if each.key is None:
            answers[each.index] = ERASED
    waiting = [each for each in taken if each.index not in answers]
    for each in sorted(waiting, key=lambda each: (each.key or "", each.kind)):
        new = throttles.suppress(connection, workspace, each.key or "", each.kind, call.now)
        answers[each.index] = SUPPRESSED if new or each.named else REPEATED
    for (run_id, column), more in sorted(sums.items()):
        store.count(connection, run_id, column, more)
    return answers


def _key(salt: bytes, row: Any) -> str | None:
    """The digest of a recipient's address; None where the recipient was erased."""
    if row.address_key is None and row.body is not None:
        return address_key(salt, json.loads(row.body)["address"])
    key: str | None = row.address_key
    return key


def _known_as(call: Call, address: str) -> str:
    wrong = _problem(address)
    if wrong:
        raise Invalid.at("email", wrong)
    return address_key(workspaces.get(call.connection, call.by.workspace).salt, address)


def _problem(address: str) -> str | None:
    """Why nobody can be written to at this address, or None."""
    if "@" in address:
        return email_problem(address.strip())
    if _PHONE.fullmatch(carried(address)):
        return None
    return "expected an e-mail address, or a telephone number in international form"
