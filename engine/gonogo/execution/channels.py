"""The seam to whatever carries a message: what it is handed, what it answers, and what each answer promises."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Literal, Protocol

from whenever import Instant


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient, complete.

    `message_id` names run, recipient and step, in angle brackets: the same message has the same id however often it
    is made. `headers` are added to those that a channel writes itself.
    """

    message_id: str
    sender_email: str
    sender_name: str
    address: str
    subject: str
    body: str
    html: str | None
    date: Instant
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one message, and the reason where it was not sent.

    sent: the channel took it and holds it durably, or the relay said yes.
    rejected: it can't be delivered as it is, now or later: the address, or the message itself, was refused.
    deferred: it was refused for now, and nothing of it is out; it is tried again, not before `retry_after` seconds.
    failed: it was not delivered, nothing of it is out, and another try would meet the same.
    unknown: nobody can tell. It may have arrived, so it is never sent again without a person's word.
    """

    state: Literal["sent", "rejected", "deferred", "failed", "unknown"]
    reason: str = ""
    retry_after: float = 0.0


SENT = Receipt("sent")

#: What makes a channel carry again. time: the campaign waits, and tries by itself. space: it is paused until there is
#: some, and looks by itself. people: it is paused until somebody resumes it.
Cure = Literal["time", "space", "people"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of a batch: a receipt for every message, in order, and None for one of which nothing is out and
    that nobody refused. `trouble` is why the channel can carry nothing now, and `cure` what helps."""

    receipts: Sequence[Receipt | None]
    trouble: str | None = None
    cure: Cure = "time"


class ChannelUnavailable(Exception):
    """The channel itself can't carry anything now, whatever the message; `reason` says why, and `cure` what helps."""

    def __init__(self, reason: str, cure: Cure = "time") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure


class Channel(Protocol):
    """A way to send. Workers of one process share it, each in a thread of its own."""

    kind: str

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        """Try every message once, in whatever order, and none after `in_time` has said no: it is asked before each.

        What is told as sent is durable when this returns. Raises nothing: trouble is part of the answer.
        """

    def close(self) -> None:
        """Let go of connections and files; the channel is not used again."""


#: The group of entry points under which a package offers a channel: its name is the kind, it is called without
#: arguments, and reads its settings from where it likes.
ENTRY_POINTS = "gonogo.channels"


def plugged_in() -> dict[str, Channel]:
    """The channels that installed packages offer, by kind. Raises ChannelUnavailable for one that can't be made."""
    made: dict[str, Channel] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            made[entry.name] = entry.load()()
        except Exception as error:
            raise ChannelUnavailable(f"The channel {entry.name!r} of {entry.value} can't be made: {error}") from error
    return made


class OneByOne(ABC):
    """A channel that carries one message after the other, and makes a whole batch durable at its end."""

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Try once. A "sent" is a promise only when the next `flush` has returned.

        Raises ChannelUnavailable: nothing of this message is out.
        """

    @abstractmethod
    def flush(self) -> None:
        """Make what was sent durable. Raises ChannelUnavailable: what was sent since the last one is unknown."""

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        receipts: list[Receipt | None] = []
        trouble: ChannelUnavailable | None = None
        try:
            for message in messages:
                if not in_time():
                    break
                receipts.append(self.send(message))
        except ChannelUnavailable as error:
            trouble = error
        try:
            self.flush()
        except ChannelUnavailable as error:
            trouble = error
            receipts = [Receipt("unknown", error.reason) if each == SENT else each for each in receipts]
        whole = [*receipts, *[None] * (len(messages) - len(receipts))]
        return Delivery(whole) if trouble is None else Delivery(whole, trouble.reason, trouble.cure)
