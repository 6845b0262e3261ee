"""Who asks Sonarly, and for which account group."""

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Request, Response

from gonogo.store.cases import Case
from gonogo_api.dialects.sonarly.answers import CampaignShown, Envelope, OneCampaign, campaign
from gonogo_api.dialects.sonarly.shapes import well_formed
from gonogo_api.problems import Problem, json_response
from gonogo_api.visits import Visit, needs

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Account:
    """One authenticated request to an account group that its key grants."""

    visit: Visit
    trace_id: str

    def envelope(self, data: T) -> Envelope[T]:
        return Envelope(success=True, data=data, error=None, traceId=self.trace_id)

    def answer(self, data: object, status: int = 200) -> Response:
        return json_response(self.envelope(data), status)

    def campaign(self, case: Case, status: int = 200) -> Response:
        return self.answer(OneCampaign(campaign=self.shown(case)), status)

    def shown(self, case: Case) -> CampaignShown:
        return campaign(case, self.visit.door.gate.clock.now())


def granted(scope: str) -> Any:
    """The dependency of a route: a valid key with the scope, and an account group that it grants.

    Whether another account group exists is nobody's business: the answer is the same.
    """

    async def account(
        request: Request,
        visit: Annotated[Visit, needs(scope)],
        account_group: Annotated[
            str, Path(alias="accountGroupId", description="Account group ID that scopes the request")
        ],
    ) -> Account:
        if well_formed("accountGroupId", account_group) != visit.visitor.account_group:
            raise Problem("forbidden", "The key does not grant access to this account group", "account_group_access")
        return Account(visit, request.scope["request_id"])

    return Depends(account)


Reader = Annotated[Account, granted("campaigns:read")]
Writer = Annotated[Account, granted("campaigns:write")]
Launcher = Annotated[Account, granted("campaigns:execute")]
