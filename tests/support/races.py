"""Several things done at the same moment, each in a thread of its own."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, TypeVar

from gonogo.call import Outcome

T = TypeVar("T")


def at_once(deeds: Sequence[Callable[[], T]]) -> list[T | Exception]:
    """What each of them answered or raised, in their order."""
    barrier = Barrier(len(deeds))

    def one(deed: Callable[[], T]) -> T | Exception:
        barrier.wait()
        try:
            return deed()
        except Exception as error:  # the test says which it expects
            return error

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(one, deeds))


def told(answers: list[Any]) -> Counter[str]:
    """How often each answer was given: the state it led to, the reason why not, or what was raised."""
    return Counter(
        type(each).__name__
        if isinstance(each, Exception)
        else (each.blockers[0].code if each.blockers else each.case.state)
        if isinstance(each, Outcome)
        else "done"
        for each in answers
    )
