"""What was done beside the life of campaigns: to the policy, groups, members, keys, delegations and broken glass."""

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Response
from whenever import Instant

from gonogo.models import Document
from gonogo.store import acts
from gonogo_api.dialects.leadlex.answers import paged
from gonogo_api.openapi import says
from gonogo_api.problems import NO_CURSOR, Problem
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Shown, iso
from gonogo_api.visits import Auditor

router = APIRouter(prefix="/v1/audit", route_class=StrictRoute, tags=["audit"])
Limit = Annotated[int, Query(ge=1, le=200)]
KINDS = ("policy", "group", "member", "key", "delegation", "break_glass")
MOST = 2**31  # acts on one subject


class ActShown(Shown):
    """An act on a subject, in the chain of the digests of that subject's acts."""

    kind: str
    subject: str
    seq: int
    act: str
    actor: str
    person: str
    figures: dict[str, Any]
    at: str
    digest: str


class Acts(Shown):
    acts: list[ActShown]


@router.get("", responses=says(Data[Acts]))
def list_acts(
    visit: Auditor, kind: str | None = None, subject: str | None = None, cursor: str = "", limit: Limit = 50
) -> Response:
    """Acts in order of time. What became of a campaign tell its own events."""
    if kind is not None and kind not in KINDS:
        raise Problem("invalid", f"kind: expected one of {', '.join(KINDS)}")
    after = _cursor(cursor)
    found = visit.read(
        lambda call: acts.page(call.connection, call.by.workspace, kind=kind, subject=subject, after=after, limit=limit)
    )
    shown = [_shown(dict(row)) for row in found]
    last = shown[-1] if len(shown) == limit else None
    mark = "~".join([last["at"], last["kind"], last["subject"], str(last["seq"])]) if last else None
    return paged(Acts(acts=shown), mark, "/v1/audit", kind=kind, subject=subject, limit=limit)


def _shown(row: Document) -> ActShown:
    names = ("kind", "subject", "seq", "act", "actor", "person", "figures", "digest")
    return cast(ActShown, {**{name: row[name] for name in names}, "at": iso(row["at"])})


def _cursor(cursor: str) -> tuple[Instant, str, str, int] | None:
    if not cursor:
        return None
    at, kind, rest = ([*cursor.split("~", 2), "", ""])[:3]
    subject, _, seq = rest.rpartition("~")
    try:
        if not 0 < int(seq) < MOST:
            raise ValueError(seq)
        return Instant.parse_iso(at), kind, subject, int(seq)
    except ValueError:
        raise Problem("invalid", NO_CURSOR) from None
