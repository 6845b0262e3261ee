"""The page behind the link in a mail to a reviewer: what is proposed, and a form to decide about it.

To look at the page changes nothing, since mail scanners follow every link. To POST its form decides, by the person
that the link was sent to: the link alone is the right to where the policy says so (`link_decides`), else the form
takes that person's key along. The secret in the path also keeps another site from sending the form.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gonogo import database, reading, review_mail
from gonogo.actor import Actor
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.errors import DatabaseUnusable, NotFound
from gonogo.execution.links import Links
from gonogo.policy import Requirement
from gonogo.review_mail import CHOICES, Link
from gonogo_api.auth import Visitor, identify, note_use
from gonogo_api.door import Door
from gonogo_api.hosted import links_for
from gonogo_api.problems import Problem
from gonogo_api.public import ALLOWED, METHODS, answer, template
from gonogo_api.rates import Limiter
from gonogo_api.visits import Visit

log = logging.getLogger(__name__)

#: Bytes of a form: the longest comment fits, whatever it is written in.
MOST = 100_000
MOST_OF_A_COMMENT = 5000
MOST_FIELDS = 200
#: How often a link may be tried with a key.
KEYS = "5/minute"
_STATUS = {
    "ask": 200,
    "closed": 200,
    "recorded": 200,
    "malformed": 400,
    "wrong_key": 403,
    "unknown": 404,
    "method": 405,
    "refused": 409,
    "limited": 429,
    "failed": 503,
}
_SEAL_SHOWN = 16  # characters


@dataclass(frozen=True, slots=True)
class Form:
    """What the page sends."""

    decision: str
    seal: str
    comment: str
    key: str
    acknowledged: tuple[str, ...]

    @classmethod
    def read(cls, body: bytes) -> "Form | None":
        """None for what the page does not send."""
        try:
            said = parse_qs(body.decode("ascii", "replace"), max_num_fields=MOST_FIELDS)
        except ValueError:
            return None
        [decision], [seal] = said.get("decision", [""])[:1], said.get("seal", [""])[:1]
        comment, key = said.get("comment", [""])[0].strip(), said.get("key", [""])[0].strip()
        if decision not in CHOICES or not seal or len(comment) > MOST_OF_A_COMMENT or "\0" in comment:
            return None
        return cls(decision, seal, comment, key, tuple(said.get("acknowledge", ())))

    def ballot(self, requirement: Requirement) -> Ballot:
        """Warnings count as read with the page, unless the policy wants each of them acknowledged."""
        acknowledged = self.acknowledged if requirement.acknowledge == "explicit" else None
        return Ballot(self.decision, self.seal, acknowledged, self.comment or None)


def routes(door: Door) -> list[Route]:
    """The pages, wherever links lead now: links that were sent out before still do."""
    desk = _Desk(door, links_for("", door.pepper), Limiter(KEYS, door.glances))
    return [Route("/r/{token}", _page(desk), methods=list(METHODS))]


def _page(desk: "_Desk") -> Callable[[Request], Awaitable[HTMLResponse]]:
    async def page(request: Request) -> HTMLResponse:
        token: str = request.path_params["token"]
        if request.method not in ALLOWED:
            return _shown("method")
        if request.method != "POST":
            return await run_in_threadpool(desk.look, token)
        body = await _body(request)
        return await run_in_threadpool(desk.decide, token, None if body is None else Form.read(body))

    return page


async def _body(request: Request) -> bytes | None:
    """The body; None for one that is too long, of which no more is read."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST:
            return None
    return body


