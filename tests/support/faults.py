"""Faults for worker processes, put in from outside: nothing of the product knows of them.

A fault is a point in the life of a batch, how often it must be passed until it strikes, and what happens then. The
process says so on stdout at that moment, so that a test can tell that it was hit.
"""

import os
import signal
import threading
from asyncio import selector_events
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from gonogo.execution.channels import Delivery, Message
from gonogo.execution.executor import Executor
from gonogo.execution.smtp import Smtp
from gonogo.store import ledger

_ENDS = b"\r\n.\r\n"  # of a message on the wire


class Fault:
    """Strikes once, at the passing of that number (from 1): the process is killed, or stopped until it is woken."""

    def __init__(self, point: str, passing: str, act: str) -> None:
        self._point, self._left = point, int(passing)
        self._signal = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}[act]
        POINTS[point](self)

    @property
    def strikes_next(self) -> bool:
        return self._left == 1

    def passed(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._say("hit")
            os.kill(os.getpid(), self._signal)
            self._say("woke")  # comes only to who was stopped

    def _say(self, what: str) -> None:
        os.write(1, f"{what} {self._point}\n".encode())


def _claimed(fault: Fault) -> None:
    """A batch was claimed and the claim committed; nothing of it is out."""
    _before(Smtp, "deliver", fault)


def _in_mid_data(fault: Fault) -> None:
    """Half of a message is out."""
    _while_writing(fault, lambda data: len(data) // 2)


def _after_the_dot(fault: Fault) -> None:
    """A whole message is out; what the relay answers is not read any more."""
    _while_writing(fault, len)


def _out(fault: Fault) -> None:
    """A batch is out, and nobody but the channel knows yet."""
    deliver = Smtp.deliver

    def faulty(*args: Any) -> Any:
        delivery = deliver(*args)
        fault.passed()
        return delivery

    Smtp.deliver = faulty  # type: ignore[method-assign, assignment]


def _before_settle(fault: Fault) -> None:
    """A batch is out, and the transaction that settles it is open."""
    _before(ledger, "settle", fault)


def _between_segments(fault: Fault) -> None:
    """A segment that sent something is over, and handed on to its successor; the job engine does not know yet."""
    segment, deliver = Executor.segment, Smtp.deliver
    sent = threading.local()

    def noticed(*args: Any) -> Any:
        sent.something = True
        return deliver(*args)

    def until_it_ended(*args: Any) -> None:
        sent.something = False
        segment(*args)
        if sent.something:
            fault.passed()

    Smtp.deliver = noticed  # type: ignore[method-assign, assignment]
    Executor.segment = until_it_ended  # type: ignore[method-assign, assignment]


POINTS: dict[str, Callable[[Fault], None]] = {
    "claimed": _claimed,
    "in-mid-data": _in_mid_data,
    "after-the-dot": _after_the_dot,
    "out": _out,
    "before-settle": _before_settle,
    "between-segments": _between_segments,
}


def settle_before_send(engine: sa.Engine) -> None:
    """The mistake that the comparison must find: a batch is settled as sent before anything of it is out."""
    deliver = Smtp.deliver

    def settled_first(self: Smtp, messages: Sequence[Message], in_time: Callable[[], bool]) -> Delivery:
        with engine.begin() as connection:
            found = connection.execute(sa.text("UPDATE gonogo_ledger SET state = 'sent' WHERE state = 'claimed'"))
            connection.execute(sa.text("UPDATE gonogo_run SET sent = sent + :more"), {"more": found.rowcount})
        return deliver(self, messages, in_time)

    Smtp.deliver = settled_first  # type: ignore[method-assign]


def _before(owner: object, name: str, fault: Fault) -> None:
    function = getattr(owner, name)

    def faulty(*args: Any, **more: Any) -> Any:
        fault.passed()
        return function(*args, **more)

    setattr(owner, name, faulty)


def _while_writing(fault: Fault, share: Callable[[bytes], int]) -> None:
    """In the transport, below whatever speaks SMTP: the message that is struck is cut off after its share of bytes."""
    transport: Any = selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    write = transport.write

    def faulty(self: Any, data: bytes) -> None:
        message, ends, _ = bytes(data).partition(_ENDS)  # what follows are the commands of the next one
        if not ends:
            write(self, data)
            return
        cut = share(message + ends) if fault.strikes_next else 0
        write(self, data[:cut])
        fault.passed()
        write(self, data[cut:])

    transport.write = faulty
