"""Keys: who else may come in. Nobody grants what they lack themselves."""

from typing import Annotated, cast

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from gonogo import workspaces
from gonogo.call import Call
from gonogo_api import auth
from gonogo_api.dialects.leadlex.answers import data, paged
from gonogo_api.dialects.leadlex.shapes import DIALECT
from gonogo_api.openapi import says
from gonogo_api.problems import NO_CURSOR, Problem
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Email, Moment, Shape, Shown, iso
from gonogo_api.visits import Admin, grantable, unnamed

router = APIRouter(route_class=StrictRoute, tags=["keys"])
KeyId = Annotated[str, Path(description="The key's public part")]
Limit = Annotated[int, Query(ge=1, le=200)]
#: An answer that is to be given again would have to be kept, and with it a secret.
SHOWN_ONCE = "a key is shown once, so its answer can't be repeated"


class NewKey(Shape):
    scopes: Annotated[list[str], Field(max_length=100)]
    dialect: str = DIALECT
    member: Email | None = None
    expires_at: Moment | None = None


class KeyShown(Shown):
    """What may be told of a key."""

    id: str
    dialect: str
    scopes: list[str]
    member_id: str | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    used_at: str | None


class Keys(Shown):
    keys: list[KeyShown]


class MadeKey(Shown):
    key: str
    id: str


class EndedKey(Shown):
    id: str
    revoked_at: str


@router.get("/v1/keys", responses=says(Data[Keys]))
def list_keys(visit: Admin, cursor: str = "", limit: Limit = 50) -> Response:
    """The keys of the workspace, newest first, with those that ended; never their secrets."""
    if cursor and not auth.KEY_ID.fullmatch(cursor):
        raise Problem("invalid", NO_CURSOR)
    found = cast(list[KeyShown], visit.read(lambda call: auth.told(call, before=cursor, limit=limit)))
    last = found[-1]["id"] if len(found) == limit else None
    return paged(Keys(keys=found), last, "/v1/keys", limit=limit)


@router.post("/v1/keys", status_code=201, responses=says(Data[MadeKey], 201))
def create_key(visit: Admin, body: NewKey) -> Response:
    """Make a key, for a member if one is named: a new one joins. The key is shown this once."""
    unnamed(visit, SHOWN_ONCE)
    grantable(visit, workspaces.check_scopes(body.scopes))

    def create(call: Call) -> tuple[str, str]:
        person = workspaces.add_member(call, body.member, scopes=body.scopes) if body.member else None
        return auth.issue(
            call,
            visit.door.pepper,
            workspace=call.by.workspace,
            dialect=body.dialect,
            scopes=body.scopes,
            member=person,
            expires_at=body.expires_at,
        )

    return _made(visit.write(create))


@router.post("/v1/keys/{key_id}/rotate", status_code=201, responses=says(Data[MadeKey], 201))
def rotate_key(visit: Admin, key_id: KeyId) -> Response:
    """End a key and make one in its place. The new one is shown this once."""
    unnamed(visit, SHOWN_ONCE)

    def rotate(call: Call) -> tuple[str, str]:
        grantable(visit, auth.scopes_of(call, key_id))
        return auth.rotate(call, visit.door.pepper, key_id)

    return _made(visit.write(rotate))


@router.delete("/v1/keys/{key_id}", responses=says(Data[EndedKey]))
def revoke_key(visit: Admin, key_id: KeyId) -> Response:
    """End a key at once."""
    since = visit.write(lambda call: auth.revoke(call, key_id))
    return data(EndedKey(id=key_id, revoked_at=iso(since)))


def _made(issued: tuple[str, str]) -> Response:
    key, key_id = issued
    return data(MadeKey(key=key, id=key_id), 201)
