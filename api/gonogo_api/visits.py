"""A request with a good key: what it may do, and the transaction it does it in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar, cast

import sqlalchemy as sa
from fastapi import Depends, Request, Response
from sqlalchemy.exc import OperationalError

from gonogo.call import Call, Outcome
from gonogo.errors import Conflict
from gonogo.questions import Answer
from gonogo.store import replies
from gonogo_api.auth import Visitor
from gonogo_api.door import Door
from gonogo_api.problems import BAD_KEY, LOST, REUSED, SILENT, STUCK, Problem, Refused
from gonogo_api.rates import Allowance

T = TypeVar("T")
Stepped = TypeVar("Stepped", bound=Outcome | Answer)
TRIES = 3
IDEMPOTENCY_KEY = "Idempotency-Key"
#: Why a request that sends a mail may not name itself: an answer is kept in one transaction, and that takes two.
NOT_AGAIN = "this call's answer can't be repeated"
_RETRIED = ("deadlock detected", "could not serialize", "database is locked")


@dataclass(frozen=True, slots=True)
class Named:
    """How a request names itself (Idempotency-Key), and the digest of what it asks."""

    name: str
    asked: str


@dataclass(slots=True)
class Visit:
    """One authenticated request."""

    door: Door
    visitor: Visitor
    named: Named | None = None
    held: sa.Connection | None = None  # the transaction of a request that named itself: its answer is kept there

    def once(self, request: Request, answer: Callable[[], Response]) -> Response:
        """The answer; that of a request that named itself is kept with its effect, and given again to its repetition.

        A refusal is an answer too. What was wrong with a request is not: it had no effect, and may be sent corrected.
        """
        named = self.named
        if named is None:
            return answer()
        key_id, now = self.visitor.actor.id, self.door.gate.clock.now()

        def whole(connection: sa.Connection) -> Response:
            self.held = connection
            known = replies.take(connection, key_id, named.name, named.asked, now)
            if known is not None:
                return _again(known, named)
            try:
                response = answer()
            except Refused as refused:
                response = request.app.state.refuse(refused, request)
            headers = {name: value for name, value in response.headers.items() if name != "content-length"}
            kept = {"status": response.status_code, "headers": headers, "body": bytes(response.body).decode()}
            replies.keep(connection, key_id, named.name, kept)
            return response

        return self.door.commits.run(whole)

    def write(self, verb: Callable[[Call], T]) -> T:
        """Run a use case in a transaction of its own; lost races are run again, a few times."""
        gate = self.door.gate
        if self.held is not None:
            try:
                with self.held.begin_nested():  # what `both` undoes leaves the name taken
                    return verb(gate.call(self.held, self.visitor.actor))
            except Conflict:
                raise Problem("conflict", LOST) from None
        for left in reversed(range(TRIES)):
            try:
                return self.door.commits.run(lambda connection: verb(gate.call(connection, self.visitor.actor)))
            except Conflict:
                if not left:
                    raise Problem("conflict", LOST) from None
            except OperationalError as error:
                if not left or not any(sign in str(error) for sign in _RETRIED):
                    raise
        raise AssertionError("the last try returns or raises")

    def step(self, event: str, verb: Callable[[Call], Stepped]) -> Stepped:
        """The same for a step that may be refused. Raises Refused, once what the refusal left is committed."""
        outcome = self.write(verb)
        if outcome.refused:
            raise Refused(outcome, event)
        return outcome

    def both(self, event: str, verb: Callable[[Call], Outcome]) -> Outcome:
        """The same for several steps in one: a refusal of the last undoes those before. Raises Refused."""

        def whole(call: Call) -> Outcome:
            outcome = verb(call)
            if outcome.refused:
                raise Refused(outcome, event)
            return outcome

        return self.write(whole)

    def read(self, question: Callable[[Call], T]) -> T:
        """Answer a question; nothing is held or changed."""
        gate = self.door.gate
        if self.held is not None:
            return question(gate.call(self.held, self.visitor.actor))
        with self.door.reader.begin() as connection:
            return question(gate.call(connection, self.visitor.actor))


def _again(known: Any, named: Named) -> Response:
    if known.asked != named.asked:
        raise Problem("reused", REUSED, IDEMPOTENCY_KEY)
    return Response(known.body, known.status, {**known.headers, "Idempotency-Replayed": "true"})


class _Needs(Protocol):
    scope: str | None


def needs(scope: str) -> Any:
    """The dependency of a route: a valid key of the route's dialect that has the scope."""

    async def visit(request: Request) -> Visit:  # it waits for nothing: a thread would cost more than it does
        return Visit(request.app.state.door, admit(request, scope), request.scope.get("named"))

    cast(_Needs, visit).scope = scope
    return Depends(visit)


def admit(request: Request, scope: str | None) -> Visitor:
    """Whoever sent the request, if the key is good, speaks this dialect, and has the scope. Raises Problem."""
    if request.scope["failure"] is not None:
        raise request.scope["failure"]
    visitor: Visitor | None = request.scope["visitor"]
    if visitor is None or not visitor.alive or visitor.dialect != request.app.state.dialect:
        raise Problem("unauthorized", BAD_KEY, "key")
    allowance: Allowance | None = request.scope["allowance"]
    if allowance is not None and allowance.exceeded:
        message = f"Rate limit exceeded: {allowance.limit} requests"
        raise Problem("limited", message, headers={"Retry-After": allowance.retry_after})
    if scope is not None and scope not in visitor.actor.scopes:
        raise Problem("forbidden", f"The key lacks the permission {scope}", scope)
    return visitor


def executing(request: Request) -> Callable[[str], str]:
    """A dependency: launching makes no sense while nothing executes, or no mail is taken. It answers the id of a
    campaign that was found, or raises Problem."""
    door: Door = request.app.state.door

    def launchable(campaign_id: str) -> str:
        if not door.executor_alive():
            raise Problem("unavailable", SILENT, "executor")
        if door.mail_is_stuck():
            raise Problem("unavailable", STUCK, "relay")
        return campaign_id

    return launchable


Executing = Annotated[Callable[[str], str], Depends(executing)]


def base(request: Request) -> str:
    """A dependency: where this server is reached, as it was told, else as the request came in."""
    door: Door = request.app.state.door
    return door.settings.public_url or str(request.base_url)


Base = Annotated[str, Depends(base)]


Reader = Annotated[Visit, needs("campaigns:read")]
Writer = Annotated[Visit, needs("campaigns:write")]
Launcher = Annotated[Visit, needs("campaigns:execute")]
Approver = Annotated[Visit, needs("lexi")]
PolicyWriter = Annotated[Visit, needs("policy:write")]
Auditor = Annotated[Visit, needs("audit:read")]
Admin = Annotated[Visit, needs("admin")]


def unnamed(visit: Visit, why: str) -> None:
    """Raise Problem for a request that named itself, where its answer can't be given again, and why."""
    if visit.named is not None:
        raise Problem("malformed", f"{IDEMPOTENCY_KEY}: {why}")


def grantable(visit: Visit, scopes: Iterable[str]) -> None:
    """Raise Problem for scopes that the visitor lacks: nobody grants them."""
    lacking = sorted(set(scopes) - visit.visitor.actor.scopes)
    if lacking:
        raise Problem("forbidden", f"The key can't grant what it lacks: {', '.join(lacking)}", lacking[0])
