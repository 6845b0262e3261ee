"""What nobody can tell of: an operator says that it was sent, or gives it back for another try; in writing, once."""

from typing import Literal

from gonogo import service
from gonogo.call import Call
from gonogo.errors import Invalid, NotFound
from gonogo.store import cases, ledger
from gonogo.store.cases import Case

Verdict = Literal["sent", "released"]


def resolve(call: Call, campaign_id: str, message: str, verdict: Verdict) -> Case:
    """Settle one unknown message, named as messages are listed ("run.step.position").

    sent: somebody knows that it arrived. released: it is given back: a paused campaign reaches it with its next run, an
    ended one when it is reopened. Raises NotFound, and Invalid for a message that is not unknown.
    """
    case = service.hold(call, campaign_id)
    run_id, step, position = _named(message)
    row = ledger.find(call.connection, case.id, run_id, step, position)
    if row is None:
        raise NotFound("message", message)
    if row.state != "unknown":
        raise Invalid.at("message", f"only an unknown message is resolved; this one is {row.state}")
    ledger.add_resolution(
        call.connection,
        {
            "run_id": run_id,
            "step": step,
            "position": position,
            "verdict": verdict,
            "actor": call.by.id,
            "person": call.by.person,
            "at": call.now,
        },
    )
    ledger.resolve(call.connection, run_id, step, position, verdict, call.now)
    return cases.read(call.connection, case.workspace, case.id)


def _named(message: str) -> tuple[str, int, int]:
    run_id, _, rest = message.partition(".")
    step, _, position = rest.partition(".")
    if not (step.isdecimal() and position.isdecimal() and step.isascii() and position.isascii()):
        raise NotFound("message", message)
    return run_id, int(step), int(position)
