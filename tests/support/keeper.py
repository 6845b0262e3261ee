"""A keeper around the real service: it arranges rows so that the facts are true, and fires the use case.

What people, the clock or the executor would have brought about is written straight into the rows; the event itself goes
through `gonogo.service`, which must find out the facts by itself. So a fact that is loaded wrongly is found, too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import models, proposal, service, workspaces
from gonogo.actor import Actor, machine
from gonogo.asking import freeze
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.campaign import CAMPAIGN
from gonogo.definition import Blocker, Decision, Flow
from gonogo.facts import DOMAIN, Facts
from gonogo.models import table
from gonogo.policy import Cast, Requirement, Voter, entitlement, parse
from gonogo.proposal import Proposal
from gonogo.review import Proposal as Reviewed
from gonogo.review import review
from gonogo.store import cases
from gonogo.store import workspaces as store
from gonogo.testing.fake_jobs import FakeJobs
from support.engine import HELLO, NOW, asking

campaign, run, task = table(models.Campaign), table(models.Run), table(models.Task)
glass = table(models.Glass)
ledger, contact, contacts = table(models.Ledger), table(models.Contact), table(models.ContactList)
BALLOTS = ("approve", "retract", "dismiss", "request_changes", "withdraw")
ODD = {"timezone": "Mars/Olympus"}  # what Lexi blocks, whatever the content and the audience
MEMBERS = ("asker", "voter", "newcomer")
STARTS = {"none": None, "ahead": TimeDelta(hours=1), "due": TimeDelta(minutes=-1), "late": TimeDelta(hours=-2)}
AUTO = {"name": "auto", "when": {"recipients_at_most": 1000}, "approve": "auto"}
ASKING = {**asking(), "break_glass": {"group": "approvers"}}
POLICIES: dict[str, dict[str, Any]] = {
    "people": ASKING,
    "auto": {**ASKING, "rules": [AUTO, *ASKING["rules"]]},
    "ungated": {"approval": "off", "reason": "a test"},
}
FREEZE = {"from": "2025-12-24", "to": "2026-02-01", "zone": "UTC", "reason": "a test"}


def arrangeable() -> Flow[Facts]:
    """The campaign's flow, with the values that the service really gives to two of its facts."""
    stranger = entitlement(Requirement(separation="none"), [Voter("stranger")])
    glass = Blocker("not_entitled", "Only approvers may break the glass.", group="approvers")
    frozen = freeze(parse({**ASKING, "freeze": [FREEZE]}), NOW)
    found = review(Reviewed(content=HELLO, settings=ODD, start_at=None, now=NOW, audience=(), excluded={}))
    blocking = _proposal(tuple(each for each in found if each.code == "unknown_zone")).blockers
    values: dict[str, tuple[object, ...]] = {
        "entitled": (None, stranger, glass),
        "findings": (blocking,),
        "frozen": (None, frozen),
        "permission": tuple(POLICIES),  # breaking the glass is an event of its own
    }
    return replace(CAMPAIGN, domain={**DOMAIN, **values})


def possible(state: str, event: str, facts: Facts) -> bool:
    """Whether rows can say so. A deadline that passed is a step of its own before other events, and has its tests."""
    own = facts.addressed == facts.task if facts.task != "none" else facts.addressed in ("approved", "void")
    other = event in BALLOTS and facts.addressed in ("approved", "void")
    plain = (facts.entitled, facts.repeated, facts.seen, facts.acknowledged, facts.enough) == (
        None, False, True, True, True,
    )  # fmt: skip
    return (
        (own or other or state != "pending_approval")
        and not (event in BALLOTS and state != "pending_approval" and facts.addressed in ("pending", "reviewing"))
        and (event not in BALLOTS or facts.addressed == "pending" or plain)
        and (event == "expire" or not facts.overdue)
        and not (event in ("approve",) and facts.review != "clean")
        and not (event == "reviewed" and facts.review == "pending")
        and _policy_says(event, facts)
        and (not facts.lapsed or (event in ("begin", "lapse") and facts.permit == "valid"))
        and not (facts.unsettled and facts.run == "none")
    )


def _policy_says(event: str, facts: Facts) -> bool:
    """A policy that is off freezes nothing, and lets nobody break the glass."""
    of_glass = facts.entitled is not None and "glass" in facts.entitled.message
    off = facts.permission == "ungated" and (facts.frozen is not None or event == "break_glass")
    return not off and (facts.entitled is None or of_glass == (event == "break_glass"))


