"""Can every recipient be sent what is proposed?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gonogo.content import required_variables
from gonogo.review.findings import SAMPLES, Finding, Proposal
from gonogo.zones import zone_exists


@dataclass(slots=True)
class _Tally:
    """How many recipients something is true of, and the first few of them."""

    count: int = 0
    references: list[str] = field(default_factory=list)

    def add(self, reference: str) -> None:
        self.count += 1
        if self.count <= SAMPLES:
            self.references.append(reference)


def recipients(proposal: Proposal) -> Iterator[Finding]:
    """Go through the audience, once: is anybody there, does anybody lack a variable, is anybody's zone unknown?

    A variable that is null is missing; an empty text is not. Names in `supplied` are not asked of recipients.
    """
    asked = required_variables(proposal.content) if proposal.content else frozenset()
    missing = {name: _Tally() for name in sorted(asked - supplied(proposal.settings))}
    zones, count = _Tally(), 0
    for count, recipient in enumerate(proposal.audience, 1):  # noqa: B007 - the last one is used
        for name, tally in missing.items():
            if recipient.variables.get(name) is None:
                tally.add(recipient.reference)
        if recipient.zone is not None and not zone_exists(recipient.zone):
            zones.add(recipient.reference)
    if not count:
        message = "There are no recipients left to send to."
        yield Finding("audience_empty", "blocker", message, 0, fix="Add recipients.")
    for name, tally in missing.items():
        yield from _variable_missing(name, tally)
    yield from _zones_unknown(zones)


def exclusions(proposal: Proposal) -> Iterator[Finding]:
    """Who was left out, so that nobody wonders about the figures."""
    for reason, count in sorted(proposal.excluded.items()):
        if count:
            message = f"Left out of the audience ({reason}): {_contacts(count)}."
            yield Finding("recipients_excluded", "note", message, count)


def supplied(settings: Mapping[str, object]) -> frozenset[str]:
    """The names that every message is given beside its recipient's own variables."""
    given = {"unsubscribe_url"}
    if settings.get("postal_address"):
        given.add("postal_address")
    return frozenset(given)


def _variable_missing(name: str, tally: _Tally) -> Iterator[Finding]:
    if tally.count:
        message = f"The variable {name!r} is missing, and has no default, for {_contacts(tally.count)}."
        shown = name if name.isidentifier() else f'["{name}"]'
        fix = f'Add it to them, or write a default: {{{{ {shown} | default: "..." }}}}.'
        yield Finding("variable_missing", "blocker", message, tally.count, tuple(tally.references), fix)


def _zones_unknown(tally: _Tally) -> Iterator[Finding]:
    if tally.count:
        message = f"The time zone is unknown of {_contacts(tally.count)}."
        fix = "Give them IANA time zones, such as Europe/Berlin."
        yield Finding("unknown_zone", "warning", message, tally.count, tuple(tally.references), fix)


def _contacts(count: int) -> str:
    return "1 contact" if count == 1 else f"{count:,} contacts"
