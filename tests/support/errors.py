"""How each dialect says no, as its own clients read it: for tests that ask the same of all five."""

import re
from collections.abc import Callable
from typing import Any

import requests

from support.server import Tenant

DIALECTS = ("leadlex", "sonarly", "leadterra", "burki", "bavlio")
#: What each answers for a body that is no JSON, and what for JSON that it can't take.
MALFORMED = {"leadlex": 400, "sonarly": 400, "leadterra": 400, "burki": 422, "bavlio": 422}
INVALID = {"leadlex": 400, "sonarly": 422, "leadterra": 422, "burki": 422, "bavlio": 422}


def campaigns(tenant: Tenant) -> str:
    """Where campaigns are made, mounted."""
    paths = {
        "leadlex": "/v1/campaigns",
        "sonarly": f"/v1/accounts/{tenant.account_group()}/campaigns",
        "leadterra": "/v1/campaigns",
        "burki": "/api/v1/campaigns",
        "bavlio": "/api/v1/campaigns",
    }
    return f"/{tenant.dialect}{paths[tenant.dialect]}"


def says_no(answer: requests.Response, dialect: str) -> None:
    """The error is in the dialect's own shape, and says something."""
    assert answer.headers["Content-Type"] == "application/json", answer.text
    assert re.fullmatch("[0-9a-f]{24}", answer.headers["X-Request-Id"])
    assert "Traceback" not in answer.text
    assert "sqlalchemy" not in answer.text
    _SHAPES[dialect](answer, answer.json())


def _leadlex(_: requests.Response, body: Any) -> None:
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "blockers", "mistakes"}
    assert body["error"]["code"]
    assert body["error"]["message"]


def _sonarly(answer: requests.Response, body: Any) -> None:
    assert set(body) == {"success", "data", "error", "traceId"}
    assert (body["success"], body["data"]) == (False, None)
    assert {name: type(value) for name, value in body["error"].items()} == dict.fromkeys(
        ("code", "message", "details"), str
    )
    assert body["error"]["code"] == body["error"]["code"].upper()
    assert body["traceId"] == answer.headers["X-Request-Id"]


def _leadterra(_: requests.Response, body: Any) -> None:
    assert {name: type(value) for name, value in body["error"].items()} == {"code": str, "message": str}
    assert set(body) == {"error"}


def _burki(answer: requests.Response, body: Any) -> None:
    assert set(body) == {"success", "detail"}
    assert body["success"] is False
    assert isinstance(body["detail"], list if answer.status_code == 422 else str)
    assert body["detail"]


def _bavlio(answer: requests.Response, body: Any) -> None:
    if answer.status_code == 422:
        assert set(body) == {"error", "details", "path", "message"}
        assert body["error"] == "Request Validation Error"
        assert body["details"]
    else:
        assert {name: type(value) for name, value in body.items()} == {"detail": str, "message": str}
        assert body["detail"] == body["detail"].upper()


_SHAPES: dict[str, Callable[[requests.Response, Any], None]] = {
    "leadlex": _leadlex,
    "sonarly": _sonarly,
    "leadterra": _leadterra,
    "burki": _burki,
    "bavlio": _bavlio,
}
