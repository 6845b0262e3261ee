"""What launches add up to over a window: by when they were proposed, and by when they start. Pure."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from operator import attrgetter

from whenever import Instant, TimeDelta

#: A launch, by campaign and generation: runs that continue each other have the same.
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """Which other launches count beside one: those that were proposed after a moment, and those, proposed whenever,
    that start within a window before or after it. So nobody launches in parts: neither today, nor by proposing today
    and tomorrow what starts together on Friday."""

    proposed_after: Instant
    starts_after: Instant
    starts_before: Instant

    @classmethod
    def of(cls, at: Instant, starts_at: Instant, window: TimeDelta) -> "Reach":
        """Of a launch that is proposed at a moment, for a start at that moment or later."""
        return cls(at - window, starts_at - window, starts_at + window)


@dataclass(slots=True, eq=False)
class _Entry:
    at: Instant
    starts_at: Instant
    subject: "_Subject"
    key: Key
    recipients: int


@dataclass(slots=True, eq=False)
class _Subject:
    """What counts of one requester, list or sender."""

    name: str
    total: int = 0  # by when they were proposed, each launch once: whatever of it starts, and whenever
    largest: dict[Key, list[_Entry]] = field(default_factory=dict)  # the largest that stands first, then those to come
    ahead: list[_Entry] = field(default_factory=list)  # proposed earlier, by start: they count beside what starts then


_START = attrgetter("starts_at")


class Window:
    """The sums by one kind of subject, for asking a policy again about the past. Asked and told in order of time; holds
    what may still count, and no more."""

    def __init__(self, span: TimeDelta) -> None:
        self._span = span
        self._entries: deque[_Entry] = deque()  # in order of time
        self._subjects: dict[str, _Subject] = {}
        self._unknown: dict[str | None, Instant] = {}  # by subject, None for all: the last that may have counted

    def sum(self, name: str | None, at: Instant, starts_at: Instant | None, but: Key) -> int | None:
        """What counts beside a launch of a subject that is proposed and starts then; None where that is not known."""
        since = self._forgotten(at)
        if name is None or (self._unknown and self._is_unknown(name, since)):
            return None
        subject = self._subjects.get(name)
        if subject is None:
            return 0
        own = subject.largest.get(but)
        total = subject.total - own[0].recipients if own else subject.total
        if not subject.ahead:
            return total
        more = self._beside(subject, since, starts_at, but)
        return None if more is None else total + more

    def _beside(self, subject: _Subject, since: Instant, starts_at: Instant | None, but: Key) -> int | None:
        """What earlier proposals add, as far as later ones of the same launch do not count for more."""
        ahead = subject.ahead
        if ahead[0].starts_at <= since:
            del ahead[: bisect_right(ahead, since, key=_START)]
            self._drop_if_empty(subject)
        if starts_at is None:
            return None if ahead else 0
        after, before = starts_at - self._span, starts_at + self._span
        if ahead and not (after < ahead[0].starts_at and ahead[-1].starts_at < before):
            ahead = ahead[bisect_right(ahead, after, key=_START) : bisect_left(ahead, before, key=_START)]
        most: dict[Key, int] = {}
        for entry in ahead:
            if entry.key != but and entry.recipients > most.get(entry.key, 0):
                most[entry.key] = entry.recipients
        more = 0
        for key, recipients in most.items():
            standing = subject.largest.get(key)
            more += max(0, recipients - standing[0].recipients) if standing else recipients
        return more

    def add(self, name: str | None, at: Instant, starts_at: Instant | None, key: Key, recipients: int | None) -> None:
        """Count a launch: of an unknown subject where that is None, at an unknown time where the start is, and perhaps
        where recipients are."""
        if name is None or starts_at is None or recipients is None:
            last = self._unknown.get(name, Instant.MIN)
            self._unknown[name] = max(last, Instant.MAX if starts_at is None else starts_at)
            return
        self._forgotten(at)
        subject = self._subjects.get(name)
        if subject is None:
            subject = self._subjects[name] = _Subject(name)
        entry = _Entry(at, starts_at, subject, key, recipients)
        self._entries.append(entry)
        standing = subject.largest.get(key)
        if standing is None:
            subject.largest[key] = [entry]
            subject.total += recipients
            return
        before = standing[0].recipients
        while standing and standing[-1].recipients <= recipients:
            standing.pop()
        standing.append(entry)
        subject.total += standing[0].recipients - before

    def _is_unknown(self, name: str, since: Instant) -> bool:
        moments = (self._unknown.get(each) for each in (None, name))
        return any(moment is not None and moment > since for moment in moments)

    def _forgotten(self, at: Instant) -> Instant:
        """Since when proposals count at a moment; those before are forgotten."""
        since = at - self._span
        while self._entries and self._entries[0].at <= since:
            entry = self._entries.popleft()
            subject = entry.subject
            if entry.starts_at > since:
                insort(subject.ahead, entry, key=_START)
            standing = subject.largest[entry.key]
            if standing[0] is entry:  # else a larger one took its place
                del standing[0]
                subject.total += (standing[0].recipients if standing else 0) - entry.recipients
                if not standing:
                    del subject.largest[entry.key]
                    self._drop_if_empty(subject)
        return since

    def _drop_if_empty(self, subject: _Subject) -> None:
        if not subject.largest and not subject.ahead:
            del self._subjects[subject.name]
