"""An address of its own for each key: whoever can only be given a URL tells there what came back, without a header.

The address holds the key's id and a MAC over it, so nothing is kept, and it ends with the key. All it can do is what
`POST /v1/responses` does, and every answer is the same.
"""

import hashlib
import hmac
import re

from fastapi import FastAPI
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from gonogo_api.auth import derived
from gonogo_api.choosing import Knock, hand_on, met
from gonogo_api.door import Door
from gonogo_api.problems import Problem

RESPONSES = "/v1/responses"
SCOPE = "campaigns:write"  # of whoever tells what came back
_LABEL = b"gonogo: addresses for events, 1"
_TOKEN = re.compile(r"([a-z2-7]{16})\.([0-9a-f]{64})")


def token(pepper: bytes, key_id: str) -> str:
    """What lets in to tell of events as this key."""
    return f"{key_id}.{hmac.new(derived(pepper, _LABEL), key_id.encode(), hashlib.sha256).hexdigest()}"


def key_of(pepper: bytes, presented: str) -> str | None:
    """The id of the key that a token was made for; None where this server did not make it."""
    found = _TOKEN.fullmatch(presented)
    if found is None or not hmac.compare_digest(presented, token(pepper, found[1])):
        return None
    return found[1]


def route(door: Door, house: FastAPI) -> Route:
    """The addresses of all keys, answered by the house's application."""
    return Route("/e/{token}", _Addresses(door, house))


class _Addresses:
    def __init__(self, door: Door, house: FastAPI) -> None:
        self.door, self.house = door, house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        knock = await self._knock(scope["path_params"]["token"])
        await hand_on(self.house, knock, RESPONSES, {**scope, "path_params": {}}, receive, send)

    async def _knock(self, presented: str) -> Knock:
        """Who is meant by the token. One that lets nobody in is told apart from no other."""
        key_id = key_of(self.door.pepper, presented)
        knock = await met(self.door.meet_owner(key_id)) if key_id else Knock()
        visitor = knock.visitor
        is_good = visitor is not None and visitor.alive and visitor.dialect == self.house.state.dialect
        if knock.failure is None and (visitor is None or not is_good or SCOPE not in visitor.actor.scopes):
            return Knock(failure=Problem("not_found", "No such resource", "path"))
        return knock
