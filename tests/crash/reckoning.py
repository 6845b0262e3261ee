"""What the ledger says, held against what a relay really received."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from gonogo import models
from gonogo.execution.segment import message_id
from gonogo.models import table

Message = tuple[str, str]  # its recipient, and its id

_RECEIVABLE = ("sent", "unknown")


@dataclass(frozen=True, slots=True)
class Received:
    """What a relay noted: messages that were whole, and those it said yes to."""

    whole: Counter[Message]
    answered: Counter[Message]

    @classmethod
    def read(cls, path: Path) -> "Received":
        noted: dict[str, Counter[Message]] = {"whole": Counter(), "answered": Counter()}
        for line in path.read_text().splitlines():
            what, recipient, id_ = line.split(" ")
            noted[what][recipient, id_] += 1
        return cls(noted["whole"], noted["answered"])

    @classmethod
    def of_smtp_sink(cls, path: Path) -> "Received":
        """What smtp-sink keeps: it writes a message down whole, before it says yes to it."""
        mails = path.read_text()
        recipients, ids = (
            re.findall(r"^X-Rcpt-Args: <(.+)>$", mails, re.M),
            re.findall(r"^Message-ID: (.+)$", mails, re.M),
        )
        kept = Counter(zip(recipients, ids, strict=True))
        return cls(kept, kept)


def differences(connection: sa.Connection, campaign: str, people: int, received: Received) -> list[str]:
    """Everything that a launch of one step, which is over, should not have led to, in words; empty if it is so."""
    told = dict(_told(connection, campaign))
    return [
        *(f"lost: {recipient} is in no row of the ledger" for recipient in _nobodies(people, told)),
        *(f"lost: {_of(each)} is told as sent and was not received" for each in _lost(told, received)),
        *(f"twice: {_of(each)} was received {times} times" for each, times in received.whole.items() if times > 1),
        *(f"twice: {recipient} got {times} messages" for recipient, times in _repeated(received).items()),
        *(f"untold: {_of(each)} was received and is {told.get(each)}" for each in _untold(told, received)),
        *(f"open: {_of(each)} is {state}" for each, state in told.items() if state not in _RECEIVABLE),
    ]


def unknown(connection: sa.Connection, campaign: str) -> int:
    """How many messages nobody can tell of."""
    return [state for _, state in _told(connection, campaign)].count("unknown")


def everybody(people: int) -> list[str]:
    return [f"p{n}@example.com" for n in range(people)]


def _told(connection: sa.Connection, campaign: str) -> Iterator[tuple[Message, str]]:
    ledger, audience, payload = table(models.Ledger), table(models.Audience), table(models.Payload)
    wanted = (
        sa.select(ledger.c.run_id, ledger.c.step, ledger.c.position, ledger.c.state, payload.c.body)
        .join(audience, sa.and_(audience.c.run_id == ledger.c.run_id, audience.c.position == ledger.c.position))
        .join(payload, payload.c.digest == audience.c.payload)
        .where(ledger.c.campaign_id == campaign)
    )
    for run_id, step, position, state, body in connection.execute(wanted):
        recipient = body.partition('"address":"')[2].partition('"')[0]
        yield (recipient, message_id(run_id, step, position)), state


def _nobodies(people: int, told: dict[Message, str]) -> list[str]:
    known = {recipient for recipient, _ in told}
    return [recipient for recipient in everybody(people) if recipient not in known]


def _lost(told: dict[Message, str], received: Received) -> list[Message]:
    return [each for each, state in told.items() if state == "sent" and not received.answered[each]]


def _repeated(received: Received) -> dict[str, int]:
    counted = Counter(recipient for recipient, _ in received.whole)
    return {recipient: times for recipient, times in counted.items() if times > 1}


def _untold(told: dict[Message, str], received: Received) -> list[Message]:
    return [each for each in received.whole if told.get(each) not in _RECEIVABLE]


def _of(message: Message) -> str:
    return " ".join(message)
