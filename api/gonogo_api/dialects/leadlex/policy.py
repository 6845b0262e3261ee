"""The policy: what asks people, and every version that did."""

from fastapi import APIRouter, Response

from gonogo import drafts, reading, workspaces
from gonogo.asking import document_of
from gonogo.call import Call
from gonogo.models import Document
from gonogo.seal import digest
from gonogo_api.conditional import IfMatch, unchanged
from gonogo_api.dialects.leadlex.answers import PolicyShown, PolicyVersion, PolicyVersions, PolicyWritten, Valid, data
from gonogo_api.dialects.leadlex.written import POLICY_BODY, Written
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, iso
from gonogo_api.visits import PolicyWriter, Reader

router = APIRouter(prefix="/v1/policy", route_class=StrictRoute, tags=["policy"])


@router.get("", responses=says(Data[PolicyShown]))
def get_policy(visit: Reader) -> Response:
    """The policy in force; version 0 is the built-in one."""
    return _shown(*visit.read(workspaces.current_policy))


@router.put("", openapi_extra=POLICY_BODY, responses=says(Data[PolicyWritten]) | says(Data[PolicyWritten], 202))
def put_policy(visit: PolicyWriter, document: Written, if_match: IfMatch = None) -> Response:
    """Put a policy into force, or ask people first where the one in force says so: then the answer is 202, and names
    the task. What was asked under the old one keeps what it asked."""

    def write(call: Call) -> tuple[workspaces.PolicyWritten, Document]:
        unchanged(if_match, _shown(*workspaces.hold_policy(call)))
        written = workspaces.write_policy(call, document)
        return written, document_of(call, written.number)

    written, stored = visit.write(write)
    shown = PolicyWritten(version=written.number, digest=digest(stored), policy=stored, task_id=written.task_id)
    return data(shown, 202 if written.task_id else 200)


@router.get("/versions", responses=says(Data[PolicyVersions]))
def policy_versions(visit: Reader) -> Response:
    """Every policy that was written, the newest first."""
    found = visit.read(reading.policy_versions)
    shown = [
        PolicyVersion(
            version=row["number"],
            digest=row["digest"],
            policy=row["document"],
            at=iso(row["at"]),
            in_force=row["in_force"],
        )
        for row in found
    ]
    return data(PolicyVersions(versions=shown))


@router.post("/validate", openapi_extra=POLICY_BODY, responses=says(Data[Valid]))
def validate_policy(visit: Reader, document: Written) -> Response:
    """Could this be put into force? If not, every mistake is told. Changes nothing."""
    visit.read(lambda call: drafts.check(call, document))
    return data(Valid(valid=True))


def _shown(number: int, document: Document) -> Response:
    return data(PolicyShown(version=number, digest=digest(document), policy=document))
