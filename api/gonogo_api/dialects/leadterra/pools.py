"""Sender pools: the default one, and every one that has a daily limit. Each sends from the workspace's sender."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from gonogo import limits
from gonogo.call import Call
from gonogo_api.dialects.leadterra.answers import Pool, Pools
from gonogo_api.openapi import says
from gonogo_api.problems import Problem, json_response
from gonogo_api.routes import StrictRoute
from gonogo_api.visits import Reader

router = APIRouter(prefix="/v1/sender-pools", route_class=StrictRoute, tags=["sender pools"])
DEFAULT = "pool_default"
POOL = Pool(id=DEFAULT, senderCount=1, dailyCapacity=None, remainingToday=None, remainingVolume=None)
LIMITED = Pool(id="pool_1", senderCount=1, dailyCapacity=500, remainingToday=120, remainingVolume=120)
POOLS = Pools(senderPools=[POOL, LIMITED])


@router.get("", responses=says(Pools, examples={"Sender Pools": POOLS}))
def list_sender_pools(visit: Reader) -> Response:
    """Every sender pool, with the volume that it has left."""
    return json_response(Pools(senderPools=list(visit.read(_pools).values())))


@router.get("/{id}", responses=says(Pool, examples={"Sender Pool": POOL, "Limited": LIMITED}))
def get_sender_pool(
    visit: Reader, pool_id: Annotated[str, Path(alias="id", description="Sender pool id, such as pool_default")]
) -> Response:
    """One sender pool."""
    found = visit.read(_pools).get(pool_id)
    if found is None:
        raise Problem("not_found", "Sender pool not found", "sender_pool")
    return json_response(found)


def _pools(call: Call) -> dict[str, Pool]:
    """The pools by id, the default one first."""
    found = {DEFAULT: POOL}
    for cap in limits.caps(call):
        if cap["kind"] == "pool":
            left = max(0, cap["daily"] - cap["used_today"])
            found[cap["subject"]] = Pool(
                id=cap["subject"],
                senderCount=1,
                dailyCapacity=cap["daily"],
                remainingToday=left,
                remainingVolume=left,
            )
    return found
