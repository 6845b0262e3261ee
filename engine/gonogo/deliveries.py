"""Webhooks of a workspace: where it wants to hear of events, and how each event gets there.

At least once, and in order: an endpoint is told of a campaign one notice after the other. A notice is claimed for a
while, POSTed while no transaction is open, and settled; whoever dies in between leaves a claim that lapses, and the
notice goes out again under the same id.
"""

import json
import logging
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo.call import Call
from gonogo.clock import Clock, new_id, pause
from gonogo.errors import Invalid
from gonogo.execution.posting import Answer, NotPosted, Target, Unanswered, new_secret
from gonogo.models import Document
from gonogo.notices import WANTED
from gonogo.store import notices, workspaces

log = logging.getLogger(__name__)

#: The most webhooks of one workspace: every step of it writes a row for each.
MOST = 20
#: For how long one process keeps a delivery to itself: longer than a round of requests lasts.
LEASE = TimeDelta(minutes=2)
#: How many deliveries one round takes, how many of them to one endpoint, and how many go side by side.
ROUND, OF_ONE, TOGETHER = 32, 4, 8
#: Seconds before each further try; the last one is repeated.
PAUSES = (5, 30, 120, 600, 1800, 3600, 7200, 14_400, 28_800, 43_200)
#: For how long after it happened an event is tried again.
PATIENCE = TimeDelta(hours=72)
OK, END = 200, 300


class Post(Protocol):
    """`gonogo.execution.posting.Poster.post`, or what tests put in its place."""

    def __call__(self, url: str, body: bytes, *, message_id: str, secret: str, now: Instant) -> Answer: ...


@dataclass(frozen=True, slots=True)
class EndpointView:
    """A webhook, without its secret."""

    id: str
    url: str
    events: Sequence[str]
    created_at: Instant


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One notice on its way to one webhook, or at the end of it."""

    notice_id: str
    type: str
    body: Document
    at: Instant
    state: str
    tries: int
    next_at: Instant | None  # of one that is pending
    status: int | None
    error: str | None
    settled_at: Instant | None


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one request: no error where the receiver said yes."""

    status: int | None
    error: str | None
    retry_after: float = 0


# Webhooks


def add(call: Call, url: str, events: Sequence[str]) -> tuple[EndpointView, str]:
    """Tell an address of events from now on; the webhook, and the secret that is shown this once. Raises Invalid."""
    try:
        Target.parse(url)
    except ValueError as error:
        raise Invalid.at("url", str(error)) from None
    unknown = [each for each in events if each not in WANTED]
    if unknown or not events:
        raise Invalid.at("events", f"expected some of {', '.join(WANTED)}")
    if workspaces.hold(call.connection, call.by.workspace).endpoints >= MOST:
        raise Invalid.at("", f"a workspace has {MOST} webhooks at the most")
    view = EndpointView(new_id(call.now), url, sorted(set(events)), call.now)
    secret = new_secret(secrets.token_bytes(32))
    row = {"id": view.id, "workspace_id": call.by.workspace, "url": url, "secret": secret}
    notices.add_endpoint(call.connection, {**row, "events": view.events, "created_at": call.now, "removed_at": None})
    return view, secret


def endpoints(call: Call) -> list[EndpointView]:
    """The workspace's webhooks, in order of their making."""
    return [_endpoint(row) for row in notices.endpoints(call.connection, call.by.workspace)]


def rotate(call: Call, endpoint_id: str) -> str:
    """Make a new secret; shown this once. The one before signs as well, until the next rotation. Raises NotFound."""
    old = notices.find(call.connection, call.by.workspace, endpoint_id).secret.split()[0]
    secret = new_secret(secrets.token_bytes(32))
    notices.change_endpoint(call.connection, endpoint_id, secret=f"{secret} {old}")
    return secret


def remove(call: Call, endpoint_id: str) -> EndpointView:
    """Tell it no more; what is on its way to it fails. Raises NotFound."""
    view = _endpoint(notices.find(call.connection, call.by.workspace, endpoint_id))
    notices.remove_endpoint(call.connection, call.by.workspace, endpoint_id, call.now)
    return view


def deliveries(call: Call, endpoint_id: str, *, before: str = "", limit: int = 50) -> list[DeliveryView]:
    """A page of what a webhook was told, the newest first. Raises NotFound."""
    notices.find(call.connection, call.by.workspace, endpoint_id)
    return [_delivery(row) for row in notices.page(call.connection, endpoint_id, before=before, limit=limit)]


