"""One batch: messages made, handed to the channel, and what became of each."""

from collections.abc import Callable, Sequence
from itertools import accumulate

from whenever import Instant, TimeDelta

from gonogo.content import RenderError
from gonogo.execution.channels import Message, Receipt
from gonogo.execution.rendering import rendered_for
from gonogo.execution.segment import Segment, message_id
from gonogo.models import Document
from gonogo.store.ledger import Claimed, Settled

Said = tuple[Claimed, Document]  # a claimed message, and what its recipient says

#: How long a message that was refused for now waits for each further try: a day in all, then it has failed.
RETRIES = tuple(TimeDelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720))


def send(
    held: Segment,
    batch: Sequence[Said],
    now: Callable[[], Instant],
    in_time: Callable[[], bool],
    stopping: Callable[[], bool],
) -> list[Settled]:
    """What became of a batch. Those that nobody tried are given back, but for ones whose lease is over: of these
    nothing is told."""
    settled: list[Settled] = []
    messages: list[tuple[Claimed, Message]] = []
    made_at = now()
    for claimed, said in batch:
        try:
            messages.append((claimed, _message(held, claimed, said, made_at)))
        except RenderError as error:
            settled.append(Settled(claimed.position, "failed", error.reason))
    if not messages:
        return settled
    delivery = held.channel.deliver([message for _, message in messages], lambda: in_time() and not stopping())
    held.trouble, held.cure = delivery.trouble, delivery.cure
    over_at = now()
    for (claimed, _), receipt in zip(messages, delivery.receipts, strict=True):
        if receipt is not None:
            settled.append(_settled(claimed, receipt, over_at))
        elif delivery.trouble is not None or in_time():
            reason = delivery.trouble or "The worker was stopped."
            settled.append(Settled(claimed.position, "deferred", reason, over_at, tries=0))
    return settled


def _settled(claimed: Claimed, receipt: Receipt, now: Instant) -> Settled:
    if receipt.state != "deferred":
        return Settled(claimed.position, receipt.state, receipt.reason)
    left = [wait.total("seconds") for wait in RETRIES[claimed.tries :]]
    if not left:
        return Settled(claimed.position, "failed", receipt.reason)
    wait = min(max(left[0], receipt.retry_after), sum(left))  # whatever a receiver asks for, the day ends as it would
    passed = sum(until <= wait for until in accumulate(left))
    return Settled(claimed.position, "deferred", receipt.reason, now + TimeDelta(seconds=wait), tries=passed)


def _message(held: Segment, claimed: Claimed, said: Document, now: Instant) -> Message:
    given = held.supplied
    headers: tuple[tuple[str, str], ...] = ()
    if held.links is not None:
        url = held.links.unsubscribe(held.run_id, held.step, claimed.position)
        given, headers = {**given, "unsubscribe_url": url}, held.links.headers(url)
    rendered = rendered_for(said, held.compiled, held.step, given, claimed.variant or 0)
    return Message(
        message_id=message_id(held.run_id, held.step, claimed.position),
        sender_email=held.sender["email"],
        sender_name=held.sender.get("name") or "",
        address=said["address"],
        subject=rendered.subject,
        body=rendered.body,
        html=rendered.html,
        date=now,
        headers=headers,
    )
