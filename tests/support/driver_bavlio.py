"""Bavlio, as the walk through the start table drives it."""

from typing import Any

import requests

from gonogo_api.contract import Answer
from support.drivers import PEOPLE, Driver

ROOT = "/api/v1/campaigns"
STEP = {"message_template": "Dear {{ email }}, we launch."}
#: Every field of the seed's campaign, with its type; those that may be null say so.
CAMPAIGN: dict[str, Any] = {
    "campaign_id": str,
    "user_id": str,
    "dataset_id": str | None,
    "name": str,
    "type": str,
    "status": str,
    "launch_type": str,
    "daily_limit": int,
    "sending_window_start": str | None,
    "sending_window_end": str | None,
    "min_interval_seconds": int,
    "timezone": str,
    "steps_config": list,
    "send_days": list,
    "created_at": str,
    "updated_at": str,
    "description": str | None,
    "start_date": str | None,
    "alias_ids": list,
    "connected_account_id": str | None,
    "total_leads": int,
    "processed_leads": int,
    "launch_job_id": str | None,
    "launch_requested_at": str | None,
    "launch_error": str | None,
    "system_prompt": str | None,
    "unreviewed_launch_policy": str,
    "paused_reason": str | None,
    "playground_discovery_dismissed_at": str | None,
}


class Bavlio(Driver):
    dialect = "bavlio"

    def campaign(self, *, recipients: bool = True, content: bool = True, **fields: Any) -> str:
        if recipients:
            fields = {"dataset_id": self.dataset(PEOPLE), **fields}
        if content:
            fields = {"steps_config": [STEP], **fields}
        return str(self.client.post(ROOT, {"name": "Spring", **fields}).json()["campaign_id"])

    def dataset(self, rows: list[dict[str, Any]]) -> str:
        wire_id = str(self.client.post("/api/v1/datasets", {"name": "People"}).json()["dataset_id"])
        assert self.client.post(f"/api/v1/datasets/{wire_id}/rows", {"rows": rows}).status_code == 200
        return wire_id

    def post(self, wire_id: str, verb: str) -> requests.Response:
        return self.client.post(f"{ROOT}/{wire_id}/{verb}")

    def shown(self, wire_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"{ROOT}/{wire_id}").json()
        check_campaign(found)
        return found

    def start(self, wire_id: str) -> requests.Response:
        return self.post(wire_id, "launch")

    def status(self, wire_id: str) -> str:
        return str(self.shown(wire_id)["status"])

    def started(self, answer: requests.Response, wire_id: str) -> str:
        body = answer.json()
        assert list(body) == ["campaign", "summary", "warnings"]
        check_campaign(body["campaign"])
        assert body["campaign"]["campaign_id"] == wire_id
        assert {name: type(value) for name, value in body["summary"].items()} == dict.fromkeys(
            ("total_rows", "launchable_rows", "warning_count"), int
        )
        assert body["summary"]["launchable_rows"] == len(PEOPLE)
        return str(body["campaign"]["status"])

    def refused(self, answer: requests.Response) -> Answer:
        return Answer(answer.status_code, *error_of(answer))


def check_campaign(found: dict[str, Any]) -> None:
    assert set(found) == set(CAMPAIGN)
    assert [name for name, kind in CAMPAIGN.items() if not isinstance(found[name], kind)] == []


def error_of(answer: requests.Response) -> tuple[str, str]:
    """The code and the message of an error."""
    body = answer.json()
    assert {name: type(value) for name, value in body.items()} == {"detail": str, "message": str}
    return body["detail"], body["message"]
