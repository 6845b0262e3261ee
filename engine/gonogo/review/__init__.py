"""Lexi, the automatic reviewer: reads what is proposed and tells people what they should know before they decide.

A blocker stops the launch, a warning is shown to whoever decides, a note explains. By default only these block: a
template that does not parse, a variable missing without a default, nobody to send to, an unknown zone, a window that
never opens, a start in the past, and marketing without a way to unsubscribe or without a postal address. The review
depends on the proposal alone: no network, no clock, no database of its own.
"""

from itertools import chain

from gonogo.review import audience, marketing, template, timing
from gonogo.review.audience import supplied
from gonogo.review.findings import Check, Finding, Proposal, Recipient

__all__ = ["CHECKS", "Check", "Finding", "Proposal", "Recipient", "review", "supplied"]

#: In the order in which findings of one severity are shown.
CHECKS: tuple[Check, ...] = (
    template.parsed,
    audience.recipients,
    timing.zone,
    timing.window,
    timing.start,
    marketing.unsubscribe,
    marketing.postal_address,
    template.subject,
    template.placeholders,
    audience.exclusions,
)

_ORDER = ("blocker", "warning", "note")


def review(proposal: Proposal) -> tuple[Finding, ...]:
    """Everything that the checks find, blockers first. What a check raises is raised: nothing passes unread."""
    found = chain.from_iterable(check(proposal) for check in CHECKS)
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
