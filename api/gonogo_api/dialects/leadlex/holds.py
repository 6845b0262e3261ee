"""Holds: nothing goes out while one stands. Any approver sets one, owners lift it."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Response
from pydantic import Field

from gonogo import holds
from gonogo.call import Call
from gonogo.errors import NotFound
from gonogo.models import Document
from gonogo_api.dialects.leadlex.answers import data
from gonogo_api.dialects.leadlex.shapes import UUID, known
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Sender, Shape, Shown, iso, one_of
from gonogo_api.visits import Admin, Approver, Reader

router = APIRouter(prefix="/v1/holds", route_class=StrictRoute, tags=["holds"])
HoldId = Annotated[str, Path(description="Hold UUID", json_schema_extra=UUID)]


class NewHold(Shape):
    reason: Annotated[str, Field(min_length=1, max_length=holds.LONGEST_REASON)]
    sender: Sender | None = None


class HoldShown(Shown):
    """A hold on the workspace, or on one sender of it; lifted where `lifted_at` says so."""

    id: str
    kind: Annotated[str, one_of(("workspace", "sender"))]
    sender: str | None
    reason: str
    set_by: str
    set_at: str
    lifted_by: str | None
    lifted_at: str | None


class OneHold(Shown):
    hold: HoldShown


class Holds(Shown):
    holds: list[HoldShown]


@router.post("", status_code=201, responses=says(Data[OneHold], 201))
def set_hold(visit: Approver, body: NewHold) -> Response:
    """Stop every launch of the workspace, or of one sender, at the next batch. What was claimed already still goes."""

    def set_(call: Call) -> Document:
        return _one(call, holds.set_hold(call, sender=body.sender, reason=body.reason))

    return data(OneHold(hold=_shown(visit.write(set_))), 201)


@router.get("", responses=says(Data[Holds]))
def list_holds(visit: Reader) -> Response:
    """The holds of the workspace, standing and lifted, the newest first."""
    return data(Holds(holds=[_shown(row) for row in visit.read(holds.holds)]))


@router.post("/{hold_id}/lift", responses=says(Data[OneHold]))
def lift_hold(visit: Admin, hold_id: HoldId) -> Response:
    """Let messages go again; what waited goes on by itself. On one that is lifted nothing happens."""

    def lift(call: Call) -> Document:
        wanted = known(hold_id, "hold")
        holds.lift_hold(call, wanted)
        return _one(call, wanted)

    return data(OneHold(hold=_shown(visit.write(lift))))


def _one(call: Call, hold_id: str) -> Document:
    found = next((row for row in holds.holds(call) if row["id"] == hold_id), None)
    if found is None:
        raise NotFound("hold", hold_id)
    return found


def _shown(row: Document) -> HoldShown:
    told = {name: row[name] for name in ("id", "kind", "reason", "set_by", "lifted_by")}
    times = {name: iso(row[name]) for name in ("set_at", "lifted_at")}
    return cast(HoldShown, {**told, **times, "sender": row["subject"] or None})
