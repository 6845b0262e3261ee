"""What came back about messages, told by whoever reads the mailboxes and feedback loops."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Response
from pydantic import Field, model_validator

from gonogo.responses import Answer, Told, respond
from gonogo_api import responding
from gonogo_api.dialects.leadlex.answers import data
from gonogo_api.openapi import says
from gonogo_api.routes import StrictRoute
from gonogo_api.shapes import Data, Moment, Shape, Shown, one_of
from gonogo_api.visits import Base, Writer

router = APIRouter(prefix="/v1/responses", route_class=StrictRoute, tags=["responses"])


class ResponseShape(Shape):
    """What came back about one message; or, where nobody knows the message, about an address."""

    kind: Literal["unsubscribe", "complaint", "bounce", "reply"]
    message: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    recipient: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    at: Moment | None = None

    @model_validator(mode="after")
    def names_one_thing(self) -> Self:
        if (self.message is None) == (self.recipient is None):
            raise ValueError("expected either a message or a recipient")
        if self.recipient is not None and self.kind == "reply":
            raise ValueError("expected the message of a reply: without one it stops nothing that lasts")
        return self


class NewResponses(Shape):
    responses: Annotated[list[ResponseShape], Field(min_length=1, max_length=1000)]


class AnswerShown(Shown):
    """What became of one of them, counted from 0."""

    index: int
    result: Annotated[str, one_of(("suppressed", "recorded", "repeated", "refused"))]
    code: str | None
    reason: str | None


class Answers(Shown):
    responses: list[AnswerShown]


class Address(Shown):
    """Where the same is taken without a header."""

    url: str


@router.get("/url", responses=says(Data[Address]))
def get_address(visit: Writer, base: Base) -> Response:
    """The address where whoever can only be given a URL tells of responses, as this key. It ends with the key."""
    token = responding.token(visit.door.pepper, visit.visitor.actor.id)
    return data(Address(url=f"{base.rstrip('/')}/e/{token}"))


@router.post("", responses=says(Data[Answers]))
def add_responses(visit: Writer, body: NewResponses) -> Response:
    """Tell of bounces, complaints, replies and unsubscriptions; each is answered by itself.

    Its recipient gets nothing more in any running campaign, at once. To tell of one again changes nothing.
    """
    told = [Told(each.kind, each.message, each.recipient, each.at) for each in body.responses]
    answers = visit.write(lambda call: respond(call, told))
    return data(Answers(responses=[_shown(index, answer) for index, answer in enumerate(answers)]))


def _shown(index: int, answer: Answer) -> AnswerShown:
    return AnswerShown(index=index, result=answer.result, code=answer.code, reason=answer.reason)