class ServiceKeeper:
    """One campaign in a real database."""

    def __init__(self, engine: sa.Engine, workspace: str) -> None:
        self.engine, self.workspace = engine, workspace
        self.jobs = FakeJobs()
        for job in ("segment", "review"):
            self.jobs.handle(job, lambda *_: None)
        self.facts = Facts()
        self.claims = 0
        self.members = {"stranger": "stranger"}
        with engine.begin() as connection:
            joining = Call(connection, machine(workspace), NOW, self.jobs)
            for name in MEMBERS:
                self.members[name] = workspaces.add_member(joining, f"{name}@acme.example", scopes=["lexi"])
        self.id = self._do("asker", lambda call: service.create(call, service.Draft("c", content=HELLO))).case.id
        self._do("asker", self._people)
        self.old = {"approved": self._past("approve"), "void": self._past("")}

    def _people(self, call: Call) -> Outcome:
        return service.add_contacts(call, self.id, [{"email": "ada@example.com", "name": "Ada"}])[0]

    def _past(self, decision: str) -> str:
        """A task of an earlier run, decided or not, and closed by an edit."""
        self._policy("people")
        asked = self._do("asker", lambda call: service.start(call, self.id))
        if decision:
            self._do("voter", lambda call: service.approve(call, str(asked.case.task_id)))
            self._do("asker", lambda call: service.pause(call, self.id))
        self._do("asker", lambda call: service.revise(call, self.id, name="again"))
        return str(asked.case.task_id)

    # What the harness asks

    def learn(self, facts: Facts) -> None:
        self.facts = facts
        self._policy(facts.permission, frozen=facts.frozen is not None)
        proposal.REVIEWED_AT_ONCE = -1 if facts.review == "pending" else 20_000
        with self.engine.begin() as connection:
            call = self._call(connection, "voter")
            self._arrange_campaign(call)
            case = cases.read(connection, self.workspace, self.id)
            if case.run_id:
                step = 0 if facts.unsettled else 1
                self._set(connection, run, case.run_id, step=step, cursor=0, recipients=case.recipients)
            if case.permit_id:
                self._arrange_glass(connection, case)
            if case.task_open:
                self._arrange_task(call, case)
            self._arrange_claims(call, max(facts.in_flight, facts.claimed))

    def fire(self, event: str) -> Decision[Any]:
        with self.engine.begin() as connection:  # how many people are left is asked by two facts
            left = self.facts.waiting if event == "complete" else self.facts.recipients
            self._arrange_people(connection, left)
        person = "stranger" if self.facts.entitled else "voter" if self.facts.repeated else "newcomer"
        if event in ("start", "resume") or (event == "withdraw" and self.facts.requester):
            person = "asker"
        outcome = self._do(person, self._verb(event))
        return Decision(None if outcome.blockers else outcome.case.state, outcome.blockers)

    def state(self) -> str:
        with self.engine.begin() as connection:
            return cases.read(connection, self.workspace, self.id).state

    def snapshot(self) -> object:
        """All that a refusal must leave alone: the case, its steps and votes, and how many rows there are."""
        with self.engine.begin() as connection:
            case = cases.read(connection, self.workspace, self.id)
            counted = ("run", "task", "vote", "permit", "permit_end", "step", "audience", "payload", "ledger")
            counts = [connection.exec_driver_sql(f"SELECT count(*) FROM gonogo_{name}").scalar() for name in counted]
        return replace(case, contacts=0), counts, tuple(self.jobs.pending())

    # How an event is fired

    def _verb(self, event: str) -> Callable[[Call], Outcome]:
        if event in BALLOTS:
            return lambda call: self._ballot(call, event)
        special: dict[str, Callable[[Call], Outcome]] = {
            "revise": lambda call: service.revise(call, self.id, name="edited"),
            "begin": lambda call: service.begin(call, self.id, self._permit(call) if self.facts.presented else "junk"),
            "fail": lambda call: service.fail(call, self.id, "a test"),
            "break_glass": lambda call: service.break_glass(call, self.id, "a test"),
        }
        return special.get(event, lambda call: getattr(service, event)(call, self.id))

    def _ballot(self, call: Call, event: str) -> Outcome:
        present = str(cases.read(call.connection, self.workspace, self.id).task_id)
        wanted = self.old.get(self.facts.addressed, present)
        if event == "approve":
            ballot = Ballot("approve", None if self.facts.seen else "0" * 64, ())
            return service.approve(call, wanted, ballot)
        outcome: Outcome = getattr(service, event)(call, wanted)
        return outcome

    def _permit(self, call: Call) -> str | None:
        return cases.read(call.connection, self.workspace, self.id).permit_id

    def _do(self, person: str, verb: Callable[[Call], Outcome]) -> Outcome:
        with self.engine.begin() as connection:
            return verb(self._call(connection, person))

    def _call(self, connection: sa.Connection, person: str) -> Call:
        scopes = frozenset[str]() if person == "stranger" else frozenset({"lexi"})
        actor = Actor(self.workspace, person, self.members[person], scopes, is_member=True)
        return Call(connection, actor, NOW, self.jobs)

    # How facts are made true

    def _policy(self, permission: str, *, frozen: bool = False) -> None:
        wanted = {**POLICIES[permission], **({"freeze": [FREEZE]} if frozen else {})}
        with self.engine.begin() as connection:
            call = self._call(connection, "voter")
            if workspaces.current_policy(call)[1] != wanted:
                workspaces.write_policy(call, wanted)

    def _arrange_campaign(self, call: Call) -> None:
        facts, connection = self.facts, call.connection
        ahead = STARTS[facts.start]
        sender = store.pin(connection, self.workspace, "sender", workspaces.SENDER, NOW)
        settings = store.pin(connection, self.workspace, "settings", ODD if facts.review == "blocked" else {}, NOW)
        content = store.pin(connection, self.workspace, "content", HELLO.to_document(), NOW)
        self._set(
            connection,
            campaign,
            self.id,
            start_at=NOW + ahead if ahead else None,
            content_id=content if facts.content else None,
            sender_id=None,
            settings_id=settings,
        )
        store.change(connection, self.workspace, sender_id=sender if facts.sender else None)
        case = cases.read(connection, self.workspace, self.id)
        self._set(connection, contacts, case.list_id, imports=int(facts.importing))

    def _arrange_people(self, connection: sa.Connection, count: int) -> None:
        case = cases.read(connection, self.workspace, self.id)
        left_out = None if count else "no_consent"
        connection.execute(contact.update().where(contact.c.list_id == case.list_id).values(excluded=left_out))
        self._set(connection, contacts, case.list_id, size=count)

    def _arrange_task(self, call: Call, case: cases.Case) -> None:
        facts, connection, task_id = self.facts, call.connection, str(case.task_id)
        past = TimeDelta(minutes=-1) if facts.overdue else TimeDelta(hours=1)
        self._set(connection, task, task_id, expires_at=NOW + past)
        if facts.task == "reviewing":
            return
        voter = self.members["voter"]
        said = cases.ballots(connection, task_id)
        if facts.repeated and Cast(voter, "approve", voter) not in said:
            row = {"task_id": task_id, "seq": (case.votes or 0) + 1, "choice": "approve", "person": voter}
            cases.add_vote(connection, {**row, "actor": "voter", "seal": case.seal, "at": NOW})
            self._set(connection, task, task_id, votes=(case.votes or 0) + 1, have=(case.have or 0) + 1)
        said = cases.ballots(connection, task_id)
        more = 1 if facts.enough else 9
        requirement = {
            **(case.requirement or {}),
            "stages": [{"group": "approvers", "quorum": len(said) + 9 if not facts.enough else 1}],
            "dismissals": len(said) + more if not facts.enough else 1,
            "acknowledge": "explicit",
        }
        self._set(connection, task, task_id, requirement=requirement)
        cases.change_run(connection, str(case.run_id), warnings=[] if facts.acknowledged else ["subject_long"])

    def _arrange_glass(self, connection: sa.Connection, case: cases.Case) -> None:
        """The permit had to be used by now, or need not be yet."""
        connection.execute(glass.delete().where(glass.c.permit_id == case.permit_id))
        if self.facts.lapsed:
            said = connection.execute(sa.select(sa.func.max(table(models.Payload).c.digest))).scalar_one()
            row = {"permit_id": case.permit_id, "reason": said, "begin_by": NOW}
            connection.execute(glass.insert(), row)
            self._set(connection, run, str(case.run_id), begun_at=None)

    def _arrange_claims(self, call: Call, count: int) -> None:
        """So many messages of an earlier run that are claimed and not settled, as its executor would have left them."""
        connection = call.connection
        open_ = (ledger.c.campaign_id == self.id) & (ledger.c.state == "claimed")
        connection.execute(ledger.update().where(open_).values(state="failed"))
        if not count:
            return
        self.claims += 1
        first = sa.select(run.c.id).where(run.c.campaign_id == self.id, run.c.number == 1)
        row = {"run_id": connection.execute(first).scalar_one(), "step": self.claims, "position": 0}
        row |= {"campaign_id": self.id, "generation": 0, "contact_id": "somebody else", "state": "claimed"}
        connection.execute(ledger.insert(), {**row, "token": "gone", "claimed_at": NOW})

    @staticmethod
    def _set(connection: sa.Connection, where: sa.Table, row_id: str, **values: Any) -> None:
        connection.execute(where.update().where(where.c.id == row_id).values(**values))


def new_workspace(engine: sa.Engine) -> str:
    """A workspace; the guards that keep rows from being arranged by hand are lifted."""
    lifted = {"gonogo_ledger_permitted": "ledger", "gonogo_task_decided": "task", "gonogo_run_sealed": "run"}
    lifted["gonogo_glass_stays"] = "glass"
    with engine.begin() as connection:
        for trigger, owner in lifted.items():
            where = "" if connection.dialect.name == "sqlite" else f" ON gonogo_{owner}"
            connection.exec_driver_sql(f"DROP TRIGGER {trigger}{where}")
        return workspaces.create(Call(connection, machine(""), NOW, FakeJobs()), "Acme")


def _proposal(findings: Any) -> Proposal:
    absent = ("content_id", "sender_id", "start_at", "ruling", "asked", "frozen", "hidden")
    nothing: dict[str, Any] = dict.fromkeys(absent)
    nothing |= dict.fromkeys(("recipients", "chain", "steps", "in_flight"), 0)
    return Proposal(**nothing, settings_id="", digests={}, findings=findings, importing=False)
