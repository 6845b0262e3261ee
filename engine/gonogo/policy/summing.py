"""What launches add up to over a window, as time moves on: for asking a policy again about the past. Pure."""

from collections import deque
from dataclasses import dataclass

from whenever import Instant

#: A launch, by campaign and generation: runs that continue each other have the same.
Key = tuple[str, int]


@dataclass(slots=True, eq=False)
class _Entry:
    at: Instant
    subject: str
    key: Key
    recipients: int


class Window:
    """The sums by one kind of subject. Asked and told in order of time; holds what is in the window, and no more."""

    def __init__(self) -> None:
        self._entries: deque[_Entry] = deque()
        self._totals: dict[str, int] = {}
        self._largest: dict[tuple[str, Key], deque[_Entry]] = {}  # the largest that stands first, then those to come
        self._unknown: dict[str | None, Instant] = {}  # by subject, None for all: the last that may have counted

    def sum(self, subject: str | None, since: Instant, but: Key) -> int | None:
        """The recipients of every launch of a subject after a moment, but for one; None where that is not known."""
        if self._entries and self._entries[0].at <= since:
            self._forget(since)
        if subject is None or (self._unknown and self._is_unknown(subject, since)):
            return None
        own = self._largest.get((subject, but))
        return self._totals.get(subject, 0) - (own[0].recipients if own else 0)

    def add(self, subject: str | None, at: Instant, key: Key, recipients: int | None) -> None:
        """Count a launch: of an unknown subject where that is None, and perhaps where recipients are."""
        if subject is None or recipients is None:
            self._unknown[subject] = at
            return
        entry = _Entry(at, subject, key, recipients)
        self._entries.append(entry)
        standing = self._largest.setdefault((subject, key), deque())
        before = standing[0].recipients if standing else 0
        while standing and standing[-1].recipients <= recipients:
            standing.pop()
        standing.append(entry)
        self._change(subject, standing[0].recipients - before)

    def _change(self, subject: str, by: int) -> None:
        total = self._totals.get(subject, 0) + by
        if total:
            self._totals[subject] = total
        else:
            self._totals.pop(subject, None)

    def _is_unknown(self, subject: str, since: Instant) -> bool:
        moments = (self._unknown.get(name) for name in (None, subject))
        return any(moment is not None and moment > since for moment in moments)

    def _forget(self, since: Instant) -> None:
        while self._entries and self._entries[0].at <= since:
            entry = self._entries.popleft()
            standing = self._largest[entry.subject, entry.key]
            if standing[0] is not entry:
                continue  # a larger one took its place
            standing.popleft()
            self._change(entry.subject, (standing[0].recipients if standing else 0) - entry.recipients)
            if not standing:
                del self._largest[entry.subject, entry.key]
