"""Test sends: a message of a campaign to members of the workspace, to look at."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from gonogo import rehearsing
from gonogo.rehearsing import DAILY, Asked, RehearsalView, send_test
from gonogo_api.dialects.leadlex.answers import data, paged
from gonogo_api.dialects.leadlex.shapes import UUID, known, mark
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shape, Shown, iso, one_of
from gonogo_api.visits import NOT_AGAIN, Reader, Writer, unnamed

router = APIRouter(prefix="/v1/campaigns/{campaign_id}", route_class=StrictRoute, tags=["test sends"])
Id = Annotated[str, Path(description="Campaign UUID", json_schema_extra=UUID)]
Limit = Annotated[int, Query(ge=1, le=200)]


class NewTestSend(Shape):
    """To whom, which message, and with whose values: those given, else the first contact's."""

    member_ids: Annotated[list[str], Field(min_length=1, max_length=DAILY)]
    step: Annotated[int, Field(ge=0, le=100)] = 0
    variables: dict[str, Any] | None = None


class TestSendShown(Shown):
    """One test message, and what became of it."""

    id: str
    member_id: str
    step: int
    state: Annotated[str, one_of(("claimed", "sent", "rejected", "failed", "unknown"))]
    error: str | None
    actor: str
    at: str


class TestSends(Shown):
    test_sends: list[TestSendShown]


@router.post("/test-send", status_code=201, responses=says(Data[TestSends], 201))
def send_tests(visit: Writer, campaign_id: Id, body: NewTestSend) -> Response:
    """Send one message of the campaign, as it reads now, to members; marked in the subject, and twenty a day."""
    unnamed(visit, NOT_AGAIN)
    members = [known(each, "member") for each in body.member_ids]
    asked = Asked(known(campaign_id), members, body.step, body.variables)
    views = send_test(visit.write, visit.door.gate.executor.channels, asked)
    return data(TestSends(test_sends=[_shown(view) for view in views]), 201)


@router.get("/test-sends", responses=says(Data[TestSends]))
def list_test_sends(visit: Reader, campaign_id: Id, cursor: str = "", limit: Limit = 50) -> Response:
    """The campaign's test sends, the newest first."""
    wanted = known(campaign_id)
    before = mark(cursor)
    found = visit.read(lambda call: rehearsing.rehearsed(call, wanted, before=before, limit=limit))
    last = found[-1].id if len(found) == limit else None
    shown = TestSends(test_sends=[_shown(view) for view in found])
    return paged(shown, last, f"/v1/campaigns/{wanted}/test-sends", limit=limit)


def _shown(view: RehearsalView) -> TestSendShown:
    return TestSendShown(
        id=view.id,
        member_id=view.member_id,
        step=view.step,
        state=view.state,
        error=view.error,
        actor=view.actor,
        at=iso(view.at),
    )
