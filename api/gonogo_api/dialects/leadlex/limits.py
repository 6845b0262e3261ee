"""Limits: how much a sender or a pool may send a day, and when a launch that goes wrong pauses by itself."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Response
from pydantic import Field

from gonogo import limits
from gonogo.call import Call
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo_api.dialects.leadlex.answers import data
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Sender, Shape, Shown
from gonogo_api.visits import Admin, Visit

router = APIRouter(prefix="/v1/limits", route_class=StrictRoute, tags=["limits"])
Email = Annotated[Sender, Path(description="The sender's address")]
PoolId = Annotated[str, Path(description="The pool's id, as campaigns name it", min_length=1, max_length=100)]
Rate = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0, le=limits.MOST_A_DAY)]


class FailureEdit(Shape):
    """Only what is given changes."""

    bounce_rate: Rate | None = None
    error_rate: Rate | None = None
    at_least: Count | None = None


class NewCap(Shape):
    daily: Count
    timezone: Annotated[str, Field(min_length=1, max_length=64)] = "UTC"


class FailuresShown(Shown):
    """A launch pauses by itself where more of what was tried bounced or failed, once `at_least` were tried."""

    bounce_rate: float
    error_rate: float
    at_least: int


class CapShown(Shown):
    """At most `daily` messages a day of the zone; so many of them are used."""

    daily: int
    timezone: str
    used_today: int


class SenderCap(CapShown):
    email: str


class PoolCap(CapShown):
    id: str


class Limits(Shown):
    failures: FailuresShown
    senders: list[SenderCap]
    pools: list[PoolCap]


class OneSenderCap(Shown):
    sender: SenderCap


class OnePoolCap(Shown):
    pool: PoolCap


@router.get("", responses=says(Data[Limits]))
def get_limits(visit: Admin) -> Response:
    """Every limit of the workspace, with what is used of it today."""
    return data(visit.read(_all))


@router.put("", responses=says(Data[Limits]))
def put_failure_limits(visit: Admin, body: FailureEdit) -> Response:
    """Say when a launch pauses by itself."""

    def put(call: Call) -> Limits:
        limits.set_failure_limits(call, **body.model_dump(exclude_none=True))
        return _all(call)

    return data(visit.write(put))


@router.put("/senders/{email}", responses=says(Data[OneSenderCap]))
def put_sender_limit(visit: Admin, email: Email, body: NewCap) -> Response:
    """Limit a sender's address, for every campaign together."""
    return data(OneSenderCap(sender=_sender(_put(visit, "sender", email, body))))


@router.delete("/senders/{email}", responses=says(Data[OneSenderCap]))
def remove_sender_limit(visit: Admin, email: Email) -> Response:
    """Take the limit of a sender away."""
    return data(OneSenderCap(sender=_sender(_remove(visit, "sender", email))))


@router.put("/pools/{pool}", responses=says(Data[OnePoolCap]))
def put_pool_limit(visit: Admin, pool: PoolId, body: NewCap) -> Response:
    """Limit a pool: every campaign that names it, together, whatever their senders."""
    return data(OnePoolCap(pool=_pool(_put(visit, "pool", _plain(pool), body))))


@router.delete("/pools/{pool}", responses=says(Data[OnePoolCap]))
def remove_pool_limit(visit: Admin, pool: PoolId) -> Response:
    """Take the limit of a pool away."""
    return data(OnePoolCap(pool=_pool(_remove(visit, "pool", _plain(pool)))))


def _put(visit: Visit, kind: str, subject: str, body: NewCap) -> Document:
    def put(call: Call) -> Document:
        limits.set_cap(call, kind, subject, body.daily, body.timezone)
        return _one(call, kind, subject)

    return visit.write(put)


def _remove(visit: Visit, kind: str, subject: str) -> Document:
    def remove(call: Call) -> Document:
        found = _one(call, kind, subject)
        limits.remove_cap(call, kind, subject)
        return found

    return visit.write(remove)


def _one(call: Call, kind: str, subject: str) -> Document:
    for each in limits.caps(call):
        if (each["kind"], each["subject"]) == (kind, subject):
            return each
    raise NotFound("limit", subject)


def _all(call: Call) -> Limits:
    found, failures = limits.caps(call), limits.failure_limits(call)
    return Limits(
        failures=cast(FailuresShown, failures),
        senders=[_sender(each) for each in found if each["kind"] == "sender"],
        pools=[_pool(each) for each in found if each["kind"] == "pool"],
    )


def _sender(cap: Document) -> SenderCap:
    return SenderCap(email=cap["subject"], **_cap(cap))


def _pool(cap: Document) -> PoolCap:
    return PoolCap(id=cap["subject"], **_cap(cap))


def _cap(cap: Document) -> CapShown:
    return CapShown(daily=cap["daily"], timezone=cap["zone"], used_today=cap["used_today"])


def _plain(text: str) -> str:
    if "\x00" in text:
        raise Invalid.at("pool", "NUL is not allowed in a text")
    return text
