"""Sender pools: there is one, the workspace's default sender, and no volume is set for it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from gonogo_api.dialects.leadterra.answers import Pool, Pools
from gonogo_api.door import Reader, StrictRoute
from gonogo_api.openapi import says
from gonogo_api.problems import Problem, json_response

router = APIRouter(prefix="/v1/sender-pools", route_class=StrictRoute, tags=["sender pools"])
POOL = Pool(id="pool_default", senderCount=1, dailyCapacity=None, remainingToday=None, remainingVolume=None)
POOLS = Pools(senderPools=[POOL])


@router.get("", responses=says(Pools, examples={"Sender Pools": POOLS}))
def list_sender_pools(_: Reader) -> Response:
    """Every sender pool, with the volume that it has left."""
    return json_response(POOLS)


@router.get("/{id}", responses=says(Pool, examples={"Sender Pool": POOL}))
def get_sender_pool(
    _: Reader, pool_id: Annotated[str, Path(alias="id", description="Sender pool id, such as pool_default")]
) -> Response:
    """One sender pool."""
    if pool_id != POOL["id"]:
        raise Problem("not_found", "Sender pool not found", "sender_pool")
    return json_response(POOL)
