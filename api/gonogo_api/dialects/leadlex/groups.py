"""Groups of people whom policies ask, and delegations: who decides in whose place, and for how long."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field

from gonogo import asked, groups
from gonogo.call import Call
from gonogo.store import people
from gonogo_api.dialects.leadlex.answers import Decider, data, deciders
from gonogo_api.dialects.leadlex.shapes import UUID, known
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Moment, Shape, Shown, iso
from gonogo_api.visits import Admin, Approver, Reader

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["groups"])
GroupName = Annotated[str, Path(description="Name of the group", max_length=groups.LONGEST_NAME)]
DelegationId = Annotated[str, Path(description="Delegation UUID", json_schema_extra=UUID)]
Person = Annotated[str, Field(min_length=1, max_length=320, description="address or member id")]
People = Annotated[list[Person], Field(max_length=groups.MOST)]


class GroupMembers(Shape):
    members: People


class NewGroup(GroupMembers):
    name: Annotated[str, Field(min_length=1, max_length=groups.LONGEST_NAME)]


class NewDelegation(Shape):
    """To whom, from when (else now), and until when."""

    to: Person
    starts_at: Moment | None = None
    ends_at: Moment


class GroupShown(Shown):
    name: str
    members: list[Decider]


class OneGroup(Shown):
    group: GroupShown


class Groups(Shown):
    groups: list[GroupShown]


class DelegationShown(Shown):
    id: str
    by: str
    to: str
    task_id: str | None
    starts_at: str
    ends_at: str


class OneDelegation(Shown):
    delegation: DelegationShown


class Delegations(Shown):
    delegations: list[DelegationShown]


@router.get("/groups", responses=says(Data[Groups]))
def list_groups(visit: Reader) -> Response:
    """Every group that was made, by name. `approvers` and `owners` are built in: whoever has the scope is in them."""
    return data(Groups(groups=visit.read(lambda call: [_group(each) for each in asked.groups(call)])))


@router.post("/groups", status_code=201, responses=says(Data[OneGroup], 201))
def make_group(visit: Admin, body: NewGroup) -> Response:
    """Make a group; one of this name gets these members."""
    return data(OneGroup(group=visit.write(lambda call: _put(call, body.name, body.members))), 201)


@router.get("/groups/{name}", responses=says(Data[OneGroup]))
def get_group(visit: Reader, name: GroupName) -> Response:
    """Who is in a group now."""
    return data(OneGroup(group=visit.read(lambda call: _group(asked.group(call, name)))))


@router.put("/groups/{name}", responses=says(Data[OneGroup]))
def put_group(visit: Admin, name: GroupName, body: GroupMembers) -> Response:
    """Say who is in a group. What is open is decided by whoever is in it when it is decided."""
    return data(OneGroup(group=visit.write(lambda call: _put(call, name, body.members))))


@router.delete("/groups/{name}", responses=says(Data[OneGroup]))
def remove_group(visit: Admin, name: GroupName) -> Response:
    """Take a group away, unless the policy in force asks it."""

    def remove(call: Call) -> GroupShown:
        shown = _group(asked.group(call, name))
        groups.remove_group(call, name)
        return shown

    return data(OneGroup(group=visit.write(remove)))


@router.get("/delegations", responses=says(Data[Delegations]))
def list_delegations(visit: Approver) -> Response:
    """Who decides in whose place, now or later."""

    def found(call: Call) -> list[DelegationShown]:
        return [_delegation(row) for row in people.delegations(call.connection, call.by.workspace, call.now)]

    return data(Delegations(delegations=visit.read(found)))


@router.post("/delegations", status_code=201, responses=says(Data[OneDelegation], 201))
def delegate(visit: Approver, body: NewDelegation) -> Response:
    """Let another member decide in one's place, about everything. The delegate counts once, for both."""

    def made(call: Call) -> DelegationShown:
        made = groups.delegate(call, body.to, starts_at=body.starts_at, ends_at=body.ends_at)
        return _delegation(people.find_delegation(call.connection, call.by.workspace, made))

    return data(OneDelegation(delegation=visit.write(made)), 201)


@router.delete("/delegations/{delegation_id}", responses=says(Data[OneDelegation]))
def end_delegation(visit: Approver, delegation_id: DelegationId) -> Response:
    """End a delegation of one's own, or as an owner any."""

    def ended(call: Call) -> DelegationShown:
        wanted = known(delegation_id, "delegation")
        groups.end_delegation(call, wanted)
        return _delegation(people.find_delegation(call.connection, call.by.workspace, wanted))

    return data(OneDelegation(delegation=visit.write(ended)))


def _put(call: Call, name: str, members: list[str]) -> GroupShown:
    groups.put_group(call, name, members)
    return _group(asked.group(call, name))


def _group(view: asked.GroupView) -> GroupShown:
    return GroupShown(name=view.name, members=deciders(view.members))


def _delegation(row: Any) -> DelegationShown:
    return DelegationShown(
        id=row.id,
        by=row.member_id,
        to=row.delegate_id,
        task_id=row.task_id,
        starts_at=iso(row.starts_at),
        ends_at=iso(row.ends_at),
    )
