"""Webhooks: where the workspace wants to hear of events, and how the telling goes."""

from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from gonogo import deliveries
from gonogo.call import Call
from gonogo.deliveries import DeliveryView, EndpointView, Said
from gonogo.execution.posting import Poster
from gonogo_api.dialects.leadlex.answers import data, paged
from gonogo_api.dialects.leadlex.shapes import UUID, known, mark
from gonogo_api.openapi import says
from gonogo_api.problems import Problem
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shape, Shown, iso, one_of
from gonogo_api.visits import IDEMPOTENCY_KEY, Admin, Visit

router = APIRouter(prefix="/v1/webhooks", route_class=StrictRoute, tags=["webhooks"])
WebhookId = Annotated[str, Path(description="Webhook UUID", json_schema_extra=UUID)]
NoticeId = Annotated[str, Path(description="Notice UUID: the webhook-id", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]


class NewWebhook(Shape):
    url: Annotated[str, Field(max_length=2000)]
    events: Annotated[list[str], Field(max_length=100)] = Field(default=["*"])


class WebhookShown(Shown):
    """A webhook; never its secret."""

    id: str
    url: str
    events: list[str]
    created_at: str


class MadeWebhook(WebhookShown):
    secret: str


class Webhooks(Shown):
    webhooks: list[WebhookShown]


class OneWebhook(Shown):
    webhook: WebhookShown


class NewSecret(Shown):
    id: str
    secret: str


class DeliveryShown(Shown):
    """A notice on its way, or at the end of it."""

    id: str
    type: str
    data: dict[str, Any]
    at: str
    state: Annotated[str, one_of(("pending", "delivered", "failed"))]
    tries: int
    next_at: str | None
    status: int | None
    error: str | None
    settled_at: str | None


class Deliveries(Shown):
    deliveries: list[DeliveryShown]


class OneDelivery(Shown):
    delivery: DeliveryShown


class Tried(Shown):
    delivered: bool
    status: int | None
    error: str | None


@router.get("", responses=says(Data[Webhooks]))
def list_webhooks(visit: Admin) -> Response:
    """The webhooks of the workspace, in order of their making; never their secrets."""
    return data(Webhooks(webhooks=[_webhook(view) for view in visit.read(deliveries.endpoints)]))


@router.post("", status_code=201, responses=says(Data[MadeWebhook], 201))
def add_webhook(visit: Admin, body: NewWebhook) -> Response:
    """Tell an address of events from now on. The secret that they are signed with is shown this once."""
    _unnamed(visit)
    view, secret = visit.write(lambda call: deliveries.add(call, body.url, body.events))
    return data(MadeWebhook(**_webhook(view), secret=secret), 201)


@router.post("/{webhook_id}/rotate", responses=says(Data[NewSecret]))
def rotate_webhook(visit: Admin, webhook_id: WebhookId) -> Response:
    """Make a new secret, shown this once. The one before signs as well, until the next rotation."""
    _unnamed(visit)
    wanted = known(webhook_id, "webhook")
    return data(NewSecret(id=wanted, secret=visit.write(lambda call: deliveries.rotate(call, wanted))))


@router.delete("/{webhook_id}", responses=says(Data[OneWebhook]))
def remove_webhook(visit: Admin, webhook_id: WebhookId) -> Response:
    """Tell it no more; what is on its way to it fails."""
    view = visit.write(lambda call: deliveries.remove(call, known(webhook_id, "webhook")))
    return data(OneWebhook(webhook=_webhook(view)))


@router.get("/{webhook_id}/deliveries", responses=says(Data[Deliveries]))
def list_deliveries(visit: Admin, webhook_id: WebhookId, cursor: str = "", limit: Limit = 50) -> Response:
    """What it was told, and what became of it, the newest first."""
    wanted = known(webhook_id, "webhook")
    before = mark(cursor)
    found = visit.read(lambda call: deliveries.deliveries(call, wanted, before=before, limit=limit))
    last = found[-1].notice_id if len(found) == limit else None
    shown = Deliveries(deliveries=[_delivery(view) for view in found])
    return paged(shown, last, f"/v1/webhooks/{wanted}/deliveries", limit=limit)


@router.post("/{webhook_id}/deliveries/{notice_id}/replay", responses=says(Data[OneDelivery]))
def replay_delivery(visit: Admin, webhook_id: WebhookId, notice_id: NoticeId) -> Response:
    """Deliver again what was delivered, or given up, under the same id. What is pending stays as it is."""

    def replay(call: Call) -> DeliveryView:
        return deliveries.replay(call, known(webhook_id, "webhook"), known(notice_id, "delivery"))

    return data(OneDelivery(delivery=_delivery(visit.write(replay))))


@router.post("/{webhook_id}/test", responses=says(Data[Tried]))
def try_webhook(visit: Admin, webhook_id: WebhookId) -> Response:
    """Send it a `webhook.test`, once and at once, and tell what it said."""
    _unnamed(visit)
    url, secret = visit.read(lambda call: deliveries.target(call, known(webhook_id, "webhook")))
    post = _poster(private_allowed=visit.door.settings.allow_private_webhooks).post
    said: Said = deliveries.try_out(post, url, secret, visit.door.gate.clock.now())
    return data(Tried(delivered=said.error is None, status=said.status, error=said.error))


@lru_cache
def _poster(*, private_allowed: bool) -> Poster:
    """Made once: it reads every certificate authority that the machine trusts."""
    return Poster(private_allowed=private_allowed)


def _unnamed(visit: Visit) -> None:
    """An answer that is to be given again would have to be kept, and with it a secret, or a transaction held open
    while a request is under way. Raises Problem."""
    if visit.named is not None:
        raise Problem("malformed", f"{IDEMPOTENCY_KEY}: this call's answer can't be repeated")


def _webhook(view: EndpointView) -> WebhookShown:
    return WebhookShown(id=view.id, url=view.url, events=[*view.events], created_at=iso(view.created_at))


def _delivery(view: DeliveryView) -> DeliveryShown:
    return DeliveryShown(
        id=view.notice_id,
        type=view.type,
        data=view.body,
        at=iso(view.at),
        state=view.state,
        tries=view.tries,
        next_at=iso(view.next_at),
        status=view.status,
        error=view.error,
        settled_at=iso(view.settled_at),
    )
