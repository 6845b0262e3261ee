"""Members: the people of a workspace, and what they may do. Nobody grants what they lack themselves."""

from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import Field

from gonogo import reading, rehearsing, workspaces
from gonogo.call import Call
from gonogo.reading import MemberView
from gonogo_api.dialects.leadlex.answers import Members, OneMember, data, member
from gonogo_api.dialects.leadlex.shapes import UUID, known
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Email, Name, Shape
from gonogo_api.verify_page import proofs_for
from gonogo_api.visits import NOT_AGAIN, Admin, Base, grantable, unnamed

router = APIRouter(prefix="/v1/members", route_class=StrictRoute, tags=["members"])
MemberId = Annotated[str, Path(description="Member UUID", json_schema_extra=UUID)]


class NewMember(Shape):
    email: Email
    name: Name | None = None
    scopes: Annotated[list[str], Field(max_length=100)]


@router.get("", responses=says(Data[Members]))
def list_members(visit: Admin) -> Response:
    """The people of the workspace, in order of their joining."""
    return data(Members(members=[member(view) for view in visit.read(reading.members)]))


@router.post("", status_code=201, responses=says(Data[OneMember], 201))
def add_member(visit: Admin, body: NewMember) -> Response:
    """Make a person a member. An old member is granted the scopes besides the present ones."""
    grantable(visit, workspaces.check_scopes(body.scopes))

    def add(call: Call) -> MemberView:
        return reading.member(call, workspaces.add_member(call, body.email, name=body.name or "", scopes=body.scopes))

    return data(OneMember(member=member(visit.write(add))), 201)


@router.delete("/{member_id}", responses=says(Data[OneMember]))
def remove_member(visit: Admin, member_id: MemberId) -> Response:
    """Take a person out of the workspace. Their keys end at once, and stay ended if they come back."""

    def remove(call: Call) -> MemberView:
        view = reading.member(call, known(member_id, "member"))
        workspaces.remove_member(call, view.id)
        return view

    return data(OneMember(member=member(visit.write(remove))))


@router.post("/{member_id}/verify", status_code=202, responses=says(Data[OneMember]) | says(Data[OneMember], 202))
def verify_member(visit: Admin, member_id: MemberId, base: Base) -> Response:
    """Send the member a mail with a link that confirms the address: one of the day's twenty test messages.

    It answers 202 once the mail is sent. Where the address is verified, no mail is, and it answers 200.
    """
    unnamed(visit, NOT_AGAIN)
    door, wanted = visit.door, known(member_id, "member")
    proofs = proofs_for(base, door.pepper)
    asked = rehearsing.ask_to_verify(visit.write, door.gate.executor.channels, proofs, wanted)
    return data(OneMember(member=member(visit.read(lambda call: reading.member(call, wanted)))), 202 if asked else 200)
