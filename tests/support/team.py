"""Several people of one workspace, each with a key of their own, and what becomes of what they say, over HTTP."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from support.house import Body, House
from support.server import Server, Tenant

#: What somebody holds who writes campaigns, and somebody who decides about them.
WRITER = ("campaigns:read", "campaigns:write", "campaigns:execute")
REVIEWER = ("campaigns:read", "lexi")
BOTH = (*WRITER, "lexi")


def stage(group: str = "approvers", quorum: int = 1) -> Body:
    return {"group": group, "quorum": quorum}


def through(*stages: Body, **more: object) -> Body:
    """A policy that takes every launch through these stages."""
    return {"rules": [{"name": "everything", "approve": {"stages": list(stages)}}], "separation": "none", **more}


@dataclass(slots=True)
class Team:
    """The people of a workspace by name; Olga owns it."""

    tenant: Tenant
    domain: str = field(default_factory=lambda: f"{uuid.uuid4().hex[:12]}.example.com")
    people: dict[str, House] = field(default_factory=dict)

    @classmethod
    def of(cls, server: Server, *reviewers: str) -> "Team":
        """Olga, Ann who writes campaigns, and those who are named, who may decide."""
        team = cls(server.workspace())
        team.join("olga")
        team.join("ann", *WRITER)
        for name in reviewers:
            team.join(name, *REVIEWER)
        return team

    def join(self, name: str, *scopes: str) -> House:
        """A member, with a key of those scopes, or of all."""
        self.people[name] = self.key(name, *scopes)
        return self.people[name]

    def key(self, name: str, *scopes: str) -> House:
        """A further key of the same person."""
        return House(self.tenant, self.tenant.client(*scopes, member=f"{name}@acme.example"), self.domain)

    def __getattr__(self, name: str) -> House:
        try:
            return self.people[name]
        except KeyError:
            raise AttributeError(name) from None

    def id(self, name: str) -> str:
        members = self.olga.data("GET", "/v1/members")["members"]
        [found] = [each["id"] for each in members if each["email"] == f"{name}@acme.example"]
        return str(found)

    def group(self, name: str, *members: str) -> None:
        """Say who is in a group from now on."""
        self.olga.data("PUT", f"/v1/groups/{name}", {"members": [f"{each}@acme.example" for each in members]})

    def policy(self, document: Body) -> int:
        return int(self.olga.data("PUT", "/v1/policy", document)["version"])

    def vote(self, name: str | House, task: str, choice: str = "approve", **said: object) -> str:
        """What became of a vote: a status, or the code of the first blocker."""
        house = name if isinstance(name, House) else self.people[name]
        return word(house.client.post(f"/v1/lexi/tasks/{task}/{choice}", said or None))

    def status_of(self, campaign: str) -> str:
        return self.olga.status(campaign)

    def approvals(self, task: str) -> tuple[int, list[int]]:
        """How many approvals count now: in all, and by stage."""
        shown = self.olga.task(task)
        return shown["approvals"]["have"], [each["have"] for each in shown["stages"]]


def word(answer: Any) -> str:
    """The status that an answer tells, or the code of the first blocker."""
    body = answer.json()
    if answer.ok:
        said = body["data"]
        found = [each for each in (said, *said.values()) if isinstance(each, dict) and "status" in each]
        return str(found[0]["status"])
    error = body["error"]
    assert answer.status_code < 500, answer.text
    blockers = error.get("blockers")
    return str(blockers[0]["code"] if blockers else error["code"])


def blocker(answer: Any) -> Body:
    """The first blocker of a refusal."""
    found: Body = answer.json()["error"]["blockers"][0]
    return found
