"""Messages as JSON documents, each POSTed to one address: for whoever sends by a service of their own.

The id of a message is the key by which the receiver knows one that it has already (`webhook-id`). A refusal that may
pass is tried again after a while that is drawn, so that many do not come back at the same moment; one that will not is
the recipient's fate. Once a request went out and no answer came, nobody can tell.
"""

import json
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from gonogo.clock import Clock, SystemClock
from gonogo.execution.channels import SENT, ChannelUnavailable, Delivery, Message, Receipt
from gonogo.execution.posting import Answer, NotPosted, Poster, Target, Unanswered, key_of

#: Seconds before each further try of a message that is refused for now; between half of it and all of it is waited.
PAUSES = (0.2, 0.5, 1.0)
#: Seconds that a receiver may ask to be left alone for while the message waits here.
LONGEST = 5.0
#: Refused for now, though a 4xx: a slow request, too early, too many.
PASSING = (408, 425, 429)
OK, ELSEWHERE, REFUSED, BROKEN, END = 200, 300, 400, 500, 600


class Webhook:
    """One address as a channel; each connection of it a thread. Raises ValueError for a URL or secret that is none."""

    kind = "webhook"

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        connections: int = 4,
        poster: Poster | None = None,
        clock: Clock | None = None,
    ) -> None:
        key_of(secret)
        self._target, self._url, self._secret = Target.parse(url), url, secret
        self._poster, self._clock, self._size = poster or Poster(), clock or SystemClock(), connections
        self._closed = threading.Event()
        self._threads = ThreadPoolExecutor(connections, "gonogo-webhook")  # of all workers together

    def deliver(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        batch = _Batch(messages, in_time)
        workers = [self._threads.submit(self._some, batch) for _ in range(min(self._size, len(messages)))]
        for worker in workers:
            worker.result()
        trouble = batch.trouble
        return Delivery(batch.receipts) if trouble is None else Delivery(batch.receipts, trouble.reason, trouble.cure)

    def close(self) -> None:
        """Waits for what is on its way, and for no pause."""
        self._closed.set()
        self._threads.shutdown()

    def _some(self, batch: "_Batch") -> None:
        for at, message in batch:
            try:
                batch.receipts[at] = self._delivered(message, batch.goes_on)
            except ChannelUnavailable as error:
                batch.trouble = batch.trouble or error

    def _delivered(self, message: Message, goes_on: Callable[[], bool]) -> Receipt | None:
        """Try until the receiver says yes or no, a few times. Raises ChannelUnavailable."""
        body, receipt = document(message), SENT
        for attempt in range(1 + len(PAUSES)):
            if attempt and not goes_on():
                return None
            try:
                answer = self._poster.post(
                    self._url, body, message_id=webhook_id(message), secret=self._secret, now=self._clock.now()
                )
            except NotPosted as error:
                raise ChannelUnavailable(str(error)) from error
            except Unanswered as error:
                return Receipt("unknown", str(error))
            if not _passing(answer):
                return self._settled(answer)
            receipt = _for_later(answer)
            if not self._waited(answer, attempt):
                break
        return receipt

    def _settled(self, answer: Answer) -> Receipt:
        """What an answer means that another try would not change. Raises ChannelUnavailable."""
        if OK <= answer.status < ELSEWHERE:
            return SENT
        if ELSEWHERE <= answer.status < REFUSED:  # no recipient's fate: people must look at it
            moved = f"{self._target} sends elsewhere, which is not followed: {answer.status}"
            raise ChannelUnavailable(moved, "people")
        return Receipt("rejected" if REFUSED <= answer.status < BROKEN else "unknown", str(answer))

    def _waited(self, answer: Answer, attempt: int) -> bool:
        """Wait for the next try; False where there is none, or it is too far away to be waited for here."""
        if attempt >= len(PAUSES) or (answer.retry_after or 0) > LONGEST:
            return False
        drawn = PAUSES[attempt] * random.uniform(0.5, 1)  # noqa: S311 - no secret
        return not self._closed.wait(max(drawn, answer.retry_after or 0))


class _Batch:
    """The messages of one call, taken one by one by several threads."""

    def __init__(self, messages: Sequence[Message], in_time: Callable[[], bool]) -> None:
        self.receipts: list[Receipt | None] = [None] * len(messages)
        self.trouble: ChannelUnavailable | None = None
        self._waiting, self._in_time, self._lock = iter(enumerate(messages)), in_time, threading.Lock()

    def goes_on(self) -> bool:
        with self._lock:
            return self.trouble is None and self._in_time()

    def __iter__(self) -> Iterator[tuple[int, Message]]:
        while True:
            with self._lock:
                following = next(self._waiting, None)
                if following is None or self.trouble is not None or not self._in_time():
                    return
            yield following


def document(message: Message) -> bytes:
    """A message as its receiver reads it."""
    said = {
        "type": "message.send",
        "timestamp": message.date.format_iso(),
        "data": {
            "message_id": message.message_id,
            "to": message.address,
            "from": {"email": message.sender_email, "name": message.sender_name},
            "subject": message.subject,
            "text": message.body,
            "html": message.html,
            "headers": dict(message.headers),
        },
    }
    return json.dumps(said, separators=(",", ":")).encode()


def webhook_id(message: Message) -> str:
    """The key of a message: its own id, without what a signed id may not have in it."""
    return "msg_" + message.message_id.strip("<>").replace("@", "_").replace(".", "_")


def _passing(answer: Answer) -> bool:
    return answer.status in PASSING or BROKEN <= answer.status < END


def _for_later(answer: Answer) -> Receipt:
    """A refusal that may pass, and has not."""
    return Receipt("deferred", str(answer), answer.retry_after or 0)
