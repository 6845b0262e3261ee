"""The house API as tests use it: one client of one workspace, over HTTP, with what is asked of it again and again."""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa

from gonogo import models
from gonogo.models import Base, table
from support.server import Client, Server, Tenant

TEMPLATE = {"subject": "Hello {{ name }}", "body": "Dear {{ name }}, we launch."}
#: The second message is due in two days: a launch with it stays under way.
LATER = [{"delay_days": 2, "template": TEMPLATE}]
NOBODY = "00000000-0000-4000-8000-000000000000"  # an id of the right shape that names nothing
Body = dict[str, Any]


def asking(quorum: int = 1, separation: str = "none", **more: object) -> Body:
    """A policy that asks people about everything."""
    stages = [{"group": "approvers", "quorum": quorum}]
    return {"rules": [{"name": "everything", "approve": {"stages": stages}}], "separation": separation, **more}


@dataclass(slots=True)
class House:
    """A client of LeadLex in a workspace, and the mail domain that its contacts live under."""

    tenant: Tenant
    client: Client
    domain: str

    @classmethod
    def of(cls, server: Server, *scopes: str, policy: Body | None = None, member: str | None = None) -> "House":
        """A new workspace, under a policy if one is given."""
        tenant = server.workspace()
        client = tenant.client(*scopes, member=member)  # first: a policy that nobody could satisfy is refused
        if policy is not None:
            tenant.policy(policy)
        return cls(tenant, client, f"{uuid.uuid4().hex[:12]}.example.com")

    def by(self, *scopes: str, member: str | None = None) -> "House":
        """The same workspace, as somebody else sees it."""
        return House(self.tenant, self.tenant.client(*scopes, member=member), self.domain)

    def people(self, count: int, start: int = 0) -> list[Body]:
        return [{"email": f"p{n}@{self.domain}", "name": f"N{n}"} for n in range(start, start + count)]

    def data(self, method: str, path: str, body: object = None) -> Any:
        """What a call that must succeed answers."""
        answer = self.client.call(method, path, body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["data"]

    def draft(self, recipients: int = 2, **fields: object) -> str:
        """A campaign that is ready to start."""
        said = {"name": "Spring", "template": TEMPLATE, **fields}
        campaign = str(self.data("POST", "/v1/campaigns", said)["campaign"]["id"])
        for start in range(0, recipients, 1000):
            contacts = self.people(min(1000, recipients - start), start)
            self.data("POST", f"/v1/campaigns/{campaign}/contacts", {"contacts": contacts})
        return campaign

    def start(self, campaign: str) -> Body:
        started: Body = self.data("POST", f"/v1/campaigns/{campaign}/start")
        return started

    def asked(self, recipients: int = 2, **fields: object) -> tuple[str, str]:
        """A campaign that awaits approval, and its task. The policy in force must ask."""
        campaign = self.draft(recipients, **fields)
        started = self.start(campaign)
        assert started["status"] == "pending_approval"
        return campaign, started["task_id"]

    def running(self) -> str:
        """A campaign whose first message is out and whose second is not due yet. The policy must permit it."""
        campaign = self.draft(steps=LATER)
        self.start(campaign)
        eventually(lambda: self.data("GET", f"/v1/campaigns/{campaign}/stats")["sent"], 2)
        return campaign

    def sent(self) -> str:
        """A campaign that was sent. The policy must permit it."""
        campaign = self.draft()
        self.start(campaign)
        self.wait_for(campaign, "completed")
        return campaign

    def campaign(self, campaign: str) -> Body:
        found: Body = self.data("GET", f"/v1/campaigns/{campaign}")["campaign"]
        return found

    def status(self, campaign: str) -> str:
        return str(self.campaign(campaign)["status"])

    def task(self, task: str) -> Body:
        found: Body = self.data("GET", f"/v1/lexi/tasks/{task}")["task"]
        return found

    def wait_for(self, campaign: str, status: str) -> None:
        eventually(lambda: self.status(campaign), status)

    def pages(self, path: str) -> list[list[Body]]:
        """A list, page by page, by following the links as they are given."""
        found: list[list[Body]] = []
        while path:
            answer = self.client.get(path)
            assert answer.status_code == 200, answer.text
            [rows] = answer.json()["data"].values()
            found.append(rows)
            path = answer.links.get("next", {}).get("url", "")
        return found

    def mails(self) -> list[EmailMessage]:
        """What was written into the maildir for people of this workspace."""
        return mails(self.tenant.server.mail, self.domain)

    def rows(self) -> Mapping[str, list[str]]:
        """Every row of the workspace, but for when keys were used, so that two moments can be compared."""
        engine = self.tenant.server.engine
        assert engine is not None
        with engine.connect() as connection:
            return {
                name: sorted(repr(tuple(row)) for row in connection.execute(statement))
                for name, statement in _mine(self.tenant.id).items()
            }


def _mine(workspace: str) -> dict[str, sa.Select[Any]]:
    """A question to every table that holds rows of workspaces: those of this one."""

    def ids(model: type[Base], column: str, inside: sa.Select[Any]) -> sa.Select[Any]:
        return sa.select(table(model).c.id).where(table(model).c[column].in_(inside))

    mine = sa.select(sa.literal(workspace))
    campaigns = ids(models.Campaign, "workspace_id", mine)
    owners = {
        "workspace_id": mine,
        "campaign_id": campaigns,
        "list_id": ids(models.ContactList, "workspace_id", mine),
        "run_id": ids(models.Run, "campaign_id", campaigns),
        "task_id": ids(models.Task, "workspace_id", mine),
        "permit_id": ids(models.Permit, "campaign_id", campaigns),
    }
    return {
        name: sa.select(*(each for each in found.c if each.name != "used_at")).where(found.c[column].in_(inside))
        for name, found in Base.metadata.tables.items()
        for column, inside in list(owners.items())
        if column == next((known for known in owners if known in found.c), None)
    }


def eventually(question: Callable[[], object], wanted: object, seconds: float = 30) -> None:
    """Ask until the answer is the one wanted: for what another process does."""
    deadline = time.monotonic() + seconds
    while (found := question()) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted!r}, and it is still {found!r}"
        time.sleep(0.05)


def mails(maildir: Path, domain: str) -> list[EmailMessage]:
    """The mails in a maildir to people of a domain."""
    read = (message_from_bytes(path.read_bytes(), policy=policy.default) for path in (maildir / "new").iterdir())
    return [mail for mail in read if str(mail["To"]).endswith(f"@{domain}")]


def refusal(answer: requests.Response) -> tuple[int, str, list[str]]:
    """Status, code and blockers of an error, once its shape was found right."""
    [(envelope, error)] = answer.json().items()
    assert envelope == "error", answer.text
    assert isinstance(error["message"], str)
    assert error["message"]
    assert set(error) <= {"code", "message", "blockers", "mistakes"}
    assert answer.headers["X-Request-Id"]
    return answer.status_code, error["code"], [blocker["code"] for blocker in error.get("blockers", [])]
