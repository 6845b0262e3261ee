"""Leadterra, as the walk through the start table drives it."""

import re

import requests

from gonogo_api.contract import Answer
from support.drivers import PEOPLE, Driver

STEP = {"type": "email", "subject": "Hello", "body": "Dear {{ email }}, we launch.", "delayDays": 0}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Leadterra(Driver):
    dialect = "leadterra"

    def campaign(self, *, recipients: bool = True, content: bool = True) -> str:
        wire_id = str(self.client.post("/v1/campaigns", {"name": "Spring"}).json()["id"])
        if content:
            self.client.post(f"/v1/campaigns/{wire_id}/steps", STEP)
        if recipients:
            self.client.post(f"/v1/campaigns/{wire_id}/leads", {"leads": PEOPLE})
        return wire_id

    def start(self, wire_id: str) -> requests.Response:
        return self.client.post(f"/v1/campaigns/{wire_id}/start")

    def status(self, wire_id: str) -> str:
        return str(self.client.get(f"/v1/campaigns/{wire_id}").json()["status"])

    def started(self, answer: requests.Response, wire_id: str) -> str:
        body = answer.json()
        assert list(body) == ["id", "status", "startedAt"]
        assert body["id"] == wire_id
        if body["status"] == "running":
            assert MOMENT.fullmatch(body["startedAt"])
        else:
            assert body["startedAt"] is None
        return str(body["status"])

    def refused(self, answer: requests.Response) -> Answer:
        return Answer(answer.status_code, *error_of(answer))


def whole_error(answer: requests.Response, status: int, code: str, message: str) -> None:
    """The error is this one, and says nothing else."""
    assert (answer.status_code, answer.json()) == (status, {"error": {"code": code, "message": message}})


def error_of(answer: requests.Response) -> tuple[str, str]:
    """The code and the message of an error."""
    [(envelope, error)] = answer.json().items()
    assert envelope == "error"
    assert {name: type(value) for name, value in error.items()} == {"code": str, "message": str}
    return error["code"], error["message"]
