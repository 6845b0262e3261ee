"""Sonarly, as the walk through the start table drives it."""

import re
from typing import Any

import requests

from gonogo_api.contract import Answer
from support.drivers import PEOPLE, Driver
from support.server import Server

MESSAGE = {"subject": "Hello", "body": "Dear {{ email }}, we launch."}
HEX24 = re.compile(r"[0-9a-f]{24}")
#: Every field of the seed's campaign, with its type; those that may be null say so.
CAMPAIGN: dict[str, Any] = {
    "id": str,
    "name": str,
    "description": str | None,
    "status": str,
    "selectedLeadCount": int,
    "includeConversationHistory": bool,
    "autoCancelOnMessageReceived": bool,
    "outreachLanguage": str | None,
    "createdAt": str,
    "updatedAt": str,
    "startedAt": str | None,
    "rateLimitedUntil": str | None,
}


class Sonarly(Driver):
    dialect = "sonarly"

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self.root = f"/v1/accounts/{self.tenant.account_group()}/campaigns"

    def campaign(self, *, recipients: bool = True, content: bool = True) -> str:
        made = self.client.post(self.root, {"name": "Avery Stone", **({"message": MESSAGE} if content else {})})
        wire_id = str(data_of(made)["campaign"]["id"])
        if recipients:
            self.client.post(f"{self.root}/{wire_id}/leads", {"leads": PEOPLE})
        return wire_id

    def start(self, wire_id: str) -> requests.Response:
        return self.client.post(f"{self.root}/{wire_id}/start")

    def status(self, wire_id: str) -> str:
        return str(data_of(self.client.get(f"{self.root}/{wire_id}"))["campaign"]["status"])

    def started(self, answer: requests.Response, wire_id: str) -> str:
        data = data_of(answer)
        assert set(data) == {"campaign", "triggered", "instancesCreated"}
        check_campaign(data["campaign"])
        assert data["campaign"]["id"] == wire_id
        triggered = data["campaign"]["status"] == "active"
        assert (data["triggered"], data["instancesCreated"]) == (triggered, len(PEOPLE) if triggered else 0)
        return str(data["campaign"]["status"])

    def refused(self, answer: requests.Response) -> Answer:
        error = error_of(answer)
        return Answer(answer.status_code, error["code"], error["message"])


def data_of(answer: requests.Response) -> dict[str, Any]:
    """The data of an envelope that reports success."""
    body = answer.json()
    assert set(body) == {"success", "data", "error", "traceId"}
    assert (body["success"], body["error"]) == (True, None), answer.text
    _check_trace(answer)
    data: dict[str, Any] = body["data"]
    return data


def error_of(answer: requests.Response) -> dict[str, str]:
    """The error of an envelope that reports one."""
    body = answer.json()
    assert set(body) == {"success", "data", "error", "traceId"}
    assert (body["success"], body["data"]) == (False, None), answer.text
    _check_trace(answer)
    error: dict[str, str] = body["error"]
    assert {name: type(value) for name, value in error.items()} == dict.fromkeys(("code", "message", "details"), str)
    return error


def whole_error(answer: requests.Response, status: int, code: str, message: str, details: str = "") -> None:
    """The error is this one, in every byte that JSON keeps; only the trace id is the answer's own."""
    error = {"code": code, "message": message, "details": details}
    body = {"success": False, "data": None, "error": error, "traceId": answer.headers["X-Request-Id"]}
    assert (answer.status_code, answer.json()) == (status, body)
    _check_trace(answer)


def check_campaign(found: dict[str, Any]) -> None:
    assert set(found) == set(CAMPAIGN)
    assert [name for name, kind in CAMPAIGN.items() if not isinstance(found[name], kind)] == []


def _check_trace(answer: requests.Response) -> None:
    trace = answer.json()["traceId"]
    assert HEX24.fullmatch(trace)
    assert answer.headers["X-Request-Id"] == trace
