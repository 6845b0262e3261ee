"""Addresses that are not written to. Only digests of them are kept: who asks about one must name it."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from gonogo import responses
from gonogo.models import SUPPRESSIONS
from gonogo_api.dialects.leadlex.answers import data
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shape, Shown, iso, one_of
from gonogo_api.visits import Reader, Writer

router = APIRouter(prefix="/v1/suppressions", route_class=StrictRoute, tags=["suppressions"])
ABOUT = "An e-mail address, or a telephone number in international form"
Reason = Literal["unsubscribe", "complaint", "bounce", "reply"]


class NewSuppression(Shape):
    email: Annotated[str, Field(min_length=1, max_length=254, description=ABOUT)]
    reason: Reason = "unsubscribe"


class SuppressionShown(Shown):
    """Why an address is not written to. A reply stops what was under way then; every other reason lasts."""

    reason: Annotated[str, one_of(SUPPRESSIONS)]
    at: str
    lasting: bool


class Suppressions(Shown):
    """How many addresses there are by reason; where one was asked about, why that one is not written to."""

    counts: dict[str, int]
    suppressions: list[SuppressionShown] | None


class AddedSuppression(Shown):
    email: str
    reason: Reason
    added: bool


class AllowedAgain(Shown):
    email: str
    removed: int


@router.get("", responses=says(Data[Suppressions]))
def get_suppressions(
    visit: Reader, email: Annotated[str | None, Query(min_length=1, max_length=254, description=ABOUT)] = None
) -> Response:
    """How many addresses are not written to, and whether one of them is this one. They can't be listed."""
    counts = visit.read(responses.counts)
    found = visit.read(lambda call: responses.reasons(call, email)) if email is not None else None
    shown = [SuppressionShown(reason=reason, at=iso(at), lasting=reason != "reply") for reason, at in found or ()]
    return data(Suppressions(counts=counts, suppressions=shown if found is not None else None))


@router.post("", responses=says(Data[AddedSuppression]))
def add_suppression(visit: Writer, body: NewSuppression) -> Response:
    """Write to an address no more, in any campaign, at once. Once more changes nothing."""
    added = visit.write(lambda call: responses.suppress(call, body.email, body.reason))
    return data(AddedSuppression(email=body.email, reason=body.reason, added=added))


@router.delete("/{email:path}", responses=says(Data[AllowedAgain]))
def remove_suppression(visit: Writer, email: Annotated[str, Path(description=ABOUT)]) -> Response:
    """Write to an address again, whatever the reasons were not to."""
    removed = visit.write(lambda call: responses.allow_again(call, email))
    return data(AllowedAgain(email=email, removed=removed))
