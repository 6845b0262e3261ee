"""What the walk through the start table asks of a dialect: how it makes a campaign, starts it, and answers.

The situations themselves are arranged here, once for all dialects: through the use cases on the server's database where
a dialect has no call of its own for them (a failed launch, a start time), never by SQL.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import requests
from whenever import Instant, TimeDelta

from gonogo import service
from gonogo.actor import machine
from gonogo.call import Call, Outcome
from gonogo.clock import SystemClock
from gonogo.content import Content, Step, Template
from gonogo.store import cases
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api.contract import Answer
from support.server import Client, Server, Tenant

#: A policy that asks people about everything.
ASKING: dict[str, Any] = {
    "rules": [{"name": "everything", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}}],
    "separation": "none",
}
HELLO = Step(0, Template("Hello", "Dear {{ email }}, we launch."))
#: The second message is due in two days: a launch of this stays under way.
LONG = Content((HELLO, Step(2, Template("Still there?", "We are."))))
BROKEN = Content((Step(0, Template("Hello", "{% if %}")),))
PEOPLE = [{"email": f"p{n}@example.com"} for n in range(2)]


class Driver(ABC):
    """One dialect, as a client of it in a workspace of its own sees it."""

    dialect: ClassVar[str]

    def __init__(self, server: Server) -> None:
        self.tenant: Tenant = server.workspace(self.dialect)
        self.client: Client = self.tenant.client()

    @abstractmethod
    def campaign(self, *, recipients: bool = True, content: bool = True) -> str:
        """Make a campaign in this dialect's own calls, by default one that is ready; returns its id on the wire."""

    @abstractmethod
    def start(self, wire_id: str) -> requests.Response:
        """The start (or launch) call."""

    @abstractmethod
    def status(self, wire_id: str) -> str:
        """What the dialect says the campaign's status is, by a call that only reads."""

    @abstractmethod
    def started(self, answer: requests.Response, wire_id: str) -> str:
        """The status that a start's 200 shows, once every field of the answer, its name and type, was found right."""

    @abstractmethod
    def refused(self, answer: requests.Response) -> Answer:
        """What an error says, once its shape was found right; code and message are empty where there is none."""

    # The engine's side of the same campaign

    def engine(self, verb: Callable[..., Outcome], wire_id: str, *args: object, **more: object) -> Outcome:
        """Fire a use case on the campaign in a transaction of its own; it must not be refused."""
        engine = self.tenant.server.engine
        assert engine is not None
        with engine.begin() as connection:
            call = Call(connection, machine(self.tenant.id), SystemClock().now(), FakeJobs())
            outcome = verb(call, cases.find(connection, self.tenant.id, self.dialect, wire_id), *args, **more)
        assert not outcome.refused, outcome.blockers
        return outcome

    def state(self, wire_id: str) -> str:
        """The engine's state."""
        return self.case(wire_id).state

    def case(self, wire_id: str) -> cases.Case:
        """As the engine has it."""
        engine = self.tenant.server.engine
        assert engine is not None
        with engine.connect() as connection:
            campaign_id = cases.find(connection, self.tenant.id, self.dialect, wire_id)
            return cases.read(connection, self.tenant.id, campaign_id)

    def wait_for(self, wire_id: str, *states: str) -> None:
        """Until the server's executor has brought the campaign there."""
        self.until(wire_id, lambda case: case.state in states)

    def until(self, wire_id: str, reached: Callable[[cases.Case], bool]) -> None:
        """Until the campaign is as it should be."""
        deadline = time.monotonic() + 30
        while not reached(case := self.case(wire_id)):
            assert time.monotonic() < deadline, f"the campaign is still {case.state}"
            time.sleep(0.05)


# Situations: each leaves a campaign of the driver's dialect in one row of the table, and answers its id.


def ready(driver: Driver) -> str:
    return driver.campaign()


def no_recipients(driver: Driver) -> str:
    return driver.campaign(recipients=False)


def no_steps(driver: Driver) -> str:
    return driver.campaign(content=False)


def start_in_the_past(driver: Driver) -> str:
    wire_id = driver.campaign()
    driver.engine(service.revise, wire_id, start_at=_in(TimeDelta(hours=-3)))
    return wire_id


def review_blocker(driver: Driver) -> str:
    wire_id = driver.campaign()
    driver.engine(service.revise, wire_id, content=BROKEN)
    return wire_id


def pending_approval(driver: Driver) -> str:
    driver.tenant.policy(ASKING)
    return _started(driver, driver.campaign())


def scheduled(driver: Driver) -> str:
    wire_id = driver.campaign()
    driver.engine(service.revise, wire_id, start_at=_in(TimeDelta(hours=3)))
    return _started(driver, wire_id)


def running(driver: Driver) -> str:
    """The first of two messages is out."""
    wire_id = driver.campaign()
    driver.engine(service.revise, wire_id, content=LONG)
    _started(driver, wire_id)
    driver.until(wire_id, lambda case: case.state == "running" and case.waiting_for == "step")
    return wire_id


def paused(driver: Driver) -> str:
    wire_id = running(driver)
    driver.engine(service.pause, wire_id)
    return wire_id


def completed(driver: Driver) -> str:
    wire_id = _started(driver, driver.campaign())
    driver.wait_for(wire_id, "completed")
    return wire_id


def cancelled(driver: Driver) -> str:
    wire_id = driver.campaign()
    driver.engine(service.cancel, wire_id)
    return wire_id


def failed(driver: Driver) -> str:
    wire_id = running(driver)
    driver.engine(service.fail, wire_id, "The relay went away.")
    return wire_id


#: The rows of the table, and how a campaign comes into each.
SITUATIONS: dict[str, Callable[[Driver], str]] = {
    "draft": ready,
    "no recipients": no_recipients,
    "no steps": no_steps,
    "start time in the past": start_in_the_past,
    "blocker of the review": review_blocker,
    "pending approval": pending_approval,
    "scheduled": scheduled,
    "active": running,
    "paused": paused,
    "completed": completed,
    "cancelled": cancelled,
    "failed": failed,
}


def _started(driver: Driver, wire_id: str) -> str:
    answer = driver.start(wire_id)
    assert answer.status_code == 200, answer.text
    return wire_id


def _in(time_from_now: TimeDelta) -> Instant:
    return SystemClock().now() + time_from_now
