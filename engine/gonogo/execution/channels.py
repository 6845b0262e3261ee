"""The seam to whatever carries a message: what it is handed, what it answers, and what each answer promises."""

from dataclasses import dataclass
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

    sent: the channel took it, and holds it durably once `flush` has returned, or the relay said yes.
    rejected: it can't be delivered as it is, now or later: the address, or the message itself, was refused.
    failed: it was not delivered, and nothing of it is out; another try may do better.
    unknown: nobody can tell. It may have arrived, so it is never sent again without a person's word.
    """

    state: Literal["sent", "rejected", "failed", "unknown"]
    reason: str = ""


SENT = Receipt("sent")


class ChannelUnavailable(Exception):
    """The channel itself can't carry anything now, whatever the message; the campaign pauses, with the `reason`.

    Raised by `send`, nothing of that message is out. Raised by `flush`, the receipts since the last flush promise
    nothing: those messages are unknown.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Channel(Protocol):
    """A way to send, used by one worker at a time."""

    kind: str

    def send(self, message: Message) -> Receipt:
        """Try once. Raises ChannelUnavailable."""

    def flush(self) -> None:
        """Make everything sent so far durable: called once a batch, before its receipts are recorded.

        A "sent" is a promise only when the next flush has returned. Raises ChannelUnavailable.
        """

    def close(self) -> None:
        """Let go of connections and files; the channel is not used again."""
