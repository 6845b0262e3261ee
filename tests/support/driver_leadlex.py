"""LeadLex, as the walk through the start table drives it."""

import requests

from gonogo_api.contract import Answer
from support.drivers import PEOPLE, Driver

TEMPLATE = {"subject": "Hello", "body": "Dear {{ email }}, we launch."}


class LeadLex(Driver):
    dialect = "leadlex"

    def campaign(self, *, recipients: bool = True, content: bool = True) -> str:
        made = self.client.post("/v1/campaigns", {"name": "Spring", **({"template": TEMPLATE} if content else {})})
        wire_id = str(made.json()["data"]["campaign"]["id"])
        if recipients:
            self.client.post(f"/v1/campaigns/{wire_id}/contacts", {"contacts": PEOPLE})
        return wire_id

    def start(self, wire_id: str) -> requests.Response:
        return self.client.post(f"/v1/campaigns/{wire_id}/start")

    def status(self, wire_id: str) -> str:
        return str(self.client.get(f"/v1/campaigns/{wire_id}").json()["data"]["campaign"]["status"])

    def started(self, answer: requests.Response, wire_id: str) -> str:
        [(envelope, data)] = answer.json().items()
        assert envelope == "data"
        assert set(data) == {"campaign_id", "status", "task_id", "warnings"}
        assert data["campaign_id"] == wire_id
        assert isinstance(data["task_id"], str) == (data["status"] == "pending_approval")
        return str(data["status"])

    def refused(self, answer: requests.Response) -> Answer:
        [(envelope, error)] = answer.json().items()
        assert envelope == "error"
        assert set(error) == {"code", "message", "blockers"}
        return Answer(answer.status_code, error["code"], error["message"])
