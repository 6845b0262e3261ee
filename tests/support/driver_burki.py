"""Burki, as the walk through the start table drives it."""

from typing import Any

import requests

from gonogo_api.contract import Answer
from support.drivers import PEOPLE, Driver

ROOT = "/api/v1/campaigns"
ASSISTANT = {"name": "Ann", "subject": "Hello", "body": "Dear {{ email }}, we launch."}


class Burki(Driver):
    dialect = "burki"

    def campaign(self, *, recipients: bool = True, content: bool = True, **fields: Any) -> str:
        if content:
            fields["assistant_id"] = self.client.post("/api/v1/assistants", ASSISTANT).json()["id"]
        wire_id = str(self.client.post(ROOT, {"name": "Spring", **fields}).json()["id"])
        if recipients:
            self.client.post(f"{ROOT}/{wire_id}/contacts", {"contacts": PEOPLE})
        return wire_id

    def post(self, wire_id: str, verb: str, body: Any = None) -> requests.Response:
        return self.client.post(f"{ROOT}/{wire_id}/{verb}", body)

    def shown(self, wire_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"{ROOT}/{wire_id}").json()
        return found

    def start(self, wire_id: str) -> requests.Response:
        return self.post(wire_id, "start")

    def status(self, wire_id: str) -> str:
        return str(self.shown(wire_id)["status"])

    def started(self, answer: requests.Response, wire_id: str) -> str:
        body = answer.json()
        kinds = {"success": bool, "message": str, "task_id": str, "campaign_id": int, "status": str}
        if "scheduled_time" in body:
            kinds["scheduled_time"] = str
        assert {name: type(value) for name, value in body.items()} == kinds
        assert (body["success"], body["campaign_id"]) == (True, int(wire_id))
        return str(body["status"])

    def refused(self, answer: requests.Response) -> Answer:
        return Answer(answer.status_code, "", detail_of(answer))


def detail_of(answer: requests.Response) -> str:
    """What an error says."""
    body = answer.json()
    assert list(body) == ["success", "detail"]
    assert body["success"] is False
    assert isinstance(body["detail"], str)
    return str(body["detail"])