def replay(call: Call, endpoint_id: str, notice_id: str) -> DeliveryView:
    """Deliver again what was delivered, or given up; what is pending stays so. Raises NotFound."""
    notices.find(call.connection, call.by.workspace, endpoint_id)
    notices.find_delivery(call.connection, endpoint_id, notice_id)
    notices.replay(call.connection, endpoint_id, notice_id, call.now)
    return _delivery(notices.find_delivery(call.connection, endpoint_id, notice_id))


def target(call: Call, endpoint_id: str) -> tuple[str, str]:
    """Address and secrets of a webhook, for a request that tries it out. Raises NotFound."""
    found = notices.find(call.connection, call.by.workspace, endpoint_id)
    return found.url, found.secret


def try_out(post: Post, url: str, secret: str, now: Instant) -> Said:
    """Send a `webhook.test`, once and at once. In no transaction: it may take its time."""
    body = document("webhook.test", now, {})
    return _said(lambda: post(url, body, message_id=new_id(now), secret=secret, now=now))


# On their way


def deliver_due(engine: sa.Engine, clock: Clock, post: Post, stopping: Callable[[], bool] = lambda: False) -> int:
    """Deliver what is due, one round of it; how many requests that were. Any number of processes may do so at once.

    Once it is `stopping`, no further request begins: what is left of the round is due again at once, to anybody.
    """
    now = clock.now()
    held = now + LEASE
    with engine.begin() as connection:
        claimed = notices.claim_due(connection, now, held, limit=ROUND, of_one=OF_ONE)
    if not claimed:
        return 0
    with ThreadPoolExecutor(min(TOGETHER, len(claimed)), "gonogo-notices") as threads:
        list(threads.map(lambda row: _deliver(engine, clock, post, row, held, stopping), claimed))
    return len(claimed)


def document(kind: str, at: Instant, data: Document) -> bytes:
    """A notice as its receiver reads it; the same bytes however often."""
    said = {"type": kind, "timestamp": at.format_iso(), "data": data}
    return json.dumps(said, separators=(",", ":"), sort_keys=True).encode()


def _deliver(
    engine: sa.Engine, clock: Clock, post: Post, row: sa.Row[Any], held: Instant, stopping: Callable[[], bool]
) -> None:
    now = clock.now()
    if now >= held:  # another process has it by now
        return
    if stopping():
        _put_back(engine, row, held)
        return
    if row.removed_at is not None:
        said = Said(None, "The webhook was removed.")
    else:
        body = document(row.type, row.at, row.body)
        said = _said(lambda: post(row.url, body, message_id=row.notice_id, secret=row.secret, now=now))
    try:
        with engine.begin() as connection:
            _settle(connection, row, held, said, clock.now())
    except Exception:  # it goes out again once the claim has lapsed
        log.exception("what came of a notice was not written down", extra={"notice": row.notice_id})


def _put_back(engine: sa.Engine, row: sa.Row[Any], held: Instant) -> None:
    with engine.begin() as connection:
        if notices.settle(connection, row, held, next_at=row.next_at):
            notices.let_follow(connection, row, row.next_at)


def _said(request: Callable[[], Answer]) -> Said:
    try:
        answer = request()
    except (NotPosted, Unanswered, ValueError) as error:
        return Said(None, str(error))
    if OK <= answer.status < END:
        return Said(answer.status, None)
    return Said(answer.status, str(answer), answer.retry_after or 0)


def _settle(connection: sa.Connection, row: sa.Row[Any], held: Instant, said: Said, now: Instant) -> None:
    values: Document = {"tries": row.tries + 1, "status": said.status, "error": said.error}
    after = now
    if said.error is None:
        values |= {"state": "delivered", "settled_at": now}
    else:
        after = now + pause(PAUSES, row.tries, said.retry_after)
        if after > row.at + PATIENCE or row.removed_at is not None:
            values |= {"state": "failed", "settled_at": now}
            after = now
    if notices.settle(connection, row, held, **values):
        notices.let_follow(connection, row, after)


def _endpoint(row: sa.Row[Any]) -> EndpointView:
    return EndpointView(row.id, row.url, row.events, row.created_at)


def _delivery(row: sa.Row[Any]) -> DeliveryView:
    return DeliveryView(
        notice_id=row.notice_id,
        type=row.type,
        body=row.body,
        at=row.at,
        state=row.state,
        tries=row.tries,
        next_at=row.next_at if row.state == "pending" else None,
        status=row.status,
        error=row.error,
        settled_at=row.settled_at,
    )
