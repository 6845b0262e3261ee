"""Time and ids come in as arguments; these are the sources that a process hands in."""

import random
import secrets
from collections.abc import Sequence
from typing import Protocol

from whenever import Instant, TimeDelta


class Clock(Protocol):
    """Tells the time. The system's by default; tests bring one that they move by hand."""

    def now(self) -> Instant: ...


class SystemClock:
    """The machine's clock, in whole microseconds: what both databases can store."""

    def now(self) -> Instant:
        return Instant.now().round("microsecond", mode="floor")


def new_id(now: Instant) -> str:
    """A UUID of version 7 (RFC 9562): in order of time, so that rows written together lie together."""
    millis = now.timestamp(unit="millisecond") & 0xFFFF_FFFF_FFFF
    number = millis << 80 | secrets.randbits(80)
    number = number & ~(0xF000 << 64) | 0x7000 << 64
    number = number & ~(0xC000 << 48) | 0x8000 << 48
    digits = f"{number:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def pause(seconds: Sequence[float], tries: int, asked: float = 0) -> TimeDelta:
    """How long to wait before a further try, after so many: the seconds of that try, the last ones again and again.

    Drawn between three quarters of it and all of it, so that what failed together does not come back together; longer
    where it was asked for, up to the last of them.
    """
    drawn = seconds[min(tries, len(seconds) - 1)] * random.uniform(0.75, 1)  # noqa: S311 - no secret
    return TimeDelta(seconds=max(drawn, min(asked, seconds[-1])))
