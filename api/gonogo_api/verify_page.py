"""The page behind the link in a mail to a member: to confirm that the address is theirs."""

import sqlalchemy as sa
from starlette.routing import Route

from gonogo import rehearsing
from gonogo.execution.links import Proofs
from gonogo.workspaces import verify_member
from gonogo_api.auth import derived
from gonogo_api.door import Door
from gonogo_api.public import button

_LABEL = b"gonogo: proofs of addresses, 1"


def proofs_for(base_url: str, pepper: bytes) -> Proofs:
    """Links that lead to this server."""
    return Proofs(base_url, derived(pepper, _LABEL))


def route(door: Door) -> Route:
    """The page, wherever links lead now: links that were sent out before still do."""
    proofs = proofs_for("", door.pepper)

    def look(token: str) -> str:
        with door.reader.begin() as connection:
            member = rehearsing.follow(connection, proofs, token, door.gate.clock.now())
        if member is None:
            return "unknown"
        return "ask" if member.verified_at is None else "recorded"

    def press(token: str) -> str:
        def work(connection: sa.Connection) -> str:
            member = rehearsing.follow(connection, proofs, token, door.gate.clock.now())
            if member is None:
                return "unknown"
            verify_member(door.gate.call(connection, rehearsing.by_link(member)), member.id)
            return "recorded"

        return door.commits.run(work)

    return button("/m/{token}", "verify.html", look, press)