@dataclass(frozen=True, slots=True)
class _Desk:
    """Answers looks and decisions; database trouble asks to try again, and has changed nothing."""

    door: Door
    links: Links
    limiter: Limiter

    def look(self, token: str) -> HTMLResponse:
        try:
            return self._case(token, "ask")
        except (SQLAlchemyError, DatabaseUnusable):
            log.exception("a reviewer's page could not be shown")
            return _shown("failed")

    def decide(self, token: str, form: Form | None) -> HTMLResponse:
        try:
            return self._decided(token, form)
        except (SQLAlchemyError, DatabaseUnusable, Problem):
            log.exception("a reviewer's decision was not written down; the page asks to try again")
            return _shown("failed")

    def _decided(self, token: str, form: Form | None) -> HTMLResponse:
        link = self._follow(token)
        if link is None:
            return _shown("unknown")
        if not link.case.task_open or form is None:
            return self._case(token, "malformed" if link.case.task_open else "ask")
        by = Visitor(link.member, link.case.dialect, None, None)
        if not link.decides:
            allowance = self.limiter.hit(f"review {link.mac}")
            if allowance.exceeded:
                return _shown("limited", {"Retry-After": allowance.retry_after})
            presented = self._holder(form.key, link.member)
            if presented is None:
                return self._case(token, "wrong_key", comment=form.comment)
            by = presented
        ballot = form.ballot(Requirement.from_document(link.case.requirement or {}))
        outcome = Visit(self.door, by).write(lambda call: review_mail.decide(call, self.links, token, ballot))
        return self._told(token, form, outcome)

    def _told(self, token: str, form: Form, outcome: Outcome | None) -> HTMLResponse:
        if outcome is None:
            return _shown("unknown")
        if outcome.refused:
            reasons = [blocker.message for blocker in outcome.blockers]
            return self._case(token, "refused", comment=form.comment, reasons=reasons)
        return _shown("recorded", decision=form.decision, case=outcome.case, need=_need(outcome.case.requirement))

    def _holder(self, key: str, member: Actor) -> Visitor | None:
        """Who presents the key, if that is this member, with a good key that may decide."""
        gate = self.door.gate
        with database.reader(gate.engine).begin() as connection:
            found = identify(connection, self.door.pepper, key, gate.clock.now())
        if found is None or not found.alive or "lexi" not in found.actor.scopes:
            return None
        actor = found.actor
        if (actor.workspace, actor.person, actor.is_member) != (member.workspace, member.person, True):
            return None
        note_use(self.door.glances, found, gate.clock.now())
        return found

    def _follow(self, token: str) -> Link | None:
        with database.reader(self.door.gate.engine).begin() as connection:
            return review_mail.follow(connection, self.links, token)

    def _case(self, token: str, what: str, **more: Any) -> HTMLResponse:
        """The page about the task: what is proposed and the form, or what became of it."""
        gate = self.door.gate
        with database.reader(gate.engine).begin() as connection:
            link = review_mail.follow(connection, self.links, token)
            if link is None:
                return _shown("unknown")
            call = gate.call(connection, link.member)
            status = reading.task_status(link.case, call.now)
            if status != "pending":
                return _shown("closed", status=status, name=link.case.name)
            return _shown(what, **_proposed(call, link), **more)


def _proposed(call: Call, link: Link) -> dict[str, Any]:
    """What the page tells of a task."""
    task_id = str(link.case.task_id)
    view = reading.task_in_brief(call, task_id)
    case = view.case
    requirement = Requirement.from_document(case.requirement or {})
    return {
        "case": case,
        "need": requirement.need,
        "recipients": f"{view.recipients:,}",
        "requester": _name(call, case.requester or ""),
        "start": review_mail.utc(case.run_start_at) if case.run_start_at else None,
        "deadline": review_mail.utc(case.expires_at) if case.expires_at else None,
        "seal": view.seal,
        "seal_shown": (view.seal or "")[:_SEAL_SHOWN],
        "findings": view.findings,
        "explicit": requirement.acknowledge == "explicit",
        "asks_key": not link.decides,
        "votes": [
            {**vote, "who": _name(call, vote["person"]), "when": review_mail.utc(vote["at"])}
            for vote in reading.votes_of(call, task_id)
        ],
    }


def _need(requirement: Any) -> int:
    return Requirement.from_document(requirement or {}).need


def _name(call: Call, person: str) -> str:
    try:
        return reading.member(call, person).name or "a member"
    except NotFound:
        return "somebody who is no member"


def _shown(what: str, extra: dict[str, str] | None = None, **told: Any) -> HTMLResponse:
    page = template("review.html").render(what=what, most=MOST_OF_A_COMMENT, **told)
    return answer(page, what, _STATUS[what], extra)
