"""The policy: what asks people, and every version that did."""

from fastapi import APIRouter, Response

from gonogo import policy, reading, workspaces
from gonogo.call import Call
from gonogo.models import Document
from gonogo.seal import digest
from gonogo_api.dialects.leadlex.answers import PolicyShown, PolicyVersion, PolicyVersions, Valid, data
from gonogo_api.dialects.leadlex.written import POLICY_BODY, Written
from gonogo_api.door import IfMatch, PolicyWriter, Reader, StrictRoute, unchanged
from gonogo_api.openapi import says
from gonogo_api.shapes import Data, iso

router = APIRouter(prefix="/v1/policy", route_class=StrictRoute, tags=["policy"])


@router.get("", responses=says(Data[PolicyShown]))
def get_policy(visit: Reader) -> Response:
    """The policy in force; version 0 is the built-in one."""
    return _shown(*visit.read(workspaces.current_policy))


@router.put("", openapi_extra=POLICY_BODY, responses=says(Data[PolicyShown]))
def put_policy(visit: PolicyWriter, document: Written, if_match: IfMatch = None) -> Response:
    """Put a policy into force. What was asked under the old one keeps what it asked."""

    def write(call: Call) -> int:
        unchanged(if_match, _shown(*workspaces.hold_policy(call)))
        return workspaces.write_policy(call, document)

    return _shown(visit.write(write), document)


@router.get("/versions", responses=says(Data[PolicyVersions]))
def policy_versions(visit: Reader) -> Response:
    """Every policy that was put into force, the newest first."""
    found = visit.read(reading.policy_versions)
    shown = [
        PolicyVersion(version=row["number"], digest=row["digest"], policy=row["document"], at=iso(row["at"]))
        for row in found
    ]
    return data(PolicyVersions(versions=shown))


@router.post("/validate", openapi_extra=POLICY_BODY, responses=says(Data[Valid]))
def validate_policy(_: Reader, document: Written) -> Response:
    """Could this be put into force? If not, every mistake is told. Changes nothing."""
    policy.parse(document)
    return data(Valid(valid=True))


def _shown(number: int, document: Document) -> Response:
    return data(PolicyShown(version=number, digest=digest(document), policy=document))
